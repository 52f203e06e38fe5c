import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';

/** What a statement binds. SQL has no booleans and no undefined; say 0, 1 and null. */
export type SqlValue = string | number | null | Uint8Array;

/** A statement with its parameters, as the `sql` tag builds it. */
export class Statement {
  readonly text: string;
  readonly params: readonly SqlValue[];

  constructor(text: string, params: readonly SqlValue[]) {
    this.text = text;
    this.params = params;
  }
}

/**
 * Builds a statement: each `${value}` becomes a bound parameter, each `${statement}` is put in place with its own.
 * Text of a statement therefore never comes from outside.
 */
export function sql(texts: TemplateStringsArray, ...values: readonly (SqlValue | Statement)[]): Statement {
  let text = texts[0];
  const params: SqlValue[] = [];
  values.forEach((value, i) => {
    if (value instanceof Statement) {
      text += value.text;
      params.push(...value.params);
    } else {
      text += '?';
      params.push(value);
    }
    text += texts[i + 1];
  });
  return new Statement(text, params);
}

/** A row by column names. */
export type Row = Readonly<Record<string, unknown>>;

export interface SqlAnswer {
  readonly rows: readonly Row[];
  /** Rows inserted, updated or deleted. */
  readonly changes: number;
}

/** A small SQL database of one writer. */
export interface SqlDatabase {
  run(statement: Statement): Promise<SqlAnswer>;
  /** All statements in one transaction, in order: a failing one undoes all, one that matches no row stops nothing. */
  batch(statements: readonly Statement[]): Promise<readonly SqlAnswer[]>;
}

/** The part of D1's binding that is used; `node:sqlite` behind the same shape serves tests. */
export interface SqlBinding {
  prepare(text: string): BoundStatement;
  batch(statements: BoundStatement[]): Promise<BindingAnswer[]>;
}
export interface BoundStatement {
  bind(...values: SqlValue[]): BoundStatement;
  all(): Promise<BindingAnswer>;
}
interface BindingAnswer {
  readonly results: unknown[];
  readonly meta: { readonly changes: number; readonly rows_read?: number; readonly rows_written?: number };
}

/** What was done, for cost: D1 bills rows read and rows written. */
export interface SqlCounts {
  statements: number;
  rowsRead: number;
  rowsWritten: number;
}

/**
 * The database behind a binding, with the limits of D1 in production enforced, since local runs are looser:
 * a statement that would be refused there throws here too. Throws `unavailable` where the database is out of reach.
 */
export function createSqlDatabase(
  binding: SqlBinding,
  counts: SqlCounts = { statements: 0, rowsRead: 0, rowsWritten: 0 },
): SqlDatabase {
  const prepare = (statement: Statement) => {
    checkLimits(statement);
    return binding.prepare(statement.text).bind(...statement.params);
  };
  const answer = ({ results, meta }: BindingAnswer): SqlAnswer => {
    counts.statements++;
    counts.rowsRead += meta.rows_read ?? 0;
    counts.rowsWritten += meta.rows_written ?? 0;
    return { rows: results as Row[], changes: meta.changes };
  };
  const reach = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      if (!isOutOfReach(error)) throw error;
      throw new OrasiError('unavailable', 'the catalogue cannot be reached', { cause: error, retryAfterSeconds: 2 });
    }
  };
  return {
    run: async (statement) => answer(await reach(prepare(statement).all())),
    batch: async (statements) => (await reach(binding.batch(statements.map(prepare)))).map(answer),
  };
}

/**
 * What D1 says when it is not the statement's fault.
 * Source: https://developers.cloudflare.com/d1/observability/debug-d1/#error-list
 */
const OUT_OF_REACH =
  /network connection lost|to be reset|reset because|overloaded|cannot resolve|internal error|timeout|exceeded/i;

/** Whether the database, as opposed to a statement or what it asks, is at fault: the same may work the next time. */
function isOutOfReach(error: unknown): boolean {
  return error instanceof Error && !error.message.includes('SQLITE_') && OUT_OF_REACH.test(error.message);
}

/** D1 refuses a longer statement. Source: https://developers.cloudflare.com/d1/platform/limits/ */
const STATEMENT_BYTES = 100_000;
const encoder = new TextEncoder();

function checkLimits({ text, params }: Statement): void {
  if (text.length > STATEMENT_BYTES) throw new OrasiError('internal', `a statement of ${text.length} characters`);
  if (params.length > LIMITS.sqlParameters) {
    throw new OrasiError('internal', `a statement with ${params.length} parameters: ${text.slice(0, 100)}`);
  }
  for (const value of params) {
    if (typeof value === 'number' && !Number.isFinite(value))
      throw new OrasiError('internal', `${value} bound: ${text}`);
    if (sizeOf(value) > LIMITS.sqlValueBytes) {
      throw new OrasiError(
        'internal',
        `a value of ${sizeOf(value)} bytes is over the database's limit: ${text.slice(0, 100)}`,
      );
    }
  }
}

function sizeOf(value: SqlValue): number {
  if (value instanceof Uint8Array) return value.length;
  if (typeof value !== 'string') return 8;
  // UTF-8 needs at most three bytes a UTF-16 unit: most texts need no second look.
  return value.length * 3 <= LIMITS.sqlValueBytes ? value.length : encoder.encode(value).length;
}

/** The text of a column that is never null. */
export function text(row: Row, name: string): string {
  const value = row[name];
  if (typeof value !== 'string') throw new OrasiError('internal', `column ${name} is ${typeof value}, not text`);
  return value;
}

/** A number of a row; throws `internal` where the column holds anything else. */
export function integer(row: Row, name: string): number {
  const value = row[name];
  if (typeof value !== 'number') throw new OrasiError('internal', `column ${name} is ${typeof value}, not a number`);
  return value;
}

/** A text of a row; undefined where the column is null. */
export function optionalText(row: Row, name: string): string | undefined {
  return row[name] === null || row[name] === undefined ? undefined : text(row, name);
}

/** A number of a row; undefined where the column is null. */
export function optionalInteger(row: Row, name: string): number | undefined {
  return row[name] === null || row[name] === undefined ? undefined : integer(row, name);
}

/** Bytes of JSON in one parameter that is read with `json_each`; well below the limit of a value. */
const JSON_PARAMETER_BYTES = 1_000_000;

/** Cuts records into JSON arrays that fit a parameter each, for `json_each(?)`: one statement writes many rows. */
export function jsonChunks(records: readonly unknown[]): string[] {
  const chunks: string[] = [];
  let parts: string[] = [];
  let size = 0;
  for (const record of records) {
    const json = JSON.stringify(record);
    if (size > 0 && size + json.length > JSON_PARAMETER_BYTES) {
      chunks.push(`[${parts.join(',')}]`);
      parts = [];
      size = 0;
    }
    parts.push(json);
    size += json.length + 1;
  }
  if (parts.length > 0) chunks.push(`[${parts.join(',')}]`);
  return chunks;
}
