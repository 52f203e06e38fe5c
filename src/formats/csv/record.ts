import type { BatchBuilder, ColumnBuilder } from '../../columns/build.ts';
import { validUtf8 } from '../../columns/utf8.ts';
import type { Fault } from '../bad-row.ts';

/** Results of a parse that are not a position. */
export const TRUNCATED = -1;
export const FAULT = -2;

export const QUOTE = 34;
export const NEWLINE = 10;
export const RETURN = 13;

/** How a file writes its fields. */
export interface Dialect {
  /** One ASCII byte. */
  readonly delimiter: number;
  /** One ASCII byte, or -1 where nothing is quoted. */
  readonly quote: number;
  /** What ends a line: LF, with or without CR before it, or CR alone. */
  readonly lineEnd: typeof NEWLINE | typeof RETURN;
  readonly encoding: 'utf-8' | 'latin1';
}

/** Bytes of a field, in the buffer being parsed or, where quotes were doubled, in a buffer of their own. */
export interface FieldSink {
  field(bytes: Uint8Array, view: DataView, start: number, end: number, high: boolean, quoted: boolean): void;
}

/**
 * Finds the fields of one record at a time, in bytes: RFC 4180, where a field in quotes may hold delimiters,
 * line ends and doubled quotes. A quote within a field that does not begin
 * with one is an ordinary character.
 * Source: https://www.rfc-editor.org/rfc/rfc4180
 */
export class RecordScanner {
  readonly #dialect: Dialect;
  #unquoted = new Uint8Array(1024);
  #unquotedView = new DataView(this.#unquoted.buffer);
  #bytes: Uint8Array = new Uint8Array(0);
  #view: DataView = new DataView(new ArrayBuffer(0));
  /** Line ends within the quotes of the record last scanned. */
  newlines = 0;
  /** What the last `FAULT` was. */
  message = '';

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /**
   * Gives the fields of the record at `start` to `sink`: the position behind its line end, `TRUNCATED` where
   * it may go on past `end`, which it cannot where `last`, or `FAULT`.
   */
  scan(bytes: Uint8Array, start: number, end: number, last: boolean, sink: FieldSink): number {
    if (this.#bytes !== bytes) {
      this.#bytes = bytes;
      this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    }
    this.newlines = 0;
    const view = this.#view;
    const { delimiter, quote, lineEnd } = this.#dialect;
    // Four bytes are looked at in one step: (x - 0x01…) & ~x has a byte's top bit set where that byte of x is 0.
    // https://graphics.stanford.edu/~seander/bithacks.html#ZeroInWord
    const delimiters = delimiter * 0x01010101;
    const lineEnds = lineEnd * 0x01010101;
    let at = start;
    for (;;) {
      if (at < end && bytes[at] === quote) {
        at = this.#quoted(bytes, at, end, last, sink);
        if (at < 0) return at;
      } else {
        const fieldStart = at;
        let high = 0;
        let found = false;
        for (; at + 4 <= end; at += 4) {
          const word = view.getUint32(at, true) | 0;
          const a = word ^ delimiters;
          const b = word ^ lineEnds;
          const special = (((a - 0x01010101) & ~a) | ((b - 0x01010101) & ~b)) & 0x80808080;
          // Bytes behind the field count too, which at worst has it checked without need.
          high |= word;
          if (special !== 0) {
            // The lowest mark is exact; a borrow can only set marks above it.
            at += (31 - Math.clz32(special & -special)) >> 3;
            found = true;
            break;
          }
        }
        if (!found) {
          while (at < end && bytes[at] !== delimiter && bytes[at] !== lineEnd) high |= bytes[at++];
          if (at >= end && !last) return TRUNCATED;
        }
        const cut = at > fieldStart && bytes[at - 1] === RETURN && (at >= end || bytes[at] === NEWLINE) ? at - 1 : at;
        sink.field(bytes, view, fieldStart, cut, (high & 0x80808080) !== 0, false);
      }
      if (at >= end) return end;
      if (bytes[at] !== delimiter) return at + 1;
      at++;
      if (at >= end && !last) return TRUNCATED;
    }
  }

  /** A field whose opening quote is at `start`: the position of the delimiter or line end behind its closing quote. */
  #quoted(bytes: Uint8Array, start: number, end: number, last: boolean, sink: FieldSink): number {
    const { quote, delimiter, lineEnd } = this.#dialect;
    const view = this.#view;
    const quotes = quote * 0x01010101;
    const lineEnds = lineEnd * 0x01010101;
    let at = start + 1;
    let high = 0;
    let doubled = false;
    for (;;) {
      let found = false;
      while (!found && at + 4 <= end) {
        const word = view.getUint32(at, true) | 0;
        const a = word ^ quotes;
        const b = word ^ lineEnds;
        const special = (((a - 0x01010101) & ~a) | ((b - 0x01010101) & ~b)) & 0x80808080;
        high |= word;
        if (special === 0) {
          at += 4;
          continue;
        }
        at += (31 - Math.clz32(special & -special)) >> 3;
        found = bytes[at] === quote;
        if (!found) {
          this.newlines++;
          at++;
        }
      }
      while (!found && at < end && bytes[at] !== quote) {
        high |= bytes[at];
        if (bytes[at++] === lineEnd) this.newlines++;
      }
      if (at >= end) return last ? this.#fault('a quote is opened and never closed') : TRUNCATED;
      if (at + 1 >= end && !last) return TRUNCATED;
      if (at + 1 < end && bytes[at + 1] === quote) {
        doubled = true;
        at += 2;
        continue;
      }
      break;
    }
    let behind = at + 1;
    if (behind < end && bytes[behind] === RETURN && lineEnd === NEWLINE) {
      if (behind + 1 >= end && !last) return TRUNCATED;
      if (behind + 1 >= end || bytes[behind + 1] === NEWLINE) behind++;
    }
    if (behind < end && bytes[behind] !== delimiter && bytes[behind] !== lineEnd) {
      return this.#fault('text behind a closing quote');
    }
    if (doubled) {
      const size = this.#undouble(bytes, start + 1, at);
      sink.field(this.#unquoted, this.#unquotedView, 0, size, (high & 0x80808080) !== 0, true);
    } else {
      sink.field(bytes, view, start + 1, at, (high & 0x80808080) !== 0, true);
    }
    return behind;
  }

