import type { ControlPlaneGateway } from '../core/protocol/control-plane.ts';
import type { CheckDelay } from '../core/protocol/endpoint-checker.ts';
import type { SeriesTotal } from '../core/protocol/metrics-hub.ts';
import {
  addUp,
  exposition,
  OPENMETRICS_TEXT,
  PROMETHEUS_TEXT,
  prefersOpenMetrics,
} from '../observe/metrics/exposition.ts';
import { FAMILIES } from '../observe/metrics/families.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

/** Fails where one of them does not answer: a scrape that lacked a hub would show counters that fall. */
export interface MetricsPorts {
  /** What every hub has. */
  readonly hubs: () => Promise<readonly (readonly SeriesTotal[])[]>;
  readonly listenerExpiries: ControlPlaneGateway['listenerExpiries'];
  readonly checkDelays: () => Promise<readonly CheckDelay[]>;
}

/** `/metrics`, for a scraper whose key is of all namespaces. */
export function mountMetrics(app: ApiApp, base: ApiBase, { hubs, listenerExpiries, checkDelays }: MetricsPorts): void {
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/metrics',
      access: { verb: 'get', resource: 'metrics' },
      tag: 'operations',
      summary:
        'What the gateway has counted, and when certificates of listeners end, as Prometheus text; OpenMetrics where Accept asks for it.',
      responses: { 200: { description: 'The metrics.', mediaTypes: ['text/plain', 'application/openmetrics-text'] } },
    },
    async ({ raw }) => {
      const openMetrics = prefersOpenMetrics(raw.headers.get('accept'));
      const [counted, expiries, checks] = await Promise.all([hubs(), listenerExpiries(), checkDelays()]);
      const certificates = expiries.map(({ namespace, gateway, listener, notAfterMs }) => ({
        family: FAMILIES.certificateExpiry.name,
        labels: [namespace, gateway, listener],
        value: notAfterMs / 1_000,
      }));
      const delays = checks.map(({ namespace, upstream, delayMs }) => ({
        family: FAMILIES.checkDelay.name,
        labels: [namespace, `${namespace}/${upstream}`],
        value: delayMs / 1_000,
      }));
      const text = exposition(addUp([...counted, certificates, delays]), openMetrics);
      return new Response(text, {
        headers: { 'content-type': openMetrics ? OPENMETRICS_TEXT : PROMETHEUS_TEXT, 'cache-control': 'no-store' },
      });
    },
  );
}
