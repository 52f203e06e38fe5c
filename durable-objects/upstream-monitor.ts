import { DurableObject } from 'cloudflare:workers';
import { ChangeSignal } from '../src/core/change-signal.ts';
import { systemClock } from '../src/core/clock.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { ObjectDatabase } from '../src/core/object-database.ts';
import { type CheckDelay, checkerName, type EndpointCheckerCalls } from '../src/core/protocol/endpoint-checker.ts';
import type { GatewayManifest, UpstreamKey } from '../src/core/protocol/gateway.ts';
import {
  type SyncAnswer,
  type SyncRequest,
  UPSTREAM_MONITOR_NAME,
  type UpstreamDescription,
  type UpstreamFindings,
  type UpstreamMonitorCalls,
} from '../src/core/protocol/upstream-monitor.ts';
import { systemTimer } from '../src/core/timer.ts';
import { type Deps, depsOf } from '../src/deps.ts';
import type { Log } from '../src/observe/log.ts';
import { Assignments } from '../src/traffic/monitor/assignments.ts';
import { Monitor } from '../src/traffic/monitor/monitor.ts';
import { migrateMonitor, WatchList } from '../src/traffic/monitor/watch-list.ts';
import { checkManifest } from '../src/traffic/snapshot/manifest.ts';
import { decodeShard, type Shard, shardFileKey } from '../src/traffic/snapshot/shard.ts';
import { ObjectAlarm } from './object-alarm.ts';
import { sqlDatabase } from './sql-database.ts';

/** A question of an isolate that is being answered, or waits for news. */
interface Question {
  readonly isolate: string;
  readonly configVersion: number;
  readonly upstreams: Record<UpstreamKey, number>;
}

/** Before a version that could not be read, or a part that could not be told, is tried again. */
const AGAIN_MS = 5_000;

/**
 * What the gateway's isolates read together: the version of the configuration, what discovery finds, the health of
 * endpoints, breakers that opened elsewhere. Endpoints and registries are asked by EndpointChecker objects, which it
 * tells what to ask.
 */
