import { type TextForms, writesBareIntegers } from './text-forms.ts';

/**
 * The types a column can have. They are the types of segments, of SQL and of answers.
 *
 * In text (catalogue, API, Parquet key-value metadata) a type is written as `typeName` writes it:
 * `null bool int64 double decimal(p,s) string bytes json date timestamp timestamp_ns`.
 */
export type ColumnType =
  | { readonly kind: 'null' }
  | { readonly kind: 'bool' }
  | { readonly kind: 'int64' }
  | { readonly kind: 'double' }
  /** Unscaled 128-bit integer with `scale` digits behind the point; precision 1..38. */
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number }
  | { readonly kind: 'string' }
  | { readonly kind: 'bytes' }
  /** A nested value (object or list) as JSON text; numbers inside keep their digits. */
  | { readonly kind: 'json' }
  /** Days since 1970-01-01. */
  | { readonly kind: 'date' }
  /** An instant in UTC, counted in `unit` since the Unix epoch. */
  | { readonly kind: 'timestamp'; readonly unit: 'us' | 'ns' };

export const NULL_TYPE: ColumnType = { kind: 'null' };
export const BOOL: ColumnType = { kind: 'bool' };
export const INT64: ColumnType = { kind: 'int64' };
export const DOUBLE: ColumnType = { kind: 'double' };
export const STRING: ColumnType = { kind: 'string' };
export const BYTES: ColumnType = { kind: 'bytes' };
export const JSON_TYPE: ColumnType = { kind: 'json' };
export const DATE: ColumnType = { kind: 'date' };
export const TIMESTAMP: ColumnType = { kind: 'timestamp', unit: 'us' };
export const TIMESTAMP_NS: ColumnType = { kind: 'timestamp', unit: 'ns' };
export const decimal = (precision: number, scale: number): ColumnType => ({ kind: 'decimal', precision, scale });

/** A named column of a schema. */
export interface Field {
  readonly name: string;
  readonly type: ColumnType;
  readonly nullable: boolean;
  /**
   * A value has been seen that the next wider type would lose, so the column takes the way round it:
   * an int64 beyond ±2^53 never becomes double; a date or timestamp outside the years that nanoseconds
   * reach (1677–2262) never becomes timestamp_ns.
   */
  readonly wide?: boolean;
  /**
   * For timestamp and double columns that came from text: the forms (text-forms.ts) in which every value
   * can be written as it stood; empty where no one form fits all.
   */
  readonly text?: TextForms;
}

/** Columns in order; names are unique. */
export type Schema = readonly Field[];

/** The text of a type; `parseTypeName` reads it back. */
export function typeName(type: ColumnType): string {
  switch (type.kind) {
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    case 'timestamp':
      return type.unit === 'ns' ? 'timestamp_ns' : 'timestamp';
    default:
      return type.kind;
  }
}

const PLAIN: Readonly<Record<string, ColumnType>> = {
  null: NULL_TYPE,
  bool: BOOL,
  int64: INT64,
  double: DOUBLE,
  string: STRING,
  bytes: BYTES,
  json: JSON_TYPE,
  date: DATE,
  timestamp: TIMESTAMP,
  timestamp_ns: TIMESTAMP_NS,
};

/** The type a text names, or undefined where it names none. */
export function parseTypeName(text: string): ColumnType | undefined {
  if (Object.hasOwn(PLAIN, text)) return PLAIN[text];
  const match = /^decimal\((\d{1,2}),\s?(\d{1,2})\)$/.exec(text);
  if (!match) return undefined;
  const precision = Number(match[1]);
  const scale = Number(match[2]);
  return precision >= 1 && precision <= 38 && scale <= precision ? decimal(precision, scale) : undefined;
}

/** Whether two types are one, parameters included. */
export function sameType(a: ColumnType, b: ColumnType): boolean {
  return typeName(a) === typeName(b);
}

/** Digits of the largest int64, so that any integer fits a decimal of scale 0 and this precision. */
const INT64_DIGITS = 19;

