import type { BatchBuilder, ColumnBuilder } from '../../columns/build.ts';
import { fraction, readFraction } from '../../columns/number.ts';
import { asciiText, validUtf8 } from '../../columns/utf8.ts';
import type { ErrorCode } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { Fault } from '../bad-row.ts';
import {
  decodeString,
  FAULT,
  faultAt,
  isDigit,
  minify,
  scanNumber,
  scanned,
  scanString,
  scanValue,
  scanWord,
  skipSpace,
  TRUNCATED,
} from './scan.ts';

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A column as the parser meets it: by the bytes of its key, and what came after it last time. */
interface KnownKey {
  readonly view: DataView;
  /** Bytes of the key. */
  readonly size: number;
  readonly name: string;
  /** Numbers keep the text they were written in, since the declared type holds more than a double. */
  readonly exact: boolean;
  readonly column: ColumnBuilder;
  next: KnownKey | null;
}

/**
 * Parses JSON objects from UTF-8 bytes straight into columns, without making objects or strings.
 * Objects of a file mostly have the same keys in the same order, so each key is first compared with
 * the one that followed the last time, and looked up only where that fails.
 */
export class JsonRowParser {
  readonly #batch: BatchBuilder;
  readonly #known = new Map<string, KnownKey>();
  readonly #exact: ReadonlySet<string>;
  readonly #maxColumns: number;
  #first: KnownKey | null = null;
  /** The column of the value now parsed, for the path of a fault. */
  #path = '';
  /** White space was passed over in the row last parsed, so it may span lines. */
  spaced = false;
  /** The buffer being parsed, for reading four bytes at a time. */
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  #code: ErrorCode = 'malformed_input';

  /** `exact` names the columns whose numbers are kept as text. */
  constructor(batch: BatchBuilder, exact: ReadonlySet<string>, maxColumns: number) {
    this.#batch = batch;
    this.#exact = exact;
    this.#maxColumns = maxColumns;
  }

  /** Takes the row being parsed back. The batch drops columns only that row had, so nothing known of them may stay. */
  rollback(): void {
    this.#batch.rollbackRow();
    this.#known.clear();
    this.#first = null;
  }

  /** What the last `FAULT` was; places are told as bytes from `rowStart`. */
  fault(rowStart: number): Fault {
    const place = scanned.at >= rowStart ? ` at byte ${scanned.at - rowStart}` : '';
    return { path: this.#path, code: this.#code, message: `${scanned.message}${place}` };
  }

  /**
   * Parses the object at `start` (no white space before it) into the batch's current row: the position
   * behind it, `TRUNCATED` or `FAULT`. The caller commits the row or takes it back.
   */
  parseRow(bytes: Uint8Array, start: number, end: number): number {
    this.#begin(bytes);
    if (start >= end) return TRUNCATED;
    if (bytes[start] !== 123) return faultAt(start, 'expected an object');
    return this.#parseMembers(bytes, start + 1, end);
  }

  /**
   * Parses a GeoJSON feature (RFC 7946, 3.2): the fields of `properties` are columns; `id`, `geometry`
   * and foreign members are columns beside them, called `feature_<name>` in a row whose properties
   * have that name already.
   */
  parseFeature(bytes: Uint8Array, start: number, end: number): number {
    this.#begin(bytes);
    if (start >= end) return TRUNCATED;
    if (bytes[start] !== 123) return faultAt(start, 'expected a feature object');
    const members: { name: string; at: number }[] = [];
    let at = skipSpace(bytes, start + 1, end);
    if (at < end && bytes[at] === 125) return at + 1;
    for (;;) {
      const keyEnd =
        at < end && bytes[at] === 34
          ? scanString(bytes, at, end)
          : at >= end
            ? TRUNCATED
            : faultAt(at, 'expected a key in quotes');
      if (keyEnd < 0) return keyEnd;
      const name = keyText(bytes, at, keyEnd);
      at = skipSpace(bytes, keyEnd, end);
      if (at >= end) return TRUNCATED;
      if (bytes[at] !== 58) return faultAt(at, "expected ':'");
      at = skipSpace(bytes, at + 1, end);
      if (name === 'properties' && at < end && bytes[at] === 123) {
        at = this.#parseMembers(bytes, at + 1, end);
      } else {
        if (name !== 'type' && name !== 'properties') members.push({ name, at });
        at = scanValue(bytes, at, end);
      }
      if (at < 0) return at;
      at = skipSpace(bytes, at, end);
      if (at >= end) return TRUNCATED;
      if (bytes[at] === 125) break;
      if (bytes[at] !== 44) return faultAt(at, "expected ',' or '}'");
      at = skipSpace(bytes, at + 1, end);
    }
    const row = this.#batch.row;
    for (const member of members) {
      const taken = this.#known.get(member.name)?.column.has(row);
      const key = this.#key(taken ? `feature_${member.name}` : member.name);
      if (key === null) return FAULT;
      const behind = this.#parseValue(key, bytes, member.at, end);
      if (behind < 0) return behind;
    }
    return at + 1;
  }

  #begin(bytes: Uint8Array): void {
    this.spaced = false;
    this.#path = '';
    this.#code = 'malformed_input';
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
  }

