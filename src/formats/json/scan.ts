import { validUtf8 } from '../../columns/utf8.ts';
import { LIMITS } from '../../core/limits.ts';

/** Results of a scan that are not a position. */
export const TRUNCATED = -1;
/** What a scan answers where the text is not JSON; `scanned` says where and why. */
export const FAULT = -2;

/**
 * What a scan found besides where the value ends. One record is reused for all calls, since they run
 * once a value: read it before the next call.
 */
export const scanned = {
  /** White space was seen between tokens of a nested value. */
  spaced: false,
  /** Why the scan returned `FAULT`, and where in the buffer. */
  message: '',
  at: 0,
  /** Bytes written by `decodeString` and `minify`: the first `decodedSize`. */
  decoded: new Uint8Array(1024),
  decodedView: new DataView(new ArrayBuffer(0)),
  decodedSize: 0,
};

/** Makes room for `size` decoded bytes. */
function makeRoom(size: number): Uint8Array {
  if (scanned.decoded.length < size || scanned.decodedView.byteLength === 0) {
    scanned.decoded = new Uint8Array(Math.max(1024, 2 * size));
    scanned.decodedView = new DataView(scanned.decoded.buffer);
  }
  return scanned.decoded;
}

/** Notes a fault in `scanned`. */
export function faultAt(at: number, message: string): typeof FAULT {
  scanned.at = at;
  scanned.message = message;
  return FAULT;
}

function isSpace(byte: number): boolean {
  return byte === 32 || byte === 10 || byte === 13 || byte === 9;
}

/** The position of the first byte that is no white space of JSON, or `end`. */
export function skipSpace(bytes: Uint8Array, from: number, end: number): number {
  let at = from;
  while (at < end && isSpace(bytes[at])) at++;
  return at;
}

/**
 * The position behind the string whose opening quote is at `start`, checked as RFC 8259 has it and for
 * well-formed Unicode.
 */
export function scanString(bytes: Uint8Array, start: number, end: number): number {
  let at = start + 1;
  let high = 0;
  for (;;) {
    if (at >= end) return TRUNCATED;
    const byte = bytes[at];
    if (byte === 34) break;
    if (byte < 32) return faultAt(at, 'a control character in a string');
    high |= byte;
    if (byte === 92) {
      const next = scanEscape(bytes, at, end);
      if (next < 0) return next;
      at = next;
    } else {
      at++;
    }
  }
  if (high > 127 && !validUtf8(bytes, start + 1, at)) return faultAt(start, 'a string that is not valid UTF-8');
  return at + 1;
}

