import { toHex } from '../core/bytes.ts';
import type { Random } from '../core/random.ts';

/** W3C trace context of one request: https://www.w3.org/TR/trace-context/ */
export interface TraceContext {
  /** 32 hex digits, shared by everything the request causes. */
  readonly traceId: string;
  /** 16 hex digits: this request's own span. */
  readonly spanId: string;
  readonly sampled: boolean;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;

/** Takes up the caller's trace with a span of our own, or starts one where there is none or it is malformed. */
export function takeUpTrace(traceparent: string | undefined, random: Random): TraceContext {
  const spanId = toHex(random.bytes(8));
  const match = traceparent === undefined ? null : TRACEPARENT.exec(traceparent);
  if (match && match[1] !== 'ff' && !/^0+$/.test(match[2]) && !/^0+$/.test(match[3])) {
    return { traceId: match[2], spanId, sampled: (Number.parseInt(match[4], 16) & 1) === 1 };
  }
  return { traceId: toHex(random.bytes(16)), spanId, sampled: false };
}

/** The header that passes the trace on. */
export function traceparentOf(trace: TraceContext): string {
  return `00-${trace.traceId}-${trace.spanId}-${trace.sampled ? '01' : '00'}`;
}
