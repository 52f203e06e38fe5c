import { getBit } from '../../columns/bitmap.ts';
import { concatBytes } from '../../core/bytes.ts';
import { OrasiError } from '../../core/errors.ts';
import { malformed } from './flatbuffer.ts';
import type { ArrowField, ArrowType, RecordBatchHeader } from './metadata.ts';

/**
 * One field's values in a record batch, as its buffers hold them. Everything a reader follows has been
 * checked: lengths cover the rows, offsets ascend within the data, keys and type ids exist.
 */
export interface ArrowArray {
  readonly type: ArrowType;
  readonly name: string;
  readonly length: number;
  /** Bit `i` says that value `i` is present; null where all are. */
  readonly validity: Uint8Array | null;
  /** Values of fixed width, bits, text bytes, views, or a union's type ids. */
  readonly data: Uint8Array;
  /** Of text, binary, lists and maps: length + 1 of them. Of list views and dense unions: length of them. */
  readonly offsets: Int32Array;
  /** Of list views. */
  readonly sizes: Int32Array;
  /** What views point into. */
  readonly variadic: readonly Uint8Array[];
  readonly children: readonly ArrowArray[];
  /** Set where `data` holds keys into it, of the integer type `keys`. */
  readonly dictionary: ArrowArray | null;
  readonly keys: (ArrowType & { kind: 'int' }) | null;
}

/** Rows of a record batch; offsets and row numbers are 32 bits wide. */
const MAX_ROWS = 2 ** 31 - 1;
const NO_BYTES = new Uint8Array(0);
const NO_OFFSETS = new Int32Array(0);

/** Dictionaries by id. */
export type Dictionaries = ReadonlyMap<number, ArrowArray>;

/** The arrays of a record batch, one a field. */
export function loadBatch(
  fields: readonly ArrowField[],
  header: RecordBatchHeader,
  buffers: readonly Uint8Array[],
  dictionaries: Dictionaries,
): ArrowArray[] {
  const loader = new Loader(header, buffers, dictionaries);
  return fields.map((field) => loader.load(field, header.rows));
}

class Loader {
  readonly #header: RecordBatchHeader;
  readonly #buffers: readonly Uint8Array[];
  readonly #dictionaries: Dictionaries;
  #node = 0;
  #buffer = 0;
  #variadic = 0;

  constructor(header: RecordBatchHeader, buffers: readonly Uint8Array[], dictionaries: Dictionaries) {
    this.#header = header;
    this.#buffers = buffers;
    this.#dictionaries = dictionaries;
  }

  /** Loads a field that has to have at least `rows` values. */
  load(field: ArrowField, rows: number): ArrowArray {
    const node = this.#header.nodes[this.#node++];
    if (node === undefined) throw malformed('a record batch with fewer values than its schema has fields');
    const [length, nulls] = node;
    if (length < rows || length > MAX_ROWS || nulls > length)
      throw malformed('a field of another length than its batch');
    const type = field.dictionary?.keys ?? field.type;
    const validity = hasValidity(type) ? this.#validity(length, nulls) : null;
    const base = {
      type: field.type,
      name: field.name,
      length,
      validity,
      data: NO_BYTES,
      offsets: NO_OFFSETS,
      sizes: NO_OFFSETS,
      variadic: [],
      children: [],
      dictionary: null,
      keys: null,
    };
    if (field.dictionary !== undefined) return this.#keys(base, field.dictionary);
    switch (type.kind) {
      case 'null':
        return base;
      case 'bool':
        return { ...base, data: this.#sized(Math.ceil(length / 8)) };
      case 'text':
      case 'binary':
        return type.layout === 'view' ? this.#views(base) : this.#text(base, type.layout === 'large');
      case 'list':
      case 'map':
        return this.#list(base, field);
      case 'fixedList':
        return { ...base, children: [this.load(field.children[0], length * type.width)] };
      case 'struct':
        return { ...base, children: field.children.map((child) => this.load(child, length)) };
      case 'union':
        return this.#union(base, field, type);
      case 'runs':
        return this.#runs(base, field);
      default:
        return { ...base, data: this.#sized(length * widthOf(type), widthOf(type)) };
    }
  }

  #next(): Uint8Array {
    const buffer = this.#buffers[this.#buffer++];
    if (buffer === undefined) throw malformed('a record batch with fewer buffers than its schema needs');
    return buffer;
  }

  /** The next buffer, at least as long, its start aligned for elements of a width. */
  #sized(bytes: number, width = 1): Uint8Array {
    const buffer = this.#next();
    if (buffer.length < bytes) throw malformed('a buffer is shorter than its values');
    const alignment = width >= 8 ? 8 : width;
    return buffer.byteOffset % alignment === 0 ? buffer : buffer.slice();
  }

