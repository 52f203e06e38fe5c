import { assert } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type {
  LimitAsk,
  LimitChange,
  LimitReading,
  LimitRule,
  LimitVerdict,
  TakeAnswer,
} from '../../core/protocol/rate-limiter.ts';
import type { Algorithm } from './algorithm.ts';
import { concurrency, type InFlightState } from './concurrency.ts';
import { fixedWindow, type WindowState, windowOf } from './fixed-window.ts';
import { type SlidingState, slidingWindow } from './sliding-window.ts';
import { type BucketState, tokenBucket } from './token-bucket.ts';

/** A counter: a limit for one key. */
export interface Counter {
  readonly rule: LimitRule;
  readonly state: BucketState | WindowState | SlidingState | InFlightState;
}

/** What is lent may be used for a tenth of the window at most, so that a window knows soon what passed in it. */
const LEASES_PER_WINDOW = 10;
/** One call is lent no more than this part of what is left, so that the last of a limit is not in one isolate's hands. */
const SHARE_OF_REST = 4;

/** The key of all callers that came when there was no place for a counter of their own. */
const OTHERS = '*';

/**
 * The counters of one object: several limits are asked at once, and either all give or none does. Counters are made by
 * the first who asks, under the figures that the asker brings, and forgotten when they say no more than new ones would.
 */
export class Counters {
  /** Ids of counters that changed since they were last written down. */
  readonly changed = new Set<string>();
  readonly #counters = new Map<string, Counter>();
  readonly #most: number;

