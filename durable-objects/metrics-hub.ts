import { DurableObject } from 'cloudflare:workers';
import { systemClock } from '../src/core/clock.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { MetricsDelta, MetricsHubCalls, SeriesTotal } from '../src/core/protocol/metrics-hub.ts';
import { HubJournal } from '../src/observe/metrics/hub-journal.ts';
import { sqlDatabase } from './sql-database.ts';

/** Adds up what isolates of the gateway have counted; a shard of them, by its name. */
export class MetricsHub extends DurableObject<Cloudflare.Env> implements MetricsHubCalls {
  private readonly journal: HubJournal;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.journal = new HubJournal(sqlDatabase(ctx.storage), {
      series: LIMITS.metricsSeries,
      idleMs: LIMITS.metricsIdleMs,
      forgetMs: LIMITS.metricsForgetMs,
      isolateMs: LIMITS.metricsIsolateMs,
      repeatMs: LIMITS.metricsRepeatMs,
    });
  }

  /** Answered once it is written: the platform holds an answer back until its writes are. */
  async take(delta: MetricsDelta): Promise<void> {
    this.journal.take(delta, systemClock.now());
  }

  async read(): Promise<readonly SeriesTotal[]> {
    return this.journal.totals.read(systemClock.now());
  }
}
