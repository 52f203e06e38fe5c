import { LIMITS } from '../core/limits.ts';
import { within } from '../core/timer.ts';
import type { Exchange } from './exchange.ts';

/** The length a body announces; null where it announces none. */
export function announcedBytes(headers: Pick<Headers, 'get'>): number | null {
  const text = headers.get('content-length');
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/**
 * Takes the request's body whole, where it is short and says so: then it can be sent more than once, and a client that
 * breaks it off is not taken for an upstream that does. One of unknown length is left alone: it may be a conversation,
 * which must not wait for its own end. Tells whether the request can be repeated.
 *
 * @param withinMs how long the client may take for it; 0: as long as it likes
 */
export async function keepCopy(exchange: Exchange, withinMs = 0): Promise<boolean> {
  const { body } = exchange;
  if (body === null || body instanceof Uint8Array) return true;
  const { method } = exchange.request;
  const length = announcedBytes(exchange.given);
  if (length === null || length > LIMITS.gatewayCopyBytes || method === 'GET' || method === 'HEAD') return false;
  try {
    const whole = new Response(body).arrayBuffer();
    const bytes = withinMs === 0 ? await whole : await within(withinMs, whole, null);
    if (bytes !== null) exchange.body = new Uint8Array(bytes);
    else exchange.bodyFault ??= { code: 'timeout', detail: 'the body of the request has not come in time' };
  } catch {
    exchange.bodyFault ??= { code: 'bad_request', detail: 'the body of the request broke off' };
  }
  return exchange.bodyFault === null;
}

/**
 * Notes when the request's body, where that is a stream, has come whole from its client: what then goes wrong is the
 * upstream's. One of GET has to stay the one that came with the request, and is not noted.
 */
export function noteEnd(exchange: Exchange): { readonly isWhole: boolean } {
  const upload = { isWhole: false };
  const { body, request } = exchange;
  if (body === null || body instanceof Uint8Array || request.method === 'GET' || request.method === 'HEAD')
    return upload;
  const bytes = announcedBytes(exchange.given);
  const { readable, writable } = bytes === null ? new IdentityTransformStream() : new FixedLengthStream(bytes);
  exchange.body = readable;
  // A side that breaks is seen by whoever reads or writes it.
  body.pipeTo(writable).then(
    () => {
      upload.isWhole = true;
    },
    () => undefined,
  );
  return upload;
}

/** A body under watch: `ended` tells, once, how many bytes of it went through and whether that was all. */
export interface WatchedBody {
  readonly body: ReadableStream<Uint8Array>;
  readonly ended: Promise<{ readonly bytes: number; readonly whole: boolean }>;
}

/** Of one read. Larger pieces cost a watched body less CPU, and hold more memory of each. */
const PIECE_BYTES = 64 * 1024;

/**
 * Passes a body on piece by piece, counted. It is broken off where nothing has come for `idleMs` (0: never), so that the
 * client sees it is not whole.
 *
 * @param bytes what the body announces, which the answer then announces too; null for none
 * @param passed is told, after each piece, how many bytes have gone through
 */
export function watchBody(
  body: ReadableStream<Uint8Array>,
  bytes: number | null,
  idleMs: number,
  passed: (bytes: number) => void,
): WatchedBody {
  const { readable, writable } = bytes === null ? new IdentityTransformStream() : new FixedLengthStream(bytes);
  return { body: readable, ended: pass(body, writable, idleMs, passed) };
}

async function pass(
  body: ReadableStream<Uint8Array>,
  writable: WritableStream<Uint8Array>,
  idleMs: number,
  passed: (bytes: number) => void,
): Promise<{ bytes: number; whole: boolean }> {
  const reader = body.getReader({ mode: 'byob' });
  const writer = writable.getWriter();
  let bytes = 0;
  let stalled: (() => void) | null = null;
  // What is given up is a read: a client that takes its time does not count.
  const lateness = new Promise<never>((_, reject) => {
    stalled = () => reject(new Error('no piece of the body came in time'));
  });
  lateness.catch(() => undefined);
  try {
    for (;;) {
      const timer = idleMs === 0 ? null : setTimeout(() => stalled?.(), idleMs);
      const piece = await Promise.race([reader.read(new Uint8Array(PIECE_BYTES)), lateness]);
      if (timer !== null) clearTimeout(timer);
      if (piece.done) break;
      await writer.write(piece.value);
      bytes += piece.value.byteLength;
      passed(bytes);
    }
    await writer.close();
    return { bytes, whole: true };
  } catch (error) {
    // Both ends are told; either may be the one that broke.
    await Promise.allSettled([reader.cancel(error), writer.abort(error)]);
    return { bytes, whole: false };
  }
}
