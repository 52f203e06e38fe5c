import type { Clock } from '../../core/clock.ts';
import { LIMITS } from '../../core/limits.ts';
import type { MetricsDelta, MetricsHubCalls } from '../../core/protocol/metrics-hub.ts';
import type { Log } from '../../observe/log.ts';
import type { GatewayMetrics, UpstreamReadings } from './gateway-metrics.ts';

/** What telling the hubs stands on. */
export interface MetricsFlushParts {
  readonly isolate: string;
  readonly metrics: GatewayMetrics;
  readonly upstreams: UpstreamReadings;
  /** A stub that threw is broken, so each call takes a new one. */
  readonly hub: () => Pick<MetricsHubCalls, 'take'>;
  /** Resolves after so many milliseconds, in the request that calls it. */
  readonly pause: (ms: number) => Promise<void>;
  readonly flushMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** A flush that is this late died with the request that was to make it. */
const LOST_AFTER_MS = 20_000;

/**
 * Tells the hub what the isolate has counted, once in `flushMs` at most, and no later than that after it was counted.
 * A delta that the hub may not have is sent again, with its number, until it says that it has it. What was counted
 * and not told goes with the isolate: that tail is all that is lost.
 */
export class MetricsFlush {
  readonly #parts: MetricsFlushParts;
  #begunMs: number | null = null;
  #lastMs = Number.NEGATIVE_INFINITY;
  #sequence = 0;
  /** The delta that the hub has not confirmed, and when it was made. */
  #unconfirmed: { readonly delta: MetricsDelta; readonly madeMs: number } | null = null;

  constructor(parts: MetricsFlushParts) {
    this.#parts = parts;
  }

  /** Sees to it that what has been counted is told in time: called with each request that ends. */
  soon(waitUntil: (work: Promise<unknown>) => void): void {
    const { clock, metrics, flushMs } = this.#parts;
    const nowMs = clock.now();
    if (this.#begunMs !== null && nowMs - this.#begunMs < flushMs + LOST_AFTER_MS) return;
    if (!metrics.hasChanged && this.#unconfirmed === null) return;
    this.#begunMs = nowMs;
    const dueMs = Math.max(nowMs, this.#lastMs + flushMs);
    // The first one waits as well: it has more to tell then.
    waitUntil(this.#flushIn(this.#lastMs === Number.NEGATIVE_INFINITY ? flushMs : dueMs - nowMs, nowMs));
  }

  async #flushIn(delayMs: number, begunMs: number): Promise<void> {
    const { pause, clock, log } = this.#parts;
    if (delayMs > 0) await pause(delayMs);
    // One that was taken for lost has been replaced.
    if (this.#begunMs !== begunMs) return;
    this.#lastMs = clock.now();
    try {
      await this.#tell();
    } catch (error) {
      log.warn('metrics not taken; they are told again', { error });
    } finally {
      if (this.#begunMs === begunMs) this.#begunMs = null;
    }
  }

  async #tell(): Promise<void> {
    const { isolate, metrics, upstreams, hub, clock, log } = this.#parts;
    const nowMs = clock.now();
    if (this.#unconfirmed !== null && nowMs - this.#unconfirmed.madeMs > LIMITS.metricsRepeatMs) {
      // Later the hub may have forgotten which deltas it has, and count this one twice.
      log.warn('metrics given up', { series: this.#unconfirmed.delta.series.length });
      this.#unconfirmed = null;
    }
    metrics.objectCall('MetricsHub');
    if (this.#unconfirmed === null) {
      this.#sequence += 1;
      const series = metrics.takeSeries(LIMITS.metricsDeltaSeries);
      const gauges = metrics.gauges(upstreams).slice(0, LIMITS.metricsDeltaSeries);
      this.#unconfirmed = { delta: { isolate, sequence: this.#sequence, series, gauges }, madeMs: nowMs };
    }
    const told = this.#unconfirmed;
    await hub().take(told.delta);
    if (this.#unconfirmed === told) this.#unconfirmed = null;
  }
}
