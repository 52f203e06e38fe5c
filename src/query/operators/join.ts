import { type Batch, type Column, gatherColumn, nullColumn } from '../../columns/column.ts';
import { concatBatches } from '../../columns/concat.ts';
import type { ColumnType, Schema } from '../../columns/types.ts';
import { LIMITS } from '../../core/limits.ts';
import type { QueryContext } from '../context.ts';
import type { JoinPlan } from '../plan.ts';
import { compileExpression, type Evaluator } from './evaluate.ts';
import { compileFilter, type RowFilter } from './filter.ts';
import type { ScalarFunctions } from './function-port.ts';
import { GroupTable } from './group-table.ts';
import { HeldMemory } from './held-memory.ts';
import { rowsOfBits } from './selection.ts';

/** Pairs put together at once where rows meet many: enough to be worth a batch, few enough to stay bounded. */
const PAIRS = LIMITS.batchRows;
/** Numbers of the held side stay there, named by their row, where each is met by this many rows and more. */
const HELD_SHARE = 4;

/** The side held in memory, its rows found by their keys. */
interface BuildSide {
  readonly rows: Batch;
  /** The same columns ready to be taken from by row, repeats and all. */
  readonly columns: readonly Column[];
  /** The keys' table; undefined where there are no keys and every row meets every row. */
  readonly table: GroupTable | undefined;
  /** Rows of group `g` are `order[starts[g]] … order[starts[g + 1]]`. */
  readonly starts: Int32Array;
  readonly order: Int32Array;
  /** Where no two rows have the same keys, so that a probe row meets one at most: the row of each group, or -1. */
  readonly only: Int32Array | undefined;
}

/** Row `build[i]` of the build side beside row `probe[i]` of a probe batch. */
interface Pairs {
  readonly probe: Int32Array;
  readonly build: Int32Array;
}

/** What is remembered of a probe batch, and of the build side, to make up outer rows. */
interface Met {
  /** A byte a row of the probe batch; undefined where the kind of join does not ask. */
  readonly probe: Uint8Array | undefined;
  readonly build: Uint8Array | undefined;
}

/**
 * A hash join: the right side is held, the left one passes by. Null keys never meet. A residual
 * condition decides which pairs count as met, before outer rows are made up.
 */
export async function* joinRows(
  plan: JoinPlan,
  left: AsyncIterable<Batch>,
  right: AsyncIterable<Batch>,
  functions: ScalarFunctions,
  context: QueryContext,
): AsyncGenerator<Batch> {
  const memory = new HeldMemory(context.memory, 'JOIN');
  try {
    const leftKeys = plan.on.map((pair) => compileExpression(pair.left, functions));
    const residual = plan.residual === null ? undefined : compileFilter(plan.residual, functions);
    const rightKeys = plan.on.map((pair) => compileExpression(pair.right, functions));
    const types = plan.on.map((pair) => pair.right.type);
    const build = await holdSide(right, plan.right.schema, rightKeys, types, memory);
    const metRows = plan.kind === 'right' || plan.kind === 'full' ? new Uint8Array(build.rows.length) : undefined;
    for await (const batch of left) {
      if (batch.length > 0) yield* joinBatch(plan, batch, build, leftKeys, residual, metRows, context);
    }
    if (metRows !== undefined) yield* unmetRows(plan, build, metRows);
  } finally {
    memory.release();
  }
}

async function holdSide(
  input: AsyncIterable<Batch>,
  schema: Schema,
  keys: readonly Evaluator[],
  types: readonly ColumnType[],
  memory: HeldMemory,
): Promise<BuildSide> {
  const batches: Batch[] = [];
  for await (const batch of input) {
    if (batch.length === 0) continue;
    batches.push(batch);
    memory.addBatch(batch);
  }
  const rows = concatBatches(schema, batches);
  const columns = rows.columns.map(asDictionary);
  if (keys.length === 0) {
    const order = Int32Array.from({ length: rows.length }, (_, row) => row);
    return { rows, columns, table: undefined, starts: Int32Array.of(0, rows.length), order, only: undefined };
  }
  const table = new GroupTable(types);
  const keyColumns = keys.map((key) => key(rows));
  const groups = table.assign(keyColumns, rows.length);
  dropNullKeys(groups, keyColumns);
  const { starts, order } = groupRows(groups, table.count);
  memory.add(table.bytes + starts.byteLength + order.byteLength);
  return { rows, columns, table, starts, order, only: onlyRows(starts, order) };
}

