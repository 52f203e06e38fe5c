import { type Batch, batchBytes, type Scalar } from '../../columns/column.ts';
import { concatBatches } from '../../columns/concat.ts';
import { columnOf } from '../../columns/from-scalars.ts';
import type { Schema } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type { QueryContext } from '../context.ts';
import type { FallbackPlan, FallbackRecursion } from '../plan.ts';
import { BatchTables, columnRows, valueRows } from './batch-table.ts';
import { setFunctions } from './functions.ts';
import { CHECK_EVERY, loadSqlite, SqliteConnection, type SqliteStatement } from './sqlite.ts';
import { fromSqlite, keyOfValues, type SqliteValue, toSqlite } from './values.ts';

/** Runs a fallback plan over its inputs. */
export type RunFallback = (
  plan: FallbackPlan,
  inputs: readonly AsyncIterable<Batch>[],
  context: QueryContext,
) => AsyncIterable<Batch>;

/** Rows of one batch of an answer. */
const ANSWER_ROWS = 4096;
/** Connections kept for the next query. */
const KEPT_CONNECTIONS = 2;
/** SQLite begins with 16 MB; one that has grown past this is not kept. */
const KEPT_BYTES = 24 * 1024 * 1024;

/** What one plan may take; tests lower it. */
export interface FallbackLimits {
  /** Rows of all inputs together, and of a recursive table. */
  readonly rows: number;
  /** Instructions of SQLite's machine: what ends a statement whose isolate's clock stands still while it runs. */
  readonly instructions: number;
}

interface Session {
  readonly connection: SqliteConnection;
  readonly tables: BatchTables;
}

/**
 * The fallback executor over SQLite's WebAssembly, compiled. SQLite itself starts with the first plan that
 * needs it, and its connections are used again. It is let go when a failure may have left it broken, or when it
 * has grown: memory of WebAssembly never shrinks.
 */
export function createFallback(
  wasm: WebAssembly.Module,
  limits: FallbackLimits = { rows: LIMITS.fallbackRows, instructions: LIMITS.fallbackInstructions },
): RunFallback {
  let sqlite: ReturnType<typeof loadSqlite> | undefined;
  let idle: Session[] = [];

  async function session(): Promise<Session> {
    const kept = idle.pop();
    if (kept !== undefined) return kept;
    sqlite ??= loadSqlite(wasm);
    const connection = new SqliteConnection(await sqlite);
    return { connection, tables: new BatchTables(connection) };
  }

  function release({ connection, tables }: Session, broken: boolean): void {
    if (broken || connection.module.HEAPU8.length > KEPT_BYTES) {
      sqlite = undefined;
      idle = [];
      return;
    }
    connection.clear();
    tables.dropAll();
    if (idle.length < KEPT_CONNECTIONS && idle.every((other) => other.connection.module === connection.module)) {
      idle.push({ connection, tables });
    } else connection.module._sqlite3_close(connection.db);
  }

  return async function* run(plan, inputs, context) {
    const held: number[] = [];
    const taken = await session();
    let broken = false;
    try {
      yield* runIn(taken, plan, await collect(inputs, plan, context, held, limits), context, limits);
    } catch (error) {
      // A trap leaves the whole machine in doubt, anything else at most this connection's statement.
      broken = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
      throw error;
    } finally {
      for (const bytes of held) context.memory.give(bytes);
      release(taken, broken);
    }
  };
}

/** Draws the inputs in full: SQLite reads while it runs and cannot wait. */
async function collect(
  inputs: readonly AsyncIterable<Batch>[],
  plan: FallbackPlan,
  context: QueryContext,
  held: number[],
  limits: FallbackLimits,
): Promise<Batch[]> {
  let rows = 0;
  const collected: Batch[] = [];
  for (const [i, input] of inputs.entries()) {
    const batches: Batch[] = [];
    const { schema } = plan.inputs[i];
    for await (const batch of input) {
      rows += batch.length;
      if (rows > limits.rows) throw tooManyRows(plan.reason, limits);
      const bytes = batchBytes(batch);
      // Noted first: what does not fit counts as taken too, until it is given back.
      held.push(bytes);
      context.memory.take(bytes, plan.reason);
      // Columns are known by their places here; what the operator below calls them does not matter.
      if (batch.length > 0) batches.push({ ...batch, schema });
    }
    collected.push(concatBatches(schema, batches));
  }
  return collected;
}

