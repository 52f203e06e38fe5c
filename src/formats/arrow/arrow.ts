import { type BuiltColumn, fieldOf } from '../../columns/build.ts';
import { batchBytes } from '../../columns/column.ts';
import { type FieldError, OrasiError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import { ByteWindow } from '../byte-window.ts';
import { columnNames } from '../column-names.ts';
import type { BadRow, Checkpoint, Decoded, DecodeLimits, DecodeRequest, Decoder, Format } from '../format.ts';
import { buffersOf, MAX_BODY_BYTES } from './body.ts';
import { malformed } from './flatbuffer.ts';
import { type ArrowArray, concatArrays, loadBatch } from './load.ts';
import { type Envelope, isMagic, parseEnvelope, readBlock, readFooter, readMessage } from './messages.ts';
import type { ArrowField, RecordBatchHeader } from './metadata.ts';
import { TooLarge } from './scalars.ts';
import { toColumn } from './to-column.ts';

/**
 * Arrow IPC, file and stream: a row of a record batch is a row.
 *
 * Integers of every width are int64 (unsigned ones beyond it decimal), floats double, decimals decimal where
 * 38 digits hold them; instants of every unit are UTC, to the microsecond or nanosecond; times of day and
 * intervals are text, durations integers in their unit; lists, structs, maps and unions are json.
 *
 * Source: https://arrow.apache.org/docs/format/Columnar.html#serialization-and-interprocess-communication-ipc
 */
export const arrowFormat: Format = {
  name: 'arrow',
  mediaTypes: ['application/vnd.apache.arrow.file', 'application/vnd.apache.arrow.stream'],
  extensions: ['.arrow', '.arrows', '.feather', '.ipc'],

  sniff(head) {
    if (isMagic(head, 0)) return true;
    const continuation = head[0] === 0xff && head[1] === 0xff && head[2] === 0xff && head[3] === 0xff;
    // A schema message follows, whose length is a multiple of 8 and not absurd.
    return continuation && head.length >= 8 && (head[4] & 7) === 0 && head[7] === 0;
  },

  checkOptions(options): FieldError[] {
    return Object.keys(options).map((path) => ({ path, message: 'arrow has no options' }));
  },

  async decode(request) {
    return new ArrowDecoder(request);
  },
};

/** Bytes a small file may grow to when decoded, and how many times its size a larger one may: runs and dictionaries repeat values. */
const GROWTH_BYTES = 256 * 1024 * 1024;
const GROWTH_FACTOR = 1000;
/** Messages a stream is resumed with; their places have to fit a checkpoint. */
const MAX_PREAMBLE = 2000;

class ArrowDecoder implements Decoder {
  readonly #request: DecodeRequest;
  readonly #limits: DecodeLimits;
  #fields: readonly ArrowField[] = [];
  #names: readonly string[] = [];
  readonly #dictionaries = new Map<number, ArrowArray>();
  #dictionaryBytes = 0;
  #grownBytes = 0;
  /** Record batch: its ordinal in a file, the offset of its message in a stream; and the next row of it. */
  #batch: number;
  #row: number;
  #rows: number;
  /** Where a stream's schema and dictionaries are: offset and length of each message so far. */
  #preamble: [offset: number, length: number][];

  constructor(request: DecodeRequest) {
    this.#request = request;
    this.#limits = { ...LIMITS, ...request.limits };
    const { from } = request;
    const number = (value: unknown) => (typeof value === 'number' ? value : 0);
    this.#batch = number(from?.state.batch);
    this.#row = number(from?.state.row);
    this.#rows = from?.rows ?? 0;
    const preamble = from?.state.preamble;
    this.#preamble = Array.isArray(preamble)
      ? preamble.map(([offset, length]) => [number(offset), number(length)])
      : [];
  }

  #offset = 0;

  checkpoint(): Checkpoint {
    const state = { batch: this.#batch, row: this.#row, preamble: this.#preamble };
    return { offset: this.#offset, rows: this.#rows, state };
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Decoded> {
    const { source, from } = this.#request;
    this.#offset = from?.offset ?? 0;
    const head = await source.ranges.read(0, Math.min(8, source.sizeBytes));
    if (source.sizeBytes < 8) throw malformed('it is shorter than any Arrow file');
    if (isMagic(head, 0)) yield* this.#file();
    else yield* this.#stream();
  }

  async *#file(): AsyncGenerator<Decoded> {
    const { ranges } = this.#request.source;
    const footer = await readFooter(ranges);
    this.#setSchema(footer.fields);
    for (const block of footer.dictionaries) this.#addDictionary(await readBlock(ranges, block));
    while (this.#batch < footer.batches.length) {
      const block = footer.batches[this.#batch];
      const { message, body } = await readBlock(ranges, block);
      if (message.kind !== 'batch') throw malformed('a block that is no record batch');
      yield* this.#rowsOf(message.batch, body);
      this.#batch++;
      this.#row = 0;
      this.#offset = Math.max(this.#offset, block.offset + block.metadataBytes + block.bodyBytes);
    }
  }

  async *#stream(): AsyncGenerator<Decoded> {
    const { source } = this.#request;
    const resumed = this.#offset > 0;
    const window = new ByteWindow(await source.stream(this.#offset), this.#offset);
    try {
      if (resumed) await this.#recall();
      for (;;) {
        const offset = window.offset;
        const envelope = await readMessage(window);
        if (envelope === undefined) break;
        const { message, body } = envelope;
        if (message.kind !== 'batch') {
          this.#addPreamble(envelope);
          this.#preamble.push([offset, window.offset - offset]);
          if (this.#preamble.length > MAX_PREAMBLE) throw malformed(`more than ${MAX_PREAMBLE} dictionary messages`);
        } else {
          this.#offset = offset;
          yield* this.#rowsOf(message.batch, body);
        }
        this.#offset = window.offset;
        this.#row = 0;
      }
      if (this.#fields.length === 0) throw malformed('a stream without schema');
    } finally {
      await window.cancel();
    }
  }

  /** Reads the schema and dictionaries of a stream again that is continued behind them. */
  async #recall(): Promise<void> {
    const { ranges } = this.#request.source;
    for (const [offset, length] of this.#preamble) this.#addPreamble(parseEnvelope(await ranges.read(offset, length)));
  }

  #addPreamble(envelope: Envelope): void {
    if (envelope.message.kind === 'dictionary') {
      this.#addDictionary(envelope);
    } else if (envelope.message.kind === 'schema') {
      if (this.#names.length > 0) throw malformed('a second schema');
      this.#setSchema(envelope.message.fields);
    }
  }

  #setSchema(fields: readonly ArrowField[]): void {
    if (fields.length > this.#limits.columns) {
      throw new OrasiError('malformed_input', `${fields.length} columns; at most ${this.#limits.columns} are taken`);
    }
    this.#fields = fields;
    this.#names = columnNames(fields.map(({ name }) => name));
  }

  #addDictionary({ message, body }: Envelope): void {
    if (message.kind !== 'dictionary') throw malformed('a block that is no dictionary');
    const field = findDictionary(this.#fields, message.id);
    if (field === undefined) throw malformed(`a dictionary ${message.id} that no field uses`);
    const buffers = buffersOf(message.batch, body);
    this.#dictionaryBytes += buffers.reduce((sum, { length }) => sum + length, 0);
    if (this.#dictionaryBytes > MAX_BODY_BYTES) throw malformed(`dictionaries of more than ${MAX_BODY_BYTES} bytes`);
    const values = { ...field, dictionary: undefined };
    const [array] = loadBatch([values], message.batch, buffers, this.#dictionaries);
    const before = this.#dictionaries.get(message.id);
    this.#dictionaries.set(message.id, message.isDelta && before !== undefined ? concatArrays(before, array) : array);
  }

  *#rowsOf(header: RecordBatchHeader, body: Uint8Array): Generator<Decoded> {
    const arrays = loadBatch(this.#fields, header, buffersOf(header, body), this.#dictionaries);
    if (arrays.length === 0) return;
    while (this.#row < header.rows) yield this.#slice(arrays, header.rows);
  }

  /** As many of the next rows as fit a batch. */
  #slice(arrays: readonly ArrowArray[], rows: number): Decoded {
    const start = this.#row;
    let count = Math.min(this.#limits.batchRows, rows - start);
    for (;;) {
      const limit = count === 1 ? this.#limits.rowBytes : 2 * this.#limits.batchBytes;
      try {
        const built = arrays.map((array) => toColumn(array, start, start + count, limit));
        return this.#decoded(built, count);
      } catch (error) {
        if (!(error instanceof TooLarge)) throw error;
        if (count === 1) return this.#tooLarge();
        count = Math.ceil(count / 2);
      }
    }
  }

  #decoded(built: readonly BuiltColumn[], count: number): Decoded {
    const batch = {
      schema: built.map((column, i) => fieldOf(this.#names[i], column)),
      length: count,
      columns: built.map(({ column }) => column),
    };
    this.#grownBytes += batchBytes(batch) + 16 * count;
    if (this.#grownBytes > GROWTH_BYTES + GROWTH_FACTOR * this.#request.source.sizeBytes) {
      throw malformed('it grows beyond measure when decoded');
    }
    this.#row += count;
    this.#rows += count;
    return { batch, bad: [] };
  }

  #tooLarge(): Decoded {
    const message = `the row is longer than ${this.#limits.rowBytes} bytes`;
    const bad: BadRow = { row: this.#rows, reasons: [{ path: '', code: 'value_too_large', message }], raw: '' };
    this.#row++;
    this.#rows++;
    return { batch: null, bad: [bad] };
  }
}

/** The field, nested ones included, whose dictionary has this id. */
function findDictionary(fields: readonly ArrowField[], id: number): ArrowField | undefined {
  for (const field of fields) {
    if (field.dictionary?.id === id) return field;
    const nested = findDictionary(field.children, id);
    if (nested !== undefined) return nested;
  }
  return undefined;
}
