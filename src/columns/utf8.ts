const encoder = new TextEncoder();

/**
 * Writes text as UTF-8 at `at` and returns where it ends. The target has room for three bytes a unit.
 * Short ASCII, the common case, is written without entering the encoder.
 */
export function writeText(text: string, into: Uint8Array, at: number): number {
  const length = text.length;
  if (length < 48) {
    let i = 0;
    for (; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code > 0x7f) break;
      into[at + i] = code;
    }
    if (i === length) return at + length;
  }
  return at + encoder.encodeInto(text, into.subarray(at)).written;
}

/** Reads bytes known to be ASCII. */
export function asciiText(bytes: Uint8Array, start: number, end: number): string {
  let text = '';
  for (let i = start; i < end; i++) text += String.fromCharCode(bytes[i]);
  return text;
}

/** Whether bytes are well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
export function validUtf8(bytes: Uint8Array, start: number, end: number): boolean {
  let i = start;
  while (i < end) {
    const lead = bytes[i];
    if (lead < 0x80) {
      i++;
      continue;
    }
    const more =
      lead >= 0xc2 && lead <= 0xdf ? 1 : lead >= 0xe0 && lead <= 0xef ? 2 : lead >= 0xf0 && lead <= 0xf4 ? 3 : 0;
    if (more === 0 || i + more >= end) return false;
    // The first continuation byte carries what the Unicode standard's table 3-7 restricts.
    const second = bytes[i + 1];
    const low = lead === 0xe0 ? 0xa0 : lead === 0xf0 ? 0x90 : 0x80;
    const high = lead === 0xed ? 0x9f : lead === 0xf4 ? 0x8f : 0xbf;
    if (second < low || second > high) return false;
    for (let k = 2; k <= more; k++) if ((bytes[i + k] & 0xc0) !== 0x80) return false;
    i += more + 1;
  }
  return true;
}
