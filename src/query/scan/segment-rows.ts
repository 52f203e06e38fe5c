import type { Column } from '../../columns/column.ts';
import type { Field } from '../../columns/types.ts';
import type { PageSummary, RowGroup, SegmentFile } from '../../segment/read.ts';
import type { ColumnStatistics, SegmentRecord } from '../../storage/catalog-records.ts';
import { columnsOf, type Expression } from '../expression.ts';
import { ALL_NULL, type Bounds, type BoundsOf, boundsOfStatistics, mayBeTrue } from './prune.ts';
import { intersectRanges, type RowRanges, subtractRanges } from './row-ranges.ts';
import type { ScanRequest } from './scan-request.ts';

/** Whether any row of the segment may satisfy the filter, by the catalogue's statistics. */
export function mayHoldRows(segment: SegmentRecord, request: ScanRequest): boolean {
  if (request.filter === null) return true;
  return mayBeTrue(
    request.filter,
    boundsOver(segment.schema, request, segment.rows, (name) => segment.statistics[name]),
  );
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
 * The rows of a row group that may satisfy the filter, by the group's statistics and then, for each part
 * of the conjunction that reads one column, by that column's pages.
 */
export function rowsToRead(file: SegmentFile, group: number, request: ScanRequest, masked: RowRanges): RowRanges {
  const { firstRow, rows, statistics } = file.rowGroups[group];
  const all: RowRanges = [[firstRow, firstRow + rows]];
  if (request.filter === null) return subtractRanges(all, masked);
  const known = boundsOver(file.schema, request, rows, (name) => statistics[name]);
  if (!mayBeTrue(request.filter, known)) return [];
  let left = subtractRanges(all, masked);
  for (const part of conjuncts(request.filter)) {
    const columns = columnsOf(part);
    if (columns.size !== 1 || left.length === 0) continue;
    const [ordinal] = columns;
    left = intersectRanges(left, pagesThatMay(file, group, request, part, ordinal));
  }
  return left;
}

/** The parts of a conjunction. */
export function conjuncts(filter: Expression): readonly Expression[] {
  return filter.node === 'and' ? filter.args.flatMap(conjuncts) : [filter];
}

function pagesThatMay(
  file: SegmentFile,
  group: number,
  request: ScanRequest,
  part: Expression,
  ordinal: number,
): RowRanges {
  const { name, type } = request.dataset[ordinal];
  const field = file.schema.find((candidate) => candidate.name === name);
  const { firstRow, rows } = file.rowGroups[group];
  if (field === undefined) return [[firstRow, firstRow + rows]];
  const out: [number, number][] = [];
  for (const page of file.pages(group, name)) {
    const bounds = pageBounds(page, field, type);
    if (bounds !== undefined && !mayBeTrue(part, (other) => (other === ordinal ? bounds : undefined))) continue;
    const last = out.at(-1);
    if (last !== undefined && last[1] === page.firstRow) last[1] += page.rows;
    else out.push([page.firstRow, page.firstRow + page.rows]);
  }
  return out;
}

function pageBounds({ statistics, rows }: PageSummary, field: Field, type: Column['type']): Bounds | undefined {
  return statistics === undefined ? undefined : boundsOfStatistics(statistics, rows, field.type, type);
}

export function groupBounds(file: SegmentFile, group: RowGroup, request: ScanRequest): BoundsOf {
  return boundsOver(file.schema, request, group.rows, (name) => group.statistics[name]);
}
