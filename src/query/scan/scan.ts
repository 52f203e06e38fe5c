import { type Batch, type Column, columnBytes } from '../../columns/column.ts';
import { DOUBLE } from '../../columns/types.ts';
import { assert } from '../../core/errors.ts';
import type { SegmentFile } from '../../segment/read.ts';
import { countRows } from '../../segment/read-plan.ts';
import type { DatasetSnapshot, SegmentRecord } from '../../storage/catalog-records.ts';
import type { QueryContext } from '../context.ts';
import type { ReadClaim } from '../memory-budget.ts';
import type { ScalarFunctions } from '../operators/function-port.ts';
import type { ScanPlan } from '../plan.ts';
import { candidates, chooseIndex, type IndexAccess, scanCost } from './index-choice.ts';
import { lookAhead } from './look-ahead.ts';
import type { Lease } from './open-files.ts';
import { type GroupFilter, type GroupRows, groupFilter, readGroup } from './read-group.ts';
import { intersectRows, ordinalsAt, type RowRanges, type RowSelection, rowsWithin } from './row-selection.ts';
import { type ScanRequest, scanRequest } from './scan-request.ts';
import { groupOrder, mayGroupHoldRows, mayHoldRows, rowsToRead } from './segment-rows.ts';
import { type MatchedRows, noteIndex, TextMatch } from './text-match.ts';

/** What a scan reads from and reports to. */
export interface ScanSource extends IndexAccess {
  snapshot(dataset: string): DatasetSnapshot;
  readonly functions: ScalarFunctions;
  readonly context: QueryContext;
}

/** Row groups read ahead of the one being worked on, as far as the query's memory goes. */
const READ_AHEAD = 3;
/** Rows of a batch that takes no column. */
const EMPTY_ROWS = 65_536;

/** Rows of one row group that are wanted, or of a whole segment where no column is. */
export interface ScannedRows extends GroupRows {
  readonly segment: SegmentRecord;
  /** Beside the rows, where the request scores a match. */
  readonly scores: Float64Array | undefined;
}

/** The rows of a dataset that a plan asks for, segment by segment in the order of their rows. */
export async function* scanRows(plan: ScanPlan, source: ScanSource): AsyncGenerator<Batch> {
  const request = scanRequest(plan, source.snapshot(plan.dataset));
  for await (const { length, columns, scores } of scanDataset(request, request.snapshot.segments, source)) {
    yield { schema: plan.schema, length, columns: scores === undefined ? columns : [...columns, scoreColumn(scores)] };
  }
}

export function scoreColumn(scores: Float64Array): Column {
  return { type: DOUBLE, length: scores.length, validity: null, data: { layout: 'fixed', values: scores } };
}

/** One row group, or the part of it to be looked at. */
interface GroupTask {
  readonly segment: SegmentRecord;
  readonly file: SegmentFile;
  readonly group: number;
  readonly rows: RowSelection;
  readonly filter: GroupFilter;
  readonly matched: MatchedRows | undefined;
  /** Called when the task is done with the file. */
  readonly done: () => void;
}

/** Groups of rows in the order of the segments given. `best` bounds how many of the best scores a segment gives. */
export async function* scanDataset(
  request: ScanRequest,
  segments: readonly SegmentRecord[],
  source: ScanSource,
  best?: number,
): AsyncGenerator<ScannedRows> {
  source.context.stats.segmentsTotal += segments.length;
  const matches = request.matches.map((match) => new TextMatch(match, request, source, source.context));
  const claims = new Set<ReadClaim>();
  try {
    if (request.score !== null) await matches[request.score].prepareScores();
    const tasks = groupTasks(request, segments, matches, source, best);
    const run = (task: Task, due: Promise<boolean>) => runTask(task, due, request, source, claims);
    for await (const { rows, claim } of lookAhead(tasks, READ_AHEAD, run)) {
      if (rows !== undefined && rows.length > 0) yield rows;
      if (claim === undefined) continue;
      claim.release();
      claims.delete(claim);
    }
  } finally {
    for (const claim of claims) claim.release();
    for (const match of matches) match.close();
  }
}

type Task = GroupTask | ScannedRows;

interface TaskAnswer {
  /** Undefined where none of them is wanted any more. */
  readonly rows?: ScannedRows;
  /** What the rows hold of the query's memory until they are used up. */
  readonly claim?: ReadClaim;
}

async function runTask(
  task: Task,
  due: Promise<boolean>,
  request: ScanRequest,
  source: ScanSource,
  claims: Set<ReadClaim>,
): Promise<TaskAnswer> {
  if (!('group' in task)) return { rows: task };
  const { segment, file, group, rows, filter, matched, done } = task;
  try {
    const claim = await source.context.memory.claimRead(bytesToRead(task, request), due);
    if (claim === undefined) return {};
    claims.add(claim);
    source.context.checkpoint();
    // The threshold may have moved since the task was made.
    const wanted = request.threshold === undefined || mayGroupHoldRows(file, file.rowGroups[group], request);
    if (!wanted) return { claim };
    source.context.stats.rowsScanned += countRows(rows);
    const read = await readGroup(file, group, rows, filter, request);
    claim.resize(read.columns.reduce((sum, column) => sum + columnBytes(column), 0));
    return { rows: { ...read, segment, scores: scoresOf(matched, read) }, claim };
  } finally {
    done();
  }
}

