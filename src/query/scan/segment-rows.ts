import type { Field } from '../../columns/types.ts';
import type { RowGroup, SegmentFile } from '../../segment/read.ts';
import type { ColumnStatistics, SegmentRecord } from '../../storage/catalog-records.ts';
import { columnsOf, type Expression } from '../expression.ts';
import { ALL_NULL, type Bounds, type BoundsOf, boundsOfStatistics, mayBeTrue } from './prune.ts';
import { intersectRanges, type RowRanges, subtractRanges } from './row-selection.ts';
import type { ScanRequest } from './scan-request.ts';

/** Whether any row of the segment may be wanted, by the catalogue's statistics. */
export function mayHoldRows(segment: SegmentRecord, request: ScanRequest): boolean {
  return mayAll(
    request,
    boundsOver(segment.schema, request, segment.rows, (name) => segment.statistics[name]),
  );
}

/** Segments in the order in which to read them: those first that may hold the best rows of a top-k. */
export function segmentOrder(segments: readonly SegmentRecord[], request: ScanRequest): readonly SegmentRecord[] {
  const { threshold } = request;
  if (threshold === undefined) return segments;
  const bounds = segments.map(({ schema, rows, statistics }) =>
    boundsOver(schema, request, rows, (name) => statistics[name])(threshold.column),
  );
  const order = [...segments.keys()].sort((a, b) => threshold.compare(bounds[a], bounds[b]) || a - b);
  return order.map((i) => segments[i]);
}

/** Row groups in the order in which to read them: those first that may hold the best rows of a top-k. */
export function groupOrder(file: SegmentFile, request: ScanRequest): number[] {
  const groups = [...file.rowGroups.keys()];
  const { threshold } = request;
  if (threshold === undefined) return groups;
  const bounds = file.rowGroups.map(({ rows, statistics }) =>
    boundsOver(file.schema, request, rows, (name) => statistics[name])(threshold.column),
  );
  return groups.sort((a, b) => threshold.compare(bounds[a], bounds[b]) || a - b);
}

/** The same of one row group, by its own statistics. */
export function mayGroupHoldRows(file: SegmentFile, group: RowGroup, request: ScanRequest): boolean {
  const { statistics } = group;
  return mayAll(
    request,
    boundsOver(file.schema, request, group.rows, (name) => statistics[name]),
  );
}

function mayAll({ conditions, threshold }: ScanRequest, boundsOf: BoundsOf): boolean {
  if (!conditions.every((condition) => mayBeTrue(condition, boundsOf))) return false;
  return threshold === undefined || threshold.mayPass(boundsOf(threshold.column));
}

/** Bounds by ordinal, from what is known of the columns of a file. */
function boundsOver(
  file: readonly Field[],
  request: ScanRequest,
  rows: number,
  statisticsOf: (name: string) => ColumnStatistics | undefined,
): BoundsOf {
  return (ordinal) => {
    const { name, type } = request.dataset[ordinal];
    const field = file.find((candidate) => candidate.name === name);
    if (field === undefined) return ALL_NULL;
    const statistics = statisticsOf(name);
    return statistics === undefined ? undefined : boundsOfStatistics(statistics, rows, field.type, type);
  };
}

/**
 * The rows of a row group that may be wanted, by the group's statistics and then, for each condition that
 * reads one column, by that column's pages.
 */
export function rowsToRead(file: SegmentFile, group: number, request: ScanRequest, masked: RowRanges): RowRanges {
  const rowGroup = file.rowGroups[group];
  const { firstRow, rows } = rowGroup;
  if (!mayGroupHoldRows(file, rowGroup, request)) return [];
  let left = subtractRanges([[firstRow, firstRow + rows]], masked);
  for (const condition of request.conditions) {
    const columns = columnsOf(condition);
    if (columns.size !== 1) continue;
    const [ordinal] = columns;
    left = narrowByPages(file, group, request, ordinal, left, (bounds) => mayOne(condition, ordinal, bounds));
  }
  const { threshold } = request;
  if (threshold === undefined || !threshold.isSet) return left;
  return narrowByPages(file, group, request, threshold.column, left, (bounds) => threshold.mayPass(bounds));
}

function mayOne(condition: Expression, ordinal: number, bounds: Bounds): boolean {
  return mayBeTrue(condition, (other) => (other === ordinal ? bounds : undefined));
}

/** Those of `rows` whose page of the column passes. */
function narrowByPages(
  file: SegmentFile,
  group: number,
  request: ScanRequest,
  ordinal: number,
  rows: RowRanges,
  passes: (bounds: Bounds) => boolean,
): RowRanges {
  const { name, type } = request.dataset[ordinal];
  const field = file.schema.find((candidate) => candidate.name === name);
  if (field === undefined || rows.length === 0) return rows;
  const passing: [number, number][] = [];
  for (const page of file.pages(group, name)) {
    const { statistics } = page;
    if (statistics !== undefined && !passes(boundsOfStatistics(statistics, page.rows, field.type, type))) continue;
    const last = passing.at(-1);
    if (last !== undefined && last[1] === page.firstRow) last[1] += page.rows;
    else passing.push([page.firstRow, page.firstRow + page.rows]);
  }
  return intersectRanges(rows, passing);
}
