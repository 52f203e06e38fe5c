import type { Scalar } from '../columns/column.ts';
import { parseTypeName, type Schema, typeName } from '../columns/types.ts';
import { toHex } from '../core/bytes.ts';
import { OrasiError } from '../core/errors.ts';
import type { ColumnStatistics } from './catalog-records.ts';

/** A scalar in JSON. What JSON has no exact form for is an object of one tag: `{"i":"…"}` integer, `{"n":"NaN"}`, `{"b":"hex"}`. */
export type ScalarJson = null | boolean | number | string | { i: string } | { n: string } | { b: string };

function scalarToJson(value: Scalar): ScalarJson {
  if (typeof value === 'bigint') return { i: value.toString() };
  if (value instanceof Uint8Array) return { b: toHex(value) };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0))) {
    return { n: Object.is(value, -0) ? '-0' : String(value) };
  }
  return value;
}

function scalarFromJson(json: ScalarJson): Scalar {
  if (json === null || typeof json !== 'object') return json;
  if ('i' in json) return BigInt(json.i);
  if ('n' in json) return Number(json.n);
  return Uint8Array.from(json.b.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

interface FieldJson {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly wide?: boolean;
}

/** A schema as text: an array of fields, types as `typeName` writes them. */
export function encodeSchema(schema: Schema): string {
  return JSON.stringify(schema.map((field): FieldJson => ({ ...field, type: typeName(field.type) })));
}

/** Reads `encodeSchema` back. */
export function decodeSchema(text: string): Schema {
  return (JSON.parse(text) as FieldJson[]).map((field) => {
    const type = parseTypeName(field.type);
    if (type === undefined) throw new OrasiError('internal', `column ${field.name} has no such type: ${field.type}`);
    return { ...field, type };
  });
}

/** Statistics as text, by column: `[nullCount]` or `[nullCount, min, max]`, a missing side as the tag `{}`. */
export function encodeStatistics(statistics: Readonly<Record<string, ColumnStatistics>>): string {
  const side = (value: Scalar | undefined) => (value === undefined ? {} : scalarToJson(value));
  return JSON.stringify(
    Object.entries(statistics).map(([name, { nullCount, min, max }]) =>
      min === undefined && max === undefined ? [name, nullCount] : [name, nullCount, side(min), side(max)],
    ),
  );
}

type SideJson = ScalarJson | Record<string, never>;

/** Reads `encodeStatistics` back. */
export function decodeStatistics(text: string): Readonly<Record<string, ColumnStatistics>> {
  const entries = JSON.parse(text) as [string, number, SideJson?, SideJson?][];
  return Object.fromEntries(
    entries.map(([name, nullCount, min, max]) => {
      const statistics: { min?: Scalar; max?: Scalar; nullCount: number } = { nullCount };
      if (isKnown(min)) statistics.min = scalarFromJson(min);
      if (isKnown(max)) statistics.max = scalarFromJson(max);
      return [name, statistics];
    }),
  );
}

function isKnown(side: SideJson | undefined): side is ScalarJson {
  return side !== undefined && (side === null || typeof side !== 'object' || Object.keys(side).length > 0);
}
