import { LIMITS } from '../core/limits.ts';
import {
  CODECS,
  CONVERTED_TYPES,
  type Codec,
  type ColumnChunkMetadata,
  type ConvertedType,
  type FileMetadata,
  type LogicalType,
  PHYSICAL_TYPES,
  type PhysicalType,
  type RawStatistics,
  REPETITIONS,
  type Repetition,
  type RowGroupMetadata,
  type SchemaElement,
  type TimeUnit,
} from './metadata.ts';
import { malformed, type ThriftReader } from './thrift.ts';

const MAGIC = 0x31524150;
/** The footer's length and the magic after it. */
export const TRAILER_BYTES = 8;

/** The bytes the footer takes at the end of the file, from the file's last eight. */
export function footerLength(trailer: Uint8Array, fileBytes: number): number {
  if (trailer.length < TRAILER_BYTES) throw malformed('the file is shorter than a footer');
  const view = new DataView(trailer.buffer, trailer.byteOffset + trailer.length - TRAILER_BYTES, TRAILER_BYTES);
  const magic = view.getUint32(4, true);
  if (magic === 0x45524150) throw malformed('the file is encrypted');
  if (magic !== MAGIC) throw malformed('the file does not end with the magic PAR1');
  const length = view.getUint32(0, true) + TRAILER_BYTES;
  if (length > fileBytes) throw malformed('the footer is longer than the file');
  if (length > LIMITS.parquetFooterBytes) {
    throw malformed(`the footer has ${length} bytes; at most ${LIMITS.parquetFooterBytes} are read`);
  }
  return length;
}

/** Reads a file's metadata; throws `malformed_input`. */
export function readFileMetadata(r: ThriftReader): FileMetadata {
  let schema: SchemaElement[] | undefined;
  let rowGroups: RowGroupMetadata[] | undefined;
  let rows = 0;
  const keyValues = new Map<string, string>();
  const outer = r.begin();
  while (r.next()) {
    switch (r.field) {
      case 2:
        schema = readList(r, LIMITS.parquetSchemaElements, 'schema elements', readSchemaElement);
        break;
      case 3:
        rows = r.size();
        break;
      case 4: {
        let chunks = 0;
        rowGroups = readList(r, LIMITS.parquetColumnChunks, 'row groups', (reader) => {
          const group = readRowGroup(reader);
          chunks += group.columns.length;
          if (chunks > LIMITS.parquetColumnChunks) throw malformed('the footer has too many column chunks');
          return group;
        });
        break;
      }
      case 5:
        readList(r, LIMITS.parquetColumnChunks, 'key-value pairs', (reader) => readKeyValue(reader, keyValues));
        break;
      default:
        r.skip();
    }
  }
  r.end(outer);
  if (schema === undefined || schema.length === 0 || rowGroups === undefined) {
    throw malformed('the footer lacks a schema or row groups');
  }
  return { schema, rows, rowGroups, keyValues };
}

function readList<T>(r: ThriftReader, most: number, what: string, read: (r: ThriftReader) => T): T[] {
  const count = r.list('struct');
  if (count > most) throw malformed(`the footer has ${count} ${what}; at most ${most} are read`);
  const items: T[] = [];
  for (let i = 0; i < count; i++) items.push(read(r));
  return items;
}

/** A member of an enumeration, or undefined for one that a later version of the format added. */
function member<T>(names: readonly T[], ordinal: number): T | undefined {
  return names[ordinal];
}

function readSchemaElement(r: ThriftReader): SchemaElement {
  let name = '';
  let type: PhysicalType | undefined;
  let typeLength = 0;
  let repetition: Repetition = 'required';
  let children = 0;
  let convertedType: ConvertedType | undefined;
  let logicalType: LogicalType | undefined;
  let precision = 0;
  let scale = 0;
  const outer = r.begin();
  while (r.next()) {
    switch (r.field) {
      case 1:
        type = member(PHYSICAL_TYPES, r.integer());
        if (type === undefined) throw malformed('a column has an unknown physical type');
        break;
      case 2:
        typeLength = r.size();
        break;
      case 3: {
        const named = member(REPETITIONS, r.integer());
        if (named === undefined) throw malformed('a column has an unknown repetition');
        repetition = named;
        break;
      }
      case 4:
        name = r.text();
        break;
      case 5:
        children = r.size();
        break;
      case 6:
        convertedType = member(CONVERTED_TYPES, r.integer());
        break;
      case 7:
        scale = r.integer();
        break;
      case 8:
        precision = r.integer();
        break;
      case 10:
        logicalType = readLogicalType(r);
        break;
      default:
        r.skip();
    }
  }
  r.end(outer);
  return { name, type, typeLength, repetition, children, convertedType, logicalType, precision, scale };
}

const LOGICAL_KINDS = {
  1: 'string',
  2: 'map',
  3: 'list',
  4: 'enum',
  6: 'date',
  11: 'null',
  12: 'json',
  13: 'bson',
  14: 'uuid',
  15: 'float16',
} as const;

function readLogicalType(r: ThriftReader): LogicalType {
  r.expectStruct();
  let logical: LogicalType = { kind: 'unknown' };
  const outer = r.begin();
  while (r.next()) {
    const field = r.field;
    if (field === 5) logical = readDecimal(r);
    else if (field === 7 || field === 8) logical = readTime(r, field === 7 ? 'time' : 'timestamp');
    else if (field === 10) logical = readInteger(r);
    else {
      const kind = LOGICAL_KINDS[field as keyof typeof LOGICAL_KINDS];
      if (kind !== undefined) logical = { kind };
      r.skip();
    }
  }
  r.end(outer);
  return logical;
}

