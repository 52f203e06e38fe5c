import * as z from 'zod';
import { badField } from '../core/errors.ts';
import { DISCOVERY_BACKENDS, type DiscoverySettings } from '../core/protocol/discovery-settings.ts';
import type { ClusterServices } from '../discovery/cluster-services.ts';
import { clusterObjectName } from './cluster-name.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

const SERVICES = '/v1/namespaces/{ns}/clusters/{cluster}/services';

/** What the routes of a cluster's services stand on. */
export interface ServicePorts {
  readonly services: ClusterServices;
  /** Which registry a cluster's services are in, by the name of its object. */
  readonly settings: (objectName: string) => Promise<DiscoverySettings>;
}

const Backend = z.enum(DISCOVERY_BACKENDS);
const Current = z.boolean().describe('False: the registry does not answer, and this is the last it said.');
const Instance = z.object({
  id: z.string(),
  service: z.string(),
  address: z.string(),
  port: z.number().int(),
  metadata: z.record(z.string(), z.string()),
});

/** `…/clusters/{cluster}/services`: who offers what, from whichever registry the cluster is configured to have. */
export function mountClusterServices(app: ApiApp, base: ApiBase, { services, settings }: ServicePorts): void {
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: SERVICES,
      access: { verb: 'list', resource: 'services' },
      tag: 'clusters',
      summary: 'The services that processes of the cluster have registered.',
      responses: {
        200: {
          description: 'Their names.',
          schema: z.object({ items: z.array(z.object({ service: z.string() })), backend: Backend, current: Current }),
        },
      },
    },
    async ({ params }) => {
      const cluster = await clusterObjectName(base, params);
      const registry = await settings(cluster);
      const found = await services.services(cluster, registry);
      const items = found.services.map((service) => ({ service }));
      return Response.json({ items, backend: registry.backend, current: found.current });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${SERVICES}/{service}`,
      access: { verb: 'get', resource: 'services' },
      tag: 'clusters',
      summary: 'The healthy instances of a service, in order of their ids.',
      responses: {
        200: {
          description: 'The instances; none where nobody offers the service.',
          schema: z.object({
            items: z.array(Instance),
            backend: Backend,
            current: Current,
            asOf: z.iso.datetime().nullable().describe('When the registry said so; null where it never has.'),
          }),
        },
      },
    },
    async ({ params }) => {
      const { service } = params;
      if (!/^[^\p{Cc}]{1,128}$/u.test(service)) {
        throw badField('service', 'expected 1 to 128 characters, none of them control characters');
      }
      const cluster = await clusterObjectName(base, params);
      const registry = await settings(cluster);
      const view = await services.list(cluster, registry, service);
      const asOf = view.asOfMs === undefined ? null : new Date(view.asOfMs).toISOString();
      return Response.json({ items: view.instances, backend: registry.backend, current: view.current, asOf });
    },
  );
}
