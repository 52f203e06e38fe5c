import { getBit, newBitmap, setBit } from '../columns/bitmap.ts';
import { type Batch, type Column, gatherBatch, isNull, nullColumn, type Scalar, scalarAt } from '../columns/column.ts';
import { columnOf } from '../columns/from-scalars.ts';
import { inferInstants } from '../columns/infer-instants.ts';
import { canonicalText, isJson, parseScalar } from '../columns/text.ts';
import { type ColumnType, type Field, sameType, typeName } from '../columns/types.ts';
import { widenArray } from '../columns/widen.ts';
import type { FieldError } from '../core/errors.ts';
import type {
  BadRow,
  Checkpoint,
  DeclaredField,
  Decoded,
  DecodeRequest,
  Decoder,
  Format,
  RowOrigins,
} from './format.ts';

type Reason = FieldError & { code: string };

/** A format whose decoder holds every batch to the declared schema; what the request asks of all formats alike. */
export function withDeclaredSchema(format: Format): Format {
  return {
    ...format,
    async decode(request) {
      const decoder = await format.decode(request);
      if (request.declared.length === 0 && request.additionalColumns !== false) return decoder;
      return new CheckedDecoder(decoder, request);
    },
  };
}

class CheckedDecoder implements Decoder {
  readonly #inner: Decoder;
  readonly #request: DecodeRequest;

  constructor(inner: Decoder, request: DecodeRequest) {
    this.#inner = inner;
    this.#request = request;
  }

