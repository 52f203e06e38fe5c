import type { CompiledUpstream } from '../../src/core/protocol/upstream.ts';
import type { SyncAnswer, SyncRequest } from '../../src/core/protocol/upstream-monitor.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import type { CallOutcome, Exchange } from '../../src/gateway/exchange.ts';
import { HeaderList } from '../../src/gateway/header-list.ts';
import type { Attempt, NoAttempt } from '../../src/gateway/pipeline.ts';
import { Upstreams } from '../../src/gateway/upstreams.ts';
import { Checks } from '../../src/traffic/monitor/checks.ts';
import { Monitor } from '../../src/traffic/monitor/monitor.ts';
import { migrateMonitor } from '../../src/traffic/monitor/watch-list.ts';
import { type ObjectDatabase, objectDatabase } from '../object-database.ts';
import { DEFAULT_BREAKER } from '../traffic/upstream/settings.ts';

export const KEY = 'uid/shop';

/** How an endpoint answers. */
export type Manner = 'fine' | 'slow' | 'errors' | 'dead';

export function upstream(given: Partial<CompiledUpstream> = {}): CompiledUpstream {
  return {
    namespace: 'default',
    namespaceUid: 'uid',
    name: 'shop',
    source: { type: 'static' },
    endpoints: [1, 2, 3, 4].map((n) => ({ address: `http://10.0.0.${n}`, weight: 1, zone: null, draining: false })),
    loadBalancer: {
      strategy: 'RoundRobin',
      slowStartMs: 0,
      panicThreshold: 0.5,
      zones: { own: null, preferred: [], minimumAvailable: 0.5 },
    },
    healthCheck: null,
    circuitBreaker: { ...DEFAULT_BREAKER, recoveryMs: 5_000, gradualRecoveryMs: 2_000 },
    outlierDetection: null,
    retry: null,
    timeouts: { requestMs: 30_000, tryMs: 0, idleMs: 0 },
    bulkhead: null,
    sessionPersistence: null,
    ...given,
  };
}

/** As much of a request as the stage looks at. */
export function exchange(given: { clientIp?: string | null; method?: string; headers?: HeadersInit } = {}): Exchange {
  const { clientIp = null, method = 'GET', headers } = given;
  const request = new Request('http://shop.localhost/', { method, headers });
  return {
    request,
    given: HeaderList.of(request.headers),
    clientIp,
    place: {},
    target: { method, scheme: 'http', host: 'shop.localhost', port: null, path: '/', search: '' },
    action: null,
    calls: [],
    upstreamKey: KEY,
    upstream: null,
    watchBody: false,
    waitUntil: () => undefined,
  } as unknown as Exchange;
}

interface Waiting {
  readonly request: SyncRequest;
  readonly untilMs: number;
  readonly answer: (answer: SyncAnswer) => void;
}

/** What is seen of one call while it is begun. */
export interface Seen {
  readonly isolate: number;
  readonly attempt: Attempt;
  readonly isRetry: boolean;
}

export interface FleetOptions {
  readonly seed: number;
  readonly isolates: number;
  readonly entry: CompiledUpstream;
  /** Between two requests of an isolate, on average. */
  readonly everyMs: number;
  /** Of the monitor's answers, how many are lost on their way. */
  readonly lost?: number;
  readonly onBegin?: (seen: Seen) => void;
}

/**
 * A fleet of isolates on one monitor, in virtual time: requests come by chance, answers take their time, each isolate
 * has one question to the monitor under way, as the gateway's control link has it.
 */
export class Fleet {
  nowMs = 1_000_000;
  readonly random: Random;
  readonly isolates: Upstreams[];
  readonly manners = new Map<string, Manner>();
  /** Isolates that do not reach the monitor. */
  readonly cutOff = new Set<number>();
  readonly counts = { begun: 0, refused: 0, succeeded: 0, failed: 0, retries: 0, probes: 0 };
  readonly callsOf = new Map<string, number>();
  private readonly options: FleetOptions;
  private readonly database: ObjectDatabase = objectDatabase();
  private monitor: Monitor;
  private readonly checks: Checks;
  private readonly waiting = new Set<Waiting>();
  private readonly timers: { atMs: number; order: number; run: () => void }[] = [];
  private order = 0;
  private quiet = false;
  private asking = 0;