  #skipSpace(bytes: Uint8Array, from: number, end: number): number {
    const at = skipSpace(bytes, from, end);
    this.spaced ||= at > from;
    return at;
  }

  /** Parses from behind the opening brace. */
  #parseMembers(bytes: Uint8Array, start: number, end: number): number {
    let at = this.#skipSpace(bytes, start, end);
    if (at >= end) return TRUNCATED;
    if (bytes[at] === 125) return at + 1;
    let expected = this.#first;
    let previous: KnownKey | null = null;
    for (;;) {
      // The key.
      if (at >= end) return TRUNCATED;
      if (bytes[at] !== 34) return faultAt(at, 'expected a key in quotes');
      let key: KnownKey;
      if (expected !== null && isKey(expected, this.#view, at + 1, end)) {
        key = expected;
        at += expected.size + 2;
      } else {
        const behind = scanString(bytes, at, end);
        if (behind < 0) return behind;
        const found = this.#key(keyText(bytes, at, behind));
        if (found === null) return FAULT;
        key = found;
        at = behind;
        if (previous === null) this.#first = key;
        else previous.next = key;
      }
      // The colon and the value.
      if (at < end && bytes[at] <= 32) at = this.#skipSpace(bytes, at, end);
      if (at >= end) return TRUNCATED;
      if (bytes[at] !== 58) return faultAt(at, "expected ':'");
      at++;
      if (at < end && bytes[at] <= 32) at = this.#skipSpace(bytes, at, end);
      at = this.#parseValue(key, bytes, at, end);
      if (at < 0) return at;
      // What follows.
      if (at < end && bytes[at] <= 32) at = this.#skipSpace(bytes, at, end);
      if (at >= end) return TRUNCATED;
      if (bytes[at] === 125) return at + 1;
      if (bytes[at] !== 44) return faultAt(at, "expected ',' or '}'");
      at++;
      if (at < end && bytes[at] <= 32) at = this.#skipSpace(bytes, at, end);
      previous = key;
      expected = key.next;
    }
  }

  /** The known key of a name, made where it is new; null, with the fault set, where it is too long or there are too many. */
  #key(name: string): KnownKey | null {
    let key = this.#known.get(name);
    if (key === undefined) {
      const encoded = encoder.encode(name);
      if (encoded.length > LIMITS.columnNameBytes) {
        this.#path = `${name.slice(0, 40)}…`;
        this.#code = 'value_too_large';
        scanned.at = -1;
        scanned.message = `a name longer than ${LIMITS.columnNameBytes} bytes`;
        return null;
      }
      const column = this.#batch.column(name);
      const view = new DataView(encoded.buffer, encoded.byteOffset, encoded.length);
      key = { view, size: encoded.length, name, exact: this.#exact.has(name), column, next: null };
      this.#known.set(name, key);
    }
    if (this.#batch.columns.length > this.#maxColumns) {
      this.#path = name;
      this.#code = 'value_too_large';
      scanned.at = -1;
      scanned.message = `more than ${this.#maxColumns} columns`;
      return null;
    }
    return key;
  }

  #parseValue(key: KnownKey, bytes: Uint8Array, start: number, end: number): number {
    if (start >= end) return TRUNCATED;
    const byte = bytes[start];
    const row = this.#batch.row;
    let behind: number;
    if (byte === 34) {
      behind = parseString(key.column, row, bytes, this.#view, start, end);
    } else if (isDigit(byte) || byte === 45) {
      behind = parseNumber(key.column, row, key.exact, bytes, start, end);
    } else if (byte === 123 || byte === 91) {
      behind = scanValue(bytes, start, end);
      if (behind >= 0) {
        if (scanned.spaced) {
          this.spaced = true;
          minify(bytes, start, behind);
          key.column.setJson(row, scanned.decodedView, 0, scanned.decodedSize);
        } else {
          key.column.setJson(row, this.#view, start, behind);
        }
      }
    } else {
      behind = scanWord(bytes, start, end);
      if (behind >= 0) {
        if (byte === 110) key.column.setNull(row);
        else key.column.setBool(row, byte === 116);
      }
    }
    if (behind === FAULT) this.#path = key.name;
    return behind;
  }
}

