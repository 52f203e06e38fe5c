import { type FieldError, OrasiError } from '../../core/errors.ts';
import { rawText } from '../bad-row.ts';
import { ByteWindow } from '../byte-window.ts';
import { columnNames } from '../column-names.ts';
import type { Checkpoint, Decoded, DecodeRequest, Decoder, Format, FormatOptions } from '../format.ts';
import { RowOutput } from '../row-output.ts';
import { guessDelimiter, guessLineEnd, looksLikeHeader } from './dialect.ts';
import {
  type Dialect,
  FAULT,
  NEWLINE,
  QUOTE,
  RETURN,
  RecordScanner,
  RecordSkipper,
  RowSink,
  TextSink,
  TRUNCATED,
} from './record.ts';

/**
 * Delimited text (RFC 4180): a record a row.
 *
 * Options, each guessed or usual where not given:
 * - `delimiter`: one ASCII character; guessed among comma, semicolon, tab and bar
 * - `quote`: one ASCII character, `"`; empty for none
 * - `header`: whether the first record names the columns; guessed. Without one they are `column0`, `column1`, …
 * - `nullValue`: a text that means null besides the empty one
 * - `emptyStrings`: empty fields are empty strings and not null; false
 * - `skipRows`: lines passed over before everything else; 0
 * - `encoding`: `utf-8` or `latin1`
 *
 * Columns are what their texts are; a field with leading zeros is text. A record with more or fewer
 * fields than the header is a bad row.
 */
export const csvFormat: Format = {
  name: 'csv',
  mediaTypes: ['text/csv', 'application/csv', 'text/x-csv', 'text/tab-separated-values'],
  extensions: ['.csv', '.tsv', '.tab', '.psv'],

  sniff(head) {
    if (head.includes(0)) return false;
    const newline = head.indexOf(10);
    const first = new TextDecoder().decode(newline < 0 ? head : head.subarray(0, newline));
    return /[,;\t|]/.test(first) && !first.includes('\ufffd');
  },

  checkOptions,

  async decode(request) {
    return new CsvDecoder(request);
  },
};

function isAsciiCharacter(value: unknown): boolean {
  return typeof value === 'string' && /^[\t\x20-\x7e]$/.test(value);
}

const OPTIONS: Readonly<Record<string, { valid(value: unknown): boolean; expected: string }>> = {
  delimiter: { valid: isAsciiCharacter, expected: 'one ASCII character' },
  quote: { valid: (value) => value === '' || isAsciiCharacter(value), expected: 'one ASCII character, or empty' },
  header: { valid: (value) => typeof value === 'boolean' || value === 'auto', expected: 'true, false or auto' },
  nullValue: { valid: (value) => typeof value === 'string', expected: 'a text' },
  emptyStrings: { valid: (value) => typeof value === 'boolean', expected: 'true or false' },
  skipRows: { valid: (value) => Number.isInteger(value) && Number(value) >= 0, expected: 'a whole number of lines' },
  encoding: { valid: (value) => value === 'utf-8' || value === 'latin1', expected: 'utf-8 or latin1' },
};

function checkOptions(options: FormatOptions): FieldError[] {
  const errors: FieldError[] = [];
  for (const [name, value] of Object.entries(options)) {
    if (!Object.hasOwn(OPTIONS, name)) {
      errors.push({ path: name, message: `csv has no such option; it has ${Object.keys(OPTIONS).join(', ')}` });
    } else if (!OPTIONS[name].valid(value)) {
      errors.push({ path: name, message: `expected ${OPTIONS[name].expected}` });
    }
  }
  if (options.delimiter !== undefined && options.delimiter === (options.quote ?? '"')) {
    errors.push({ path: 'quote', message: 'expected another character than the delimiter' });
  }
  return errors;
}

/** Bytes looked at to guess the dialect. */
const SAMPLE_BYTES = 64 * 1024;

/** What is known of the file once its beginning has been read; goes into the checkpoint. */
interface Layout {
  readonly delimiter: number;
  readonly lineEnd: Dialect['lineEnd'];
  readonly names: readonly string[];
}

class CsvDecoder implements Decoder {
  readonly #request: DecodeRequest;
  readonly #output: RowOutput;
  readonly #quote: number;
  readonly #encoding: Dialect['encoding'];
  #layout: Layout | undefined;
  #window: ByteWindow | undefined;
  #line = 1;

