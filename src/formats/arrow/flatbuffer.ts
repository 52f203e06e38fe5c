import { OrasiError } from '../../core/errors.ts';

/** `malformed_input`, for bytes that are not the Arrow file they say they are. */
export function malformed(what: string): OrasiError {
  return new OrasiError('malformed_input', `the Arrow file is damaged: ${what}`);
}

const decoder = new TextDecoder();

/**
 * Reads FlatBuffers tables with every position checked against the buffer, which the generated readers of
 * the Arrow library do not do: they follow whatever offset and count a file claims.
 * Source: https://flatbuffers.dev/internals/
 */
export class FlatTable {
  readonly #view: DataView;
  readonly #at: number;
  readonly #fields: number;
  readonly #fieldsEnd: number;

  constructor(view: DataView, at: number) {
    this.#view = view;
    this.#at = at;
    this.#fields = at - int32At(view, at);
    this.#fieldsEnd = this.#fields + uint16At(view, this.#fields);
  }

  /** The root table of a buffer. */
  static root(bytes: Uint8Array): FlatTable {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return new FlatTable(view, uint32At(view, 0));
  }

  /** Where a field's value is, or 0 where the table does not have it. */
  #place(field: number): number {
    const slot = this.#fields + 4 + 2 * field;
    if (slot + 2 > this.#fieldsEnd) return 0;
    const offset = uint16At(this.#view, slot);
    return offset === 0 ? 0 : this.#at + offset;
  }

  int8(field: number, otherwise = 0): number {
    const place = this.#place(field);
    if (place === 0) return otherwise;
    check(this.#view, place, 1);
    return this.#view.getInt8(place);
  }

  bool(field: number, otherwise = false): boolean {
    return this.int8(field, otherwise ? 1 : 0) !== 0;
  }

  int16(field: number, otherwise = 0): number {
    const place = this.#place(field);
    if (place === 0) return otherwise;
    check(this.#view, place, 2);
    return this.#view.getInt16(place, true);
  }

  int32(field: number, otherwise = 0): number {
    const place = this.#place(field);
    return place === 0 ? otherwise : int32At(this.#view, place);
  }

  /** A 64-bit integer, which has to be within what a double holds. */
  int64(field: number, otherwise = 0): number {
    const place = this.#place(field);
    return place === 0 ? otherwise : int64At(this.#view, place);
  }

  table(field: number): FlatTable | undefined {
    const place = this.#place(field);
    return place === 0 ? undefined : new FlatTable(this.#view, place + uint32At(this.#view, place));
  }

  text(field: number): string | undefined {
    const place = this.#place(field);
    if (place === 0) return undefined;
    const start = place + uint32At(this.#view, place);
    const size = uint32At(this.#view, start);
    check(this.#view, start + 4, size);
    return decoder.decode(new Uint8Array(this.#view.buffer, this.#view.byteOffset + start + 4, size));
  }

  /** Start and count of a vector whose elements take `elementBytes` each. */
  #vector(field: number, elementBytes: number): { start: number; count: number } {
    const place = this.#place(field);
    if (place === 0) return { start: 0, count: 0 };
    const start = place + uint32At(this.#view, place);
    const count = uint32At(this.#view, start);
    check(this.#view, start + 4, count * elementBytes);
    return { start: start + 4, count };
  }

  tables(field: number): FlatTable[] {
    const { start, count } = this.#vector(field, 4);
    return Array.from({ length: count }, (_, i) => {
      const place = start + 4 * i;
      return new FlatTable(this.#view, place + uint32At(this.#view, place));
    });
  }

  int32s(field: number): number[] {
    const { start, count } = this.#vector(field, 4);
    return Array.from({ length: count }, (_, i) => int32At(this.#view, start + 4 * i));
  }

  int64s(field: number): number[] {
    const { start, count } = this.#vector(field, 8);
    return Array.from({ length: count }, (_, i) => int64At(this.#view, start + 8 * i));
  }

  /** A vector of structs of two 64-bit integers. */
  int64Pairs(field: number): [number, number][] {
    const { start, count } = this.#vector(field, 16);
    return Array.from({ length: count }, (_, i) => [
      int64At(this.#view, start + 16 * i),
      int64At(this.#view, start + 16 * i + 8),
    ]);
  }

  /** A vector of file blocks: 64-bit offset, 32-bit metadata length and padding, 64-bit body length. */
  blocks(field: number): { offset: number; metadataBytes: number; bodyBytes: number }[] {
    const { start, count } = this.#vector(field, 24);
    return Array.from({ length: count }, (_, i) => ({
      offset: int64At(this.#view, start + 24 * i),
      metadataBytes: int32At(this.#view, start + 24 * i + 8),
      bodyBytes: int64At(this.#view, start + 24 * i + 16),
    }));
  }
}

function check(view: DataView, at: number, size: number): void {
  if (at < 0 || at + size > view.byteLength) throw malformed('its metadata points outside itself');
}

function uint16At(view: DataView, at: number): number {
  check(view, at, 2);
  return view.getUint16(at, true);
}

function uint32At(view: DataView, at: number): number {
  check(view, at, 4);
  return view.getUint32(at, true);
}

function int32At(view: DataView, at: number): number {
  check(view, at, 4);
  return view.getInt32(at, true);
}

function int64At(view: DataView, at: number): number {
  check(view, at, 8);
  const value = Number(view.getBigInt64(at, true));
  if (!Number.isSafeInteger(value)) throw malformed('a length is out of range');
  return value;
}
