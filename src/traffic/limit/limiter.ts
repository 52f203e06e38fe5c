import type { CompiledLimit } from '../../core/protocol/rate-limit.ts';
import type { LimitAsk, LimitChange, LimitVerdict, TakeAnswer } from '../../core/protocol/rate-limiter.ts';
import type { Standing } from './headers.ts';
import { expiredOf, heard, inHand, isLow, type Lease, Leases, putBack, use, wanted } from './leases.ts';

/** One limit that a request meets. */
export interface Demand {
  readonly limit: CompiledLimit;
  /** Whether units in hand will do, or the object is to be asked each time. */
  readonly leased: boolean;
  /** The object that counts, by its name. */
  readonly object: string;
  readonly key: string;
  /** Whether the request passes where the object cannot be asked. */
  readonly open: boolean;
}

/** A call to be made of an object. */
export interface LimitCall {
  readonly object: string;
  readonly asks: readonly LimitAsk[];
  readonly changes: readonly LimitChange[];
}

/** How a demand stands on the way. */
interface Step {
  readonly demand: Demand;
  /** Null where the object is asked each time. */
  readonly lease: Lease | null;
  /** What the request takes when it is let through; what it is found to use beyond that is charged later. */
  readonly take: number;
  /** Of concurrency. */
  readonly holder: string | null;
  /** When the object was last told that the holder is there, or is to be. */
  toldMs: number;
  /** What the object said; null where it was not asked or did not answer. */
  verdict: LimitVerdict | null;
  /** Units that were taken, or a place among those in flight, and not given back. */
  held: boolean;
  /** The mark of what was taken from the object; null where it was in hand. */
  mark: number | null;
  failed: boolean;
  waitMs: number | null;
}

/** A request on its way through its limits. */
export interface Passage {
  readonly steps: readonly Step[];
  /** Null until every object has answered. */
  outcome: 'allowed' | 'refused' | 'failed' | null;
  /** To be made, all at once; `answered` takes each answer. */
  calls: readonly LimitCall[];
}

/** A place is asked for anew so often in the time that it counts: two that are lost take nobody's place away. */
const TOLD_PER_HOLD = 3;

/** An object that did not answer is not asked again for so long. */
const DOWN_MS = 1_000;

/**
 * The limits of an isolate's requests: decides by what is in hand where it can, and says whom to ask where it cannot.
 * All limits of a request let it through, or none has anything taken. It makes no calls.
 */
export class Limiter {
  readonly #leases: Leases;
  readonly #newHolder: () => string;
  /** What objects are to be told, with the next call or by `flush`. */
  readonly #pending = new Map<string, LimitChange[]>();
  readonly #downUntilMs = new Map<string, number>();

  constructor(mostKeys: number, newHolder: () => string) {
    this.#leases = new Leases(mostKeys);
    this.#newHolder = newHolder;
  }

