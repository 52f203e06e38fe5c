/** Text and byte bounds are cut to this length; a bound need not be a value. */
const BOUND_BYTES = 64;

/** A lower bound of at most `BOUND_BYTES`; a prefix is below what it begins. Text is cut between characters. */
export function cutMin(bytes: Uint8Array, text: boolean): Uint8Array {
  if (bytes.length <= BOUND_BYTES) return bytes;
  return bytes.slice(0, text ? characterStart(bytes, BOUND_BYTES) : BOUND_BYTES);
}

/**
 * An upper bound of at most `BOUND_BYTES`: the prefix with its last unit that can grow made one larger.
 * Undefined where no such bound exists (the prefix is all 0xff, or U+10FFFF).
 */
export function cutMax(bytes: Uint8Array, text: boolean): Uint8Array | undefined {
  if (bytes.length <= BOUND_BYTES) return bytes;
  return text ? nextText(bytes) : nextBytes(bytes.slice(0, BOUND_BYTES));
}

function nextBytes(prefix: Uint8Array): Uint8Array | undefined {
  for (let end = prefix.length; end > 0; end--) {
    if (prefix[end - 1] === 0xff) continue;
    prefix[end - 1]++;
    return prefix.subarray(0, end);
  }
  return undefined;
}

/** Steps whole characters, so that the bound stays valid UTF-8, which other readers expect of a string column. */
function nextText(bytes: Uint8Array): Uint8Array | undefined {
  let end = characterStart(bytes, BOUND_BYTES);
  while (end > 0) {
    const start = characterStart(bytes, end - 1);
    const code = new TextDecoder().decode(bytes.subarray(start, end)).codePointAt(0) ?? 0x10ffff;
    if (code < 0x10ffff) {
      const next = code === 0xd7ff ? 0xe000 : code + 1;
      const tail = new TextEncoder().encode(String.fromCodePoint(next));
      const bound = new Uint8Array(start + tail.length);
      bound.set(bytes.subarray(0, start));
      bound.set(tail, start);
      return bound;
    }
    end = start;
  }
  return undefined;
}

/** The largest position not above `at` where a character of UTF-8 begins. */
function characterStart(bytes: Uint8Array, at: number): number {
  let start = at;
  while (start > 0 && (bytes[start] & 0xc0) === 0x80) start--;
  return start;
}
