import { type Batch, type Column, gatherColumn } from '../../columns/column.ts';
import type { SegmentFile } from '../../segment/read.ts';
import type { DatasetSnapshot, SegmentRecord } from '../../storage/catalog-records.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { objectReader } from '../../storage/range-reader.ts';
import type { QueryContext } from '../context.ts';
import { compileFilter, type RowFilter } from '../operators/filter.ts';
import type { ScalarFunctions } from '../operators/function-port.ts';
import type { ScanPlan } from '../plan.ts';
import { adaptColumns } from './adapt.ts';
import { lookAhead } from './look-ahead.ts';
import type { ReadGate } from './read-gate.ts';
import { countRange, type RowRanges, rowsOfRanges } from './row-ranges.ts';
import { type ScanRequest, scanRequest } from './scan-request.ts';
import type { OpenSegment, SegmentCache } from './segment-cache.ts';
import { mayHoldRows, rowsToRead } from './segment-rows.ts';

/** What a scan reads from and reports to. */
export interface ScanSource {
  readonly store: ObjectStore;
  readonly snapshot: (dataset: string) => DatasetSnapshot;
  readonly segments: SegmentCache;
  readonly gate: ReadGate;
  readonly functions: ScalarFunctions;
  readonly context: QueryContext;
}

/** Row groups read ahead of the one being worked on; each holds some megabytes while it waits. */
const READ_AHEAD = 3;
/** Rows of a batch that takes no column. */
const EMPTY_ROWS = 65_536;

/** One row group, or the part of it to be looked at. */
interface GroupTask {
  readonly open: OpenSegment;
  readonly group: number;
  readonly rows: RowRanges;
}

/** The rows of a dataset that satisfy the plan's filter, segment by segment in the order of their rows. */
export async function* scanRows(plan: ScanPlan, source: ScanSource): AsyncGenerator<Batch> {
  const snapshot = source.snapshot(plan.dataset);
  const request = scanRequest(plan, snapshot.schema);
  const { stats } = source.context;
  stats.segmentsTotal += snapshot.segments.length;
  const filter = request.filter === null ? undefined : compileFilter(request.filter, source.functions);
  for (const segment of snapshot.segments) {
    if (!mayHoldRows(segment, request)) {
      stats.segmentsPruned++;
    } else if (filter === undefined && request.output.length === 0) {
      yield* unreadRows(segment, request);
    } else {
      stats.segmentsScanned++;
      yield* scanSegment(segment, request, filter, source);
    }
  }
}

/** How many rows there are is in the catalogue; a scan that needs no column reads nothing. */
function* unreadRows(segment: SegmentRecord, request: ScanRequest): Generator<Batch> {
  let left = segment.rows - countRange(segment.masked);
  for (; left > 0; left -= EMPTY_ROWS) {
    yield { schema: request.schema, length: Math.min(left, EMPTY_ROWS), columns: [] };
  }
}

async function* scanSegment(
  segment: SegmentRecord,
  request: ScanRequest,
  filter: RowFilter | undefined,
  source: ScanSource,
): AsyncGenerator<Batch> {
  const reader = source.gate.guard(objectReader(source.store, segment));
  const open = await source.segments.open(segment, reader);
  try {
    const tasks = groupTasks(open, request, segment.masked);
    for await (const batch of lookAhead(tasks, READ_AHEAD, (task) => readGroup(task, request, filter, source))) {
      if (batch !== undefined) yield batch;
    }
  } finally {
    open.release();
  }
}

function* groupTasks(open: OpenSegment, request: ScanRequest, masked: RowRanges): Generator<GroupTask> {
  for (let group = 0; group < open.file.rowGroups.length; group++) {
    const rows = rowsToRead(open.file, group, request, masked);
    if (rows.length > 0) yield { open, group, rows };
  }
}

/** The rows of one group that satisfy the filter; undefined where none does. */
async function readGroup(
  { open: { file }, group, rows }: GroupTask,
  request: ScanRequest,
  filter: RowFilter | undefined,
  source: ScanSource,
): Promise<Batch | undefined> {
  const { stats } = source.context;
  const length = countRange(rows);
  stats.rowsScanned += length;
  if (filter === undefined) {
    const columns = await readAdapted(file, group, request.output, rows, length, request);
    return { schema: request.schema, length, columns };
  }
  // The filter's columns first: most often few rows are left, and the others need not be read for them.
  const filterNames = [...request.filterColumns.values()];
  const read = await readAdapted(file, group, filterNames, rows, length, request);
  const input: Column[] = [];
  [...request.filterColumns.keys()].forEach((ordinal, i) => {
    input[ordinal] = read[i];
  });
  const selected = filter({ schema: request.dataset, length, columns: input });
  if (selected.length === 0) return undefined;
  const byName = new Map(filterNames.map((name, i) => [name, gathered(read[i], selected)]));
  const rest = request.output.filter((name) => !byName.has(name));
  const others = await readSelected(file, group, rest, rows, selected, length, request);
  for (let i = 0; i < rest.length; i++) byName.set(rest[i], others[i]);
  const columns = request.output.map((name) => byName.get(name) as Column);
  return { schema: request.schema, length: selected.length, columns };
}

function gathered(column: Column, selected: Int32Array): Column {
  return selected.length === column.length ? column : gatherColumn(column, selected);
}

/** Where more than one row in this many is left, whole ranges are read and the rows taken out afterwards. */
const DENSE = 8;

async function readSelected(
  file: SegmentFile,
  group: number,
  names: readonly string[],
  rows: RowRanges,
  selected: Int32Array,
  length: number,
  request: ScanRequest,
): Promise<readonly Column[]> {
  if (names.length === 0) return [];
  if (selected.length * DENSE > length) {
    const columns = await readAdapted(file, group, names, rows, length, request);
    return columns.map((column) => gathered(column, selected));
  }
  const ordinals = rowsOfRanges(rows);
  const wanted = selected.map((row) => ordinals[row]);
  return await readAdapted(file, group, names, wanted, selected.length, request);
}

/** Columns of a row group in the dataset's types; those the file lacks are null. */
async function readAdapted(
  file: SegmentFile,
  group: number,
  names: readonly string[],
  rows: RowRanges | Int32Array,
  length: number,
  request: ScanRequest,
): Promise<readonly Column[]> {
  const present = names.filter((name) => file.schema.some((field) => field.name === name));
  const whole = !(rows instanceof Int32Array) && length === file.rowGroups[group].rows;
  const batch: Batch =
    present.length === 0
      ? { schema: [], length, columns: [] }
      : await file.readColumns(group, present, whole ? undefined : rows);
  return adaptColumns(batch, names, request.dataset);
}
