import type { BalanceStrategy } from '../../core/protocol/upstream.ts';
import { finishHash, hashText } from '../snapshot/key-hash.ts';
import type { Latency } from './latency.ts';

/** The smallest share of its weight that an endpoint has while it starts. */
const LEAST_START = 0.1;

/** What strategies know of an endpoint. */
export interface Balanced {
  readonly weight: number;
  /** Of its address. */
  readonly hash: number;
  /** Since when it may be called, for slow start. */
  readonly sinceMs: number;
  /** Of this isolate. */
  readonly inFlight: number;
  readonly latency: Latency;
  /** Of WeightedRoundRobin. */
  turn: number;
}

/** What a strategy remembers from choice to choice. */
export interface BalanceMemory {
  cursor: number;
}

/** What a choice depends on beside the endpoints. */
export interface BalanceContext {
  readonly nowMs: number;
  readonly slowStartMs: number;
  /** What IpHash hashes: the client's address; 0 where none is known. */
  readonly keyHash: number;
  /** Uniform in [0, 1). */
  readonly chance: () => number;
}

/** What of its share an endpoint that has just come gets. */
function startShare(sinceMs: number, { nowMs, slowStartMs }: BalanceContext): number {
  const elapsedMs = nowMs - sinceMs;
  return elapsedMs >= slowStartMs ? 1 : Math.max(LEAST_START, elapsedMs / slowStartMs);
}

/** One of the candidates, of which there is at least one. Constant time but for those that look at every weight. */
export function choose<T extends Balanced>(
  strategy: BalanceStrategy,
  candidates: readonly T[],
  memory: BalanceMemory,
  context: BalanceContext,
): T {
  if (candidates.length === 1) return candidates[0];
  switch (strategy) {
    case 'RoundRobin':
      return roundRobin(candidates, memory, context);
    case 'WeightedRoundRobin':
      return weightedRoundRobin(candidates, context);
    case 'LeastConnections':
      return leastConnections(candidates, memory, context);
    case 'PowerOfTwoChoices':
      return powerOfTwoChoices(candidates, context);
    case 'IpHash':
      return rendezvous(candidates, context.keyHash);
    case 'Random':
      return weightedRandom(candidates, context);
  }
}

/** In turn, whatever their weights. One that is starting lets its turn pass by chance. */
function roundRobin<T extends Balanced>(candidates: readonly T[], memory: BalanceMemory, context: BalanceContext): T {
  for (let tries = 0; ; tries++) {
    const candidate = candidates[memory.cursor % candidates.length];
    memory.cursor = (memory.cursor + 1) >>> 0;
    const share = context.slowStartMs === 0 ? 1 : startShare(candidate.sinceMs, context);
    if (share >= 1 || tries >= candidates.length || context.chance() < share) return candidate;
  }
}

/** Smooth: the turns of a heavy one lie between those of the others (nginx's algorithm). */
function weightedRoundRobin<T extends Balanced>(candidates: readonly T[], context: BalanceContext): T {
  let total = 0;
  let best = candidates[0];
  for (const candidate of candidates) {
    const weight = candidate.weight * startShare(candidate.sinceMs, context);
    total += weight;
    candidate.turn += weight;
    if (candidate.turn > best.turn) best = candidate;
  }
  best.turn -= total;
  return best;
}

/** Fewest requests for its weight, of those this isolate knows; equals take turns. */
function leastConnections<T extends Balanced>(
  candidates: readonly T[],
  memory: BalanceMemory,
  context: BalanceContext,
): T {
  const start = memory.cursor % candidates.length;
  memory.cursor = (memory.cursor + 1) >>> 0;
  let best = candidates[start];
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < candidates.length; i++) {
    const candidate = candidates[(start + i) % candidates.length];
    const load = (candidate.inFlight + 1) / (candidate.weight * startShare(candidate.sinceMs, context));
    if (load < least) {
      best = candidate;
      least = load;
    }
  }
  return best;
}

/** The less loaded of two by chance: requests under way times latency, for its weight (Mitzenmacher 2001). */
function powerOfTwoChoices<T extends Balanced>(candidates: readonly T[], context: BalanceContext): T {
  const first = Math.floor(context.chance() * candidates.length);
  const second = (first + 1 + Math.floor(context.chance() * (candidates.length - 1))) % candidates.length;
  const [a, b] = [candidates[first], candidates[second]];
  const [slowA, slowB] = [a.latency.at(context.nowMs), b.latency.at(context.nowMs)];
  // Of one that nothing is known of, what is known of the other is assumed.
  const loadA = load(a, slowA || slowB || 1, context);
  const loadB = load(b, slowB || slowA || 1, context);
  return loadA <= loadB ? a : b;
}

function load(candidate: Balanced, latencyMs: number, context: BalanceContext): number {
  const share = candidate.weight * startShare(candidate.sinceMs, context);
  return ((candidate.inFlight + 1) * Math.max(latencyMs, 0.1)) / share;
}

/**
 * The same endpoint for the same key; one that comes or goes moves only the keys that are its own (rendezvous hashing
 * with weights, Schindelhauer and Schomaker 2005). It has no slow start, which would move keys twice.
 */
export function rendezvous<T extends Balanced>(candidates: readonly T[], keyHash: number): T {
  let best = candidates[0];
  let highest = Number.NEGATIVE_INFINITY;
  for (const candidate of candidates) {
    const mixed = finishHash(Math.imul(keyHash ^ candidate.hash, 0x9e3779b1) ^ candidate.hash);
    const score = -candidate.weight / Math.log((mixed + 1) / 4_294_967_297);
    if (score > highest) {
      best = candidate;
      highest = score;
    }
  }
  return best;
}

function weightedRandom<T extends Balanced>(candidates: readonly T[], context: BalanceContext): T {
  let total = 0;
  for (const candidate of candidates) total += candidate.weight * startShare(candidate.sinceMs, context);
  let left = context.chance() * total;
  for (const candidate of candidates) {
    left -= candidate.weight * startShare(candidate.sinceMs, context);
    if (left < 0) return candidate;
  }
  return candidates[candidates.length - 1];
}

/** What IpHash hashes. */
export function hashOfKey(key: string): number {
  return hashText(key);
}