  /** Lets a request in, or refuses it, or says whom to ask. */
  begin(demands: readonly Demand[], nowMs: number): Passage {
    const steps = demands.map((demand) => this.#step(demand, nowMs));
    const passage: Passage = { steps, outcome: null, calls: [] };
    for (const step of steps) {
      const { lease } = step;
      if (lease !== null && nowMs < lease.refusedUntilMs && inHand(lease, nowMs) < needOf(step))
        step.waitMs = Math.max(1, lease.waitUntilMs - nowMs);
    }
    if (steps.some(({ waitMs }) => waitMs !== null)) {
      passage.outcome = 'refused';
      return passage;
    }
    const asking: Step[] = [];
    for (const step of steps) {
      const { lease } = step;
      if (lease === null || inHand(lease, nowMs) < needOf(step)) asking.push(step);
      else {
        use(lease, step.take, nowMs);
        step.held = true;
      }
    }
    if (asking.length > 0) this.#ask(passage, asking, nowMs);
    if (passage.calls.length === 0) this.#conclude(passage, nowMs);
    return passage;
  }

  /** Takes the answer to a call of a passage, made at `sentMs`; null where none came. */
  answered(passage: Passage, call: LimitCall, answer: TakeAnswer | null, sentMs: number, nowMs: number): void {
    const steps = passage.steps.filter(({ demand, held }) => demand.object === call.object && !held);
    if (answer === null) {
      this.#lost(call, nowMs);
      for (const step of steps) step.failed = true;
    } else {
      for (const [i, step] of steps.entries()) {
        const verdict = answer.verdicts[i];
        step.verdict = verdict;
        if (step.lease !== null) {
          heard(step.lease, verdict, answer.allowed, sentMs, nowMs);
          step.lease.used += answer.allowed ? step.take : 0;
        }
        if (answer.allowed) {
          step.held = true;
          step.mark = verdict.mark;
        } else if (!verdict.gives) step.waitMs = Math.max(1, verdict.waitMs);
      }
    }
    passage.calls = passage.calls.filter((open) => open !== call);
    if (passage.calls.length === 0) this.#conclude(passage, nowMs);
  }

  /** Loans to be renewed ahead of need. Their answers go to `refilled`. */
  refills(passage: Passage, nowMs: number): readonly LimitCall[] {
    let calls: LimitCall[] | null = null;
    for (const { lease, demand, take } of passage.steps) {
      if (lease === null || !isLow(lease, nowMs) || this.#isDown(demand.object, nowMs)) continue;
      lease.refillingSinceMs = nowMs;
      const ask = askOf(demand, { need: 0, take: 0, lease: Math.max(take, wanted(lease, nowMs)), holder: null });
      const changes = [...this.takePending(demand.object), ...expiredOf(lease, nowMs)];
      calls = [...(calls ?? []), { object: demand.object, asks: [ask], changes }];
    }
    return calls ?? NONE;
  }

  refilled(call: LimitCall, answer: TakeAnswer | null, sentMs: number, nowMs: number): void {
    const [{ rule, key }] = call.asks;
    const lease = this.#leases.of(call.object, rule, key, nowMs);
    lease.refillingSinceMs = null;
    if (answer === null) this.#lost(call, nowMs);
    else heard(lease, answer.verdicts[0], answer.allowed, sentMs, nowMs);
  }

  /** What a request has used of a measure, once that is known: the rest beyond what was taken is charged or given back. */
  charge(passage: Passage, units: (limit: CompiledLimit) => number | null, nowMs: number): void {
    for (const step of passage.steps) {
      if (!step.held) continue;
      const used = units(step.demand.limit);
      if (used === null) continue;
      const { demand, lease, take, mark } = step;
      const { limit: rule, key } = demand;
      const more = Math.max(0, used) - take;
      if (more > 0) {
        const missing = lease === null ? more : use(lease, more, nowMs);
        if (missing > 0) this.#tell(demand.object, { type: 'charge', rule: ruleOf(rule), key, units: missing });
      } else if (more < 0) {
        if (lease !== null && mark === null) putBack(lease, -more, nowMs);
        else this.#tell(demand.object, { type: 'refund', rule: ruleOf(rule), key, units: -more, mark: mark ?? 0 });
      }
    }
  }

  /** The request is under way still: before its place counts for nobody's, the object is told to keep it. */
  stay(passage: Passage, nowMs: number): void {
    for (const step of passage.steps) {
      const { demand, holder, held, toldMs } = step;
      const { limit, key, object } = demand;
      if (!held || holder === null || nowMs - toldMs < limit.holdMs / TOLD_PER_HOLD) continue;
      step.toldMs = nowMs;
      this.#tell(object, { type: 'stay', rule: ruleOf(limit), key, holder });
    }
  }

  /** The request is over: it is no longer in flight. */
  end(passage: Passage): void {
    for (const { demand, holder, held } of passage.steps) {
      if (!held || holder === null) continue;
      this.#tell(demand.object, { type: 'leave', rule: ruleOf(demand.limit), key: demand.key, holder });
    }
  }

  /** Gives back all that a passage holds: something else refused the request. */
  undo(passage: Passage, nowMs: number): void {
    for (const step of passage.steps) {
      const { demand, lease, take, holder, held, mark } = step;
      if (!held) continue;
      step.held = false;
      const rule = ruleOf(demand.limit);
      if (holder !== null) this.#tell(demand.object, { type: 'leave', rule, key: demand.key, holder });
      else if (lease !== null && mark === null) putBack(lease, take, nowMs);
      else if (take > 0)
        this.#tell(demand.object, { type: 'refund', rule, key: demand.key, units: take, mark: mark ?? 0 });
    }
  }

  /** What an object is to be told by a call of its own: what waits, and what expired unused. */
  flush(object: string, nowMs: number): readonly LimitChange[] {
    return [...this.takePending(object), ...this.#leases.expired(object, nowMs)];
  }

  hasToTell(object: string): boolean {
    return this.#pending.has(object);
  }

  /** Changes that were told, and got no answer: they may have arrived, so that only what can be said twice is said again. */
  untold(object: string, changes: readonly LimitChange[], nowMs: number): void {
    this.#downUntilMs.set(object, nowMs + DOWN_MS);
    this.#tellAgain(object, changes);
  }

  /** Takes what an object is to be told. */
  takePending(object: string): readonly LimitChange[] {
    const changes = this.#pending.get(object);
    if (changes === undefined) return NONE;
    this.#pending.delete(object);
    return changes;
  }

  /** What the limits of a passage say to its client. */
  standings(passage: Passage, nowMs: number): readonly Standing[] {
    return passage.steps.map((step) => ({
      limit: step.demand.limit,
      reading: readingOf(step, nowMs),
      waitMs: step.waitMs,
    }));
  }

  /** What would be asked of each object for these demands, taking nothing. */
  peeks(demands: readonly Demand[]): readonly LimitCall[] {
    const objects = new Map<string, LimitAsk[]>();
    for (const demand of demands) {
      const take = takeOf(demand.limit);
      const ask = askOf(demand, { need: neededFor(demand.limit, take), take, lease: 0, holder: null });
      objects.set(demand.object, [...(objects.get(demand.object) ?? []), ask]);
    }
    return [...objects].map(([object, asks]) => ({ object, asks, changes: [] }));
  }

  #step(demand: Demand, nowMs: number): Step {
    const { limit, leased, object, key } = demand;
    const inFlight = limit.algorithm === 'concurrency';
    return {
      demand,
      lease: leased && !inFlight ? this.#leases.of(object, limit, key, nowMs) : null,
      take: inFlight ? 0 : takeOf(limit),
      holder: inFlight ? this.#newHolder() : null,
      toldMs: nowMs,
      verdict: null,
      held: false,
      mark: null,
      failed: false,
      waitMs: null,
    };
  }

  #ask(passage: Passage, asking: readonly Step[], nowMs: number): void {
    const objects = new Map<string, Step[]>();
    for (const step of asking) {
      const { object } = step.demand;
      if (this.#isDown(object, nowMs)) step.failed = true;
      else objects.set(object, [...(objects.get(object) ?? []), step]);
    }
    passage.calls = [...objects].map(([object, steps]) => {
      const changes = [...this.takePending(object)];
      const asks = steps.map((step) => {
        const { demand, lease, take, holder } = step;
        if (lease !== null) changes.push(...expiredOf(lease, nowMs));
        const more = lease === null ? 0 : wanted(lease, nowMs);
        return askOf(demand, { need: needOf(step), take, lease: more, holder });
      });
      return { object, asks, changes };
    });
  }

  #conclude(passage: Passage, nowMs: number): void {
    const { steps } = passage;
    if (steps.some(({ waitMs }) => waitMs !== null)) passage.outcome = 'refused';
    else if (steps.some(({ failed, demand }) => failed && !demand.open)) passage.outcome = 'failed';
    else passage.outcome = 'allowed';
    if (passage.outcome !== 'allowed') this.undo(passage, nowMs);
  }

  /** A call that got no answer may have arrived. */
  #lost(call: LimitCall, nowMs: number): void {
    this.#downUntilMs.set(call.object, nowMs + DOWN_MS);
    for (const { rule, key, holder } of call.asks)
      if (holder !== null) this.#tell(call.object, { type: 'leave', rule, key, holder });
    this.#tellAgain(call.object, call.changes);
  }

