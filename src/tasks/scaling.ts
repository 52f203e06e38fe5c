import type { ScalingDecision, ScalingPolicy, ScalingSignals } from '../core/protocol/scaling.ts';

/** The most agents wanted in a part of the window. */
interface Peak {
  /** The end of that part. */
  readonly untilMs: number;
  readonly agents: number;
}

/** What is remembered between two decisions; plain JSON. */
export interface ScalingState {
  /**
   * Invariant: times rise and numbers fall strictly, so that the first is the highest of the window. That is all a
   * maximum over a sliding window needs, however often it is asked.
   */
  readonly peaks: readonly Peak[];
  /** The last known, for a queue whose object has just started. */
  readonly serviceSeconds: number | null;
}

export const NEW_SCALING: ScalingState = Object.freeze({ peaks: [], serviceSeconds: null });

/** Parts of the window: a peak is remembered by its part, so that a state has few of them and is seldom written. */
const WINDOW_PARTS = 10;
/** A backlog older than it should be is worked off in this part of the target at the least. */
const LEAST_CLEARING_PART = 0.25;

/**
 * How many agents a queue wants. By Little's law the slots in use are the arrival rate times the time a task takes;
 * the backlog is a further rate: all of it within what is left of the target until its oldest task is late. Agents
 * that run something are never too many: who takes them away takes their tasks.
 *
 * While nobody knows how long a task takes, each that waits asks for a slot.
 */
export function wantedAgents(signals: ScalingSignals, policy: ScalingPolicy, serviceSeconds: number | null): number {
  return Math.ceil(round(wantedSlots(signals, policy, serviceSeconds) / policy.slotsPerAgent));
}

function wantedSlots(signals: ScalingSignals, policy: ScalingPolicy, serviceSeconds: number | null): number {
  const { givesOut, backlog, running, oldestAgeSeconds, arrivalsPerSecond } = signals;
  if (!givesOut) return running;
  if (serviceSeconds === null) return running + backlog;
  const { targetWaitSeconds } = policy;
  const clearSeconds = Math.max(targetWaitSeconds - oldestAgeSeconds, LEAST_CLEARING_PART * targetWaitSeconds);
  const slots = serviceSeconds * (arrivalsPerSecond + backlog / clearSeconds);
  return Math.max(slots, running, backlog > 0 ? 1 : 0);
}

/** Decides anew. The state it answers is the same object where there is nothing new to remember. */
export function scale(
  state: ScalingState,
  signals: ScalingSignals,
  policy: ScalingPolicy,
  nowMs: number,
): { readonly state: ScalingState; readonly decision: ScalingDecision } {
  const serviceSeconds = signals.serviceSeconds ?? state.serviceSeconds;
  const wanted = wantedAgents(signals, policy, serviceSeconds);
  const bounded = Math.max(policy.minAgents, Math.min(policy.maxAgents, wanted));
  const windowMs = policy.scaleDownWindowSeconds * 1_000;
  const present = inWindow(state.peaks, nowMs, windowMs);
  const before = state.peaks[0]?.agents;
  const tolerated = before !== undefined && isWithinTolerance(bounded, before, policy);
  const recommended = tolerated ? before : bounded;
  const peaks = withPeak(present, recommended, nowMs, windowMs);
  const desiredAgents = Math.max(policy.minAgents, Math.min(policy.maxAgents, peaks[0].agents));
  return {
    state: samePeaks(peaks, state.peaks) ? state : { peaks, serviceSeconds },
    decision: { desiredAgents, wantedAgents: wanted, heldBy: holder(wanted, bounded, recommended, desiredAgents) },
  };
}

/** When the number may fall by itself, with nothing new measured; null where it is at its least. */
export function nextFallMs(state: ScalingState, policy: ScalingPolicy): number | null {
  const [first] = state.peaks;
  if (first === undefined || first.agents <= policy.minAgents) return null;
  return first.untilMs + policy.scaleDownWindowSeconds * 1_000;
}

/** The signals of a queue from those of its shards. */
export function sumOfSignals(shards: readonly ScalingSignals[]): ScalingSignals {
  const sum = (of: (signals: ScalingSignals) => number) => shards.reduce((total, each) => total + of(each), 0);
  const measured = shards.filter((each) => each.serviceSeconds !== null);
  // A shard that ends more attempts knows better; where none has ended one lately all count alike.
  const weight = measured.some((each) => each.servicePerSecond > 0) ? weightByRate : () => 1;
  const weights = measured.reduce((total, each) => total + weight(each), 0);
  return {
    givesOut: shards.some((each) => each.givesOut),
    backlog: sum((each) => (each.givesOut ? each.backlog : 0)),
    running: sum((each) => each.running),
    oldestAgeSeconds: Math.max(0, ...shards.map((each) => each.oldestAgeSeconds)),
    arrivalsPerSecond: sum((each) => each.arrivalsPerSecond),
    servicePerSecond: sum((each) => each.servicePerSecond),
    serviceSeconds:
      weights === 0
        ? null
        : measured.reduce((total, each) => total + weight(each) * (each.serviceSeconds ?? 0), 0) / weights,
  };
}

function weightByRate({ servicePerSecond }: ScalingSignals): number {
  return servicePerSecond;
}

/** Zero is never near enough: the first task of an idle queue needs somebody, and an idle queue nobody. */
function isWithinTolerance(agents: number, before: number, { minAgents, maxAgents, tolerance }: ScalingPolicy) {
  if (agents === 0 || before === 0 || before < minAgents || before > maxAgents) return false;
  return Math.abs(agents / before - 1) <= tolerance;
}

function inWindow(peaks: readonly Peak[], nowMs: number, windowMs: number): Peak[] {
  return peaks.filter(({ untilMs }) => untilMs + windowMs > nowMs);
}

function withPeak(peaks: readonly Peak[], agents: number, nowMs: number, windowMs: number): Peak[] {
  const partMs = Math.max(1_000, windowMs / WINDOW_PARTS);
  const untilMs = (Math.floor(nowMs / partMs) + 1) * partMs;
  return [...peaks.filter((peak) => peak.agents > agents), { untilMs, agents }];
}

function samePeaks(a: readonly Peak[], b: readonly Peak[]): boolean {
  return (
    a.length === b.length && a.every(({ untilMs, agents }, i) => untilMs === b[i].untilMs && agents === b[i].agents)
  );
}

function holder(wanted: number, bounded: number, recommended: number, desired: number): ScalingDecision['heldBy'] {
  if (desired === wanted) return null;
  if (desired > recommended) return 'scaleDownWindow';
  if (recommended !== bounded) return 'tolerance';
  return bounded > wanted ? 'minAgents' : 'maxAgents';
}

/** Sums of rates are not exact: 3.0000000000000004 agents are three. */
function round(agents: number): number {
  return Math.round(agents * 1e6) / 1e6;
}