function tooManyRows(reason: string, { rows }: FallbackLimits): OrasiError {
  return new OrasiError(
    'query_too_large',
    `a ${reason} is computed over at most ${rows} rows; narrow the query before it`,
  );
}

function tooLong(reason: string, { instructions }: FallbackLimits): OrasiError {
  return new OrasiError(
    'query_too_large',
    `a ${reason} may take ${instructions} steps of SQLite's machine; narrow the query before it`,
  );
}

async function* runIn(
  { connection, tables }: Session,
  plan: FallbackPlan,
  inputs: readonly Batch[],
  context: QueryContext,
  limits: FallbackLimits,
): AsyncGenerator<Batch> {
  let instructions = 0;
  connection.checkpoint = () => {
    context.checkpoint();
    instructions += CHECK_EVERY;
    if (instructions > limits.instructions) throw tooLong(plan.reason, limits);
  };
  setFunctions(connection, plan.functions);
  inputs.forEach((batch, i) => {
    tables.create(`input${i}`, columnRows(batch.columns, batch.length));
  });
  const constants = plan.constants.map(({ value, type }) => toSqlite(value, type));
  for (const recursion of plan.recursions) {
    const tooMany = () => tooManyRows(plan.reason, limits);
    const rows = await recursionRows(connection, tables, recursion, constants, { rows: limits.rows, tooMany, context });
    tables.create(recursion.name, valueRows(rows, recursion.schema.length));
  }
  const statement = connection.prepare(plan.sql);
  try {
    statement.bind(constants);
    yield* answerBatches(statement, plan.schema);
  } finally {
    statement.finish();
  }
}

function* answerBatches(statement: SqliteStatement, schema: Schema): Generator<Batch> {
  let rows: Scalar[][] = [];
  const batch = (): Batch => ({
    schema,
    length: rows.length,
    columns: schema.map(({ type }, i) =>
      columnOf(
        type,
        rows.map((row) => row[i]),
      ),
    ),
  });
  while (statement.step()) {
    rows.push(schema.map(({ type }, i) => fromSqlite(statement.column(i), type)));
    if (rows.length === ANSWER_ROWS) {
      yield batch();
      rows = [];
    }
  }
  if (rows.length > 0) yield batch();
}

/**
 * A recursive table, round by round: the step runs over what the round before gave, until that is nothing.
 * SQLite's own WITH RECURSIVE takes the table in few places; here the step is any statement.
 */
async function recursionRows(
  connection: SqliteConnection,
  tables: BatchTables,
  recursion: FallbackRecursion,
  constants: readonly SqliteValue[],
  bounds: { readonly rows: number; tooMany(): OrasiError; readonly context: QueryContext },
): Promise<SqliteValue[][]> {
  const width = recursion.schema.length;
  const seen = new Set<string>();
  const all: SqliteValue[][] = [];
  const newRows = (statement: SqliteStatement): SqliteValue[][] => {
    const found: SqliteValue[][] = [];
    while (statement.step()) {
      const row = Array.from({ length: width }, (_, i) => statement.column(i));
      if (!recursion.all) {
        const key = keyOfValues(row);
        if (seen.has(key)) continue;
        seen.add(key);
      }
      if (all.length + found.length >= bounds.rows) throw bounds.tooMany();
      found.push(row);
    }
    all.push(...found);
    return found;
  };
  let round = withStatement(connection, recursion.base, constants, newRows);
  const working = `${recursion.name}_working`;
  while (round.length > 0) {
    // A round may be too short for SQLite to ask.
    const turn = bounds.context.turns.next();
    if (turn !== undefined) await turn;
    bounds.context.checkpoint();
    tables.create(working, valueRows(round, width));
    round = withStatement(connection, recursion.step, constants, newRows);
    tables.drop(working);
  }
  return all;
}

function withStatement<T>(
  connection: SqliteConnection,
  sql: string,
  constants: readonly SqliteValue[],
  use: (statement: SqliteStatement) => T,
): T {
  const statement = connection.prepare(sql);
  try {
    statement.bind(constants);
    return use(statement);
  } finally {
    statement.finish();
  }
}