/**
 * Text as a dictionary of which every row is an entry: a pair then takes a code and not a copy of the text.
 * The entries of null rows are empty texts that no code names.
 */
function asDictionary(column: Column): Column {
  const { type, length, validity, data } = column;
  if (type.kind !== 'string' || data.layout !== 'varlen') return column;
  const codes = Int32Array.from({ length }, (_, row) => row);
  return { type, length, validity, data: { layout: 'dictionary', codes, dictionary: { ...column, validity: null } } };
}

function dropNullKeys(groups: Int32Array, columns: readonly Column[]): void {
  for (const { validity, data } of columns) {
    if (data.layout === 'none') groups.fill(-1);
    if (validity === null) continue;
    for (let i = 0; i < groups.length; i++) if (((validity[i >> 3] >> (i & 7)) & 1) === 0) groups[i] = -1;
  }
}

/** Rows in the order of their groups, by counting. */
function groupRows(groups: Int32Array, count: number): { starts: Int32Array; order: Int32Array } {
  const starts = new Int32Array(count + 1);
  for (let i = 0; i < groups.length; i++) if (groups[i] >= 0) starts[groups[i] + 1]++;
  for (let group = 0; group < count; group++) starts[group + 1] += starts[group];
  const places = starts.slice();
  const order = new Int32Array(starts[count]);
  for (let i = 0; i < groups.length; i++) if (groups[i] >= 0) order[places[groups[i]]++] = i;
  return { starts, order };
}

/** The row of each group, -1 where it has none; undefined where one has several. */
function onlyRows(starts: Int32Array, order: Int32Array): Int32Array | undefined {
  const only = new Int32Array(starts.length - 1).fill(-1);
  for (let group = 0; group < only.length; group++) {
    const size = starts[group + 1] - starts[group];
    if (size > 1) return undefined;
    if (size === 1) only[group] = order[starts[group]];
  }
  return only;
}

async function* joinBatch(
  plan: JoinPlan,
  batch: Batch,
  build: BuildSide,
  keys: readonly Evaluator[],
  residual: RowFilter | undefined,
  metRows: Uint8Array | undefined,
  context: QueryContext,
): AsyncGenerator<Batch> {
  const { kind } = plan;
  const met: Met = {
    probe: kind === 'inner' || kind === 'cross' || kind === 'right' ? undefined : new Uint8Array(batch.length),
    build: metRows,
  };
  const putsPairs = kind !== 'semi' && kind !== 'anti';
  for (const candidates of candidatePairs(batch, build, keys)) {
    // Pairs that do not meet may go on for hours without a batch that `execute` would count.
    const turn = context.turns.next();
    if (turn !== undefined) await turn;
    context.checkpoint();
    const pairs = residual === undefined ? candidates : meeting(plan, candidates, batch, build, residual);
    if (pairs.probe.length === 0) continue;
    remember(met, pairs);
    if (putsPairs) yield pairRows(plan.schema, pairs, batch, build);
  }
  if (met.probe === undefined) return;
  const alone = rowsWhere(met.probe, kind === 'semi' ? 1 : 0);
  if (alone.length === 0) return;
  const columns = batch.columns.map((column) => gatherColumn(column, alone));
  if (putsPairs) for (const { type } of plan.right.schema) columns.push(nullColumn(type, alone.length));
  yield { schema: plan.schema, length: alone.length, columns };
}

function remember({ probe, build }: Met, pairs: Pairs): void {
  if (probe !== undefined) for (let i = 0; i < pairs.probe.length; i++) probe[pairs.probe[i]] = 1;
  if (build !== undefined) for (let i = 0; i < pairs.build.length; i++) build[pairs.build[i]] = 1;
}

function rowsWhere(flags: Uint8Array, value: number): Int32Array {
  const rows = new Int32Array(flags.length);
  let count = 0;
  for (let i = 0; i < flags.length; i++) if (flags[i] === value) rows[count++] = i;
  return rows.subarray(0, count);
}

