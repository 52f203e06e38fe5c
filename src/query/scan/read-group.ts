import { countBits } from '../../columns/bitmap.ts';
import { type Batch, type Column, gatherColumn } from '../../columns/column.ts';
import { BOOL } from '../../columns/types.ts';
import { assert } from '../../core/errors.ts';
import type { SegmentFile } from '../../segment/read.ts';
import { countRows } from '../../segment/read-plan.ts';
import type { Expression } from '../expression.ts';
import { compileFilter, type RowFilter } from '../operators/filter.ts';
import type { ScalarFunctions } from '../operators/function-port.ts';
import { rowsOfBits } from '../operators/selection.ts';
import { adaptColumns } from './adapt.ts';
import { ordinalsAt, type RowSelection } from './row-selection.ts';
import { columnName, columnsRead, type ScanRequest } from './scan-request.ts';

/** What to read of a row group: the columns put out, and the conditions to hold first. */
export interface GroupFilter {
  /** The columns the conditions read: name by ordinal. */
  readonly columns: ReadonlyMap<number, string>;
  readonly filter: RowFilter | undefined;
}

/** Makes conditions ready to be held of row groups. */
export function groupFilter(
  conditions: readonly Expression[],
  request: ScanRequest,
  functions: ScalarFunctions,
): GroupFilter {
  if (conditions.length === 0) return { columns: new Map(), filter: undefined };
  const all: Expression =
    conditions.length === 1 ? conditions[0] : { node: 'and', args: conditions, type: BOOL, at: conditions[0].at };
  const ordinals = [...columnsRead(conditions)];
  return {
    columns: new Map(ordinals.map((ordinal) => [ordinal, columnName(request.snapshot, ordinal)])),
    filter: compileFilter(all, functions),
  };
}

/** Rows of one group: the columns put out and the ordinals in the segment, which top-k and scores go by. */
export interface GroupRows {
  readonly length: number;
  readonly columns: readonly Column[];
  /** The rows in the segment, or those at the places given. Made only when asked for. */
  ordinals(at?: Int32Array): Int32Array;
}

/** Where more than one row in this many is left, whole ranges are read and the rows taken out afterwards. */
const DENSE = 8;

/**
 * Reads the selected rows of a group and keeps those for which the conditions hold. The columns of the
 * conditions are read first: most often few rows are left, and the others need not be read for the rest.
 */
export async function readGroup(
  file: SegmentFile,
  group: number,
  rows: RowSelection,
  { columns, filter }: GroupFilter,
  request: ScanRequest,
): Promise<GroupRows> {
  const length = countRows(rows);
  if (filter === undefined) {
    const output = await readAdapted(file, group, request.output, rows, length, request);
    return { length, columns: output, ordinals: (at) => ordinalsAt(rows, at) };
  }
  const names = [...columns.values()];
  const read = await readAdapted(file, group, names, rows, length, request);
  const input: Column[] = [];
  for (const [i, ordinal] of [...columns.keys()].entries()) input[ordinal] = read[i];
  const kept = filter({ schema: request.dataset, length, columns: input });
  const count = countBits(kept, length);
  if (count === 0) return { length: 0, columns: [], ordinals: () => new Int32Array(0) };
  // What is only counted has no use for the places of its rows.
  let places: Int32Array | undefined;
  const selected = () => {
    places ??= rowsOfBits(kept, length);
    return places;
  };
  const ordinals = (at?: Int32Array) =>
    count === length ? ordinalsAt(rows, at) : ordinalsAt(rows, at === undefined ? selected() : pick(selected(), at));
  if (request.output.length === 0) return { length: count, columns: [], ordinals };
  const byName = new Map<string, Column>();
  for (const [i, name] of names.entries()) {
    if (request.output.includes(name)) byName.set(name, count === length ? read[i] : gatherColumn(read[i], selected()));
  }
  const rest = request.output.filter((name) => !byName.has(name));
  const others = await readSelected(file, group, rest, rows, { count, places: selected }, length, request);
  for (let i = 0; i < others.length; i++) byName.set(rest[i], others[i]);
  return { length: count, columns: request.output.map((name) => columnNamed(byName, name)), ordinals };
}

function columnNamed(columns: ReadonlyMap<string, Column>, name: string): Column {
  const column = columns.get(name);
  assert(column !== undefined, `column ${name} was read`);
  return column;
}

function pick(values: Int32Array, at: Int32Array): Int32Array {
  const out = new Int32Array(at.length);
  for (let i = 0; i < at.length; i++) out[i] = values[at[i]];
  return out;
}

async function readSelected(
  file: SegmentFile,
  group: number,
  names: readonly string[],
  rows: RowSelection,
  selected: { readonly count: number; readonly places: () => Int32Array },
  length: number,
  request: ScanRequest,
): Promise<readonly Column[]> {
  if (names.length === 0) return [];
  if (selected.count * DENSE > length) {
    const columns = await readAdapted(file, group, names, rows, length, request);
    return selected.count === length ? columns : columns.map((column) => gatherColumn(column, selected.places()));
  }
  const wanted = ordinalsAt(rows, selected.places());
  return await readAdapted(file, group, names, wanted, wanted.length, request);
}

/** Columns of a row group in the dataset's types; those the file lacks are null. */
async function readAdapted(
  file: SegmentFile,
  group: number,
  names: readonly string[],
  rows: RowSelection,
  length: number,
  request: ScanRequest,
): Promise<readonly Column[]> {
  const present = names.filter((name) => file.schema.some((field) => field.name === name));
  const whole = length === file.rowGroups[group].rows;
  const batch: Batch =
    present.length === 0
      ? { schema: [], length, columns: [] }
      : await file.readColumns(group, present, whole ? undefined : rows);
  return adaptColumns(batch, names, request.dataset);
}
