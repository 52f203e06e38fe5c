import { OrasiError } from '../../core/errors.ts';
import { FlatTable, malformed } from './flatbuffer.ts';

/**
 * The metadata of Arrow IPC files: what Message.fbs, Schema.fbs and File.fbs define.
 * Source: https://github.com/apache/arrow/tree/main/format
 */

export type TimeUnit = 's' | 'ms' | 'us' | 'ns';
const UNITS: readonly TimeUnit[] = ['s', 'ms', 'us', 'ns'];

/** Arrow's logical types. `large` has 64-bit offsets, `view` is laid out as views. */
export type ArrowType =
  | { readonly kind: 'null' | 'bool' | 'struct' | 'map' | 'runs' }
  | { readonly kind: 'int'; readonly bits: number; readonly signed: boolean }
  | { readonly kind: 'float'; readonly bits: number }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number; readonly bits: number }
  | { readonly kind: 'date'; readonly bits: number }
  | { readonly kind: 'time'; readonly unit: TimeUnit; readonly bits: number }
  | { readonly kind: 'timestamp'; readonly unit: TimeUnit }
  | { readonly kind: 'duration'; readonly unit: TimeUnit }
  | { readonly kind: 'interval'; readonly unit: 'months' | 'dayTime' | 'monthDayNano' }
  | { readonly kind: 'text' | 'binary' | 'list'; readonly layout: 'plain' | 'large' | 'view' | 'largeView' }
  | { readonly kind: 'fixedBinary'; readonly width: number }
  | { readonly kind: 'fixedList'; readonly width: number }
  | { readonly kind: 'union'; readonly dense: boolean; readonly typeIds: readonly number[] };

export interface ArrowField {
  readonly name: string;
  readonly type: ArrowType;
  readonly children: readonly ArrowField[];
  /** Set where the values are keys into a dictionary. */
  readonly dictionary: { readonly id: number; readonly keys: ArrowType & { kind: 'int' } } | undefined;
}

export interface RecordBatchHeader {
  readonly rows: number;
  readonly nodes: readonly (readonly [length: number, nullCount: number])[];
  readonly buffers: readonly (readonly [offset: number, length: number])[];
  readonly compression: 'lz4' | 'zstd' | undefined;
  readonly variadicCounts: readonly number[];
}

export type Message =
  | { readonly kind: 'schema'; readonly fields: readonly ArrowField[]; readonly bodyBytes: number }
  | { readonly kind: 'batch'; readonly batch: RecordBatchHeader; readonly bodyBytes: number }
  | {
      readonly kind: 'dictionary';
      readonly id: number;
      readonly isDelta: boolean;
      readonly batch: RecordBatchHeader;
      readonly bodyBytes: number;
    };

/** Levels of nested types; deeper is an attack. */
const MAX_DEPTH = 64;
/** Fields of a schema, nested ones included. */
const MAX_FIELDS = 20_000;

/** The message whose metadata these bytes are. */
export function parseMessage(bytes: Uint8Array): Message {
  const message = FlatTable.root(bytes);
  const header = message.table(2);
  const bodyBytes = message.int64(3);
  if (header === undefined || bodyBytes < 0) throw malformed('a message without header');
  switch (message.int8(1)) {
    case 1:
      return { kind: 'schema', fields: parseSchema(header), bodyBytes };
    case 2: {
      const data = header.table(1);
      if (data === undefined) throw malformed('a dictionary without data');
      return { kind: 'dictionary', id: header.int64(0), isDelta: header.bool(2), batch: parseBatch(data), bodyBytes };
    }
    case 3:
      return { kind: 'batch', batch: parseBatch(header), bodyBytes };
    default:
      throw malformed('a message of a kind that record batches do not use');
  }
}

export interface Footer {
  readonly fields: readonly ArrowField[];
  readonly dictionaries: readonly Block[];
  readonly batches: readonly Block[];
}

/** Where a message lies in a file: its metadata, prefix and padding included, and its body behind that. */
export interface Block {
  readonly offset: number;
  readonly metadataBytes: number;
  readonly bodyBytes: number;
}

/** Reads a footer's flatbuffer; throws `malformed_input`. */
export function parseFooter(bytes: Uint8Array): Footer {
  const footer = FlatTable.root(bytes);
  const schema = footer.table(1);
  if (schema === undefined) throw malformed('a footer without schema');
  return { fields: parseSchema(schema), dictionaries: footer.blocks(2), batches: footer.blocks(3) };
}

function parseSchema(schema: FlatTable): ArrowField[] {
  if (schema.int16(0) !== 0)
    throw new OrasiError('malformed_input', 'the Arrow file is big-endian; only little-endian is read');
  const budget = { left: MAX_FIELDS };
  return schema.tables(1).map((field) => parseField(field, 1, budget));
}

function parseField(field: FlatTable, depth: number, budget: { left: number }): ArrowField {
  if (depth > MAX_DEPTH) throw malformed(`types nested deeper than ${MAX_DEPTH} levels`);
  if (--budget.left < 0) throw malformed(`more than ${MAX_FIELDS} fields`);
  const type = parseType(field.int8(2), field.table(3));
  const children = field.tables(5).map((child) => parseField(child, depth + 1, budget));
  checkChildren(type, children);
  const encoding = field.table(4);
  const keys = encoding?.table(1);
  return {
    name: field.text(0) ?? '',
    type,
    children,
    dictionary:
      encoding === undefined
        ? undefined
        : {
            id: encoding.int64(0),
            keys: keys === undefined ? { kind: 'int', bits: 32, signed: true } : parseIntType(keys),
          },
  };
}

