import { type Bitmap, newBitmap } from '../../columns/bitmap.ts';
import { type Batch, type Column, sliceBatch, sliceColumn } from '../../columns/column.ts';
import { LIMITS } from '../../core/limits.ts';
import { locate } from '../bind/errors.ts';
import type { QueryContext } from '../context.ts';
import type { AggregateCall, AggregatePlan } from '../plan.ts';
import type { Accumulator, GroupedRows } from './aggregates/accumulator.ts';
import { RowCounts } from './aggregates/count.ts';
import { createAccumulator } from './aggregates/create.ts';
import { compileExpression, type Evaluator } from './evaluate.ts';
import type { ScalarFunctions } from './function-port.ts';
import { GroupTable } from './group-table.ts';
import { HeldMemory } from './held-memory.ts';
import { isAllSet } from './logic.ts';
import { bothValid, trueBits } from './selection.ts';

interface Running {
  /** Where the call stands in the SQL text. */
  readonly at: number;
  readonly accumulator: Accumulator;
  readonly arg: Evaluator | undefined;
  readonly filter: Evaluator | undefined;
}

/** Rows by group; without keys one group, which exists even where no row does. */
export async function* aggregateRows(
  input: AsyncIterable<Batch>,
  plan: Pick<AggregatePlan, 'keys' | 'aggregates' | 'schema'>,
  functions: ScalarFunctions,
  context: QueryContext,
): AsyncGenerator<Batch> {
  const keys = plan.keys.map((key) => compileExpression(key, functions));
  const table = keys.length === 0 ? undefined : new GroupTable(plan.keys.map(({ type }) => type));
  const counts = new RowCounts();
  const running = plan.aggregates.map((call) => startAggregate(call, counts, keys.length === 0, functions));
  const memory = new HeldMemory(context.memory, 'GROUP BY');
  const single = new OneGroup();
  try {
    for await (const batch of input) {
      const { length } = batch;
      if (length === 0) continue;
      const columns = keys.map((key) => key(batch));
      const rows: GroupedRows = table === undefined ? single.rows(length) : allOf(table.assign(columns, length));
      counts.grow(table?.count ?? 1);
      if (table === undefined) counts.addTo(0, length);
      else counts.add(rows.groups);
      addBatch(running, batch, rows, table?.count ?? 1);
      memory.hold(
        running.reduce((sum, { accumulator }) => sum + accumulator.bytes, counts.bytes + (table?.bytes ?? 0)),
      );
    }
    counts.grow(table?.count ?? 1);
    yield* finishGroups(running, table, plan);
  } finally {
    memory.release();
  }
}

/** The rows of a batch where there are no keys: all of group 0. */
class OneGroup {
  #zeros = new Int32Array(0);

  rows(length: number): GroupedRows {
    if (this.#zeros.length < length) this.#zeros = new Int32Array(length);
    return { groups: this.#zeros.subarray(0, length), leftOut: null, single: true };
  }
}

function allOf(groups: Int32Array): GroupedRows {
  return { groups, leftOut: null, single: false };
}

function startAggregate(
  call: AggregateCall,
  counts: RowCounts,
  oneGroup: boolean,
  functions: ScalarFunctions,
): Running {
  return {
    at: call.at,
    accumulator: createAccumulator(call, counts, oneGroup),
    arg: call.arg === null ? undefined : compileExpression(call.arg, functions),
    filter: call.filter === null ? undefined : compileExpression(call.filter, functions),
  };
}

function addBatch(running: readonly Running[], batch: Batch, rows: GroupedRows, groups: number): void {
  // Several aggregates of one column leave out the same rows.
  const byValidity = new Map<Bitmap, GroupedRows>();
  for (const { accumulator, arg, filter } of running) {
    accumulator.grow(groups);
    const column = arg === undefined ? NO_COLUMN : arg(batch);
    const present =
      arg !== undefined && column.data.layout === 'none' ? newBitmap(batch.length, false) : column.validity;
    if (filter !== undefined) {
      accumulator.add(keepRows(rows, bothValid(trueBits(filter(batch)), present, batch.length)), column);
    } else if (present === null) accumulator.add(rows, column);
    else {
      const kept = byValidity.get(present) ?? keepRows(rows, present);
      byValidity.set(present, kept);
      accumulator.add(kept, column);
    }
  }
}

/** `count(*)` looks at no column. */
const NO_COLUMN: Column = { type: { kind: 'null' }, length: 0, validity: null, data: { layout: 'none' } };

/** Leaves out the rows whose bit is clear. */
function keepRows({ groups, single }: GroupedRows, kept: Bitmap | null): GroupedRows {
  if (kept === null || isAllSet(kept, groups.length)) return { groups, leftOut: null, single };
  const out = new Int32Array(groups.length);
  const leftOut = new Int32Array(groups.length);
  let count = 0;
  for (let i = 0; i < groups.length; i++) {
    if ((kept[i >> 3] >> (i & 7)) & 1) out[i] = groups[i];
    else {
      out[i] = -1;
      leftOut[count++] = groups[i];
    }
  }
  return { groups: out, leftOut: leftOut.subarray(0, count), single: false };
}

function* finishGroups(
  running: readonly Running[],
  table: GroupTable | undefined,
  { schema }: Pick<AggregatePlan, 'schema'>,
): Generator<Batch> {
  const count = table?.count ?? 1;
  for (const { accumulator } of running) accumulator.grow(count);
  const answers = running.map(({ at, accumulator }) => locate(at, () => accumulator.finish(count)));
  if (table === undefined) {
    yield { schema, length: 1, columns: answers };
    return;
  }
  const groups = table.groups();
  if (groups.length === 0) return;
  // Group 0 belongs to null; where no row had one, it is left out of the answers as it is of the keys.
  const first = groups[0];
  const all: Batch = {
    schema,
    length: groups.length,
    columns: [...table.keys(groups), ...answers.map((answer) => sliceColumn(answer, first, count))],
  };
  for (let start = 0; start < all.length; start += LIMITS.batchRows) {
    yield sliceBatch(all, start, Math.min(all.length, start + LIMITS.batchRows));
  }
}