/** All pairs whose keys are equal. */
function candidatePairs(batch: Batch, build: BuildSide, keys: readonly Evaluator[]): Iterable<Pairs> {
  if (build.table === undefined) return allPairs(null, build, batch.length);
  const groups = build.table.find(
    keys.map((key) => key(batch)),
    batch.length,
  );
  return build.only === undefined ? allPairs(groups, build, batch.length) : [uniquePairs(groups, build.only)];
}

function uniquePairs(groups: Int32Array, only: Int32Array): Pairs {
  const probe = new Int32Array(groups.length);
  const rows = new Int32Array(groups.length);
  let count = 0;
  for (let row = 0; row < groups.length; row++) {
    const group = groups[row];
    const met = group < 0 ? -1 : only[group];
    if (met < 0) continue;
    probe[count] = row;
    rows[count++] = met;
  }
  return { probe: probe.subarray(0, count), build: rows.subarray(0, count) };
}

/** At most `PAIRS` at a time. Without groups every row meets every row. */
function* allPairs(groups: Int32Array | null, build: BuildSide, length: number): Generator<Pairs> {
  const { starts, order } = build;
  let probe = new Int32Array(PAIRS);
  let rows = new Int32Array(PAIRS);
  let count = 0;
  for (let row = 0; row < length; row++) {
    const group = groups === null ? 0 : groups[row];
    if (group < 0) continue;
    for (let at = starts[group]; at < starts[group + 1]; at++) {
      probe[count] = row;
      rows[count++] = order[at];
      if (count < PAIRS) continue;
      yield { probe, build: rows };
      probe = new Int32Array(PAIRS);
      rows = new Int32Array(PAIRS);
      count = 0;
    }
  }
  if (count > 0) yield { probe: probe.subarray(0, count), build: rows.subarray(0, count) };
}

/** The pairs for which the residual condition is true. */
function meeting(plan: JoinPlan, pairs: Pairs, probe: Batch, build: BuildSide, residual: RowFilter): Pairs {
  const schema = [...plan.left.schema, ...plan.right.schema];
  const { length } = pairs.probe;
  const rows = rowsOfBits(residual(pairRows(schema, pairs, probe, build)), length);
  if (rows.length === length) return pairs;
  return { probe: rows.map((row) => pairs.probe[row]), build: rows.map((row) => pairs.build[row]) };
}

function pairRows(schema: Schema, pairs: Pairs, probe: Batch, build: BuildSide): Batch {
  // Ascending without repeats and as many as there are: every probe row once.
  const whole = build.only !== undefined && pairs.probe.length === probe.length;
  const columns = [
    ...(whole ? probe.columns : probe.columns.map((column) => gatherColumn(column, pairs.probe))),
    ...build.columns.map((column) => heldValues(column, pairs.build)),
  ];
  return { schema, length: pairs.probe.length, columns };
}

/** Whether a column of numbers of this type may be a dictionary. */
function hasCodes({ kind }: ColumnType): boolean {
  return kind === 'int64' || kind === 'double' || kind === 'date' || kind === 'timestamp';
}

/** Values of the held side. Of few rows that meet many, a number is named by its row, as text of a dictionary is by its code. */
function heldValues(column: Column, rows: Int32Array): Column {
  const { type, data, length, validity } = column;
  if (data.layout !== 'fixed' || validity !== null || !hasCodes(type) || HELD_SHARE * length > rows.length) {
    return gatherColumn(column, rows);
  }
  return { type, length: rows.length, validity: null, data: { layout: 'dictionary', codes: rows, dictionary: column } };
}

/** Right rows that met none, beside nulls. */
function* unmetRows(plan: JoinPlan, build: BuildSide, met: Uint8Array): Generator<Batch> {
  const unmet = rowsWhere(met, 0);
  for (let start = 0; start < unmet.length; start += PAIRS) {
    const rows = unmet.subarray(start, start + PAIRS);
    const columns = plan.left.schema.map(({ type }) => nullColumn(type, rows.length));
    columns.push(...build.columns.map((column) => gatherColumn(column, rows)));
    yield { schema: plan.schema, length: rows.length, columns };
  }
}