function checkChildren(type: ArrowType, children: readonly ArrowField[]): void {
  const wanted =
    type.kind === 'list' || type.kind === 'fixedList' || type.kind === 'map'
      ? 1
      : type.kind === 'runs'
        ? 2
        : type.kind === 'union'
          ? type.typeIds.length
          : undefined;
  if (wanted !== undefined && children.length !== wanted)
    throw malformed(`a ${type.kind} with ${children.length} children`);
  if (type.kind === 'map' && (children[0].type.kind !== 'struct' || children[0].children.length !== 2)) {
    throw malformed('a map whose entries are not pairs');
  }
  if (type.kind === 'runs' && children[0].type.kind !== 'int') throw malformed('run ends that are no integers');
}

function parseIntType(table: FlatTable): ArrowType & { kind: 'int' } {
  const bits = table.int32(0);
  if (![8, 16, 32, 64].includes(bits)) throw malformed(`an integer of ${bits} bits`);
  return { kind: 'int', bits, signed: table.bool(1) };
}

function unitOf(table: FlatTable, otherwise: number): TimeUnit {
  const unit = UNITS[table.int16(0, otherwise)];
  if (unit === undefined) throw malformed('an unknown unit of time');
  return unit;
}

/** By the ordinals of the union `Type` in Schema.fbs. */
function parseType(ordinal: number, table: FlatTable | undefined): ArrowType {
  if (table === undefined) throw malformed('a field without type');
  switch (ordinal) {
    case 1:
      return { kind: 'null' };
    case 2:
      return parseIntType(table);
    case 3: {
      const bits = [16, 32, 64][table.int16(0)];
      if (bits === undefined) throw malformed('a float of unknown precision');
      return { kind: 'float', bits };
    }
    case 4:
      return { kind: 'binary', layout: 'plain' };
    case 5:
      return { kind: 'text', layout: 'plain' };
    case 6:
      return { kind: 'bool' };
    case 7: {
      const type = { precision: table.int32(0), scale: table.int32(1), bits: table.int32(2, 128) };
      if (
        ![32, 64, 128, 256].includes(type.bits) ||
        type.precision < 1 ||
        type.precision > 76 ||
        Math.abs(type.scale) > 76
      ) {
        throw malformed(`a decimal of ${type.bits} bits, precision ${type.precision}, scale ${type.scale}`);
      }
      return { kind: 'decimal', ...type };
    }
    case 8:
      return { kind: 'date', bits: table.int16(0, 1) === 0 ? 32 : 64 };
    case 9: {
      const unit = unitOf(table, 1);
      return { kind: 'time', unit, bits: unit === 's' || unit === 'ms' ? 32 : 64 };
    }
    case 10:
      return { kind: 'timestamp', unit: unitOf(table, 0) };
    case 11: {
      const unit = (['months', 'dayTime', 'monthDayNano'] as const)[table.int16(0)];
      if (unit === undefined) throw malformed('an interval of unknown unit');
      return { kind: 'interval', unit };
    }
    case 12:
      return { kind: 'list', layout: 'plain' };
    case 13:
      return { kind: 'struct' };
    case 14:
      return parseUnion(table);
    case 15:
      return { kind: 'fixedBinary', width: positive(table.int32(0)) };
    case 16:
      return { kind: 'fixedList', width: positive(table.int32(0)) };
    case 17:
      return { kind: 'map' };
    case 18:
      return { kind: 'duration', unit: unitOf(table, 1) };
    case 19:
      return { kind: 'binary', layout: 'large' };
    case 20:
      return { kind: 'text', layout: 'large' };
    case 21:
      return { kind: 'list', layout: 'large' };
    case 22:
      return { kind: 'runs' };
    case 23:
      return { kind: 'binary', layout: 'view' };
    case 24:
      return { kind: 'text', layout: 'view' };
    case 25:
      return { kind: 'list', layout: 'view' };
    case 26:
      return { kind: 'list', layout: 'largeView' };
    default:
      throw malformed(`a field of unknown type ${ordinal}`);
  }
}

function parseUnion(table: FlatTable): ArrowType {
  const typeIds = table.int32s(1);
  if (typeIds.some((id) => id < 0 || id > 127)) throw malformed('a union with a type id out of range');
  return { kind: 'union', dense: table.int16(0) === 1, typeIds };
}

function positive(width: number): number {
  if (width < 0) throw malformed('a negative width');
  return width;
}

function parseBatch(batch: FlatTable): RecordBatchHeader {
  const rows = batch.int64(0);
  if (rows < 0) throw malformed('a record batch of negative length');
  const compression = batch.table(3);
  const codec = compression?.int8(0);
  if (compression !== undefined && (compression.int8(1) !== 0 || (codec !== 0 && codec !== 1))) {
    throw malformed('a body compressed in an unknown way');
  }
  return {
    rows,
    nodes: batch.int64Pairs(1),
    buffers: batch.int64Pairs(2),
    compression: codec === undefined ? undefined : codec === 0 ? 'lz4' : 'zstd',
    variadicCounts: batch.int64s(4),
  };
}