/** About what a group takes while it is read: no fewer rows than the conditions leave, since that is known only then. */
function bytesToRead({ file, group, rows, filter }: GroupTask, request: ScanRequest): number {
  const names = [...new Set([...filter.columns.values(), ...request.output])];
  const present = names.filter((name) => file.schema.some((field) => field.name === name));
  return file.bytesInMemory(group, present, countRows(rows));
}

/** The scores of rows, all of which matched. */
function scoresOf(matched: MatchedRows | undefined, read: GroupRows): Float64Array | undefined {
  if (matched?.scores === undefined) return undefined;
  const out = new Float64Array(read.length);
  let at = 0;
  for (const [i, row] of read.ordinals().entries()) {
    while (matched.rows[at] < row) at++;
    out[i] = matched.scores[at];
  }
  return out;
}

async function* groupTasks(
  request: ScanRequest,
  segments: readonly SegmentRecord[],
  matches: readonly TextMatch[],
  source: ScanSource,
  best: number | undefined,
): AsyncGenerator<Task> {
  const { stats } = source.context;
  const all = groupFilter(request.conditions, request, source.functions);
  for (const segment of segments) {
    if (!mayHoldRows(segment, request)) {
      stats.segmentsPruned++;
      continue;
    }
    if (matches.length === 0 && request.conditions.length === 0 && request.output.length === 0) {
      yield* unreadRows(segment, undefined);
      continue;
    }
    stats.segmentsScanned++;
    const matched = await matchedRows(segment, matches, request, best);
    if (matched?.rows.length === 0) continue;
    if (matched !== undefined && request.conditions.length === 0 && request.output.length === 0) {
      yield* unreadRows(segment, matched);
      continue;
    }
    const lease = await source.files.segment(segment);
    yield* segmentTasks(segment, lease, matched, all, request, source);
  }
}

/** How many rows there are is in the catalogue, and which match is known: a scan without columns reads nothing. */
function* unreadRows(segment: SegmentRecord, matched: MatchedRows | undefined): Generator<ScannedRows> {
  const total = matched?.rows.length ?? segment.rows - countRows(segment.masked);
  for (let start = 0; start < total; start += EMPTY_ROWS) {
    const length = Math.min(total - start, EMPTY_ROWS);
    const ordinals = (at?: Int32Array) => {
      assert(matched !== undefined, 'rows that are only counted have no ordinals');
      return ordinalsAt(matched.rows.subarray(start, start + length), at);
    };
    yield { segment, length, columns: [], ordinals, scores: matched?.scores?.subarray(start, start + length) };
  }
}

async function matchedRows(
  segment: SegmentRecord,
  matches: readonly TextMatch[],
  request: ScanRequest,
  best: number | undefined,
): Promise<MatchedRows | undefined> {
  let found: MatchedRows | undefined;
  for (const [i, match] of matches.entries()) {
    const one = i === request.score ? await match.score(segment, best) : await match.rows(segment);
    found = found === undefined ? one : both(found, one);
  }
  return found;
}

/** Rows in both, with the scores of whichever has them. */
function both(a: MatchedRows, b: MatchedRows): MatchedRows {
  const rows = intersectRows(a.rows, b.rows);
  const scored = a.scores === undefined ? b : a;
  if (scored.scores === undefined) return { rows };
  const scores = new Float64Array(rows.length);
  let at = 0;
  for (let i = 0; i < rows.length; i++) {
    while (scored.rows[at] < rows[i]) at++;
    scores[i] = scored.scores[at];
  }
  return { rows, scores };
}

/** The groups of one segment that may hold wanted rows. The lease ends with the last of them. */
async function* segmentTasks(
  segment: SegmentRecord,
  lease: Lease<SegmentFile>,
  matched: MatchedRows | undefined,
  filter: GroupFilter,
  request: ScanRequest,
  source: ScanSource,
): AsyncGenerator<GroupTask> {
  const { file } = lease;
  let open = 1;
  const done = () => {
    if (--open === 0) lease.release();
  };
  try {
    const groups = groupsToRead(file, segment, request);
    const indexed =
      candidates(request).length === 0
        ? undefined
        : await chooseIndex(segment, request, scanCost(file, groups, request), source);
    if (indexed !== undefined) noteIndex(source.context, indexed.definition);
    const rest =
      indexed === undefined
        ? filter
        : groupFilter(
            request.conditions.filter((_, place) => !indexed.covers.includes(place)),
            request,
            source.functions,
          );
    for (const [group, ranges] of groups) {
      const rows = narrowed(ranges, indexed?.rows, matched?.rows);
      if (countRows(rows) === 0) continue;
      open++;
      yield { segment, file, group, rows, filter: rest, matched, done };
    }
  } finally {
    done();
  }
}

function groupsToRead(file: SegmentFile, segment: SegmentRecord, request: ScanRequest): Map<number, RowRanges> {
  const groups = new Map<number, RowRanges>();
  for (const group of groupOrder(file, request)) {
    const rows = rowsToRead(file, group, request, segment.masked);
    if (rows.length > 0) groups.set(group, rows);
  }
  return groups;
}

/** The rows of ranges that are also in each list given. */
function narrowed(ranges: RowRanges, ...lists: (Int32Array | undefined)[]): RowSelection {
  let rows: RowSelection = ranges;
  for (const list of lists) {
    if (list === undefined) continue;
    rows = rows instanceof Int32Array ? intersectRows(rows, list) : rowsWithin(list, ranges);
  }
  return rows;
}
