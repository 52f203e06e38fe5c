import { type Batch, batchBytes, type Column, gatherColumn, nullColumn } from '../../columns/column.ts';
import type { Schema } from '../../columns/types.ts';
import { LIMITS } from '../../core/limits.ts';
import type { QueryContext } from '../context.ts';
import type { JoinPlan } from '../plan.ts';
import { concatBatches } from './concat.ts';
import { compileExpression, type Evaluator } from './evaluate.ts';
import { compileFilter, type RowFilter } from './filter.ts';
import type { ScalarFunctions } from './function-port.ts';
import { GroupTable } from './group-table.ts';
import { HeldMemory } from './held-memory.ts';

/** Pairs put together at once: enough to be worth a batch, few enough that a fan-out stays bounded. */
const PAIRS = LIMITS.batchRows;

/** The side held in memory, its rows found by their keys. */
interface BuildSide {
  readonly rows: Batch;
  /** The group of keys a probe row belongs to, or -1; null where there are no keys and every row meets every row. */
  find(columns: readonly Column[], length: number): Int32Array | null;
  /** Rows of group `g` are `order[starts[g]] … order[starts[g + 1]]`. */
  readonly starts: Int32Array;
  readonly order: Int32Array;
}

/** One batch of pairs: row `build[i]` of the build side beside row `probe[i]` of the probe batch; -1 stands for nulls. */
interface Pairs {
  readonly probe: Int32Array;
  readonly build: Int32Array;
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
    const build = await holdSide(
      right,
      plan.right.schema,
      plan.on.map((pair) => compileExpression(pair.right, functions)),
      plan.on.map((pair) => pair.right.type),
      memory,
    );
    const met = plan.kind === 'right' || plan.kind === 'full' ? new Uint8Array(build.rows.length) : undefined;
    for await (const batch of left) {
      if (batch.length > 0) yield* joinBatch(plan, batch, build, leftKeys, residual, met, context);
    }
    if (met !== undefined) yield* unmetRows(plan, build.rows, met);
  } finally {
    memory.release();
  }
}

async function holdSide(
  input: AsyncIterable<Batch>,
  schema: Schema,
  keys: readonly Evaluator[],
  types: readonly Batch['schema'][number]['type'][],
  memory: HeldMemory,
): Promise<BuildSide> {
  const batches: Batch[] = [];
  for await (const batch of input) {
    if (batch.length === 0) continue;
    batches.push(batch);
    memory.add(batchBytes(batch));
  }
  const rows = concatBatches(schema, batches);
  if (keys.length === 0) {
    const order = Int32Array.from({ length: rows.length }, (_, row) => row);
    return { rows, find: () => null, starts: Int32Array.of(0, rows.length), order };
  }
  const table = new GroupTable(types);
  const columns = keys.map((key) => key(rows));
  const groups = table.assign(columns, rows.length);
  dropNullKeys(groups, columns);
  const { starts, order } = groupRows(groups, table.count);
  memory.add(table.bytes + starts.byteLength + order.byteLength);
  return { rows, find: (probe, length) => table.find(probe, length), starts, order };
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

function* joinBatch(
  plan: JoinPlan,
  batch: Batch,
  build: BuildSide,
  keys: readonly Evaluator[],
  residual: RowFilter | undefined,
  met: Uint8Array | undefined,
  context: QueryContext,
): Generator<Batch> {
  const found = build.find(
    keys.map((key) => key(batch)),
    batch.length,
  );
  const matched = new Uint8Array(batch.length);
  const putsPairs = plan.kind !== 'semi' && plan.kind !== 'anti';
  for (const candidates of candidatePairs(found, build, batch.length)) {
    context.checkpoint();
    const pairs = residual === undefined ? candidates : meeting(plan, candidates, batch, build.rows, residual);
    for (let i = 0; i < pairs.probe.length; i++) {
      matched[pairs.probe[i]] = 1;
      if (met !== undefined) met[pairs.build[i]] = 1;
    }
    if (putsPairs && pairs.probe.length > 0) yield pairRows(plan.schema, pairs, batch, build.rows);
  }
  const alone = plan.kind === 'left' || plan.kind === 'full' || plan.kind === 'anti' ? 0 : plan.kind === 'semi' ? 1 : 2;
  const rest = rowsWhere(matched, alone);
  if (rest.length === 0) return;
  const columns = batch.columns.map((column) => gatherColumn(column, rest));
  if (putsPairs) for (const { type } of plan.right.schema) columns.push(nullColumn(type, rest.length));
  yield { schema: plan.schema, length: rest.length, columns };
}

function rowsWhere(flags: Uint8Array, value: number): Int32Array {
  const rows = new Int32Array(flags.length);
  let count = 0;
  for (let i = 0; i < flags.length; i++) if (flags[i] === value) rows[count++] = i;
  return rows.subarray(0, count);
}

/** All pairs whose keys are equal, at most `PAIRS` at a time. */
function* candidatePairs(found: Int32Array | null, build: BuildSide, length: number): Generator<Pairs> {
  let probe = new Int32Array(PAIRS);
  let order = new Int32Array(PAIRS);
  let count = 0;
  for (let row = 0; row < length; row++) {
    const group = found === null ? 0 : found[row];
    if (group < 0) continue;
    for (let at = build.starts[group]; at < build.starts[group + 1]; at++) {
      probe[count] = row;
      order[count++] = build.order[at];
      if (count < PAIRS) continue;
      yield { probe, build: order };
      probe = new Int32Array(PAIRS);
      order = new Int32Array(PAIRS);
      count = 0;
    }
  }
  if (count > 0) yield { probe: probe.subarray(0, count), build: order.subarray(0, count) };
}

/** The pairs for which the residual condition is true. */
function meeting(plan: JoinPlan, pairs: Pairs, probe: Batch, build: Batch, residual: RowFilter): Pairs {
  const schema = [...plan.left.schema, ...plan.right.schema];
  const rows = residual(pairRows(schema, pairs, probe, build));
  return { probe: rows.map((row) => pairs.probe[row]), build: rows.map((row) => pairs.build[row]) };
}

function pairRows(schema: Schema, pairs: Pairs, probe: Batch, build: Batch): Batch {
  const columns = [
    ...probe.columns.map((column) => gatherColumn(column, pairs.probe)),
    ...build.columns.map((column) => gatherColumn(column, pairs.build)),
  ];
  return { schema, length: pairs.probe.length, columns };
}

/** Right rows that met none, beside nulls. */
function* unmetRows(plan: JoinPlan, build: Batch, met: Uint8Array): Generator<Batch> {
  const unmet = rowsWhere(met, 0);
  for (let start = 0; start < unmet.length; start += PAIRS) {
    const rows = unmet.subarray(start, start + PAIRS);
    const columns = plan.left.schema.map(({ type }) => nullColumn(type, rows.length));
    yield {
      schema: plan.schema,
      length: rows.length,
      columns: [...columns, ...build.columns.map((column) => gatherColumn(column, rows))],
    };
  }
}
