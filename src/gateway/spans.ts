import type { Log } from '../observe/log.ts';
import type { Call, Exchange } from './exchange.ts';

/**
 * A span with OpenTelemetry's names: https://opentelemetry.io/docs/specs/semconv/http/http-spans/. Times are as exact as
 * the platform's clock, which moves with each I/O operation and in milliseconds.
 */
export interface Span {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | null;
  readonly name: string;
  readonly kind: 'SERVER' | 'CLIENT';
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: 'UNSET' | 'ERROR';
  readonly attributes: Readonly<Record<string, string | number>>;
}

/** Writes the spans of exchanges whose trace is sampled as lines of a log. */
export function exportSpans(exchange: Exchange, log: Log): void {
  if (!exchange.trace.sampled) return;
  for (const span of spansOf(exchange)) log.info('span', { ...span });
}

/** One for the exchange as the client sees it, one for each call of an endpoint below it. */
export function spansOf(exchange: Exchange): Span[] {
  const { trace, target, action, startedMs, endedMs, status, calls } = exchange;
  const route = action === null ? null : `${action.route.namespace}/${action.route.name}`;
  const attributes: Record<string, string | number> = {
    'http.request.method': target.method,
    'url.scheme': target.scheme,
    'url.path': target.path,
    'server.address': target.host,
    'http.response.status_code': status,
    'orasi.request_id': exchange.requestId,
  };
  if (route !== null) attributes['orasi.route'] = route;
  if (exchange.clientIp !== null) attributes['client.address'] = exchange.clientIp;
  if (exchange.refusal !== null) attributes['error.type'] = exchange.refusal.code;
  else if (status >= 500) attributes['error.type'] = String(status);
  const server: Span = {
    traceId: trace.traceId,
    spanId: trace.spanId,
    parentSpanId: trace.parentSpanId,
    name: route === null ? target.method : `${target.method} ${route}`,
    kind: 'SERVER',
    startTimeUnixNano: nanoseconds(startedMs),
    endTimeUnixNano: nanoseconds(endedMs),
    status: status >= 500 ? 'ERROR' : 'UNSET',
    attributes,
  };
  return [server, ...calls.flatMap((call, i) => clientSpan(exchange, call, i) ?? [])];
}

function clientSpan({ trace, target, backend }: Exchange, call: Call, index: number): Span | null {
  if (call.spanId === null) return null;
  const { status, fault, headMs } = call.outcome;
  const attributes: Record<string, string | number> = {
    'http.request.method': target.method,
    'server.address': call.endpoint,
  };
  if (backend !== null) attributes['orasi.upstream'] = backend.name;
  if (status !== null) attributes['http.response.status_code'] = status;
  if (index > 0) attributes['http.request.resend_count'] = index;
  const error = fault ?? (status !== null && status >= 400 ? String(status) : null);
  if (error !== null) attributes['error.type'] = error;
  return {
    traceId: trace.traceId,
    spanId: call.spanId,
    parentSpanId: trace.spanId,
    name: target.method,
    kind: 'CLIENT',
    startTimeUnixNano: nanoseconds(call.startedMs),
    endTimeUnixNano: nanoseconds(call.startedMs + headMs),
    status: error === null ? 'UNSET' : 'ERROR',
    attributes,
  };
}

function nanoseconds(ms: number): string {
  return `${Math.round(ms)}000000`;
}
