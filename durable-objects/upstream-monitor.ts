import { DurableObject } from 'cloudflare:workers';
import { ChangeSignal } from '../src/core/change-signal.ts';
import { systemClock } from '../src/core/clock.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { ObjectDatabase } from '../src/core/object-database.ts';
import type { GatewayManifest, UpstreamKey } from '../src/core/protocol/gateway.ts';
import {
  type SyncAnswer,
  type SyncRequest,
  UPSTREAM_MONITOR_NAME,
  type UpstreamMonitorCalls,
  type UpstreamState,
} from '../src/core/protocol/upstream-monitor.ts';
import { systemRandom } from '../src/core/random.ts';
import { type Deps, depsOf } from '../src/deps.ts';
import type { Log } from '../src/observe/log.ts';
import { Monitor } from '../src/traffic/monitor/monitor.ts';
import { migrateMonitor, WatchList } from '../src/traffic/monitor/watch-list.ts';
import { checkManifest } from '../src/traffic/snapshot/manifest.ts';
import { decodeShard, type Shard, shardFileKey } from '../src/traffic/snapshot/shard.ts';
import { EndpointProbes } from './endpoint-probes.ts';
import { ObjectAlarm } from './object-alarm.ts';

/** A question of an isolate that is being answered, or waits for news. */
interface Question {
  readonly isolate: string;
  readonly configVersion: number;
  readonly upstreams: Record<UpstreamKey, number>;
}

/** Before a version that could not be read is read again. */
const READ_AGAIN_MS = 5_000;

/**
 * What the gateway's isolates read together: the version of the configuration, what discovery finds, the health of
 * endpoints, breakers that opened elsewhere. It asks endpoints and registries by its alarm, for all isolates.
 */
export class UpstreamMonitor extends DurableObject<Cloudflare.Env> implements UpstreamMonitorCalls {
  private readonly database: ObjectDatabase;
  private readonly deps: Deps;
  private readonly log: Log;
  private readonly news = new ChangeSignal();
  private readonly questions = new Set<Question>();
  private readonly alarmClock: ObjectAlarm;
  private readonly probes: EndpointProbes;
  private list: WatchList;
  private monitor: Monitor;
  private reading: Promise<void> | null = null;
  private readAgainAtMs: number | null = null;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.database = {
      exec: (query, ...bindings) => ctx.storage.sql.exec(query, ...bindings).toArray(),
      transaction: (work) => ctx.storage.transactionSync(work),
    };
    this.deps = depsOf(env);
    this.log = this.deps.logs('upstreams');
    this.alarmClock = new ObjectAlarm(ctx.storage);
    this.probes = new EndpointProbes(this.deps, this.log);
    migrateMonitor(this.database);
    this.list = new WatchList(this.database);
    this.monitor = this.createMonitor();
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

  async describe(keys: readonly UpstreamKey[]): Promise<Readonly<Record<UpstreamKey, UpstreamState>>> {
    const nowMs = systemClock.now();
    this.monitor.pass(nowMs);
    return this.monitor.describe(keys, nowMs);
  }

  async eraseNamespace(namespaceUid: string): Promise<void> {
    this.list.eraseNamespace(namespaceUid);
    this.monitor.eraseNamespace(namespaceUid);
    this.news.notify();
  }

  /** Looks whether the alarm is set as it should be, and whether the present version was read; a sweep calls it. */
  async tick(): Promise<void> {
    await this.alarmClock.load();
    await this.follow();
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
  }

  override async alarm(): Promise<void> {
    this.alarmClock.clear();
    const nowMs = systemClock.now();
    if (this.monitor.pass(nowMs)) this.news.notify();
    if (this.readAgainAtMs !== null && this.readAgainAtMs <= nowMs) this.ctx.waitUntil(this.follow());
    const { checks, discoveries } = this.monitor.due(nowMs);
    // Answers come in their own time: the alarm has to ring for others before.
    for (const due of discoveries) {
      this.ctx.waitUntil(
        this.probes.discover(due).then((answer) => this.took(this.monitor.discovered(due, answer, systemClock.now()))),
      );
    }
    for (const due of checks) {
      this.ctx.waitUntil(
        this.probes.check(due).then((result) => this.took(this.monitor.checked(due, result, systemClock.now()))),
      );
    }
    await this.rearm();
  }

  /** An answer was taken; what it changed is told. */
  private async took(changed: boolean): Promise<void> {
    if (changed) this.news.notify();
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
  private follow(): Promise<void> {
    this.reading ??= this.readAnnounced().finally(() => {
      this.reading = null;
    });
    return this.reading;
  }

  private async readAnnounced(): Promise<void> {
    this.readAgainAtMs = null;
    try {
      while (this.list.readVersion < this.list.version) await this.readVersion();
    } catch (error) {
      this.log.warn('upstreams to watch not read; it is tried again', { version: this.list.version, error });
      this.readAgainAtMs = systemClock.now() + READ_AGAIN_MS;
    }
    await this.rearm();
  }

  private async readVersion(): Promise<void> {
    const manifest = checkManifest(JSON.parse(new TextDecoder().decode(await this.readFile(this.list.manifestKey))));
    const contents = new Map<number, Shard>();
    for (const shard of this.list.unread(manifest)) contents.set(shard, await this.readShard(manifest, shard));
    this.list.take(manifest, contents);
    if (this.monitor.watch(this.list.upstreams(), systemClock.now())) this.news.notify();
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
    const limits = { checkedEndpoints: LIMITS.checkedEndpoints, breakers: LIMITS.sharedBreakers };
    const monitor = new Monitor(this.database, systemRandom, limits, systemClock.now());
    monitor.watch(this.list.upstreams(), systemClock.now());
    return monitor;
  }

  private async rearm(): Promise<void> {
    const dues = [this.monitor.nextDueMs(), this.readAgainAtMs].filter((due) => due !== null);
    await this.alarmClock.arm(dues.length === 0 ? null : Math.min(...dues));
  }

  /** Until something changes, and no longer than so many milliseconds. */
  private nextNews(ms: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(
        () => {
          forget();
          done();
        },
        Math.max(1, ms),
      );
      const forget = this.news.onNext(() => {
        clearTimeout(timer);
        done();
      });
    });
  }
}