  #validity(length: number, nulls: number): Uint8Array | null {
    const buffer = this.#next();
    if (nulls === 0) return null;
    if (buffer.length === 0 && nulls < 0) return null;
    if (buffer.length < Math.ceil(length / 8)) throw malformed('a validity bitmap is shorter than its values');
    return buffer;
  }

  /** `count` ascending offsets from 0 up. A field without values may leave its offsets out. */
  #offsets(count: number, large: boolean): Int32Array {
    const bytes = this.#next();
    if (count === 1 && bytes.length === 0) return new Int32Array(1);
    const width = large ? 8 : 4;
    if (bytes.length < count * width) throw malformed('a buffer is shorter than its offsets');
    const words = int32s(bytes, (count * width) / 4);
    const offsets = large ? new Int32Array(count) : words;
    for (let i = 0; i < count; i++) {
      if (large) {
        if (words[2 * i + 1] !== 0) throw malformed('an offset is out of range');
        offsets[i] = words[2 * i];
      }
      if (offsets[i] < (i === 0 ? 0 : offsets[i - 1])) throw malformed('offsets that do not ascend');
    }
    return offsets;
  }

  #text(base: ArrowArray, large: boolean): ArrowArray {
    const offsets = this.#offsets(base.length + 1, large);
    const data = this.#next();
    if (offsets[base.length] > data.length) throw malformed('an offset lies outside its data');
    return { ...base, offsets, data };
  }

  #views(base: ArrowArray): ArrowArray {
    const data = this.#sized(base.length * 16, 4);
    const count = this.#header.variadicCounts[this.#variadic++];
    if (count === undefined || count < 0 || count > this.#buffers.length)
      throw malformed('views without their buffers');
    const variadic = Array.from({ length: count }, () => this.#next());
    const words = int32s(data, base.length * 4);
    for (let row = 0; row < base.length; row++) {
      if (base.validity !== null && !getBit(base.validity, row)) continue;
      const size = words[4 * row];
      if (size < 0) throw malformed('a view of negative size');
      if (size <= 12) continue;
      const buffer = variadic[words[4 * row + 2]];
      const offset = words[4 * row + 3];
      if (buffer === undefined || offset < 0 || offset + size > buffer.length)
        throw malformed('a view outside its buffer');
    }
    return { ...base, data, variadic };
  }

  #list(base: ArrowArray, field: ArrowField): ArrowArray {
    const { type } = field;
    const layout = type.kind === 'list' ? type.layout : 'plain';
    if (layout === 'plain' || layout === 'large') {
      const offsets = this.#offsets(base.length + 1, layout === 'large');
      return { ...base, offsets, children: [this.load(field.children[0], offsets[base.length])] };
    }
    const large = layout === 'largeView';
    const offsets = this.#integers(base.length, large);
    const sizes = this.#integers(base.length, large);
    const child = this.load(field.children[0], 0);
    for (let row = 0; row < base.length; row++) {
      if (base.validity !== null && !getBit(base.validity, row)) continue;
      if (offsets[row] < 0 || sizes[row] < 0 || offsets[row] + sizes[row] > child.length) {
        throw malformed('a list outside its items');
      }
    }
    return { ...base, offsets, sizes, children: [child] };
  }

  /** Offsets or sizes in any order, in 32 bits. */
  #integers(count: number, large: boolean): Int32Array {
    const bytes = this.#sized(count * (large ? 8 : 4), 4);
    if (!large) return int32s(bytes, count);
    const words = int32s(bytes, 2 * count);
    const out = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      if (words[2 * i + 1] !== 0) throw malformed('an offset is out of range');
      out[i] = words[2 * i];
    }
    return out;
  }

  #union(base: ArrowArray, field: ArrowField, type: ArrowType & { kind: 'union' }): ArrowArray {
    const data = this.#sized(base.length);
    const offsets = type.dense ? int32s(this.#sized(base.length * 4, 4), base.length) : NO_OFFSETS;
    const children = field.children.map((child) => this.load(child, type.dense ? 0 : base.length));
    for (let row = 0; row < base.length; row++) {
      const child = children[type.typeIds.indexOf(data[row])];
      if (child === undefined) throw malformed('a union value of an unknown type');
      if (type.dense && (offsets[row] < 0 || offsets[row] >= child.length))
        throw malformed('a union value outside its child');
    }
    return { ...base, data, offsets, children };
  }

  #runs(base: ArrowArray, field: ArrowField): ArrowArray {
    const ends = this.load({ ...field.children[0], dictionary: undefined }, 0);
    const values = this.load(field.children[1], ends.length);
    let last = 0;
    for (let run = 0; run < ends.length; run++) {
      const end = integerAt(ends, run);
      if (end <= last) throw malformed('run ends that do not ascend');
      last = end;
    }
    if (last < base.length) throw malformed('runs that end before their column');
    return { ...base, children: [ends, values] };
  }

  #keys(base: ArrowArray, { id, keys }: NonNullable<ArrowField['dictionary']>): ArrowArray {
    const dictionary = this.#dictionaries.get(id);
    if (dictionary === undefined) throw malformed(`a dictionary ${id} that has not come`);
    const array = { ...base, data: this.#sized((base.length * keys.bits) / 8, keys.bits / 8), dictionary, keys };
    for (let row = 0; row < base.length; row++) {
      if (base.validity !== null && !getBit(base.validity, row)) continue;
      const key = keyAt(array, row);
      if (!(key >= 0 && key < dictionary.length)) throw malformed('a key outside its dictionary');
    }
    return array;
  }
}

