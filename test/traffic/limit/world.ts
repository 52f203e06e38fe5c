import type { CompiledLimit } from '../../../src/core/protocol/rate-limit.ts';
import type { TakeAnswer } from '../../../src/core/protocol/rate-limiter.ts';
import type { Random } from '../../../src/core/random.ts';
import { Counters } from '../../../src/traffic/limit/counters.ts';
import { Journal } from '../../../src/traffic/limit/journal.ts';
import { type Demand, type LimitCall, Limiter, type Passage } from '../../../src/traffic/limit/limiter.ts';
import { type ObjectDatabase, objectDatabase } from '../../object-database.ts';

export interface WorldSettings {
  readonly limit: CompiledLimit;
  readonly mode: 'exact' | 'leased';
  readonly isolates: number;
  readonly seconds: number;
  /** Requests a second of each isolate. */
  readonly rate: number;
  /** How long all of them are at a time quiet, and then loud: a tenth of the rate and five times it; 0: neither. */
  readonly tideMs: number;
  /** Of requests and of answers, each; as many more are slow. */
  readonly lost: number;
  /** Of isolates, a second each; of the object, a second. */
  readonly isolateCrashes: number;
  readonly objectCrashes: number;
}

export interface WorldResult {
  /** When each request that was let through counts: when its units were used, or when the object took them for it. */
  readonly admittedMs: readonly number[];
  readonly offered: number;
  readonly calls: number;
  /** Units that the object forgot by dying, and when it died. */
  readonly forgotten: readonly { readonly atMs: number; readonly units: number }[];
}

const OBJECT = 'u/p/0';
const START_MS = 1_800_000_000_000;
const TIME_OUT_MS = 1_000;
const FLUSH_MS = 1_000;

/**
 * Isolates that limit one key by one object, on virtual time: their clocks are wrong by up to an hour, calls take a while
 * and are lost on the way there or back, isolates die with what they were lent, and the object with what it has not
 * written.
 */
export function runWorld(settings: WorldSettings, random: Random): WorldResult {
  const world = new World(settings, random);
  return world.run();
}

interface Isolate {
  limiter: Limiter;
  readonly skewMs: number;
  flushAtMs: number;
}

class World {
  readonly #given: WorldSettings;
  readonly #random: Random;
  readonly #queue: { atMs: number; order: number; run: () => void }[] = [];
  readonly #isolates: Isolate[];
  readonly #admittedMs: number[] = [];
  readonly #forgotten: { atMs: number; units: number }[] = [];
  readonly #database: ObjectDatabase = objectDatabase();
  #counters = new Counters(1_000);
  #journal = new Journal(this.#database);
  /** Units taken or lent since the last flush. */
  #unwritten = 0;
  #flushing = false;
  #life = 0;
  #order = 0;
  #nowMs = START_MS;
  #offered = 0;
  #calls = 0;

