import * as z from 'zod';
import { conditionedStatus } from '../condition-schema.ts';
import { conditionTrue, putVerdicts } from '../conditions.ts';
import type { KindDeclaration } from '../declaration.ts';
import { DONE, type Reconciler } from '../reconcile.ts';
import { upstreamSchema } from '../upstream-schema.ts';
import { upstreamFaults } from '../upstream-spec.ts';

/** Says in an upstream's status that it is in force. How its endpoints fare is not of the control plane. */
const upstreamReconciler: Reconciler = {
  async reconcile({ store, clock }, key) {
    store.edit(key, (upstream) => {
      putVerdicts(upstream, [conditionTrue('Accepted', 'Accepted', 'routes may name it')], clock.now());
    });
    return DONE;
  },
};

/** What routes send requests to. `compileUpstream` makes of it what the gateway reads. */
export const upstreamKind: KindDeclaration = {
  info: {
    group: 'orasi.io',
    version: 'v1alpha1',
    kind: 'Upstream',
    plural: 'upstreams',
    singular: 'upstream',
    shortNames: ['up'],
    categories: ['all', 'orasi'],
    namespaced: true,
    statusSubresource: true,
    printerColumns: [
      { name: 'Strategy', type: 'string', jsonPath: '.spec.loadBalancer.strategy' },
      { name: 'Discovery', type: 'string', jsonPath: '.spec.discovery.backend' },
      { name: 'Check', type: 'string', jsonPath: '.spec.healthCheck.path', priority: 1 },
      { name: 'Accepted', type: 'string', jsonPath: '.status.conditions[?(@.type=="Accepted")].status' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
  },
  schema: () =>
    z.object({
      spec: upstreamSchema(),
      status: conditionedStatus(),
    }),
  strategy: { validate: (object, _current, rules) => upstreamFaults(object, rules) },
  reconciler: upstreamReconciler,
};