/** The values of two arrays of one type, the second's behind the first's: a dictionary that has grown. */
export function concatArrays(a: ArrowArray, b: ArrowArray): ArrowArray {
  const { type } = a;
  const text = (type.kind === 'text' || type.kind === 'binary') && type.layout !== 'view';
  const nested = a.children.length > 0 || a.variadic.length > 0 || type.kind === 'bool' || type.kind === 'null';
  if (a.validity !== null || b.validity !== null || a.dictionary !== null || nested || (!text && 'layout' in type)) {
    throw new OrasiError(
      'malformed_input',
      `delta dictionaries of ${type.kind} with nulls or nested values are not read`,
    );
  }
  const [aBytes, bBytes] = text
    ? [a.offsets[a.length], b.offsets[b.length]]
    : [a.length * widthOf(type), b.length * widthOf(type)];
  const data = concatBytes([a.data.subarray(0, aBytes), b.data.subarray(0, bBytes)]);
  const offsets = new Int32Array(text ? a.length + b.length + 1 : 0);
  if (text) {
    offsets.set(a.offsets.subarray(0, a.length + 1));
    for (let i = 1; i <= b.length; i++) offsets[a.length + i] = aBytes + b.offsets[i];
  }
  return { ...a, length: a.length + b.length, data, offsets };
}

/** Nulls, unions and runs have no bitmap of their own. */
function hasValidity(type: ArrowType): boolean {
  return type.kind !== 'null' && type.kind !== 'union' && type.kind !== 'runs';
}

/** Bytes a value of a type of fixed width takes. */
function widthOf(type: ArrowType): number {
  switch (type.kind) {
    case 'int':
    case 'float':
    case 'decimal':
    case 'date':
    case 'time':
      return type.bits / 8;
    case 'timestamp':
    case 'duration':
      return 8;
    case 'interval':
      return { months: 4, dayTime: 8, monthDayNano: 16 }[type.unit];
    case 'fixedBinary':
      return type.width;
    default:
      throw new Error(`${type.kind} has no width`);
  }
}

/** Whether a value is present, by its own bitmap alone. */
export function isPresent(array: ArrowArray, row: number): boolean {
  return array.validity === null ? array.type.kind !== 'null' : getBit(array.validity, row);
}

/** The first `count` 32-bit words of bytes, copied only where they are not aligned. */
function int32s(bytes: Uint8Array, count: number): Int32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Int32Array(aligned.buffer, aligned.byteOffset, count);
}

/** An integer of any width as a number; beyond 2^53 the nearest. */
export function integerAt(array: ArrowArray, row: number): number {
  return readInteger(array.data, array.type, row);
}

/** The dictionary key of a row. */
export function keyAt(array: ArrowArray, row: number): number {
  return array.keys === null ? -1 : readInteger(array.data, array.keys, row);
}

function readInteger(data: Uint8Array, type: ArrowType, row: number): number {
  if (type.kind !== 'int') throw new Error(`${type.kind} is no integer`);
  switch (type.bits) {
    case 8:
      return type.signed ? (data[row] << 24) >> 24 : data[row];
    case 16: {
      const value = data[2 * row] | (data[2 * row + 1] << 8);
      return type.signed ? (value << 16) >> 16 : value;
    }
    default: {
      const at = row * (type.bits / 8);
      const low = data[at] | (data[at + 1] << 8) | (data[at + 2] << 16) | (data[at + 3] << 24);
      if (type.bits === 32) return type.signed ? low : low >>> 0;
      const high = data[at + 4] | (data[at + 5] << 8) | (data[at + 6] << 16) | (data[at + 7] << 24);
      return (type.signed ? high : high >>> 0) * 4_294_967_296 + (low >>> 0);
    }
  }
}