function hexValue(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const letter = byte | 32;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** The unit a `\uXXXX` at `at` writes, or -1. */
function unitAt(bytes: Uint8Array, at: number): number {
  let unit = 0;
  for (let i = at + 2; i < at + 6; i++) {
    const digit = hexValue(bytes[i]);
    if (digit < 0) return -1;
    unit = unit * 16 + digit;
  }
  return unit;
}

/** The position behind the escape whose backslash is at `at`; a surrogate pair is one escape. */
function scanEscape(bytes: Uint8Array, at: number, end: number): number {
  if (at + 1 >= end) return TRUNCATED;
  if (bytes[at + 1] !== 117) {
    return SHORT_ESCAPES[bytes[at + 1]] === 0 ? faultAt(at, 'an unknown escape in a string') : at + 2;
  }
  if (at + 6 > end) return TRUNCATED;
  const unit = unitAt(bytes, at);
  if (unit < 0) return faultAt(at, 'a \\u escape without four hexadecimal digits');
  if (unit < 0xd800 || unit > 0xdfff) return at + 6;
  if (unit < 0xdc00) {
    if (
      at + 12 > end &&
      bytes.subarray(at + 6, end).every((byte, i) => (i === 0 ? byte === 92 : i > 1 || byte === 117))
    ) {
      return TRUNCATED;
    }
    const low = bytes[at + 6] === 92 && bytes[at + 7] === 117 ? unitAt(bytes, at + 6) : -1;
    if (low >= 0xdc00 && low <= 0xdfff) return at + 12;
  }
  return faultAt(at, 'a lone surrogate, which no text can hold');
}

/** What `\"` and its like stand for; 0 for what is no escape. */
const SHORT_ESCAPES = new Uint8Array(256);
for (const [letter, stands] of Object.entries({ '"': 34, '\\': 92, '/': 47, b: 8, f: 12, n: 10, r: 13, t: 9 })) {
  SHORT_ESCAPES[letter.charCodeAt(0)] = stands;
}

/** Decodes the inside of a scanned string, `bytes[start .. end)`, into `scanned.decoded`. */
export function decodeString(bytes: Uint8Array, start: number, end: number): void {
  const out = makeRoom(end - start);
  let size = 0;
  for (let at = start; at < end; ) {
    const byte = bytes[at];
    if (byte !== 92) {
      out[size++] = byte;
      at++;
    } else if (bytes[at + 1] !== 117) {
      out[size++] = SHORT_ESCAPES[bytes[at + 1]];
      at += 2;
    } else {
      let point = unitAt(bytes, at);
      at += 6;
      if (point >= 0xd800 && point <= 0xdbff) {
        point = 0x10000 + ((point - 0xd800) << 10) + (unitAt(bytes, at) - 0xdc00);
        at += 6;
      }
      size = writePoint(point, out, size);
    }
  }
  scanned.decodedSize = size;
}

function writePoint(point: number, out: Uint8Array, at: number): number {
  if (point < 0x80) {
    out[at] = point;
    return at + 1;
  }
  if (point < 0x800) {
    out[at] = 0xc0 | (point >> 6);
    out[at + 1] = 0x80 | (point & 63);
    return at + 2;
  }
  if (point < 0x10000) {
    out[at] = 0xe0 | (point >> 12);
    out[at + 1] = 0x80 | ((point >> 6) & 63);
    out[at + 2] = 0x80 | (point & 63);
    return at + 3;
  }
  out[at] = 0xf0 | (point >> 18);
  out[at + 1] = 0x80 | ((point >> 12) & 63);
  out[at + 2] = 0x80 | ((point >> 6) & 63);
  out[at + 3] = 0x80 | (point & 63);
  return at + 4;
}

/**
 * The position behind the number at `start`. At the end of the buffer a number may go on, so that is
 * `TRUNCATED`; whoever knows better puts a space behind it.
 */
export function scanNumber(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  if (bytes[at] === 45) at++;
  if (at >= end) return TRUNCATED;
  if (bytes[at] === 48) {
    at++;
  } else {
    const digits = at;
    while (at < end && isDigit(bytes[at])) at++;
    if (at === digits) return faultAt(at, 'not a JSON value');
  }
  if (at < end && bytes[at] === 46) {
    const digits = ++at;
    while (at < end && isDigit(bytes[at])) at++;
    if (at === digits) return at >= end ? TRUNCATED : faultAt(at, 'a number without digits behind its point');
  }
  if (at < end && (bytes[at] | 32) === 101) {
    at++;
    if (at < end && (bytes[at] === 43 || bytes[at] === 45)) at++;
    const digits = at;
    while (at < end && isDigit(bytes[at])) at++;
    if (at === digits) return at >= end ? TRUNCATED : faultAt(at, 'a number without digits in its exponent');
  }
  return at >= end ? TRUNCATED : at;
}

/** Whether a byte is an ASCII digit. */
export function isDigit(byte: number): boolean {
  return byte >= 48 && byte <= 57;
}

/** The position behind `true`, `false` or `null` at `start`. */
export function scanWord(bytes: Uint8Array, start: number, end: number): number {
  const word = WORDS[bytes[start]];
  if (word === undefined) return faultAt(start, 'not a JSON value');
  for (let i = 1; i < word.length; i++) {
    if (start + i >= end) return TRUNCATED;
    if (bytes[start + i] !== word.charCodeAt(i)) return faultAt(start, 'not a JSON value');
  }
  return start + word.length;
}

const WORDS: Readonly<Record<number, string>> = { 116: 'true', 102: 'false', 110: 'null' };

/** Which bracket each open level has; the depth is bounded, so one array serves every call. */
const levels = new Uint8Array(LIMITS.jsonDepth + 1);

/**
 * The position behind the JSON value at `start` (no white space before it), checked in full.
 * `scanned.spaced` says whether white space stood between its tokens. Depth is bounded by `LIMITS.jsonDepth`.
 */
export function scanValue(bytes: Uint8Array, start: number, end: number): number {
  scanned.spaced = false;
  let depth = 0;
  let at = start;
  for (;;) {
    // A value begins here.
    if (at >= end) return TRUNCATED;
    const byte = bytes[at];
    if (byte === 123 || byte === 91) {
      if (depth === LIMITS.jsonDepth) return faultAt(at, `nested deeper than ${LIMITS.jsonDepth} levels`);
      levels[depth++] = byte;
      at = skipNoting(bytes, at + 1, end);
      if (at >= end) return TRUNCATED;
      if (bytes[at] !== byte + 2) {
        if (byte === 123) {
          at = scanKey(bytes, at, end);
          if (at < 0) return at;
        }
        continue;
      }
      depth--;
      at++;
    } else {
      at =
        byte === 34
          ? scanString(bytes, at, end)
          : isDigit(byte) || byte === 45
            ? scanNumber(bytes, at, end)
            : scanWord(bytes, at, end);
      if (at < 0) return at;
    }
    // A value has ended: close what it closes, and go on behind the comma.
    for (;;) {
      if (depth === 0) return at;
      at = skipNoting(bytes, at, end);
      if (at >= end) return TRUNCATED;
      const open = levels[depth - 1];
      if (bytes[at] === open + 2) {
        depth--;
        at++;
        continue;
      }
      if (bytes[at] !== 44) return faultAt(at, open === 123 ? "expected ',' or '}'" : "expected ',' or ']'");
      at = skipNoting(bytes, at + 1, end);
      if (open === 123) {
        at = scanKey(bytes, at, end);
        if (at < 0) return at;
      }
      break;
    }
  }
}

function skipNoting(bytes: Uint8Array, from: number, end: number): number {
  if (from >= end || bytes[from] > 32) return from;
  scanned.spaced = true;
  return skipSpace(bytes, from, end);
}

/** The position of the value behind the key at `at` and its colon. */
function scanKey(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return TRUNCATED;
  if (bytes[at] !== 34) return faultAt(at, 'expected a key in quotes');
  const behind = scanString(bytes, at, end);
  if (behind < 0) return behind;
  const colon = skipNoting(bytes, behind, end);
  if (colon >= end) return TRUNCATED;
  if (bytes[colon] !== 58) return faultAt(colon, "expected ':'");
  return skipNoting(bytes, colon + 1, end);
}

/** Copies a scanned value without the white space between its tokens into `scanned.decoded`. */
export function minify(bytes: Uint8Array, start: number, end: number): void {
  const out = makeRoom(end - start);
  let size = 0;
  let inString = false;
  for (let at = start; at < end; at++) {
    const byte = bytes[at];
    if (!inString && isSpace(byte)) continue;
    out[size++] = byte;
    if (byte === 34) inString = !inString;
    else if (byte === 92) out[size++] = bytes[++at];
  }
  scanned.decodedSize = size;
}