  constructor(request: DecodeRequest) {
    this.#request = request;
    this.#output = new RowOutput(request, 'values');
    const { quote, encoding } = request.options;
    this.#quote = quote === undefined ? QUOTE : quote === '' ? -1 : String(quote).charCodeAt(0);
    this.#encoding = encoding === 'latin1' ? 'latin1' : 'utf-8';
    const state = request.from?.state;
    if (typeof state?.line === 'number') this.#line = state.line;
    if (typeof state?.delimiter === 'number' && Array.isArray(state.names)) {
      const lineEnd = state.lineEnd === RETURN ? RETURN : NEWLINE;
      this.#layout = { delimiter: state.delimiter, lineEnd, names: state.names.map(String) };
    }
  }

  checkpoint(): Checkpoint {
    const offset = this.#window?.offset ?? this.#request.from?.offset ?? 0;
    return { offset, rows: this.#output.rows, state: { line: this.#line, ...this.#layout } };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Decoded> {
    const { source, from } = this.#request;
    const offset = from?.offset ?? 0;
    const window = new ByteWindow(await source.stream(offset), offset);
    this.#window = window;
    try {
      await window.fill(SAMPLE_BYTES);
      if (this.#layout === undefined) {
        dropByteOrderMark(window);
        await this.#skipLines(window);
        this.#layout = await this.#findLayout(window);
      }
      if (this.#layout !== undefined) yield* this.#records(window, this.#layout);
    } finally {
      await window.cancel();
    }
  }

  async #skipLines(window: ByteWindow): Promise<void> {
    const wanted = Number(this.#request.options.skipRows ?? 0);
    for (let skipped = 0; skipped < wanted; skipped++) {
      for (;;) {
        const newline = window.bytes.subarray(window.start, window.end).indexOf(10);
        if (newline >= 0) {
          window.advance(window.start + newline + 1);
          break;
        }
        window.advance(window.end);
        if (!(await window.fill(SAMPLE_BYTES))) return;
      }
      this.#line++;
    }
    if (window.size < SAMPLE_BYTES) await window.fill(SAMPLE_BYTES);
  }

  /** The dialect and the columns, the header taken; undefined where the file has no record. */
  async #findLayout(window: ByteWindow): Promise<Layout | undefined> {
    const { options } = this.#request;
    const { limits } = this.#output;
    for (;;) {
      this.#passBlankLines(window);
      const head = window.bytes.subarray(window.start, Math.min(window.end, window.start + SAMPLE_BYTES));
      const whole = window.ended && head.length === window.size;
      const lineEnd = guessLineEnd(head);
      const rest = { lineEnd, quote: this.#quote, encoding: this.#encoding };
      const delimiter =
        options.delimiter === undefined ? guessDelimiter(head, whole, rest) : String(options.delimiter).charCodeAt(0);
      const scanner = new RecordScanner({ ...rest, delimiter });
      const sink = new TextSink(this.#encoding, limits.columns);
      if (window.ended && window.size === 0) return undefined;
      const behind = scanner.scan(window.bytes, window.start, window.end, window.ended, sink);
      if (sink.count > limits.columns) {
        // A record that is cut off may have more, but waiting for its end would change nothing.
        const columns = behind < 0 ? `more than ${limits.columns}` : sink.count;
        throw new OrasiError('malformed_input', `${columns} columns; at most ${limits.columns} are taken`);
      }
      if (behind === TRUNCATED && window.size <= limits.rowBytes) {
        await window.fill(Math.max(window.size, SAMPLE_BYTES));
        continue;
      }
      if (behind < 0) {
        const reason = behind === FAULT ? scanner.message : `it is longer than ${limits.rowBytes} bytes`;
        throw new OrasiError('malformed_input', `the first record cannot be read: ${reason}`);
      }
      const header = typeof options.header === 'boolean' ? options.header : this.#looksLikeHeader(sink.fields);
      if (!header) return { delimiter, lineEnd, names: sink.fields.map((_, i) => `column${i}`) };
      this.#line += 1 + scanner.newlines;
      window.advance(behind);
      return { delimiter, lineEnd, names: columnNames(sink.fields) };
    }
  }

  #looksLikeHeader(fields: readonly string[]): boolean {
    return looksLikeHeader(fields) || this.#request.declared.some(({ name }) => fields.includes(name));
  }

  #passBlankLines(window: ByteWindow): void {
    const { bytes } = window;
    let at = window.start;
    while (at < window.end && (bytes[at] === 10 || bytes[at] === 13)) {
      if (bytes[at] === 10) this.#line++;
      at++;
    }
    window.advance(at);
  }

  async *#records(window: ByteWindow, { delimiter, lineEnd, names }: Layout): AsyncGenerator<Decoded> {
    const output = this.#output;
    const dialect: Dialect = { delimiter, lineEnd, quote: this.#quote, encoding: this.#encoding };
    const scanner = new RecordScanner(dialect);
    const sink = new RowSink(output.batch, names, dialect, this.#nulls());
    for (;;) {
      while (window.start < window.end && this.#record(window, scanner, sink, names.length)) {
        if (output.full) yield output.take();
      }
      if (window.ended && window.start === window.end) break;
      if (window.size > output.limits.rowBytes) {
        await this.#skipRecord(window, dialect);
        if (output.full) yield output.take();
      }
      // A record that is cut off is scanned again only when the window has doubled, so that the work stays linear.
      await window.fill(Math.max(window.size, SAMPLE_BYTES));
    }
    if (!output.empty) yield output.take();
  }

  #nulls(): Uint8Array[] {
    const { nullValue, emptyStrings } = this.#request.options;
    const nulls = emptyStrings === true ? [] : [''];
    if (typeof nullValue === 'string' && nullValue !== '') nulls.push(nullValue);
    return nulls.map((text) => new TextEncoder().encode(text));
  }

  /** Takes the record at the window's start; false where it goes on past the window. */
  #record(window: ByteWindow, scanner: RecordScanner, sink: RowSink, width: number): boolean {
    const { bytes, start, end } = window;
    const output = this.#output;
    sink.begin();
    let behind = scanner.scan(bytes, start, end, window.ended, sink);
    if (behind === TRUNCATED) {
      output.batch.rollbackRow();
      return false;
    }
    const line = this.#line;
    if (behind === FAULT) {
      const lineEnd = bytes.indexOf(this.#layout?.lineEnd ?? NEWLINE, start);
      behind = lineEnd < 0 || lineEnd >= end ? end : lineEnd + 1;
      this.#reject(window, behind, { path: '', code: 'malformed_input', message: scanner.message });
      this.#line = line + 1;
      return true;
    }
    this.#line = line + 1 + scanner.newlines;
    // A blank line is a record of one empty field; that is a row only where there is one column.
    if (sink.blank && sink.count === 1 && width > 1) {
      output.batch.rollbackRow();
      window.advance(behind);
      return true;
    }
    const tooLong = behind - start > output.limits.rowBytes ? this.#tooLong() : null;
    const fault = tooLong ?? sink.fault;
    if (fault !== null) {
      this.#reject(window, behind, fault, line);
      return true;
    }
    output.keep(bytes, start, contentEnd(bytes, start, behind), line);
    window.advance(behind);
    return true;
  }

  #tooLong() {
    const { rowBytes } = this.#output.limits;
    return { path: '', code: 'value_too_large' as const, message: `the record is longer than ${rowBytes} bytes` };
  }

