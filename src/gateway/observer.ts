import type { Clock } from '../core/clock.ts';
import type { ErrorReporter } from '../observe/error-reporter.ts';
import type { Log } from '../observe/log.ts';
import type { AccessLog } from './access-log.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayMetrics } from './metrics/gateway-metrics.ts';
import type { MetricsFlush } from './metrics/metrics-flush.ts';
import type { Observer } from './pipeline.ts';
import { exportSpans } from './spans.ts';

/** Where what happened is told. */
export interface ObserverParts {
  readonly metrics: GatewayMetrics;
  readonly flush: Pick<MetricsFlush, 'soon'>;
  readonly accessLog: AccessLog;
  /** Where spans go. */
  readonly traceLog: Log;
  readonly reporter: (waitUntil: (work: Promise<unknown>) => void) => ErrorReporter;
  readonly clock: Clock;
}

/** A defect that every request meets is reported once in this time, and logged each time. */
const REPORT_EVERY_MS = 1_000;

/** What becomes known of the gateway outside: each exchange is counted, logged and traced, defects are reported. */
export function createObserver(parts: ObserverParts): Observer {
  const { metrics, flush, accessLog, traceLog, reporter, clock } = parts;
  let reportedMs = Number.NEGATIVE_INFINITY;
  return {
    routed: (exchange) => metrics.routed(exchange),
    failed({ requestId, action, waitUntil }: Exchange, error) {
      const nowMs = clock.now();
      if (nowMs - reportedMs < REPORT_EVERY_MS) return;
      reportedMs = nowMs;
      const route = action === null ? '' : `${action.route.namespace}/${action.route.name}`;
      reporter(waitUntil).report(error, { requestId, route });
    },
    turnedAway: (refusal, status) => metrics.turnedAway(refusal, status),
    finished(exchange) {
      metrics.finished(exchange);
      flush.soon(exchange.waitUntil);
      accessLog.finished(exchange);
      exportSpans(exchange, traceLog);
    },
  };
}
