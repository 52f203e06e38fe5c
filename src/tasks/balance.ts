import type { BalanceSettings, BalanceStrategy } from '../core/protocol/balance-settings.ts';
import type { MemberLoad } from '../core/protocol/cluster.ts';
import { rendezvous } from './rendezvous.ts';

/** `Degraded`: it works, and is so busy that others come first. `Unhealthy`: it is silent, and gets nothing. */
export const AGENT_HEALTHS = ['Healthy', 'Degraded', 'Unhealthy'] as const;
export type AgentHealth = (typeof AGENT_HEALTHS)[number];

/** An agent that may have a task, as far as its types and capabilities go. */
export interface Candidate {
  readonly agentId: string;
  readonly health: AgentHealth;
  /** As it reported it; null where it never did. */
  readonly load: MemberLoad | null;
  /** Tasks it was given since, of which its load cannot know. */
  readonly unreported: number;
  /** How many more tasks it takes. */
  readonly room: number;
}

/** `Only`: nobody else had room. `Fallback`: none that had room was healthy. `Sticky`: its group's agent. */
export type ChoiceReason = BalanceStrategy | 'Only' | 'Fallback' | 'Sticky';

/** What each agent is owed by the turns there were, as tasks or parts of one. What is not there is owed nothing. */
export type Turns = ReadonlyMap<string, number>;

export interface Choice {
  readonly agentId: string;
  readonly reason: ChoiceReason;
  /** What is owed after it. */
  readonly turns: Turns;
}

/** A score of queue lengths reaches 1 here. */
const QUEUE_FULL = 100;
/** The least share there is: an agent that says it is busy to the full still shows what it can do now and then. */
const LEAST_WEIGHT = 0.05;

/**
 * Who gets a task: null where none that is not Unhealthy has room.
 *
 * A task of a group goes to the group's agent. Any other goes to a healthy one, to a degraded one where none of those
 * has room: in turn (RoundRobin), in proportion to unused CPU (HealthBased), to the one with the least load
 * (LoadBased), in proportion to the rest of its load (Hybrid).
 */
export function choose(
  candidates: readonly Candidate[],
  groupKey: string | undefined,
  turns: Turns,
  settings: BalanceSettings,
): Choice | null {
  const open = candidates.filter(({ health, room }) => health !== 'Unhealthy' && room > 0);
  if (open.length === 0) return null;
  if (groupKey !== undefined && settings.sticky) {
    const agentId = rendezvous(
      groupKey,
      open.map((each) => each.agentId),
    );
    if (agentId !== null) return { agentId, reason: 'Sticky', turns };
  }
  const healthy = open.filter(({ health }) => health === 'Healthy');
  const eligible = healthy.length > 0 ? healthy : open;
  const owed = new Map(turns);
  const agentId = takeTurn(owed, weightsOf(eligible, settings));
  const reason = healthy.length === 0 ? 'Fallback' : open.length === 1 ? 'Only' : settings.strategy;
  return { agentId, reason, turns: owed };
}

/** The shares of a task that agents get, by id; those that get none are left out. */
function weightsOf(eligible: readonly Candidate[], settings: BalanceSettings): Map<string, number> {
  switch (settings.strategy) {
    case 'RoundRobin':
      return new Map(eligible.map(({ agentId }) => [agentId, 1]));
    case 'HealthBased':
      return new Map(
        eligible.map(({ agentId, load }) => [agentId, Math.max(LEAST_WEIGHT, 1 - (load?.cpuPercent ?? 0) / 100)]),
      );
    case 'LoadBased': {
      const scores = loadScores(eligible, settings);
      const least = Math.min(...scores.values());
      return new Map([...scores].flatMap(([agentId, score]) => (score <= least ? [[agentId, 1]] : [])));
    }
    case 'Hybrid':
      return new Map(
        [...loadScores(eligible, settings)].map(([agentId, score]) => [agentId, Math.max(LEAST_WEIGHT, 1 - score)]),
      );
  }
}

/**
 * The load of agents by id, 0 (idle) to 1: CPU in percent, memory as a share of what the fullest of them uses (agents
 * report bytes in use and not of how many), queue as a share of 100. One that reports nothing counts as the mean of
 * those that do.
 */
export function loadScores(
  candidates: readonly Candidate[],
  { weights }: Pick<BalanceSettings, 'weights'>,
): Map<string, number> {
  const total = weights.cpu + weights.memory + weights.queue;
  const mostBytes = Math.max(1, ...candidates.map(({ load }) => load?.memoryBytes ?? 0));
  const known = candidates.flatMap(({ load }) => (load === null ? [] : [machineScore(load)]));
  const mean = known.reduce((sum, score) => sum + score, 0) / Math.max(1, known.length);
  return new Map(
    candidates.map(({ agentId, load, unreported }) => {
      const machine = load === null ? mean : machineScore(load);
      const queue = Math.min(1, ((load?.queueLength ?? 0) + unreported) / QUEUE_FULL);
      return [agentId, total > 0 ? (machine + weights.queue * queue) / total : 0];
    }),
  );

  function machineScore({ cpuPercent, memoryBytes }: MemberLoad): number {
    return weights.cpu * Math.min(1, cpuPercent / 100) + weights.memory * (memoryBytes / mostBytes);
  }
}

/**
 * The next turn among agents with shares, as nginx gives it (smooth weighted round robin): each is owed its share, who
 * is owed most goes, and pays for all. Over any number of turns nobody gets a whole turn more than its share.
 * Invariant: `owed` sums to what it summed to.
 */
function takeTurn(owed: Map<string, number>, weights: ReadonlyMap<string, number>): string {
  let total = 0;
  let next = '';
  let most = Number.NEGATIVE_INFINITY;
  for (const [agentId, weight] of weights) {
    const debt = (owed.get(agentId) ?? 0) + weight;
    owed.set(agentId, debt);
    total += weight;
    if (debt > most || (debt === most && agentId < next)) {
      next = agentId;
      most = debt;
    }
  }
  owed.set(next, most - total);
  return next;
}