  /** More keys than `most` share one counter for each limit. */
  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#counters.size;
  }

  /** Takes what is asked from every counter, or nothing from any. */
  take(asks: readonly LimitAsk[], nowMs: number): TakeAnswer {
    const counters = asks.map((ask) => this.#counterOf(ask, nowMs));
    const allowed = asks.every((ask, i) => availableOf(counters[i], nowMs) >= ask.need);
    const verdicts = asks.map((ask, i) => {
      const counter = counters[i];
      if (!allowed) return refusalOf(counter, ask, nowMs);
      this.changed.add(idOf(counter.rule, this.#keyOf(ask)));
      return grantOf(counter, ask, nowMs);
    });
    return { allowed, verdicts };
  }

  /** What `take` would say. Makes no counters. */
  peek(asks: readonly LimitAsk[], nowMs: number): TakeAnswer {
    const counters = asks.map((ask) => this.#find(ask) ?? begin(ask.rule, nowMs));
    const allowed = asks.every((ask, i) => availableOf(counters[i], nowMs) >= ask.need);
    return { allowed, verdicts: counters.map((counter, i) => refusalOf(counter, asks[i], nowMs)) };
  }

  /** Charges, refunds, ends: what is known only after a request was let through. None is refused. */
  change(changes: readonly LimitChange[], nowMs: number): void {
    for (const change of changes) {
      const counter = change.type === 'charge' ? this.#counterOf(change, nowMs) : this.#find(change);
      if (counter === undefined) continue;
      const { rule, state } = counter;
      if (change.type === 'leave') {
        if (isInFlight(state)) concurrency.leave(state, change.holder);
      } else if (change.type === 'stay') {
        if (isInFlight(state)) concurrency.stay(state, rule, change.holder, nowMs);
      } else if (!isInFlight(state)) {
        const algorithm = algorithmOf(rule);
        if (change.type === 'charge') algorithm.take(state, rule, change.units, nowMs, nowMs);
        else algorithm.refund(state, rule, change.units, change.mark, nowMs);
      }
      this.changed.add(idOf(rule, this.#keyOf(change)));
    }
  }

  /** As if nobody had ever come: the counters of these limits for a key. Returns how many there were. */
  reset(names: readonly string[], key: string): number {
    const present = names.map((name) => idOf({ name }, key)).filter((id) => this.#counters.delete(id));
    for (const id of present) this.changed.add(id);
    return present.length;
  }

  /** Forgets what says no more than nothing does. Returns when the next may be forgotten; null where none is left. */
  forget(nowMs: number): number | null {
    let next: number | null = null;
    for (const [id, counter] of this.#counters) {
      const atMs = forgottenAtMs(counter);
      if (atMs <= nowMs) {
        this.#counters.delete(id);
        this.changed.add(id);
      } else if (next === null || atMs < next) next = atMs;
    }
    return next;
  }

  /** A counter by its id, as it is written down; undefined where it was forgotten. */
  get(id: string): Counter | undefined {
    return this.#counters.get(id);
  }

  /** Ids of all counters. */
  ids(): IterableIterator<string> {
    return this.#counters.keys();
  }

  /** Puts a counter back that was written down; undefined takes it away. */
  restore(id: string, counter: Counter | undefined): void {
    if (counter === undefined) this.#counters.delete(id);
    else this.#counters.set(id, counter);
  }

  #find(asked: { readonly rule: LimitRule; readonly key: string }): Counter | undefined {
    const { rule } = asked;
    const found = this.#counters.get(idOf(rule, asked.key)) ?? this.#counters.get(idOf(rule, this.#keyOf(asked)));
    return found === undefined ? undefined : underRule(found, rule);
  }

  #counterOf(asked: { readonly rule: LimitRule; readonly key: string }, nowMs: number): Counter {
    const id = idOf(asked.rule, this.#keyOf(asked));
    const present = this.#counters.get(id);
    const counter = present === undefined ? undefined : underRule(present, asked.rule);
    if (counter !== undefined && counter === present) return counter;
    const kept = counter ?? begin(asked.rule, nowMs);
    this.#counters.set(id, kept);
    return kept;
  }

  /** Its own where it has a counter or there is a place for one. */
  #keyOf({ rule, key }: { readonly rule: { readonly name: string }; readonly key: string }): string {
    return this.#counters.size < this.#most || this.#counters.has(idOf(rule, key)) ? key : OTHERS;
  }
}

/** Limits have no line breaks in their names. */
export function idOf(rule: { readonly name: string }, key: string): string {
  return `${rule.name}\n${key}`;
}

/** A counter whose figures were changed keeps what it has counted; one whose algorithm was changed begins anew. */
function underRule(counter: Counter, rule: LimitRule): Counter | undefined {
  const { rule: present } = counter;
  if (present.algorithm !== rule.algorithm || present.calendar !== rule.calendar) return undefined;
  // The slots of another window have other lengths.
  if (present.windowMs !== rule.windowMs && rule.algorithm !== 'tokenBucket') return undefined;
  const same =
    present.limit === rule.limit &&
    present.burst === rule.burst &&
    present.windowMs === rule.windowMs &&
    present.holdMs === rule.holdMs;
  return same ? counter : { rule, state: counter.state };
}

type Counted = BucketState | WindowState | SlidingState;

function isInFlight(state: Counter['state']): state is InFlightState {
  return 'holders' in state;
}

/** The state of a counter is of its rule's algorithm: `begin` made it. */
function algorithmOf(rule: LimitRule): Algorithm<Counted> {
  assert(rule.algorithm !== 'concurrency', 'requests in flight are not counted by a window');
  const algorithms = { tokenBucket, fixedWindow, slidingWindow };
  return algorithms[rule.algorithm] as Algorithm<Counted>;
}

function begin(rule: LimitRule, nowMs: number): Counter {
  const state = rule.algorithm === 'concurrency' ? concurrency.begin() : algorithmOf(rule).begin(rule, nowMs);
  return { rule, state };
}

function availableOf({ rule, state }: Counter, nowMs: number): number {
  return isInFlight(state)
    ? concurrency.available(state, rule, nowMs)
    : algorithmOf(rule).available(state, rule, nowMs);
}

function forgottenAtMs({ rule, state }: Counter): number {
  return isInFlight(state) ? concurrency.forgottenAtMs(state) : algorithmOf(rule).forgottenAtMs(state, rule);
}

/** Until more can be taken than now; 0 where everything can. */
function resetMs(counter: Counter, available: number, nowMs: number): number {
  const { rule, state } = counter;
  if (isInFlight(state)) return 0;
  const wait = algorithmOf(rule).waitMs(state, rule, Math.max(1, available + 1), nowMs);
  return Number.isFinite(wait) ? wait : 0;
}

const NOTHING_LENT = { lent: 0, leaseMs: 0, mark: 0, lentMark: 0 };

function readingOf(counter: Counter, nowMs: number): LimitReading {
  const available = availableOf(counter, nowMs);
  return { available, resetMs: resetMs(counter, available, nowMs) };
}

/** How long to wait for somebody in flight to end is not known. */
const IN_FLIGHT_WAIT_MS = 1_000;

function refusalOf(counter: Counter, ask: LimitAsk, nowMs: number): LimitVerdict {
  const { rule, state } = counter;
  const reading = readingOf(counter, nowMs);
  const gives = reading.available >= ask.need;
  let waitMs = 0;
  if (!gives) waitMs = isInFlight(state) ? IN_FLIGHT_WAIT_MS : algorithmOf(rule).waitMs(state, rule, ask.need, nowMs);
  return { gives, ...reading, waitMs: Math.min(waitMs, Number.MAX_SAFE_INTEGER), ...NOTHING_LENT };
}

function grantOf(counter: Counter, ask: LimitAsk, nowMs: number): LimitVerdict {
  const { rule, state } = counter;
  if (isInFlight(state)) {
    if (ask.holder !== null) concurrency.enter(state, rule, ask.holder, nowMs);
    return { gives: true, ...readingOf(counter, nowMs), waitMs: 0, ...NOTHING_LENT };
  }
  const algorithm = algorithmOf(rule);
  const mark = algorithm.take(state, rule, ask.take, nowMs, nowMs);
  const leaseMs = leaseMsOf(rule, nowMs);
  const rest = algorithm.available(state, rule, nowMs);
  const lent = ask.lease === 0 || rest <= 0 ? 0 : Math.min(ask.lease, Math.max(1, Math.floor(rest / SHARE_OF_REST)));
  const lentMark = lent === 0 ? 0 : algorithm.take(state, rule, lent, nowMs, nowMs + leaseMs);
  return { gives: true, ...readingOf(counter, nowMs), waitMs: 0, lent, leaseMs, mark, lentMark };
}

/** How long what is lent may be used: within its window, and no longer than a tenth of one. */
export function leaseMsOf(rule: LimitRule, nowMs: number): number {
  const windowMs = rule.calendar === null ? rule.windowMs : Number.POSITIVE_INFINITY;
  const leaseMs = Math.min(LIMITS.rateLimitLeaseMs, windowMs / LEASES_PER_WINDOW);
  if (rule.algorithm !== 'fixedWindow') return leaseMs;
  return Math.min(leaseMs, windowOf(rule, nowMs).endMs - nowMs);
}