  constructor(given: WorldSettings, random: Random) {
    this.#given = given;
    this.#random = random;
    this.#isolates = Array.from({ length: given.isolates }, () => ({
      limiter: this.#newLimiter(),
      skewMs: Math.round((random.next() - 0.5) * 7_200_000),
      flushAtMs: 0,
    }));
  }

  run(): WorldResult {
    const { seconds, isolates, isolateCrashes, objectCrashes } = this.#given;
    const endMs = START_MS + seconds * 1_000;
    for (let i = 0; i < isolates; i++) this.#arrivals(this.#isolates[i], endMs);
    this.#crashes(isolates * isolateCrashes, endMs, () => {
      const isolate = this.#isolates[Math.floor(this.#random.next() * isolates)];
      isolate.limiter = this.#newLimiter();
      isolate.flushAtMs = 0;
    });
    this.#crashes(objectCrashes, endMs, () => this.#killObject());
    for (;;) {
      const next = this.#next();
      if (next === undefined) break;
      this.#nowMs = next.atMs;
      next.run();
    }
    return {
      admittedMs: this.#admittedMs.sort((a, b) => a - b),
      offered: this.#offered,
      calls: this.#calls,
      forgotten: this.#forgotten,
    };
  }

  #newLimiter(): Limiter {
    return new Limiter(100, () => `h${this.#order++}`);
  }

  #arrivals(isolate: Isolate, endMs: number): void {
    const { rate, tideMs } = this.#given;
    const isLoud = tideMs > 0 && Math.floor(this.#nowMs / tideMs) % 2 === 1;
    const present = tideMs === 0 ? rate : rate * (isLoud ? 5 : 0.1);
    const gapMs = (-Math.log(1 - this.#random.next()) * 1_000) / present;
    // The next tide begins with a rate of its own.
    const turnMs = tideMs === 0 ? endMs : (Math.floor(this.#nowMs / tideMs) + 1) * tideMs;
    const atMs = this.#nowMs + gapMs;
    if (atMs >= turnMs && turnMs < endMs) {
      this.#at(turnMs, () => this.#arrivals(isolate, endMs));
      return;
    }
    if (atMs >= endMs) return;
    this.#at(atMs, () => {
      this.#request(isolate);
      this.#arrivals(isolate, endMs);
    });
  }

  #crashes(perSecond: number, endMs: number, crash: () => void): void {
    if (perSecond === 0) return;
    const atMs = this.#nowMs + (-Math.log(1 - this.#random.next()) * 1_000) / perSecond;
    if (atMs >= endMs) return;
    this.#at(atMs, () => {
      crash();
      this.#crashes(perSecond, endMs, crash);
    });
  }

  #request(isolate: Isolate): void {
    this.#offered += 1;
    const { limit, mode } = this.#given;
    const { limiter } = isolate;
    const demand: Demand = { limit, leased: mode === 'leased', object: OBJECT, key: 'k', open: false };
    const passage = limiter.begin([demand], this.#clockOf(isolate));
    this.#refill(isolate, passage);
    if (passage.outcome === 'allowed') this.#admittedMs.push(this.#nowMs);
    for (const call of passage.calls) {
      this.#call(isolate, call, (answer, sentMs, takenMs) => {
        limiter.answered(passage, call, answer, sentMs, this.#clockOf(isolate));
        if (passage.outcome === 'allowed' && takenMs !== null && isolate.limiter === limiter)
          this.#admittedMs.push(takenMs);
      });
    }
  }

  #refill(isolate: Isolate, passage: Passage): void {
    const { limiter } = isolate;
    for (const call of limiter.refills(passage, this.#clockOf(isolate)))
      this.#call(isolate, call, (answer, sentMs) => limiter.refilled(call, answer, sentMs, this.#clockOf(isolate)));
  }

  #call(
    isolate: Isolate,
    call: LimitCall,
    answered: (answer: TakeAnswer | null, sentMs: number, takenMs: number | null) => void,
  ): void {
    this.#calls += 1;
    const sentMs = this.#clockOf(isolate);
    let open = true;
    const end = (answer: TakeAnswer | null, takenMs: number | null) => {
      if (!open) return;
      open = false;
      answered(answer, sentMs, takenMs);
      if (answer?.verdicts.some(({ lent }) => lent > 0)) this.#flushLater(isolate, answer.verdicts[0].leaseMs + 1_000);
    };
    this.#at(this.#nowMs + TIME_OUT_MS, () => end(null, null));
    this.#deliver(() => {
      const takenMs = this.#nowMs;
      this.#counters.change(call.changes, takenMs);
      const answer = this.#counters.take(call.asks, takenMs);
      if (answer.allowed)
        for (const [i, { lent }] of answer.verdicts.entries()) this.#unwritten += lent + call.asks[i].take;
      this.#flushSoon();
      const copy = structuredClone(answer);
      this.#deliver(() => end(copy, takenMs));
    });
  }

  /** As the shell does it: what expired goes back some time after it has. */
  #flushLater(isolate: Isolate, afterMs: number): void {
    if (isolate.flushAtMs > this.#nowMs) return;
    isolate.flushAtMs = this.#nowMs + afterMs;
    const { limiter } = isolate;
    this.#at(isolate.flushAtMs, () => {
      if (isolate.limiter !== limiter) return;
      const changes = limiter.flush(OBJECT, this.#clockOf(isolate));
      if (changes.length > 0) this.#deliver(() => this.#counters.change(changes, this.#nowMs));
    });
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    const life = this.#life;
    this.#at(this.#nowMs + FLUSH_MS, () => {
      if (life !== this.#life) return;
      this.#flushing = false;
      this.#unwritten = 0;
      this.#journal.flush(this.#counters);
    });
  }

  #killObject(): void {
    this.#forgotten.push({ atMs: this.#nowMs, units: this.#unwritten });
    this.#life += 1;
    this.#flushing = false;
    this.#unwritten = 0;
    this.#counters = new Counters(1_000);
    this.#journal = new Journal(this.#database);
    this.#journal.load(this.#counters);
  }

  /** After a while, or never. */
  #deliver(run: () => void): void {
    if (this.#random.next() < this.#given.lost) return;
    const isSlow = this.#random.next() < this.#given.lost;
    const delayMs = isSlow ? this.#random.next() * 1_500 : 1 + this.#random.next() * 80;
    this.#at(this.#nowMs + delayMs, run);
  }

  /** The clock of an isolate tells whole milliseconds, and is wrong. */
  #clockOf(isolate: Isolate): number {
    return Math.floor(this.#nowMs) + isolate.skewMs;
  }

  #at(atMs: number, run: () => void): void {
    const event = { atMs, order: this.#order++, run };
    const queue = this.#queue;
    let at = queue.length;
    queue.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isSooner(event, queue[parent])) break;
      queue[at] = queue[parent];
      at = parent;
    }
    queue[at] = event;
  }

  #next() {
    const queue = this.#queue;
    const first = queue[0];
    const last = queue.pop();
    if (last === undefined || queue.length === 0) return first;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= queue.length) break;
      if (child + 1 < queue.length && isSooner(queue[child + 1], queue[child])) child += 1;
      if (!isSooner(queue[child], last)) break;
      queue[at] = queue[child];
      at = child;
    }
    queue[at] = last;
    return first;
  }
}

function isSooner(a: { atMs: number; order: number }, b: { atMs: number; order: number }): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
