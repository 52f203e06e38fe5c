import { DurableObject } from 'cloudflare:workers';
import { ChangeSignal } from '../src/core/change-signal.ts';
import { systemClock } from '../src/core/clock.ts';
import { LIMITS } from '../src/core/limits.ts';
import { migrateObject, type ObjectDatabase } from '../src/core/object-database.ts';
import type { UpstreamKey } from '../src/core/protocol/gateway.ts';
import type {
  SyncAnswer,
  SyncRequest,
  UpstreamMonitorCalls,
  UpstreamState,
} from '../src/core/protocol/upstream-monitor.ts';
import { manifestFileKey } from '../src/traffic/snapshot/manifest.ts';

const FACTS = 'monitor_facts';

/** What the gateway's isolates read together: the version of the configuration, the health of upstreams, breakers that opened elsewhere. */
export class UpstreamMonitor extends DurableObject<Cloudflare.Env> implements UpstreamMonitorCalls {
  private readonly database: ObjectDatabase;
  private readonly news = new ChangeSignal();
  private version: number;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.database = {
      exec: (query, ...bindings) => ctx.storage.sql.exec(query, ...bindings).toArray(),
      transaction: (work) => ctx.storage.transactionSync(work),
    };
    migrateObject(this.database, FACTS, []);
    this.version = Number(
      this.database.exec(`SELECT value FROM ${FACTS} WHERE name = 'config-version'`)[0]?.value ?? 0,
    );
  }

  async announce(version: number): Promise<void> {
    if (version <= this.version) return;
    this.database.exec(`INSERT OR REPLACE INTO ${FACTS} (name, value) VALUES ('config-version', ?)`, String(version));
    this.version = version;
    this.news.notify();
  }

  async sync(request: SyncRequest): Promise<SyncAnswer> {
    const untilMs = systemClock.now() + Math.min(request.waitMs, LIMITS.gatewaySyncMs);
    for (;;) {
      const answer = this.newsFor(request);
      const leftMs = untilMs - systemClock.now();
      if (answer.config !== null || Object.keys(answer.upstreams).length > 0 || leftMs <= 0) return answer;
      await this.wait(leftMs);
    }
  }

  async describe(_keys: readonly UpstreamKey[]): Promise<Readonly<Record<UpstreamKey, UpstreamState>>> {
    return {};
  }

  async eraseNamespace(_namespaceUid: string): Promise<void> {}

  private newsFor({ configVersion }: SyncRequest): SyncAnswer {
    const { version } = this;
    const config = version === 0 || version === configVersion ? null : { version, manifest: manifestFileKey(version) };
    return { config, upstreams: {} };
  }

  /** Until something changes, and no longer than so many milliseconds. */
  private wait(ms: number): Promise<void> {
    return new Promise((done) => {
      const timer = setTimeout(() => {
        forget();
        done();
      }, ms);
      const forget = this.news.onNext(() => {
        clearTimeout(timer);
        done();
      });
    });
  }
}
