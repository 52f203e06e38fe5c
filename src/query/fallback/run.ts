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
import { loadSqlite, SqliteConnection, type SqliteStatement } from './sqlite.ts';
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

interface Session {
  readonly connection: SqliteConnection;
  readonly tables: BatchTables;
}

/**
 * The fallback executor over SQLite's WebAssembly, compiled. SQLite itself starts with the first plan that
 * needs it; its connections are used again, and thrown away after a failure that may have left them broken.
 */
export function createFallback(wasm: WebAssembly.Module): RunFallback {
  let sqlite: ReturnType<typeof loadSqlite> | undefined;
  const idle: Session[] = [];

  async function session(): Promise<Session> {
    const kept = idle.pop();
    if (kept !== undefined) return kept;
    sqlite ??= loadSqlite(wasm);
    const connection = new SqliteConnection(await sqlite);
    return { connection, tables: new BatchTables(connection) };
  }

  return async function* run(plan, inputs, context) {
    const held: number[] = [];
    const taken = await session();
    let broken = false;
    try {
      yield* runIn(taken, plan, await collect(inputs, plan, context, held), context);
    } catch (error) {
      // A trap leaves the whole machine in doubt, anything else at most this connection's statement.
      broken = error instanceof WebAssembly.RuntimeError || error instanceof RangeError;
      if (broken) sqlite = undefined;
      throw error;
    } finally {
      for (const bytes of held) context.memory.give(bytes);
      if (!broken) release(taken, idle);
      else idle.length = 0;
    }
  };
}

function release({ connection, tables }: Session, idle: Session[]): void {
  connection.clear();
  tables.dropAll();
  if (idle.length < KEPT_CONNECTIONS) idle.push({ connection, tables });
  else connection.module._sqlite3_close(connection.db);
}

/** Draws the inputs in full: SQLite reads while it runs and cannot wait. */
async function collect(
  inputs: readonly AsyncIterable<Batch>[],
  plan: FallbackPlan,
  context: QueryContext,
  held: number[],
): Promise<Batch[]> {
  let rows = 0;
  const collected: Batch[] = [];
  for (const [i, input] of inputs.entries()) {
    const batches: Batch[] = [];
    for await (const batch of input) {
      rows += batch.length;
      if (rows > LIMITS.fallbackRows) throw tooManyRows(plan.reason);
      const bytes = batchBytes(batch);
      context.memory.take(bytes, plan.reason);
      held.push(bytes);
      if (batch.length > 0) batches.push(batch);
    }
    const { schema } = plan.inputs[i];
    collected.push(batches.length === 0 ? emptyBatch(schema) : concatBatches(batches, schema));
  }
  return collected;
}

function tooManyRows(reason: string): OrasiError {
  return new OrasiError(
    'query_too_large',
    `a ${reason} is computed over at most ${LIMITS.fallbackRows} rows; narrow the query before it`,
  );
}

function emptyBatch(schema: Schema): Batch {
  return { schema, length: 0, columns: schema.map(({ type }) => columnOf(type, [])) };
}

async function* runIn(
  { connection, tables }: Session,
  plan: FallbackPlan,
  inputs: readonly Batch[],
  context: QueryContext,
): AsyncGenerator<Batch> {
  connection.checkpoint = () => context.checkpoint();
  setFunctions(connection, plan.functions);
  inputs.forEach((batch, i) => {
    tables.create(`input${i}`, columnRows(batch.columns, batch.length));
  });
  const constants = plan.constants.map(({ value, type }) => toSqlite(value, type));
  for (const recursion of plan.recursions) {
    const rows = recursionRows(connection, tables, recursion, constants, plan.reason);
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
function recursionRows(
  connection: SqliteConnection,
  tables: BatchTables,
  recursion: FallbackRecursion,
  constants: readonly SqliteValue[],
  reason: string,
): SqliteValue[][] {
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
      if (all.length + found.length >= LIMITS.fallbackRows) throw tooManyRows(reason);
      found.push(row);
    }
    all.push(...found);
    return found;
  };
  let round = withStatement(connection, recursion.base, constants, newRows);
  const working = `${recursion.name}_working`;
  while (round.length > 0) {
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
