import { OrasiError } from '../core/errors.ts';
import { brokenBody } from './body.ts';

/** Base64 makes a third more of a value of 1.5 MiB; the rest is for what is around it. */
const MAX_BYTES = 2.5 * 1024 * 1024;

/** The text of a body of etcd's API, held whole. Throws `payload_too_large` or `bad_request`. */
export async function readKvBody({ body }: Request): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    for await (const chunk of (body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > MAX_BYTES) throw new OrasiError('payload_too_large', `a body has at most ${MAX_BYTES} bytes`);
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    throw error instanceof OrasiError ? error : brokenBody(error);
  }
  return text + decoder.decode();
}
