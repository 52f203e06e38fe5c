import { getBit } from '../../columns/bitmap.ts';
import { type Batch, type Column, sliceBatch, sliceColumn } from '../../columns/column.ts';
import { LIMITS } from '../../core/limits.ts';
import type { QueryContext } from '../context.ts';
import type { AggregateCall, AggregatePlan } from '../plan.ts';
import type { Accumulator } from './aggregates/accumulator.ts';
import { createAccumulator } from './aggregates/create.ts';
import { compileExpression, type Evaluator } from './evaluate.ts';
import type { ScalarFunctions } from './function-port.ts';
import { GroupTable } from './group-table.ts';
import { HeldMemory } from './held-memory.ts';
import { trueBits } from './selection.ts';

interface Running {
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
  const running = plan.aggregates.map((call) => startAggregate(call, functions));
  const memory = new HeldMemory(context.memory, 'GROUP BY');
  try {
    for await (const batch of input) {
      if (batch.length === 0) continue;
      const groups =
        table === undefined
          ? new Int32Array(batch.length)
          : table.assign(
              keys.map((key) => key(batch)),
              batch.length,
            );
      for (const aggregate of running) addBatch(aggregate, batch, groups, table?.count ?? 1);
      memory.hold(running.reduce((sum, { accumulator }) => sum + accumulator.bytes, table?.bytes ?? 0));
    }
    yield* finishGroups(running, table, plan);
  } finally {
    memory.release();
  }
}

function startAggregate(call: AggregateCall, functions: ScalarFunctions): Running {
  return {
    accumulator: createAccumulator(call),
    arg: call.arg === null ? undefined : compileExpression(call.arg, functions),
    filter: call.filter === null ? undefined : compileExpression(call.filter, functions),
  };
}

function addBatch({ accumulator, arg, filter }: Running, batch: Batch, groups: Int32Array, count: number): void {
  accumulator.grow(count);
  let counted = groups;
  if (filter !== undefined) counted = withoutRows(counted, trueBits(filter(batch)));
  if (arg === undefined) {
    accumulator.add(counted, NO_COLUMN);
    return;
  }
  const column = arg(batch);
  if (column.data.layout === 'none') return;
  if (column.validity !== null) counted = withoutRows(counted, column.validity);
  accumulator.add(counted, column);
}

/** `count(*)` looks at no column. */
const NO_COLUMN: Column = { type: { kind: 'null' }, length: 0, validity: null, data: { layout: 'none' } };

/** The groups with -1 for the rows whose bit is clear. */
function withoutRows(groups: Int32Array, kept: Uint8Array): Int32Array {
  const out = new Int32Array(groups.length);
  for (let i = 0; i < groups.length; i++) out[i] = getBit(kept, i) ? groups[i] : -1;
  return out;
}

function* finishGroups(
  running: readonly Running[],
  table: GroupTable | undefined,
  { schema }: Pick<AggregatePlan, 'schema'>,
): Generator<Batch> {
  const count = table?.count ?? 1;
  for (const { accumulator } of running) accumulator.grow(count);
  const answers = running.map(({ accumulator }) => accumulator.finish(count));
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