  #reject(window: ByteWindow, behind: number, fault: Parameters<RowOutput['reject']>[0], line = this.#line): void {
    const output = this.#output;
    output.batch.rollbackRow();
    output.reject(fault, rawText(window.bytes, window.start, contentEnd(window.bytes, window.start, behind)), line);
    window.advance(behind);
  }

  /** Passes over the record at the window's start, which is too large to hold. */
  async #skipRecord(window: ByteWindow, dialect: Dialect): Promise<void> {
    this.#output.reject(this.#tooLong(), rawText(window.bytes, window.start, window.end), this.#line);
    const skipper = new RecordSkipper(dialect);
    const line = this.#line;
    for (;;) {
      const behind = skipper.feed(window.bytes, window.start, window.end);
      const done = behind >= 0 ? behind : window.end;
      this.#line += newlines(window.bytes, window.start, done);
      window.advance(done);
      if (behind >= 0) return;
      if (!(await window.fill())) break;
    }
    if (skipper.quoted) {
      throw new OrasiError('malformed_input', `a quote is opened in the record at line ${line} and never closed`);
    }
  }
}

/** The end of a record without its line end. */
function contentEnd(bytes: Uint8Array, start: number, behind: number): number {
  let at = behind;
  if (at > start && bytes[at - 1] === 10) at--;
  if (at > start && bytes[at - 1] === 13) at--;
  return at;
}

function newlines(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  for (let at = bytes.indexOf(10, start); at >= 0 && at < end; at = bytes.indexOf(10, at + 1)) count++;
  return count;
}

function dropByteOrderMark(window: ByteWindow): void {
  const [a, b, c] = window.bytes.subarray(window.start, window.end);
  if (a === 0xef && b === 0xbb && c === 0xbf) window.advance(window.start + 3);
  if ((a === 0xff && b === 0xfe) || (a === 0xfe && b === 0xff)) {
    throw new OrasiError('malformed_input', 'the file is UTF-16; convert it to UTF-8');
  }
}
