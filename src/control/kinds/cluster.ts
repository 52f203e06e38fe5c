import * as z from 'zod';
import { DEFAULT_CLUSTER_SETTINGS, JURISDICTIONS, LOCATION_HINTS } from '../../core/protocol/cluster-settings.ts';
import { clusterFaults } from '../cluster-spec.ts';
import { conditionedStatus } from '../condition-schema.ts';
import { conditionFalse, conditionTrue, putVerdicts } from '../conditions.ts';
import type { KindDeclaration } from '../declaration.ts';
import { discoverySchema } from '../discovery-spec.ts';
import { isJsonObject } from '../json.ts';
import { DONE, type Reconciler } from '../reconcile.ts';

const { election, kv, ...member } = DEFAULT_CLUSTER_SETTINGS;

/** Says in a cluster's status that it is in force, and whether its data are where they are declared to be. */
const clusterReconciler: Reconciler = {
  async reconcile({ store, clock, clusterHome }, key) {
    const found = store.find(key);
    const namespace = store.find({ group: '', resource: 'namespaces', namespace: '', name: key.namespace });
    if (found === undefined || namespace === undefined) return DONE;
    const declared = jurisdictionOf(found.spec);
    const home = await clusterHome(namespace.metadata.uid, key.name);
    store.edit(key, (cluster) => {
      const place =
        home === undefined || home === declared
          ? conditionTrue('InJurisdiction', 'AsDeclared', 'the cluster is where it is declared to be')
          : conditionFalse(
              'InJurisdiction',
              'HasData',
              `the cluster has data in ${placeText(home)}, and stays there: restore a backup of it into another cluster`,
            );
      putVerdicts(cluster, [conditionTrue('Accepted', 'Accepted', 'the settings are in force'), place], clock.now());
    });
    return DONE;
  },
};

function jurisdictionOf(spec: unknown): string | null {
  return isJsonObject(spec) && typeof spec.jurisdiction === 'string' ? spec.jurisdiction : null;
}

function placeText(jurisdiction: string | null): string {
  return jurisdiction === null ? 'no jurisdiction' : `jurisdiction "${jurisdiction}"`;
}

/** How a cluster behaves, by its name. One that is not declared has the defaults. `compileCluster` makes of it what is read. */
export const clusterKind: KindDeclaration = {
  info: {
    group: 'orasi.io',
    version: 'v1alpha1',
    kind: 'Cluster',
    plural: 'clusters',
    singular: 'cluster',
    shortNames: [],
    categories: ['all', 'orasi'],
    namespaced: true,
    statusSubresource: true,
    printerColumns: [
      { name: 'Policy', type: 'string', jsonPath: '.spec.election.policy' },
      { name: 'Session', type: 'integer', jsonPath: '.spec.session.ttlSeconds', description: 'Seconds' },
      { name: 'Jurisdiction', type: 'string', jsonPath: '.spec.jurisdiction', priority: 1 },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
  },
  schema: () =>
    z.object({
      spec: z
        .object({
          session: z
            .object({
              ttlSeconds: z
                .int()
                .min(1)
                .max(3_600)
                .default(member.sessionTtlSeconds)
                .describe('How long a member lives without a word from it, unless it asks for another time.'),
              unhealthyAfterMissed: z
                .int()
                .min(1)
                .max(2)
                .default(member.unhealthyAfterMissed)
                .describe('So many missed heartbeats, of the three a session has, and it gets no new work.'),
              reconnectGraceSeconds: z
                .int()
                .min(0)
                .max(600)
                .default(member.reconnectGraceSeconds)
                .describe('How long a member whose WebSocket closed may take to come back before it is gone.'),
            })
            .prefault({}),
          election: z
            .object({
              policy: z
                .enum(['lease', 'majority'])
                .default(election.policy)
                .describe('lease: the cluster appoints the leader; majority: live members vote.'),
              automatic: z
                .boolean()
                .default(election.automatic)
                .describe('Whether a lost leader is replaced though nobody campaigns.'),
              leaseSeconds: z
                .int()
                .min(1)
                .max(3_600)
                .optional()
                .describe('How long a leader leads without a word from it; otherwise until it is Unhealthy.'),
              threshold: z
                .int()
                .min(1)
                .max(5_000)
                .optional()
                .describe('Votes a candidate needs; otherwise more than half of the live members.'),
              campaignTimeoutSeconds: z
                .int()
                .min(1)
                .max(3_600)
                .default(election.campaignTimeoutSeconds)
                .describe('A term ends without a winner after this long.'),
              electionTimeoutSeconds: z
                .int()
                .min(1)
                .max(86_400)
                .default(election.electionTimeoutSeconds)
                .describe('Failed terms follow each other for this long; then there is a pause.'),
              retrySeconds: z
                .int()
                .min(1)
                .max(3_600)
                .default(election.retrySeconds)
                .describe('The first such pause; each next one is twice as long.'),
              preferredMembers: names().describe('Who is preferred, first to last.'),
              preferredZones: names().describe('Then by zone; then whoever joined first. A sitting leader stays.'),
            })
            .prefault({}),
          kv: z
            .object({
              historyRevisions: z
                .int()
                .min(100)
                .max(1_000_000)
                .default(kv.historyRevisions)
                .describe('Revisions that a watch can resume from, at the least.'),
              historyBytes: z
                .int()
                .min(1_048_576)
                .max(1_073_741_824)
                .default(kv.historyBytes)
                .describe('Bytes of that history; beyond them it is shorter.'),
              liveBytes: z
                .int()
                .min(1_048_576)
                .max(2_147_483_648)
                .default(kv.liveBytes)
                .describe('Bytes of the keys and values there are; a write beyond them is refused.'),
            })
            .prefault({}),
          discovery: discoverySchema(),
          locationHint: z
            .enum(LOCATION_HINTS)
            .optional()
            .describe('Where the cluster is made, when first used; it never moves. Otherwise near who asks first.'),
          jurisdiction: z
            .enum(JURISDICTIONS)
            .optional()
            .describe('Which the data of the cluster never leave. It does not change.'),
        })
        .prefault({}),
      status: conditionedStatus(),
    }),
  strategy: { validate: (object, current) => clusterFaults(object, current) },
  reconciler: clusterReconciler,
};

function names() {
  return z.array(z.string().min(1).max(128)).max(100).default([]).meta({ 'x-kubernetes-list-type': 'atomic' });
}
