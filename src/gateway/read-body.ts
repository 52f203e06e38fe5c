import { concatBytes } from '../core/bytes.ts';
import type { ErrorCode } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { within } from '../core/timer.ts';
import { announcedBytes } from './body.ts';
import type { Exchange } from './exchange.ts';

/** Whether a body comes, or may: one of unknown length can turn out to be empty. The runtime has a stream for one of length 0 too. */
export function mayHaveBody({ body, given }: Pick<Exchange, 'body' | 'given'>): boolean {
  return body !== null && announcedBytes(given) !== 0;
}

/**
 * Reads the body whole, for who has to see all of it before the upstream sees any, and puts the bytes in its place.
 * Null where that cannot be done, and `exchange.bodyFault` then says why: it is longer than `maxBytes`, of which no more
 * is held, it broke off, or its client takes longer than the rule's time, and ten seconds at most.
 */
export async function readBody(exchange: Exchange, maxBytes: number): Promise<Uint8Array | null> {
  const { body, given } = exchange;
  if (body === null) return new Uint8Array();
  const fault = (code: ErrorCode, detail: string): null => {
    exchange.bodyFault ??= { code, detail };
    return null;
  };
  if (body instanceof Uint8Array)
    return body.byteLength > maxBytes ? fault('body_too_large', tooLarge(maxBytes)) : body;
  if ((announcedBytes(given) ?? 0) > maxBytes) return fault('body_too_large', tooLarge(maxBytes));
  const reader = body.getReader();
  const requestMs = exchange.action?.timeouts.requestMs ?? 0;
  const withinMs = requestMs === 0 ? LIMITS.checkedBodyMs : Math.min(requestMs, LIMITS.checkedBodyMs);
  try {
    const read = await within(withinMs, readAll(reader, maxBytes), 'late' as const);
    if (read === 'late') return fault('timeout', 'the body of the request has not come in time');
    if (read === null) return fault('body_too_large', tooLarge(maxBytes));
    exchange.body = read;
    return read;
  } catch {
    // A smaller bound of another policy may have ended it, and has said so.
    return fault('bad_request', 'the body of the request broke off');
  } finally {
    // What was not read is not wanted; of what was, this changes nothing.
    reader.cancel().catch(() => undefined);
  }
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>, maxBytes: number): Promise<Uint8Array | null> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    bytes += value.byteLength;
    if (bytes > maxBytes) return null;
    chunks.push(value);
  }
  return concatBytes(chunks);
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

/** Why there is no body, where nothing else is said. */
export const NO_BODY = { code: 'bad_request', detail: 'the body of the request could not be read' } as const;

/** What is said of a body beyond its bound. */
export function tooLarge(maxBytes: number): string {
  return `the body is larger than ${maxBytes} bytes`;
}