  constructor(options: FleetOptions) {
    this.options = options;
    this.random = seededRandom(options.seed);
    migrateMonitor(this.database);
    this.monitor = this.startMonitor();
    const limits = { connections: { all: 5, slow: 3 }, endpoints: 100 };
    this.checks = new Checks(objectDatabase(), this.random, limits, this.nowMs);
    const upstreams = options.entry.healthCheck === null ? [] : [[KEY, options.entry] as const];
    this.checks.watch({ checker: 0, round: 1, upstreams, known: {} }, this.nowMs);
    this.isolates = Array.from(
      { length: options.isolates },
      (_, at) =>
        new Upstreams({
          clock: { now: () => this.nowMs },
          chance: this.random.next,
          sign: () => 'x'.repeat(22),
          askNow: async () => this.askNow(at),
        }),
    );
    this.isolates.forEach((isolate, at) => {
      isolate.of(KEY, options.entry);
      this.after(this.random.next() * 50, () => this.ask(at));
      this.after(this.random.next() * options.everyMs, () => this.arrive(at));
    });
    this.after(10, () => this.ring());
  }

  /** Runs so long. */
  async run(ms: number): Promise<void> {
    const untilMs = this.nowMs + ms;
    while (this.timers.length > 0 && this.timers[0].atMs <= untilMs) {
      const timer = this.pop();
      this.nowMs = Math.max(this.nowMs, timer.atMs);
      timer.run();
      // Requests that wait to be probes go on.
      while (this.asking > 0) await null;
    }
    this.nowMs = untilMs;
  }

  /** No more requests come; those under way end. */
  async drain(): Promise<void> {
    this.quiet = true;
    await this.run(10_000);
  }

  /** The object is taken out of memory and comes back from its rows. */
  restartMonitor(): void {
    this.monitor = this.startMonitor();
    this.waiting.clear();
  }

  rowsOf(table: string): number {
    return Number(this.database.exec(`SELECT count(*) AS n FROM ${table}`)[0].n);
  }

  breakerOf(isolate: number, address = ''): string {
    for (const { endpoint, state } of this.isolates[isolate].breakers()) if (endpoint === address) return state;
    return 'none';
  }

  private startMonitor(): Monitor {
    const monitor = new Monitor(this.database, 100, this.nowMs);
    if (this.options.entry.healthCheck !== null) monitor.watch([KEY], this.nowMs);
    return monitor;
  }

  /** The alarms of the monitor and of its checker. */
  private ring(): void {
    this.pass();
    const { checks } = this.checks.due(this.nowMs);
    for (const due of checks) {
      this.after(10, () => {
        const manner = this.manners.get(due.address) ?? 'fine';
        const passed = manner === 'fine' || manner === 'slow';
        if (!this.checks.checked(due, { passed, reason: manner }, this.nowMs)) return;
        if (this.monitor.found(this.checks.takeUntold() ?? {}, this.nowMs)) this.tell();
      });
    }
    this.after(20, () => this.ring());
  }

  private arrive(at: number): void {
    if (this.quiet) return;
    this.after(this.random.next() * 2 * this.options.everyMs, () => this.arrive(at));
    this.begin(at, exchange({ clientIp: `203.0.113.${Math.floor(this.random.next() * 256)}` }));
  }

  private begin(at: number, request: Exchange): void {
    const isolate = this.isolates[at];
    const { entry } = this.options;
    const attempt = isolate.begin(request, KEY, entry);
    if (attempt instanceof Promise) {
      this.asking += 1;
      attempt.then((begun) => {
        this.asking -= 1;
        this.call(at, request, begun);
      });
    } else this.call(at, request, attempt);
  }

