import { toHex } from '../core/bytes.ts';
import type { Random } from '../core/random.ts';

/** W3C trace context of one request: https://www.w3.org/TR/trace-context/ */
export interface TraceContext {
  /** 32 hex digits, shared by everything the request causes. */
  readonly traceId: string;
  /** 16 hex digits: this request's own span. */
  readonly spanId: string;
  /** Of the caller's span; null where the trace begins here. */
  readonly parentSpanId: string | null;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Takes up the caller's trace with a span of our own, or starts one where there is none or it is malformed: of these
 * `share` are sampled, of the caller's those that it samples.
 */
export function takeUpTrace(traceparent: string | undefined, random: Random, share = 0): TraceContext {
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  // Version 00 has no more parts; of a later one those that are known are taken.
  const isWhole = match !== null && match[1] !== 'ff' && (match[1] !== '00' || match[5] === undefined);
  if (isWhole && !/^0+$/.test(match[2]) && !/^0+$/.test(match[3])) {
    const [, , traceId, parentSpanId, flags] = match;
    return { traceId, spanId: newSpanId(random), parentSpanId, sampled: (Number.parseInt(flags, 16) & 1) === 1 };
  }
  const ids = toHex(random.bytes(24));
  const sampled = share > 0 && random.next() < share;
  return { traceId: ids.slice(0, 32), spanId: ids.slice(32), parentSpanId: null, sampled };
}

export function newSpanId(random: Random): string {
  return toHex(random.bytes(8));
}

/** The header that passes the trace on, from its own span or from `spanId` below it. */
export function traceparentOf(trace: TraceContext, spanId = trace.spanId): string {
  return `00-${trace.traceId}-${spanId}-${trace.sampled ? '01' : '00'}`;
}
