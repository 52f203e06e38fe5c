import type { ErrorReporter } from '../observe/error-reporter.ts';
import type { Exchange } from './exchange.ts';
import type { GatewayMetrics } from './metrics/gateway-metrics.ts';
import type { MetricsFlush } from './metrics/metrics-flush.ts';
import type { Observer } from './pipeline.ts';

export interface ObserverParts {
  readonly metrics: GatewayMetrics;
  readonly flush: Pick<MetricsFlush, 'soon'>;
  readonly reporter: (waitUntil: (work: Promise<unknown>) => void) => ErrorReporter;
}

/** What becomes known of the gateway outside: each exchange is counted, defects are reported. */
export function createObserver({ metrics, flush, reporter }: ObserverParts): Observer {
  return {
    routed: (exchange) => metrics.routed(exchange),
    failed({ requestId, action, waitUntil }: Exchange, error) {
      const route = action === null ? '' : `${action.route.namespace}/${action.route.name}`;
      reporter(waitUntil).report(error, { requestId, route });
    },
    finished(exchange) {
      metrics.finished(exchange);
      flush.soon(exchange.waitUntil);
    },
  };
}