function readDecimal(r: ThriftReader): LogicalType {
  r.expectStruct();
  let scale = 0;
  let precision = 0;
  const outer = r.begin();
  while (r.next()) {
    if (r.field === 1) scale = r.integer();
    else if (r.field === 2) precision = r.integer();
    else r.skip();
  }
  r.end(outer);
  return { kind: 'decimal', precision, scale };
}

function readTime(r: ThriftReader, kind: 'time' | 'timestamp'): LogicalType {
  r.expectStruct();
  let utc = false;
  let unit: TimeUnit | undefined;
  const outer = r.begin();
  while (r.next()) {
    if (r.field === 1) utc = r.boolean();
    else if (r.field === 2) {
      r.expectStruct();
      const union = r.begin();
      while (r.next()) {
        unit = member(['ms', 'us', 'ns'] as const, r.field - 1);
        r.skip();
      }
      r.end(union);
    } else r.skip();
  }
  r.end(outer);
  if (unit === undefined) throw malformed(`a ${kind} column has no unit`);
  return { kind, utc, unit };
}

function readInteger(r: ThriftReader): LogicalType {
  r.expectStruct();
  let bits = 64;
  let signed = true;
  const outer = r.begin();
  while (r.next()) {
    if (r.field === 1) bits = r.byte();
    else if (r.field === 2) signed = r.boolean();
    else r.skip();
  }
  r.end(outer);
  return { kind: 'integer', bits, signed };
}

function readKeyValue(r: ThriftReader, into: Map<string, string>): void {
  let key = '';
  let value = '';
  const outer = r.begin();
  while (r.next()) {
    if (r.field === 1) key = r.text();
    else if (r.field === 2) value = r.text();
    else r.skip();
  }
  r.end(outer);
  into.set(key, value);
}

function readRowGroup(r: ThriftReader): RowGroupMetadata {
  let columns: ColumnChunkMetadata[] = [];
  let rows = 0;
  const outer = r.begin();
  while (r.next()) {
    if (r.field === 1) columns = readList(r, LIMITS.parquetSchemaElements, 'columns', readColumnChunk);
    else if (r.field === 3) rows = r.size();
    else r.skip();
  }
  r.end(outer);
  return { rows, columns };
}

/** The parts of a chunk that its inner struct, ColumnMetaData, holds. */
type ChunkBody = Omit<ColumnChunkMetadata, 'offsetIndex' | 'columnIndex'>;

function readColumnChunk(r: ThriftReader): ColumnChunkMetadata {
  let body: ChunkBody | undefined;
  let [offsetAt, offsetLength, columnAt, columnLength] = [0, 0, 0, 0];
  const outer = r.begin();
  while (r.next()) {
    switch (r.field) {
      case 1:
        if (r.binary().length > 0) throw malformed('a column is in another file');
        break;
      case 3:
        r.expectStruct();
        body = readChunkBody(r);
        break;
      case 4:
        offsetAt = r.size();
        break;
      case 5:
        offsetLength = r.size();
        break;
      case 6:
        columnAt = r.size();
        break;
      case 7:
        columnLength = r.size();
        break;
      case 8:
        throw malformed('a column is encrypted');
      default:
        r.skip();
    }
  }
  r.end(outer);
  if (body === undefined) throw malformed('a column chunk has no metadata');
  return {
    ...body,
    offsetIndex: offsetLength > 0 ? { offset: offsetAt, length: offsetLength } : undefined,
    columnIndex: columnLength > 0 ? { offset: columnAt, length: columnLength } : undefined,
  };
}

function readChunkBody(r: ThriftReader): ChunkBody {
  let type: PhysicalType | undefined;
  let codec: Codec | undefined;
  let values = 0;
  let uncompressedBytes = 0;
  let length = 0;
  let dataOffset = 0;
  let dictionaryOffset = 0;
  let statistics: RawStatistics | undefined;
  const outer = r.begin();
  while (r.next()) {
    switch (r.field) {
      case 1:
        type = member(PHYSICAL_TYPES, r.integer());
        break;
      case 4:
        codec = member(CODECS, r.integer());
        break;
      case 5:
        values = r.size();
        break;
      case 6:
        uncompressedBytes = Math.max(0, r.integer());
        break;
      case 7:
        length = r.size();
        break;
      case 9:
        dataOffset = r.size();
        break;
      case 11:
        dictionaryOffset = r.size();
        break;
      case 12:
        r.expectStruct();
        statistics = readStatistics(r);
        break;
      default:
        r.skip();
    }
  }
  r.end(outer);
  if (type === undefined || codec === undefined) throw malformed('a column chunk has an unknown type or codec');
  // Some writers put zero where there is no dictionary, some give both offsets as the dictionary's.
  const offset = dictionaryOffset > 0 && dictionaryOffset < dataOffset ? dictionaryOffset : dataOffset;
  return { type, codec, values, uncompressedBytes, range: { offset, length }, dataOffset, statistics };
}

/** Reads the fields `min_value` and `max_value`; the older `min` and `max` have no defined order. */
function readStatistics(r: ThriftReader): RawStatistics {
  let min: Uint8Array | undefined;
  let max: Uint8Array | undefined;
  let nullCount: number | undefined;
  const outer = r.begin();
  while (r.next()) {
    switch (r.field) {
      case 3: {
        const count = r.integer();
        nullCount = count >= 0 ? count : undefined;
        break;
      }
      case 5:
        max = r.binary();
        break;
      case 6:
        min = r.binary();
        break;
      default:
        r.skip();
    }
  }
  r.end(outer);
  return { min, max, nullCount };
}
