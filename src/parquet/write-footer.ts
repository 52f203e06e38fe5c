import { concatBytes } from '../core/bytes.ts';
import {
  CODECS,
  CONVERTED_TYPES,
  type Codec,
  ENCODINGS,
  type Encoding,
  type FileRange,
  type LogicalType,
  PHYSICAL_TYPES,
  type PhysicalType,
  REPETITIONS,
  type SchemaElement,
} from './metadata.ts';
import { ThriftWriter } from './thrift-writer.ts';

/** A footer to be written; the counterpart of `FileMetadata`. */
export interface NewFile {
  readonly schema: readonly SchemaElement[];
  readonly rows: number;
  readonly rowGroups: readonly NewRowGroup[];
  readonly keyValues: readonly (readonly [key: string, value: string])[];
  readonly createdBy: string;
}

export interface NewRowGroup {
  readonly rows: number;
  readonly columns: readonly NewColumnChunk[];
}

export interface NewColumnChunk {
  readonly name: string;
  readonly type: PhysicalType;
  readonly codec: Codec;
  readonly encodings: readonly Encoding[];
  readonly values: number;
  readonly uncompressedBytes: number;
  readonly range: FileRange;
  /** Bytes of the dictionary page at the beginning of `range`; 0 without one. */
  readonly dictionaryBytes: number;
  readonly nullCount: number;
  readonly bounds: { readonly min: Uint8Array; readonly max: Uint8Array; readonly exact: boolean } | undefined;
  readonly offsetIndex: FileRange | undefined;
  readonly columnIndex: FileRange | undefined;
}

/** `PAR1`, with which a Parquet file begins and ends. */
export const MAGIC_BYTES = Uint8Array.of(0x50, 0x41, 0x52, 0x31);

/** The footer with its length and the magic after it. */
export function writeFooter(file: NewFile): Uint8Array {
  const w = new ThriftWriter();
  w.begin().i32(1, 2);
  w.list(2, 'struct', file.schema.length);
  for (const element of file.schema) writeSchemaElement(w, element);
  w.i64(3, file.rows);
  w.list(4, 'struct', file.rowGroups.length);
  for (const group of file.rowGroups) writeRowGroup(w, group);
  w.list(5, 'struct', file.keyValues.length);
  for (const [key, value] of file.keyValues) w.begin().text(1, key).text(2, value).end();
  w.text(6, file.createdBy);
  // Every column's bounds are in the order its type defines; without this readers may not use them.
  const leaves = file.schema.filter((element) => element.type !== undefined);
  w.list(7, 'struct', leaves.length);
  for (let i = 0; i < leaves.length; i++) w.begin().struct(1).end().end();
  w.end();
  const metadata = w.finish();
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, metadata.length, true);
  return concatBytes([metadata, length, MAGIC_BYTES]);
}

function writeSchemaElement(w: ThriftWriter, element: SchemaElement): void {
  w.begin();
  if (element.type !== undefined) {
    w.i32(1, PHYSICAL_TYPES.indexOf(element.type));
    if (element.typeLength > 0) w.i32(2, element.typeLength);
    w.i32(3, REPETITIONS.indexOf(element.repetition));
  }
  w.text(4, element.name);
  if (element.type === undefined) w.i32(5, element.children);
  if (element.convertedType !== undefined) w.i32(6, CONVERTED_TYPES.indexOf(element.convertedType));
  if (element.convertedType === 'DECIMAL') w.i32(7, element.scale).i32(8, element.precision);
  if (element.logicalType !== undefined) writeLogicalType(w, element.logicalType);
  w.end();
}

function writeLogicalType(w: ThriftWriter, type: LogicalType): void {
  w.struct(10);
  switch (type.kind) {
    case 'string':
      w.struct(1).end();
      break;
    case 'decimal':
      w.struct(5).i32(1, type.scale).i32(2, type.precision).end();
      break;
    case 'date':
      w.struct(6).end();
      break;
    case 'timestamp':
      w.struct(8).boolean(1, type.utc).struct(2);
      w.struct({ ms: 1, us: 2, ns: 3 }[type.unit]).end();
      w.end().end();
      break;
    case 'null':
      w.struct(11).end();
      break;
    case 'json':
      w.struct(12).end();
      break;
    default:
      throw new Error(`no column of ours is annotated as ${type.kind}`);
  }
  w.end();
}

function writeRowGroup(w: ThriftWriter, group: NewRowGroup): void {
  const { columns } = group;
  w.begin().list(1, 'struct', columns.length);
  for (const chunk of columns) writeColumnChunk(w, chunk);
  w.i64(
    2,
    columns.reduce((sum, chunk) => sum + chunk.uncompressedBytes, 0),
  );
  w.i64(3, group.rows);
  if (columns.length > 0) w.i64(5, columns[0].range.offset);
  w.i64(
    6,
    columns.reduce((sum, chunk) => sum + chunk.range.length, 0),
  );
  w.end();
}

function writeColumnChunk(w: ThriftWriter, chunk: NewColumnChunk): void {
  w.begin().i64(2, chunk.range.offset);
  w.struct(3).i32(1, PHYSICAL_TYPES.indexOf(chunk.type));
  w.list(2, 'i32', chunk.encodings.length);
  for (const encoding of chunk.encodings) w.zigzag(ENCODINGS.indexOf(encoding));
  w.list(3, 'binary', 1).elementText(chunk.name);
  w.i32(4, CODECS.indexOf(chunk.codec)).i64(5, chunk.values);
  w.i64(6, chunk.uncompressedBytes).i64(7, chunk.range.length);
  w.i64(9, chunk.range.offset + chunk.dictionaryBytes);
  if (chunk.dictionaryBytes > 0) w.i64(11, chunk.range.offset);
  w.struct(12).i64(3, chunk.nullCount);
  if (chunk.bounds !== undefined) {
    const { min, max, exact } = chunk.bounds;
    w.binary(5, max).binary(6, min).boolean(7, exact).boolean(8, exact);
  }
  w.end().end();
  if (chunk.offsetIndex !== undefined) w.i64(4, chunk.offsetIndex.offset).i32(5, chunk.offsetIndex.length);
  if (chunk.columnIndex !== undefined) w.i64(6, chunk.columnIndex.offset).i32(7, chunk.columnIndex.length);
  w.end();
}