  #undouble(bytes: Uint8Array, start: number, end: number): number {
    if (this.#unquoted.length < end - start) {
      this.#unquoted = new Uint8Array(2 * (end - start));
      this.#unquotedView = new DataView(this.#unquoted.buffer);
    }
    let size = 0;
    for (let at = start; at < end; at++) {
      this.#unquoted[size++] = bytes[at];
      if (bytes[at] === this.#dialect.quote) at++;
    }
    return size;
  }

  #fault(message: string): typeof FAULT {
    this.message = message;
    return FAULT;
  }
}

/**
 * Passes over a record in constant memory and across buffers, minding quotes: the way past one that is
 * too large to hold.
 */
export class RecordSkipper {
  readonly #dialect: Dialect;
  #quoted = false;
  #fieldStart = true;
  /** The byte before closed a quote. */
  #closed = false;

  constructor(dialect: Dialect) {
    this.#dialect = dialect;
  }

  /** Within quotes: a file that ends here has lost a closing one. */
  get quoted(): boolean {
    return this.#quoted;
  }

  /** Goes on at `start`; the position behind the record, or -1 where it goes on past `end`. */
  feed(bytes: Uint8Array, start: number, end: number): number {
    const { delimiter, quote, lineEnd } = this.#dialect;
    for (let at = start; at < end; at++) {
      const byte = bytes[at];
      if (this.#quoted) {
        // A doubled quote closes and opens again, which comes to the same.
        if (byte === quote) this.#quoted = false;
      } else if (byte === quote && (this.#fieldStart || this.#closed)) {
        this.#quoted = true;
      } else if (byte === lineEnd) {
        return at + 1;
      }
      this.#closed = byte === quote && !this.#quoted;
      this.#fieldStart = !this.#quoted && byte === delimiter;
    }
    return -1;
  }
}

const latin1 = new TextDecoder('latin1');

/** Puts the fields of a record into the columns of a batch's current row. */
export class RowSink implements FieldSink {
  readonly #batch: BatchBuilder;
  readonly #names: readonly string[];
  readonly #columns: readonly ColumnBuilder[];
  readonly #dialect: Dialect;
  readonly #nulls: readonly Uint8Array[];
  readonly #emptyIsNull: boolean;
  #count = 0;
  #fault: Fault | null = null;
  /** Every field so far was empty. */
  blank = true;

  /** `nulls` are the texts that mean null. */
  constructor(batch: BatchBuilder, names: readonly string[], dialect: Dialect, nulls: readonly Uint8Array[]) {
    this.#batch = batch;
    this.#names = names;
    this.#columns = names.map((name) => batch.column(name));
    batch.fixColumns();
    this.#dialect = dialect;
    this.#nulls = nulls;
    this.#emptyIsNull = nulls.some(({ length }) => length === 0);
  }

  begin(): void {
    this.#count = 0;
    this.#fault = null;
    this.blank = true;
  }

  /** What is wrong with the record, once it is complete. */
  get fault(): Fault | null {
    if (this.#count === this.#names.length) return this.#fault;
    const message = `expected ${this.#names.length} fields, found ${this.#count}`;
    return { path: '', code: 'malformed_input', message };
  }

  get count(): number {
    return this.#count;
  }

  field(bytes: Uint8Array, view: DataView, start: number, end: number, high: boolean, quoted: boolean): void {
    const index = this.#count++;
    if (index >= this.#columns.length) return;
    if (end > start || quoted) this.blank = false;
    if (this.#isNull(bytes, start, end)) return;
    const column = this.#columns[index];
    const row = this.#batch.row;
    if (high && this.#dialect.encoding === 'latin1') {
      column.setText(row, latin1.decode(bytes.subarray(start, end)));
      return;
    }
    if (high && !validUtf8(bytes, start, end)) {
      this.#fault ??= { path: this.#names[index], code: 'malformed_input', message: 'a field that is not valid UTF-8' };
      return;
    }
    column.setUtf8(row, view, start, end);
  }

  #isNull(bytes: Uint8Array, start: number, end: number): boolean {
    if (end === start) return this.#emptyIsNull;
    for (const text of this.#nulls) {
      if (text.length !== end - start) continue;
      let i = 0;
      while (i < text.length && text[i] === bytes[start + i]) i++;
      if (i === text.length) return true;
    }
    return false;
  }
}

/** Keeps the first fields of a record as text and counts the others; for the header and for guessing the dialect. */
export class TextSink implements FieldSink {
  readonly fields: string[] = [];
  /** Fields of the record, those not kept included. */
  count = 0;
  readonly #decoder: TextDecoder;
  readonly #most: number;

  constructor(encoding: Dialect['encoding'], most = Number.POSITIVE_INFINITY) {
    this.#decoder = new TextDecoder(encoding);
    this.#most = most;
  }

  field(bytes: Uint8Array, _view: DataView, start: number, end: number): void {
    if (this.count++ < this.#most) this.fields.push(this.#decoder.decode(bytes.subarray(start, end)));
  }
}
