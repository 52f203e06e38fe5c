import type { TextForms } from '../columns/text-forms.ts';
import { type ColumnType, type Field, parseTypeName, type Schema, typeName } from '../columns/types.ts';
import { OrasiError } from '../core/errors.ts';
import type { PhysicalType, SchemaElement } from '../parquet/metadata.ts';

/** Versions of the segment format this code reads; it writes the last. */
const SEGMENT_VERSION = 1;
const VERSION_KEY = 'orasi.segment.version';
const SCHEMA_KEY = 'orasi.segment.schema';

/** The Parquet columns of a segment, the root first: what any other reader goes by. */
export function toParquetSchema(schema: Schema): SchemaElement[] {
  const root = { ...PLAIN_ELEMENT, name: 'schema', children: schema.length };
  return [
    root,
    ...schema.map((field) => ({
      ...PLAIN_ELEMENT,
      ...annotationOf(field.type),
      ...physicalOf(field.type),
      name: field.name,
      repetition: field.nullable ? ('optional' as const) : ('required' as const),
    })),
  ];
}

const PLAIN_ELEMENT: SchemaElement = {
  name: '',
  type: undefined,
  typeLength: 0,
  repetition: 'required',
  children: 0,
  convertedType: undefined,
  logicalType: undefined,
  precision: 0,
  scale: 0,
};

/** What a column's values mean to other readers; the older annotation too, where there is one. */
function annotationOf(type: ColumnType): Partial<SchemaElement> {
  switch (type.kind) {
    case 'null':
      return { logicalType: { kind: 'null' } };
    case 'decimal': {
      const { precision, scale } = type;
      return { convertedType: 'DECIMAL', logicalType: { kind: 'decimal', precision, scale }, precision, scale };
    }
    case 'string':
      return { convertedType: 'UTF8', logicalType: { kind: 'string' } };
    case 'json':
      return { convertedType: 'JSON', logicalType: { kind: 'json' } };
    case 'date':
      return { convertedType: 'DATE', logicalType: { kind: 'date' } };
    case 'timestamp':
      return { logicalType: { kind: 'timestamp', utc: false, unit: type.unit } };
    default:
      return {};
  }
}

/** Our own description, beside the one every reader understands: the exact column types, and the format's version. */
export function toKeyValues(schema: Schema): [key: string, value: string][] {
  const columns = schema.map((field) => ({ ...field, type: typeName(field.type) }));
  return [
    [VERSION_KEY, String(SEGMENT_VERSION)],
    [SCHEMA_KEY, JSON.stringify(columns)],
  ];
}

/** The schema a segment was written with. Throws `corrupt_file` where the file is no segment, or of a later version. */
export function fromKeyValues(pairs: ReadonlyMap<string, string>): Schema {
  const version = pairs.get(VERSION_KEY);
  const schema = pairs.get(SCHEMA_KEY);
  if (version === undefined || schema === undefined) {
    throw new OrasiError('corrupt_file', 'the Parquet file is not a segment: it lacks the segment metadata');
  }
  if (Number(version) !== SEGMENT_VERSION) {
    throw new OrasiError('corrupt_file', `the segment has version ${version}; this code reads ${SEGMENT_VERSION}`);
  }
  const columns = parseJson(schema);
  if (!Array.isArray(columns)) throw new OrasiError('corrupt_file', "the segment's schema cannot be read");
  return columns.map(toField);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function toField(column: Record<string, unknown>): Field {
  const type = typeof column.type === 'string' ? parseTypeName(column.type) : undefined;
  if (type === undefined || typeof column.name !== 'string') {
    throw new OrasiError(
      'corrupt_file',
      `the segment's schema has a column that cannot be read: ${JSON.stringify(column)}`,
    );
  }
  return {
    name: column.name,
    type,
    nullable: column.nullable !== false,
    ...(column.wide === true ? { wide: true } : {}),
    ...(isTextForms(column.text) ? { text: column.text } : {}),
  };
}

function isTextForms(value: unknown): value is TextForms {
  return Array.isArray(value) && value.every((form) => typeof form === 'string');
}

/** The physical type a column type is stored as. */
export function physicalOf(type: ColumnType): { readonly type: PhysicalType; readonly typeLength: number } {
  switch (type.kind) {
    case 'null':
    case 'date':
      return { type: 'INT32', typeLength: 0 };
    case 'bool':
      return { type: 'BOOLEAN', typeLength: 0 };
    case 'int64':
    case 'timestamp':
      return { type: 'INT64', typeLength: 0 };
    case 'double':
      return { type: 'DOUBLE', typeLength: 0 };
    case 'decimal':
      return type.precision <= 18 ? { type: 'INT64', typeLength: 0 } : { type: 'FIXED_LEN_BYTE_ARRAY', typeLength: 16 };
    case 'string':
    case 'json':
    case 'bytes':
      return { type: 'BYTE_ARRAY', typeLength: 0 };
  }
}
