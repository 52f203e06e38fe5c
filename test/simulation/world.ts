import { type Random, seededRandom } from '../../src/core/random.ts';
import { Faults } from './faults.ts';

/** When every simulated world begins. */
const START_MS = Date.UTC(2026, 0, 1);
/** Lines of the trace that are kept to explain a failure. */
const TRACE_LINES = 4_000;

/** A promise was broken. `subject` is what it was broken for, as it stands in the trace. */
export class BrokenPromise extends Error {
  readonly rule: string;
  readonly subject: string;

  constructor(rule: string, subject: string) {
    super(subject === '' ? rule : `${rule}: ${subject}`);
    this.rule = rule;
    this.subject = subject;
  }
}

interface Happening {
  readonly atMs: number;
  readonly order: number;
  run: (() => void) | null;
}

type TraceLine = readonly [atMs: number, who: string, what: string, ...facts: unknown[]];

/** Real macrotasks, taken before anything replaces the globals. */
const { setImmediate } = globalThis;

/**
 * Virtual time: what is to happen, in order of time and then of scheduling, and the one source of chance. Between two
 * happenings every promise that can settle does, so a run is the same for the same seed.
 */
export class World {
  readonly seed: number;
  readonly random: Random;
  readonly faults: Faults;
  nowMs = START_MS;
  /** Happenings run so far. */
  steps = 0;
  failure: Error | null = null;
  private readonly heap: Happening[] = [];
  private order = 0;
  private readonly lines: TraceLine[] = [];
  private readonly show: ((line: string) => void) | null;

  constructor(seed: number, show: ((line: string) => void) | null = null, without: readonly string[] = []) {
    this.seed = seed;
    this.show = show;
    this.random = seededRandom(seed);
    this.faults = new Faults(this.random, without);
  }

  get elapsedMs(): number {
    return this.nowMs - START_MS;
  }

  chance(part: number): boolean {
    return this.random.next() < part;
  }

  /** A whole number from 0 to below `count`. */
  below(count: number): number {
    return Math.floor(this.random.next() * count);
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)];
  }

  /** Has `run` happen after a while; the answer takes it back. */
  after(ms: number, run: () => void): () => void {
    const happening: Happening = { atMs: this.nowMs + Math.max(0, ms), order: this.order++, run };
    push(this.heap, happening);
    return () => {
      happening.run = null;
    };
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Lets things happen up to a time, or until `enough`. Throws the first failure. */
  async runUntil(untilMs: number, enough: () => boolean = () => false): Promise<void> {
    while (this.failure === null && !enough()) {
      const next = this.heap[0];
      if (next === undefined || next.atMs > untilMs) break;
      pop(this.heap);
      const { run } = next;
      if (run === null) continue;
      this.nowMs = next.atMs;
      this.steps += 1;
      run();
      await new Promise((resolve) => setImmediate(resolve));
    }
    this.check();
    if (!enough()) this.nowMs = Math.max(this.nowMs, untilMs);
  }

  /** Ends the run: a promise was broken. Does not throw, since who notices may be anywhere in the code under test. */
  broken(rule: string, subject = ''): void {
    this.trace('oracle', `BROKEN: ${rule}`, subject);
    this.failure ??= new BrokenPromise(rule, subject);
  }

  /** Throws the first failure. */
  check(): void {
    if (this.failure !== null) throw this.failure;
  }

  trace(who: string, what: string, ...facts: unknown[]): void {
    const line: TraceLine = [this.elapsedMs, who, what, ...facts];
    this.show?.(textOf(line));
    this.lines.push(line);
    if (this.lines.length > 2 * TRACE_LINES) this.lines.splice(0, TRACE_LINES);
  }

  /** The last lines of the trace, or the last that speak of something. */
  tail(count: number, about = ''): string[] {
    const texts = this.lines.map(textOf).filter((text) => text.includes(about));
    return texts.slice(-count);
  }
}

function textOf([atMs, who, what, ...facts]: TraceLine): string {
  const seconds = (atMs / 1_000).toFixed(3).padStart(10);
  const told = facts.map((fact) => (typeof fact === 'string' ? fact : JSON.stringify(fact))).join(' ');
  return `${seconds} s  ${who.padEnd(12)} ${what} ${told}`.trimEnd().slice(0, 240);
}

function before(a: Happening, b: Happening): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

function push(heap: Happening[], entry: Happening): void {
  let at = heap.length;
  heap.push(entry);
  while (at > 0) {
    const parent = (at - 1) >> 1;
    if (before(heap[parent], entry)) break;
    heap[at] = heap[parent];
    at = parent;
  }
  heap[at] = entry;
}

function pop(heap: Happening[]): void {
  const last = heap.pop();
  if (last === undefined || heap.length === 0) return;
  let at = 0;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= heap.length) break;
    if (child + 1 < heap.length && before(heap[child + 1], heap[child])) child += 1;
    if (before(last, heap[child])) break;
    heap[at] = heap[child];
    at = child;
  }
  heap[at] = last;
}