/** Whether the bytes at `start` are the key and its closing quote. Keys with escapes never match, and are looked up. */
function isKey(key: KnownKey, view: DataView, start: number, end: number): boolean {
  const { size, view: known } = key;
  if (start + size >= end || view.getUint8(start + size) !== 34) return false;
  let i = 0;
  for (; i + 4 <= size; i += 4) if (known.getUint32(i) !== view.getUint32(start + i)) return false;
  for (; i < size; i++) if (known.getUint8(i) !== view.getUint8(start + i)) return false;
  return true;
}

/** The text of a scanned string, quotes included in the range. */
function keyText(bytes: Uint8Array, start: number, end: number): string {
  decodeString(bytes, start + 1, end - 1);
  return decoder.decode(scanned.decoded.subarray(0, scanned.decodedSize));
}

/**
 * Four bytes are looked at in one step: a byte of `x - 0x01…` has its top bit set and the same byte of `~x` too
 * only where the byte of x was 0, which finds quotes and backslashes; `x - 0x20…` finds control characters alike.
 * Source: https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord
 */
function parseString(
  column: ColumnBuilder,
  row: number,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
): number {
  let at = start + 1;
  let high = 0;
  for (; at + 4 <= end; at += 4) {
    const word = view.getUint32(at, true) | 0;
    const quote = word ^ 0x22222222;
    const slash = word ^ 0x5c5c5c5c;
    const special = ((quote - 0x01010101) & ~quote) | ((slash - 0x01010101) & ~slash) | ((word - 0x20202020) & ~word);
    if ((special & 0x80808080) !== 0) break;
    high |= word;
  }
  for (; at < end; at++) {
    const byte = bytes[at];
    if (byte === 34) {
      if ((high & 0x80808080) !== 0 && !validUtf8(bytes, start + 1, at)) {
        return faultAt(start, 'a string that is not valid UTF-8');
      }
      column.setUtf8(row, view, start + 1, at);
      return at + 1;
    }
    if (byte === 92 || byte < 32) {
      const behind = scanString(bytes, start, end);
      if (behind < 0) return behind;
      decodeString(bytes, start + 1, behind - 1);
      column.setUtf8(row, scanned.decodedView, 0, scanned.decodedSize);
      return behind;
    }
    high |= byte;
  }
  return TRUNCATED;
}

function parseNumber(
  column: ColumnBuilder,
  row: number,
  exact: boolean,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const negative = bytes[start] === 45;
  let at = negative ? start + 1 : start;
  const first = at;
  let mantissa = 0;
  while (at < end && isDigit(bytes[at])) mantissa = mantissa * 10 + bytes[at++] - 48;
  const whole = at - first;
  const plain = whole > 0 && (whole === 1 || bytes[first] !== 48);
  if (plain && at < end && !exact) {
    const byte = bytes[at];
    if (byte !== 46 && (byte | 32) !== 101) {
      if (whole <= 15) column.setInt(row, negative ? -mantissa : mantissa);
      else column.setDigits(row, asciiText(bytes, start, at));
      return at;
    }
    if (byte === 46 && whole <= 15) {
      const behind = readFraction(bytes, at + 1, end, mantissa, whole);
      const exponent = behind < end && (bytes[behind] | 32) === 101;
      if (behind > at + 1 && behind < end && !exponent && !Number.isNaN(fraction.value)) {
        column.setDouble(row, negative ? -fraction.value : fraction.value);
        return behind;
      }
    }
  }
  const behind = scanNumber(bytes, start, end);
  if (behind < 0) return behind;
  const text = asciiText(bytes, start, behind);
  if (exact) {
    column.setText(row, text);
  } else {
    const value = Number(text);
    if (!Number.isFinite(value)) return faultAt(start, 'a number beyond the range of a double');
    column.setDouble(row, value);
  }
  return behind;
}
