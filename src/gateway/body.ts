import { LIMITS } from '../core/limits.ts';
import type { Exchange } from './exchange.ts';

/** The length a body announces; null where it announces none. */
export function announcedBytes(headers: Headers): number | null {
  const text = headers.get('content-length');
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}

/**
 * Makes the request's body one that can be sent more than once, where it is short and says so. One of unknown length is
 * left alone: it may be a conversation, which must not wait for its own end. Tells whether it can be repeated.
 */
export async function keepCopy(exchange: Exchange): Promise<boolean> {
  const { body } = exchange;
  if (body === null || body instanceof Uint8Array) return true;
  const length = announcedBytes(exchange.request.headers);
  if (length === null || length > LIMITS.gatewayCopyBytes) return false;
  exchange.body = new Uint8Array(await new Response(body).arrayBuffer());
  return true;
}

/** A body under watch: `ended` tells, once, how many bytes of it went through and whether that was all. */
export interface WatchedBody {
  readonly body: ReadableStream<Uint8Array>;
  readonly ended: Promise<{ readonly bytes: number; readonly whole: boolean }>;
}

/** Watches a body on its way; one of known length passes without being touched by this isolate's JavaScript. */
export function watchBody(body: ReadableStream<Uint8Array>, bytes: number | null): WatchedBody {
  if (bytes !== null) {
    const { readable, writable } = new FixedLengthStream(bytes);
    return { body: readable, ended: endOf(body.pipeTo(writable), () => bytes) };
  }
  let passed = 0;
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      passed += chunk.byteLength;
      controller.enqueue(chunk);
    },
  });
  return { body: readable, ended: endOf(body.pipeTo(writable), () => passed) };
}

function endOf(pipe: Promise<void>, bytes: () => number): WatchedBody['ended'] {
  return pipe.then(
    () => ({ bytes: bytes(), whole: true }),
    () => ({ bytes: bytes(), whole: false }),
  );
}