  #tellAgain(object: string, changes: readonly LimitChange[]): void {
    for (const change of changes) if (change.type === 'leave') this.#tell(object, change);
  }

  #isDown(object: string, nowMs: number): boolean {
    const untilMs = this.#downUntilMs.get(object);
    if (untilMs === undefined) return false;
    if (nowMs < untilMs) return true;
    this.#downUntilMs.delete(object);
    return false;
  }

  #tell(object: string, change: LimitChange): void {
    const changes = this.#pending.get(object);
    if (changes === undefined) this.#pending.set(object, [change]);
    else changes.push(change);
  }
}

const NONE: readonly never[] = [];

/** Taken with the request: one, or the cost that it has where nobody says another. Bytes are not known. */
function takeOf({ measure, defaultCost }: CompiledLimit): number {
  if (measure === 'requests') return 1;
  return measure === 'cost' ? defaultCost : 0;
}

/** There must be something left even where nothing is taken yet, and no more than there ever can be. */
function neededFor(limit: CompiledLimit, take: number): number {
  return Math.min(Math.max(1, take), limit.burst);
}

function needOf({ demand, take }: Step): number {
  return neededFor(demand.limit, take);
}

function askOf({ limit, key }: Demand, more: Pick<LimitAsk, 'need' | 'take' | 'lease' | 'holder'>): LimitAsk {
  return { rule: ruleOf(limit), key, ...more };
}

function ruleOf({ name, algorithm, limit, windowMs, calendar, burst, holdMs }: LimitAsk['rule']): LimitAsk['rule'] {
  return { name, algorithm, limit, windowMs, calendar, burst, holdMs };
}

function readingOf({ lease, verdict, demand }: Step, nowMs: number): Standing['reading'] {
  if (lease !== null)
    return { available: Math.max(0, lease.rest) + inHand(lease, nowMs), resetMs: Math.max(0, lease.resetAtMs - nowMs) };
  if (verdict !== null) return verdict;
  // Nobody could be asked.
  return { available: demand.limit.burst, resetMs: 0 };
}