/** What `widen` needs to know of a side: its type, and whether it holds values the next wider type would lose. */
export type WidenSide = Pick<Field, 'type' | 'wide'>;

/**
 * The narrowest type that holds every value of both sides without loss.
 *
 * It is a join of a semilattice (commutative, associative, idempotent), so the answer does not
 * depend on the order in which batches and objects arrive. Two types without a common one meet in
 * string, the top, as the text of their values: bool and number (`true` would be `1` in one order
 * and `true` in another), and json and anything else (a number that met a string first would come
 * out quoted). docs/decisions/0030 has the argument.
 */
export function widen(a: WidenSide, b: WidenSide): ColumnType {
  if (sameType(a.type, b.type)) return a.type;
  if (a.type.kind === 'null') return b.type;
  if (b.type.kind === 'null') return a.type;
  return widenOrdered(a, b) ?? widenOrdered(b, a) ?? STRING;
}

function widenOrdered(a: WidenSide, b: WidenSide): ColumnType | undefined {
  const [left, right] = [a.type, b.type];
  if (left.kind === 'int64' && right.kind === 'double') return a.wide ? STRING : DOUBLE;
  if (left.kind === 'int64' && right.kind === 'decimal') return decimalHolding(INT64_DIGITS, 0, right);
  if (left.kind === 'decimal' && right.kind === 'decimal') {
    return decimalHolding(left.precision - left.scale, left.scale, right);
  }
  if (left.kind === 'date' && right.kind === 'timestamp') return right.unit === 'ns' && a.wide ? STRING : right;
  if (left.kind === 'timestamp' && left.unit === 'us' && right.kind === 'timestamp') return a.wide ? STRING : right;
  return undefined;
}

function decimalHolding(integerDigits: number, scale: number, other: ColumnType & { kind: 'decimal' }): ColumnType {
  const digits = Math.max(integerDigits, other.precision - other.scale);
  const widest = Math.max(scale, other.scale);
  return digits + widest <= 38 ? decimal(digits + widest, widest) : STRING;
}

/** Whether `wide` says anything about a column of this type. */
function canBeWide(type: ColumnType): boolean {
  return type.kind === 'int64' || type.kind === 'date' || (type.kind === 'timestamp' && type.unit === 'us');
}

/** The schema that holds the rows of both: columns of `a` first, then those only `b` has, types widened. */
export function mergeSchemas(a: Schema, b: Schema): Schema {
  const right = new Map(b.map((field) => [field.name, field]));
  const merged = a.map((field): Field => {
    const other = right.get(field.name);
    return other === undefined ? { ...field, nullable: true } : mergeFields(field, other);
  });
  const known = new Set(a.map((field) => field.name));
  for (const field of b) if (!known.has(field.name)) merged.push({ ...field, nullable: true });
  return merged;
}

/** The field that holds the values of both; the name is `a`'s. */
export function mergeFields(a: Field, b: Field): Field {
  const type = widen(a, b);
  const text = mergeText(a, b, type);
  return {
    name: a.name,
    type,
    nullable: a.nullable || b.nullable,
    ...((a.wide || b.wide) && canBeWide(type) ? { wide: true } : {}),
    ...(text === undefined ? {} : { text }),
  };
}

/** The forms that fit the text of both sides. A side that was never text fits any, but for what its text would be. */
function mergeText(a: Field, b: Field, type: ColumnType): TextForms | undefined {
  if (type.kind !== 'timestamp' && type.kind !== 'double') return undefined;
  // Midnight would be added to a date that becomes a timestamp, in whatever form.
  if (type.kind === 'timestamp' && (a.type.kind === 'date' || b.type.kind === 'date')) return [];
  const left = a.type.kind === 'int64' ? b.text?.filter(writesBareIntegers) : a.text;
  const right = b.type.kind === 'int64' ? a.text?.filter(writesBareIntegers) : b.text;
  if (left === undefined || right === undefined) return left ?? right;
  return left.filter((form) => right.includes(form));
}