  checkpoint(): Checkpoint {
    return this.#inner.checkpoint();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Decoded> {
    for await (const decoded of this.#inner) {
      const { batch, bad } = decoded;
      if (batch === null) {
        yield decoded;
        continue;
      }
      const origins = decoded.origins ?? countedOrigins(batch, this.#inner.checkpoint().rows - batch.length);
      const checked = conformToDeclared(
        batch,
        this.#request.declared,
        this.#request.additionalColumns ?? true,
        origins,
      );
      yield { batch: checked.batch, bad: [...bad, ...checked.bad].sort((a, b) => a.row - b.row) };
    }
  }
}

/**
 * A batch held to a declared schema: the declared columns first, in their order and of their types,
 * then the others as they are. A value that has no exact equivalent in the declared type, a required
 * field that is absent, and a value in an undeclared column where those are refused make their row bad;
 * the path says which field. Where all rows are bad there is no batch.
 */
export function conformToDeclared(
  batch: Batch,
  declared: readonly DeclaredField[],
  additionalColumns: boolean,
  origins: RowOrigins,
): { batch: Batch | null; bad: BadRow[] } {
  const reasons = new Map<number, Reason[]>();
  const blame = (row: number, path: string, message: string) => {
    const known = reasons.get(row) ?? [];
    known.push({ path, code: 'schema_violation', message });
    reasons.set(row, known);
  };
  const schema: Field[] = [];
  const columns: Column[] = [];
  for (const field of declared) {
    const place = batch.schema.findIndex(({ name }) => name === field.name);
    const column = place < 0 ? nullColumn(field.type, batch.length) : batch.columns[place];
    const { name, type, nullable } = field;
    schema.push({ name, type, nullable });
    columns.push(conformColumn(column, field, blame));
  }
  batch.schema.forEach((field, i) => {
    if (declared.some(({ name }) => name === field.name)) return;
    if (additionalColumns) {
      schema.push(field);
      columns.push(batch.columns[i]);
    } else {
      for (let row = 0; row < batch.length; row++) {
        if (!isNull(batch.columns[i], row)) blame(row, field.name, 'this column is not in the declared schema');
      }
    }
  });
  return withoutRows({ schema, length: batch.length, columns }, reasons, origins);
}

function withoutRows(
  batch: Batch,
  reasons: ReadonlyMap<number, Reason[]>,
  origins: RowOrigins,
): { batch: Batch | null; bad: BadRow[] } {
  if (reasons.size === 0) return { batch, bad: [] };
  const bad = [...reasons.keys()]
    .sort((a, b) => a - b)
    .map((row): BadRow => {
      const line = origins.line(row);
      const common = { row: origins.row(row), reasons: reasons.get(row) ?? [], raw: origins.raw(row) };
      return line === undefined ? common : { ...common, line };
    });
  if (reasons.size === batch.length) return { batch: null, bad };
  const kept = new Int32Array(batch.length - reasons.size);
  let count = 0;
  for (let row = 0; row < batch.length; row++) if (!reasons.has(row)) kept[count++] = row;
  return { batch: gatherBatch(batch, kept), bad };
}

type Blame = (row: number, path: string, message: string) => void;

function conformColumn(column: Column, field: DeclaredField, blame: Blame): Column {
  const { name, type, nullable } = field;
  let conformed = toDeclared(column, type, (row, found) => {
    blame(row, name, `expected ${typeName(type)}, found ${found}`);
  });
  const fallback = field.default ?? null;
  if (conformed.validity !== null && (fallback !== null || !nullable)) {
    // A null that a failed conversion left is blamed already, and is neither absent nor given the default.
    const absent = newBitmap(column.length, false);
    for (let row = 0; row < column.length; row++) if (isNull(column, row)) setBit(absent, row);
    if (fallback !== null) {
      conformed = fillNulls(conformed, (row) => getBit(absent, row), fallback);
    } else {
      for (let row = 0; row < column.length; row++) {
        if (getBit(absent, row)) blame(row, name, 'required, but absent or null');
      }
    }
  }
  return conformed;
}

function fillNulls(column: Column, fills: (row: number) => boolean, value: Scalar): Column {
  const values: Scalar[] = [];
  for (let row = 0; row < column.length; row++) values.push(fills(row) ? value : scalarAt(column, row));
  return columnOf(column.type, values);
}

/** The column in the declared type; `fail` is told of rows whose value has no equivalent there, which become null. */
function toDeclared(column: Column, type: ColumnType, fail: (row: number, found: string) => void): Column {
  if (sameType(column.type, type)) return column;
  const from = column.type.kind;
  if (from === 'null') return nullColumn(type, column.length);
  const widened = widenArray(column, type);
  if (widened !== undefined) return widened;
  if (from === 'string' && (type.kind === 'timestamp' || type.kind === 'date') && column.data.layout === 'varlen') {
    const instants = inferInstants(column.data.offsets, column.data.bytes, column.length, column.validity);
    if (instants !== null && sameType(instants.column.type, type)) return instants.column;
  }
  const values: Scalar[] = new Array(column.length);
  for (let row = 0; row < column.length; row++) {
    const value = scalarAt(column, row);
    if (value === null) {
      values[row] = null;
      continue;
    }
    const text = canonicalText(value, column.type);
    const result = declaredValue(text, column.type, type);
    if (result === undefined) fail(row, `'${text.slice(0, 60)}'`);
    values[row] = result ?? null;
  }
  return columnOf(type, values);
}

/** A value in the declared type by way of its text, so that nothing is rounded, cut or guessed. */
function declaredValue(text: string, from: ColumnType, to: ColumnType): Scalar | undefined {
  if (to.kind === 'bool') {
    const lower = text.toLowerCase();
    return lower === 'true' ? true : lower === 'false' ? false : undefined;
  }
  if (to.kind === 'json') return from.kind === 'json' || isJson(text) ? text : JSON.stringify(text);
  return parseScalar(text, to);
}

/** Origins of rows in a format that has no text of them: they are counted, and shown as JSON. */
function countedOrigins(batch: Batch, firstRow: number): RowOrigins {
  return {
    row: (index) => firstRow + index,
    line: () => undefined,
    raw: (index) => rowAsJson(batch, index),
  };
}

/** A row for people to see: JSON without its nulls, cut at 1,024 characters. */
export function rowAsJson(batch: Batch, row: number): string {
  const members: string[] = [];
  batch.schema.forEach((field, i) => {
    const value = scalarAt(batch.columns[i], row);
    if (value === null) return;
    const text = canonicalText(value, field.type);
    const bare = ['bool', 'int64', 'double', 'decimal', 'json'].includes(field.type.kind);
    members.push(`${JSON.stringify(field.name)}:${bare ? text : JSON.stringify(text)}`);
  });
  return `{${members.join(',')}}`.slice(0, 1024);
}
