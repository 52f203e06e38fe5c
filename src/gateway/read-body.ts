import { announcedBytes } from './body.ts';
import type { Exchange } from './exchange.ts';

/** Whether a body comes, or may: one of unknown length can turn out to be empty. The runtime has a stream for one of length 0 too. */
export function mayHaveBody({ body, given }: Pick<Exchange, 'body' | 'given'>): boolean {
  return body !== null && announcedBytes(given) !== 0;
}

/**
 * Reads the body whole, for who has to see all of it before the upstream sees any, and puts the bytes in its place.
 * Null where it is longer than `maxBytes`; no more than that is held.
 */
export async function readBody(exchange: Exchange, maxBytes: number): Promise<Uint8Array | null> {
  const { body } = exchange;
  if (body === null) return new Uint8Array();
  if (body instanceof Uint8Array) return body.byteLength > maxBytes ? null : body;
  const announced = announcedBytes(exchange.given);
  if (announced !== null && announced > maxBytes) return null;
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const reader = body.getReader();
  for (;;) {
    // A smaller bound of another policy may have ended it.
    const next = await reader.read().catch((error: unknown) => {
      if (exchange.bodyFault === null) throw error;
      return null;
    });
    if (next === null) return null;
    if (next.done) break;
    bytes += next.value.byteLength;
    if (bytes > maxBytes) {
      await reader.cancel().catch(() => {});
      return null;
    }
    chunks.push(next.value);
  }
  const whole = new Uint8Array(bytes);
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  exchange.body = whole;
  return whole;
}

/** Ends the request, and says why, as soon as more than `maxBytes` of its body have come. */
export function boundBody(exchange: Exchange, maxBytes: number): void {
  const { body } = exchange;
  if (body === null || body instanceof Uint8Array) return;
  let bytes = 0;
  exchange.body = body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.byteLength;
        if (bytes <= maxBytes) controller.enqueue(chunk);
        else {
          exchange.bodyFault = { code: 'body_too_large', detail: tooLarge(maxBytes) };
          controller.error(new Error(tooLarge(maxBytes)));
        }
      },
    }),
  );
}

export function tooLarge(maxBytes: number): string {
  return `the body is larger than ${maxBytes} bytes`;
}
