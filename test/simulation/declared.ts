import { type ClusterSettings, DEFAULT_CLUSTER_SETTINGS } from '../../src/core/protocol/cluster-settings.ts';
import { DEFAULT_QUEUE_SETTINGS, type QueueSettings, type TaskLimit } from '../../src/core/protocol/queue-settings.ts';
import { GROUPS, TYPES } from './actors/submitter.ts';
import type { World } from './world.ts';

/** A cluster as somebody may declare it. */
export function declaredCluster(world: World): ClusterSettings {
  const { election } = DEFAULT_CLUSTER_SETTINGS;
  return { ...DEFAULT_CLUSTER_SETTINGS, election: { ...election, policy: world.pick(['lease', 'majority'] as const) } };
}

/** A queue as somebody may declare it: with a short bound of starvation, so that it is met, and with limits or none. */
export function declaredQueue(world: World): QueueSettings {
  const maybe = <T>(part: number, made: T): readonly T[] => (world.chance(part) ? [made] : []);
  return {
    ...DEFAULT_QUEUE_SETTINGS,
    starvationSeconds: world.pick([5, 20, 300]),
    limits: {
      queue: world.chance(0.3) ? limit(world, 3) : { concurrency: null, rate: null },
      perType: maybe(0.3, { type: world.pick([...TYPES, '*']), ...limit(world, 1) }),
      perGroup: maybe(0.3, { group: world.pick([...GROUPS, '*']), ...limit(world, 1) }),
    },
    groupWeights: maybe(0.3, { group: GROUPS[0], weight: 3 }),
  };
}

function limit(world: World, least: number): TaskLimit {
  return {
    concurrency: world.chance(0.6) ? least + world.below(3) : null,
    rate: world.chance(0.4) ? { perSecond: 0.1 + world.random.next() / 2, burst: 1 + world.below(3) } : null,
  };
}