  private call(at: number, request: Exchange, attempt: Attempt | NoAttempt): void {
    const isolate = this.isolates[at];
    const { entry } = this.options;
    if ('refused' in attempt) {
      this.counts.refused += 1;
      return;
    }
    const isRetry = request.calls.length > 0;
    this.counts.begun += 1;
    if (isRetry) this.counts.retries += 1;
    this.callsOf.set(attempt.address, (this.callsOf.get(attempt.address) ?? 0) + 1);
    this.options.onBegin?.({ isolate: at, attempt, isRetry });
    const outcome = outcomeOf(this.manners.get(attempt.address) ?? 'fine', this.random);
    this.after(outcome.headMs, () => {
      request.calls.push({ endpoint: attempt.address, outcome } as Exchange['calls'][number]);
      attempt.answered(outcome);
      this.counts[outcome.status === 200 ? 'succeeded' : 'failed'] += 1;
      const delayMs = isolate.retryAfterMs(request, entry, outcome, true);
      attempt.end();
      if (delayMs !== null) this.after(delayMs, () => this.begin(at, request));
      if (isolate.hasUrgentReports()) this.exchange(at, 0, () => {});
    });
  }

  /** One question after the other, as long as there is traffic. */
  private ask(at: number): void {
    const again = (ms: number) => {
      if (!this.quiet) this.after(ms, () => this.ask(at));
    };
    if (this.cutOff.has(at)) {
      again(500);
      return;
    }
    let answered = false;
    this.exchange(at, 5_000, () => {
      answered = true;
      again(100);
    });
    // A question that is lost is asked again.
    this.after(7_000, () => {
      if (!answered) again(0);
    });
  }

  /** A question whose answer comes in the same moment. */
  private askNow(at: number): void {
    if (this.cutOff.has(at) || this.random.next() < (this.options.lost ?? 0)) return;
    const isolate = this.isolates[at];
    const upstreams = isolate.versions();
    if (this.monitor.report(String(at), isolate.takeReports(), this.nowMs)) this.tell();
    this.pass();
    isolate.apply(this.monitor.newsFor(String(at), upstreams, isolate.takeWishes(), this.nowMs));
  }

  private exchange(at: number, waitMs: number, then: () => void): void {
    if (this.cutOff.has(at)) return;
    const isolate = this.isolates[at];
    const request: SyncRequest = {
      isolate: String(at),
      configVersion: 1,
      upstreams: isolate.versions(),
      reports: isolate.takeReports(),
      probes: isolate.takeWishes(),
      waitMs,
    };
    const back = (answer: SyncAnswer) => {
      if (this.random.next() < (this.options.lost ?? 0)) return;
      this.after(1 + this.random.next() * 20, () => {
        isolate.apply(answer.upstreams);
        then();
      });
    };
    this.after(1 + this.random.next() * 20, () => {
      if (this.monitor.report(request.isolate, request.reports, this.nowMs)) this.tell();
      this.pass();
      const upstreams = this.monitor.newsFor(request.isolate, request.upstreams, request.probes, this.nowMs);
      if (Object.keys(upstreams).length > 0 || waitMs === 0) back({ config: null, upstreams });
      else this.waiting.add({ request, untilMs: this.nowMs + waitMs, answer: back });
    });
  }

  private pass(): void {
    if (this.monitor.pass(this.nowMs)) this.tell();
    for (const waiting of [...this.waiting]) {
      if (waiting.untilMs > this.nowMs) continue;
      this.waiting.delete(waiting);
      waiting.answer({ config: null, upstreams: {} });
    }
  }

  private tell(): void {
    for (const waiting of [...this.waiting]) {
      const { isolate, upstreams } = waiting.request;
      const news = this.monitor.newsFor(isolate, upstreams, [], this.nowMs);
      if (Object.keys(news).length === 0) continue;
      this.waiting.delete(waiting);
      waiting.answer({ config: null, upstreams: news });
    }
  }

  private after(ms: number, run: () => void): void {
    const timer = { atMs: this.nowMs + ms, order: this.order++, run };
    let at = this.timers.length;
    while (at > 0 && this.timers[at - 1].atMs > timer.atMs) at -= 1;
    this.timers.splice(at, 0, timer);
  }

  private pop(): { atMs: number; run: () => void } {
    const [first] = this.timers.splice(0, 1);
    return first;
  }
}

function outcomeOf(manner: Manner, random: Random): CallOutcome {
  switch (manner) {
    case 'fine':
      return { status: 200, fault: null, headMs: 5 + random.next() * 20 };
    case 'slow':
      return { status: 200, fault: null, headMs: 200 + random.next() * 200 };
    case 'errors':
      return { status: 503, fault: null, headMs: 5 };
    case 'dead':
      return { status: null, fault: 'connect', headMs: 2 };
  }
}
