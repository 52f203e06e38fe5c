import { fromBase64 } from '../core/bytes.ts';

/** The bytes of a Byte Sequence of a structured header field (RFC 8941, section 3.3.5), `:base64:`; null for another text. */
export function byteSequence(text: string): Uint8Array<ArrayBuffer> | null {
  const match = /^:([A-Za-z0-9+/]*={0,2}):$/.exec(text);
  return match === null ? null : fromBase64(match[1]);
}