export class UpstreamMonitor extends DurableObject<Cloudflare.Env> implements UpstreamMonitorCalls {
  private readonly database: ObjectDatabase;
  private readonly deps: Deps;
  private readonly log: Log;
  private readonly news = new ChangeSignal();
  private readonly questions = new Set<Question>();
  private readonly alarmClock: ObjectAlarm;
  private list: WatchList;
  private monitor: Monitor;
  private assignments: Assignments;
  private reading: Promise<void> | null = null;
  private assigning: Promise<void> = Promise.resolve();
  private againAtMs: number | null = null;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.database = sqlDatabase(ctx.storage);
    this.deps = depsOf(env);
    this.log = this.deps.logs('upstreams');
    this.alarmClock = new ObjectAlarm(ctx.storage);
    migrateMonitor(this.database);
    this.list = new WatchList(this.database);
    this.monitor = this.createMonitor();
    this.assignments = this.createAssignments();
    ctx.blockConcurrencyWhile(async () => {
      await this.alarmClock.load();
      await this.rearm();
    });
  }

  async announce(version: number): Promise<void> {
    if (!this.list.announce(version)) return;
    this.news.notify();
    await this.deps.watched.add({ kind: 'upstream-monitor', name: UPSTREAM_MONITOR_NAME });
    this.ctx.waitUntil(this.follow());
  }

  async sync(request: SyncRequest): Promise<SyncAnswer> {
    const { isolate, configVersion, reports, waitMs } = request;
    let wishes = request.probes;
    const untilMs = systemClock.now() + Math.min(waitMs, LIMITS.gatewaySyncMs);
    if (this.monitor.report(isolate, reports, systemClock.now())) this.news.notify();
    await this.rearm();
    const question: Question = { isolate, configVersion, upstreams: { ...request.upstreams } };
    this.joinQuestions(isolate, question.upstreams);
    this.questions.add(question);
    try {
      for (;;) {
        const nowMs = systemClock.now();
        if (this.monitor.pass(nowMs)) this.news.notify();
        const answer = this.newsFor(question, wishes, nowMs);
        // Whoever has waited since may have no request any more to probe with.
        wishes = [];
        if (answer.config !== null || Object.keys(answer.upstreams).length > 0 || nowMs >= untilMs) {
          const told = Object.entries(answer.upstreams).map(([key, { version }]) => [key, version] as const);
          this.joinQuestions(isolate, Object.fromEntries(told));
          return answer;
        }
        await this.nextNews(Math.min(untilMs, this.monitor.nextPassMs()) - nowMs);
      }
    } finally {
      this.questions.delete(question);
    }
  }

  /** What an isolate asks for now, the questions of it that wait already ask for too: it has called it since. */
  private joinQuestions(isolate: string, upstreams: Readonly<Record<UpstreamKey, number>>): void {
    for (const question of this.questions) {
      if (question.isolate === isolate) Object.assign(question.upstreams, upstreams);
    }
  }

  async found(checker: number, findings: Readonly<Record<UpstreamKey, UpstreamFindings>>): Promise<void> {
    this.takeFindings(checker, findings);
    // With what was found there may be more endpoints than so many objects check.
    if (Object.values(findings).some(({ endpoints }) => endpoints !== null)) await this.assign(false);
  }

  async describe(keys: readonly UpstreamKey[]): Promise<Readonly<Record<UpstreamKey, UpstreamDescription>>> {
    const nowMs = systemClock.now();
    this.monitor.pass(nowMs);
    const states = Object.entries(this.monitor.describe(keys, nowMs));
    const lastChecks: Record<UpstreamKey, Readonly<Record<string, number>>> = {};
    await this.askCheckers(keys, async (checker, own) => {
      Object.assign(lastChecks, await checker.lastChecks(own));
    });
    return Object.fromEntries(states.map(([key, state]) => [key, { ...state, lastChecks: lastChecks[key] ?? {} }]));
  }

  async checkDelays(): Promise<readonly CheckDelay[]> {
    const delays: CheckDelay[] = [];
    await this.askCheckers(this.watchedKeys(), async (checker) => {
      delays.push(...(await checker.delays()));
    });
    return delays;
  }

  async eraseNamespace(namespaceUid: string): Promise<void> {
    this.list.eraseNamespace(namespaceUid);
    this.monitor.eraseNamespace(namespaceUid);
    this.news.notify();
    await this.assign(false);
  }

  /** Looks whether the alarm is set, the present version read, and every checker at its work; a sweep calls it. */
  async tick(): Promise<void> {
    await this.alarmClock.load();
    await this.follow();
    await this.assign(true);
    await this.rearm();
  }

  /** It holds no socket of anybody. */
  async revoked(_owner: string): Promise<void> {}

  /** Forgets everything. */
  async erase(): Promise<void> {
    await this.ctx.storage.deleteAlarm();
    await this.ctx.storage.deleteAll();
    this.alarmClock.clear();
    migrateMonitor(this.database);
    this.list = new WatchList(this.database);
    this.monitor = this.createMonitor();
    this.news.notify();
    await this.assign(false);
  }

  override async alarm(): Promise<void> {
    this.alarmClock.clear();
    const nowMs = systemClock.now();
    if (this.monitor.pass(nowMs)) this.news.notify();
    if (this.againAtMs !== null && this.againAtMs <= nowMs) {
      this.ctx.waitUntil(this.follow().then(() => this.assign(false)));
    }
    await this.rearm();
  }

  private newsFor(
    { isolate, configVersion, upstreams }: Question,
    wishes: readonly UpstreamKey[],
    nowMs: number,
  ): SyncAnswer {
    const { version, manifestKey } = this.list;
    const config = version === 0 || version === configVersion ? null : { version, manifest: manifestKey };
    return { config, upstreams: this.monitor.newsFor(isolate, upstreams, wishes, nowMs) };
  }

  /** Reads what has been announced and not been read, once at a time. */
  private async follow(): Promise<void> {
    this.reading ??= this.readAnnounced().finally(() => {
      this.reading = null;
    });
    await this.reading;
    await this.rearm();
  }

  private async readAnnounced(): Promise<void> {
    this.againAtMs = null;
    try {
      while (this.list.readVersion < this.list.version) await this.readVersion();
    } catch (error) {
      this.log.warn('upstreams to watch not read; it is tried again', { version: this.list.version, error });
      this.againAtMs = systemClock.now() + AGAIN_MS;
    }
  }

  private async readVersion(): Promise<void> {
    const manifest = checkManifest(JSON.parse(new TextDecoder().decode(await this.readFile(this.list.manifestKey))));
    const contents = new Map<number, Shard>();
    for (const shard of this.list.unread(manifest)) contents.set(shard, await this.readShard(manifest, shard));
    this.list.take(manifest, contents);
    if (this.monitor.watch(this.watchedKeys(), systemClock.now())) this.news.notify();
    await this.assign(false);
  }

  private *watchedKeys(): Generator<UpstreamKey> {
    for (const [key] of this.list.upstreams()) yield key;
  }

  /** Tells checkers what is theirs: those for whom that is news, or with `again` each that has something. One at a time. */
  private assign(again: boolean): Promise<void> {
    // One that failed is no hindrance to the next.
    const go = () => this.assignNow(again);
    this.assigning = this.assigning.then(go, go);
    return this.assigning;
  }

  private async assignNow(again: boolean): Promise<void> {
    const upstreams = [...this.list.upstreams()];
    let endpoints = 0;
    for (const [key, entry] of upstreams) endpoints += this.monitor.endpointsOf(key, entry);
    this.assignments.resize(endpoints);
    const parts = this.assignments.parts(upstreams, again, systemClock.now());
    this.list.setCheckers(this.assignments.checkers, this.assignments.mostCheckers);
    for (const part of parts) {
      try {
        const known = this.monitor.findingsOf(part.upstreams.map(([key]) => key));
        const findings = await this.checker(part.checker).watch({ ...part, known });
        this.assignments.arrived(part);
        this.takeFindings(part.checker, findings);
      } catch (error) {
        this.log.warn('a checker was not told what to check; it is tried again', { checker: part.checker, error });
        this.againAtMs = systemClock.now() + AGAIN_MS;
        await this.rearm();
      }
    }
  }

  /** What is told by a checker that an upstream has moved away from is no news of it. */
  private takeFindings(checker: number, findings: Readonly<Record<UpstreamKey, UpstreamFindings>>): void {
    const own = Object.entries(findings).filter(([key]) => this.assignments.checkerOf(key) === checker);
    if (this.monitor.found(Object.fromEntries(own), systemClock.now())) this.news.notify();
  }

  /** Asks those who look after some upstreams; what one that does not answer would say is left out. */
  private async askCheckers(
    keys: Iterable<UpstreamKey>,
    ask: (checker: EndpointCheckerCalls, own: UpstreamKey[]) => Promise<void>,
  ): Promise<void> {
    const asked = new Map<number, UpstreamKey[]>();
    for (const key of keys) {
      const checker = this.assignments.checkerOf(key);
      asked.set(checker, [...(asked.get(checker) ?? []), key]);
    }
    for (const [checker, own] of asked) {
      try {
        await ask(this.checker(checker), own);
      } catch (error) {
        this.log.warn('a checker does not answer', { checker, error });
      }
    }
  }

  private checker(checker: number): EndpointCheckerCalls {
    return this.env.ENDPOINT_CHECKER.getByName(checkerName(checker));
  }

  private async readShard({ shards }: GatewayManifest, shard: number): Promise<Shard> {
    const ref = shards[shard];
    return ref === null ? {} : await decodeShard(ref, await this.readFile(shardFileKey(ref.hash), ref.bytes));
  }

  private async readFile(key: string, sizeBytes?: number): Promise<Uint8Array<ArrayBuffer>> {
    const { store } = this.deps;
    const bytes = sizeBytes ?? (await store.head(key))?.sizeBytes;
    if (bytes === undefined) throw new Error(`${key} is not in the store`);
    return new Uint8Array(await store.read(key, 0, bytes));
  }

  private createMonitor(): Monitor {
    const monitor = new Monitor(this.database, LIMITS.sharedBreakers, systemClock.now());
    monitor.watch(this.watchedKeys(), systemClock.now());
    return monitor;
  }

  private createAssignments(): Assignments {
    const { checkers, endpointsPerChecker } = LIMITS;
    return new Assignments({ checkers, endpoints: endpointsPerChecker }, this.list.checkers, this.list.mostCheckers);
  }

  private async rearm(): Promise<void> {
    const dueMs = Math.min(this.monitor.nextPassMs(), this.againAtMs ?? Number.POSITIVE_INFINITY);
    await this.alarmClock.arm(dueMs === Number.POSITIVE_INFINITY ? null : dueMs);
  }

  /** Until something changes, and no longer than so many milliseconds. */
  private nextNews(ms: number): Promise<void> {
    return new Promise((done) => {
      const callOff = systemTimer(Math.max(1, ms), () => {
        forget();
        done();
      });
      const forget = this.news.onNext(() => {
        callOff();
        done();
      });
    });
  }
}
