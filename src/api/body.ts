import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';

function tooLarge(): OrasiError {
  return new OrasiError(
    'payload_too_large',
    `a request carries at most ${LIMITS.requestBodyBytes} bytes; use a resumable upload`,
  );
}

/** The length a request declares; the runtime holds it to that. Throws `payload_too_large`. */
export function declaredSize(headers: Headers): number | undefined {
  const text = headers.get('content-length');
  if (text === null) return undefined;
  const sizeBytes = Number(text);
  if (sizeBytes > LIMITS.requestBodyBytes) throw tooLarge();
  return sizeBytes;
}

/** A body without a declared length may still outgrow the bound; it is cut off there with an error. */
export function boundedBody(body: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  let bytes = 0;
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        bytes += chunk.length;
        if (bytes > LIMITS.requestBodyBytes) controller.error(tooLarge());
        else controller.enqueue(chunk);
      },
    }),
  );
}

/** Does what stores a request's body. Throws `bad_request` where it failed for the body having broken off. */
export async function receiving<T>({ body }: Request, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof OrasiError || body === null || !(await hasBroken(body))) throw error;
    throw brokenBody(error);
  }
}

/** A body that ended before its end: fewer bytes than were declared, or chunks that are none. */
export function brokenBody(cause: unknown): OrasiError {
  const message = 'expected all of it: the request ended before its body did';
  return new OrasiError('bad_request', `(body): ${message}`, { errors: [{ path: '(body)', message }], cause });
}

/** Whether it is the stream itself that failed, and not whoever read it. */
async function hasBroken(body: ReadableStream<Uint8Array>): Promise<boolean> {
  if (body.locked) return false;
  const reader = body.getReader();
  const broken = await Promise.race([
    reader.closed.then(
      () => false,
      () => true,
    ),
    new Promise<boolean>((resolve) => setTimeout(() => resolve(false), 0)),
  ]);
  reader.releaseLock();
  return broken;
}
