import type { SeriesTotal } from '../core/protocol/metrics-hub.ts';
import {
  addUp,
  exposition,
  OPENMETRICS_TEXT,
  PROMETHEUS_TEXT,
  prefersOpenMetrics,
} from '../observe/metrics/exposition.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

/** What every hub has. Fails where one does not answer: a scrape that lacked some would show counters that fall. */
export type ReadMetrics = () => Promise<readonly (readonly SeriesTotal[])[]>;

/** `/metrics`, for a scraper whose key is of all namespaces. */
export function mountMetrics(app: ApiApp, base: ApiBase, read: ReadMetrics): void {
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/metrics',
      access: { verb: 'get', resource: 'metrics' },
      tag: 'operations',
      summary: 'What the gateway has counted, as Prometheus text; OpenMetrics where Accept asks for it.',
      responses: { 200: { description: 'The metrics.', mediaTypes: ['text/plain', 'application/openmetrics-text'] } },
    },
    async ({ raw }) => {
      const openMetrics = prefersOpenMetrics(raw.headers.get('accept'));
      const text = exposition(addUp(await read()), openMetrics);
      return new Response(text, {
        headers: { 'content-type': openMetrics ? OPENMETRICS_TEXT : PROMETHEUS_TEXT, 'cache-control': 'no-store' },
      });
    },
  );
}
