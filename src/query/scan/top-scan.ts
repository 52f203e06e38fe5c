import { type Batch, type Column, gatherColumn, sliceBatch } from '../../columns/column.ts';
import type { SortOrder } from '../../columns/compare.ts';
import { concatColumns } from '../../columns/concat.ts';
import { withOwnEntries } from '../../columns/dictionary.ts';
import { DOUBLE, INT64, type Schema } from '../../columns/types.ts';
import { assert } from '../../core/errors.ts';
import type { SegmentRecord } from '../../storage/catalog-records.ts';
import { columnsOf, type Expression } from '../expression.ts';
import { BestRows } from '../operators/best-rows.ts';
import { compileExpression, isDeterministic } from '../operators/evaluate.ts';
import type { ScalarFunctions } from '../operators/function-port.ts';
import { HeldMemory } from '../operators/held-memory.ts';
import { firstRows } from '../operators/selection.ts';
import type { Plan, ScanPlan, SortKey } from '../plan.ts';
import { adaptColumns } from './adapt.ts';
import { type ScanSource, scanDataset, scoreColumn } from './scan.ts';
import { columnName, type ScanRequest, scanRequest } from './scan-request.ts';
import { segmentOrder } from './segment-rows.ts';
import { substitute } from './substitute.ts';
import { Threshold } from './threshold.ts';

/** Above this many rows, reading the other columns row by row is no cheaper than reading them all. */
const MOST_LATE_ROWS = 10_000;

/**
 * A top-k straight over a scan: the sort keys are read first, for all rows that may be among the best, and
 * the other columns only for the rows that are. As the best rows get better, segments, row groups and pages
 * whose statistics say that they hold none better are left out.
 */
export interface TopScan {
  readonly scan: ScanPlan;
  /** Over the scan's output. */
  readonly keys: readonly SortKey[];
  /** Projections above the scan, the lowest first. */
  readonly projections: readonly Extract<Plan, { op: 'project' }>[];
  readonly limit: number;
  readonly offset: number;
}

/** The plan as a top-k over a scan, where it is one that gains by it. */
export function asTopScan(plan: Extract<Plan, { op: 'sort' }>, functions: ScalarFunctions): TopScan | undefined {
  if (plan.keys.length === 0 || plan.limit === null || plan.limit === 0 || plan.limit + plan.offset > MOST_LATE_ROWS)
    return undefined;
  let { keys } = plan;
  let input = plan.input;
  const projections: Extract<Plan, { op: 'project' }>[] = [];
  while (input.op === 'project') {
    const { expressions } = input;
    keys = keys.map((key) => ({ ...key, expression: substitute(key.expression, expressions) }));
    projections.unshift(input);
    input = input.input;
  }
  if (input.op !== 'scan') return undefined;
  // A key is computed apart from the column it is put out as, so both must come out the same.
  if (!keys.every(({ expression }) => isDeterministic(expression, functions))) return undefined;
  return { scan: input, keys, projections, limit: plan.limit, offset: plan.offset };
}

export async function* topScanRows(top: TopScan, source: ScanSource): AsyncGenerator<Batch> {
  const memory = new HeldMemory(source.context.memory, 'ORDER BY … LIMIT');
  try {
    const best = await bestAddresses(top, source, memory);
    if (best === undefined || top.offset >= best.length) return;
    let batch = await fillIn(top, sliceBatch(best, top.offset, best.length), source, memory);
    for (const { expressions, schema } of top.projections) {
      const columns = expressions.map((expression) => compileExpression(expression, source.functions)(batch));
      batch = { schema, length: batch.length, columns };
    }
    yield batch;
  } finally {
    memory.release();
  }
}

/** The scan's output columns that the keys read, by place, then the score where there is one. */
function keyPlaces({ scan, keys }: TopScan): number[] {
  const places = new Set<number>();
  for (const { expression } of keys) columnsOf(expression, places);
  return [...places].filter((place) => place < scan.columns.length).sort((a, b) => a - b);
}

const ASCENDING: SortOrder = { descending: false, nullsFirst: false };

/** What is kept of a row: the columns its keys are made of, its score, and where it is. */
function keptSchema(top: TopScan, places: readonly number[]): Schema {
  const score = top.scan.score === null ? [] : [{ name: '$score', type: DOUBLE, nullable: false }];
  return [
    ...places.map((place) => top.scan.schema[place]),
    ...score,
    { name: '$segment', type: INT64, nullable: false },
    { name: '$row', type: INT64, nullable: false },
  ];
}

async function bestAddresses(top: TopScan, source: ScanSource, memory: HeldMemory): Promise<Batch | undefined> {
  const { scan, keys } = top;
  const snapshot = source.snapshot(scan.dataset);
  const places = keyPlaces(top);
  const threshold = thresholdOf(top);
  const request: ScanRequest = {
    ...scanRequest(scan, snapshot),
    output: places.map((place) => columnName(snapshot, scan.columns[place])),
    ...(threshold === undefined ? {} : { threshold }),
  };
  const schema = keptSchema(top, places);
  const wanted = top.limit + top.offset;
  // The address last: it makes the order total, so that the answer does not depend on which segment came first.
  const best = new BestRows(wanted, [...keys, ASCENDING, ASCENDING], schema, memory);
  const runs = keys.map(({ expression }) => compileExpression(expression, source.functions));
  const segmentOrdinals = new Map(snapshot.segments.map((segment, i) => [segment.segmentId, i]));
  const segments = segmentOrder(snapshot.segments, request);
  for await (const rows of scanDataset(request, segments, source, bestScores(top) ? wanted : undefined)) {
    const score = rows.scores === undefined ? [] : [scoreColumn(rows.scores)];
    const output: Column[] = [];
    for (const [i, place] of places.entries()) output[place] = rows.columns[i];
    if (score.length > 0) output[scan.columns.length] = score[0];
    const values = runs.map((run) => run({ schema: scan.schema, length: rows.length, columns: output }));
    const good = best.candidates(values[0]) ?? firstRows(rows.length);
    if (good.length === 0) continue;
    const address = [
      integers(new Int32Array(good.length).fill(segmentOrdinals.get(rows.segment.segmentId) ?? 0)),
      integers(rows.ordinals(good)),
    ];
    const taken = (column: Column) => (good.length === rows.length ? column : gatherColumn(column, good));
    const kept = [...rows.columns, ...score].map(taken);
    best.add({ schema, length: good.length, columns: [...kept, ...address] }, [...values.map(taken), ...address]);
    if (threshold !== undefined && best.worst !== undefined) threshold.lower(best.worst);
  }
  return best.finish();
}

function integers(values: Int32Array): Column {
  return { type: INT64, length: values.length, validity: null, data: { layout: 'fixed', values } };
}

/** Whether the best scores alone decide: then each segment need give only its own best. */
function bestScores({ scan, keys }: TopScan): boolean {
  const [key] = keys;
  const byScore = keys.length === 1 && key.descending && isScore(key.expression, scan);
  return byScore && scan.filter === null && scan.matches.length === 1;
}

function isScore(expression: Expression, scan: ScanPlan): boolean {
  return scan.score !== null && expression.node === 'column' && expression.index === scan.columns.length;
}

/** The first key bounds what is read where it is a column whose statistics are kept. */
function thresholdOf({ scan, keys }: TopScan): Threshold | undefined {
  const [{ expression, descending, nullsFirst }] = keys;
  if (expression.node !== 'column' || expression.index >= scan.columns.length) return undefined;
  return new Threshold(scan.columns[expression.index], { descending, nullsFirst });
}

/** The rows kept with all of the scan's columns: those not kept are read now, for these rows alone. */
async function fillIn(top: TopScan, kept: Batch, source: ScanSource, memory: HeldMemory): Promise<Batch> {
  const { scan } = top;
  const places = keyPlaces(top);
  const snapshot = source.snapshot(scan.dataset);
  const columns: Column[] = [];
  for (const [i, place] of places.entries()) columns[place] = kept.columns[i];
  if (scan.score !== null) columns[scan.columns.length] = kept.columns[places.length];
  const missing = scan.columns.map((_, place) => place).filter((place) => !places.includes(place));
  if (missing.length > 0) {
    const names = missing.map((place) => columnName(snapshot, scan.columns[place]));
    const [segments, rows] = kept.columns.slice(-2).map(int32s);
    const read = await readAddresses(names, segments, rows, scan.dataset, source, memory);
    for (const [i, place] of missing.entries()) columns[place] = read[i];
  }
  return { schema: scan.schema, length: kept.length, columns };
}

function int32s({ data }: Column): Int32Array {
  assert(data.layout === 'fixed' && data.values instanceof Int32Array, 'addresses are small integers');
  return data.values;
}

/** Columns of rows anywhere in a dataset, in the order of their addresses. */
async function readAddresses(
  names: readonly string[],
  segments: Int32Array,
  rows: Int32Array,
  dataset: string,
  source: ScanSource,
  memory: HeldMemory,
): Promise<Column[]> {
  const snapshot = source.snapshot(dataset);
  // Read in the order of the file, then put back.
  const order = Int32Array.from({ length: rows.length }, (_, i) => i).sort(
    (a, b) => segments[a] - segments[b] || rows[a] - rows[b],
  );
  const parts: Column[][] = names.map(() => []);
  for (let start = 0; start < order.length; ) {
    const segment = segments[order[start]];
    let end = start;
    while (end < order.length && segments[order[end]] === segment) end++;
    const wanted = Int32Array.from(order.subarray(start, end), (at) => rows[at]);
    for (const columns of await readRows(names, snapshot.segments[segment], wanted, snapshot.schema, source)) {
      memory.addBatch({ schema: [], length: wanted.length, columns });
      for (const [i, column] of columns.entries()) parts[i].push(column);
    }
    start = end;
  }
  const places = new Int32Array(order.length);
  for (let i = 0; i < order.length; i++) places[order[i]] = i;
  return parts.map((columns) => gatherColumn(concatColumns(columns[0].type, columns), places));
}

async function readRows(
  names: readonly string[],
  segment: SegmentRecord,
  wanted: Int32Array,
  dataset: Schema,
  source: ScanSource,
): Promise<Column[][]> {
  const lease = await source.files.segment(segment);
  try {
    const { file } = lease;
    const present = names.filter((name) => file.schema.some((field) => field.name === name));
    const reads: Promise<Column[]>[] = [];
    for (const [group, { firstRow, rows }] of file.rowGroups.entries()) {
      const within = wanted.filter((row) => row >= firstRow && row < firstRow + rows);
      if (within.length > 0) reads.push(readPart(group, within));
    }
    // The gate bounds how many of these are under way.
    return await Promise.all(reads);

    async function readPart(group: number, rows: Int32Array): Promise<Column[]> {
      const batch: Batch =
        present.length === 0
          ? { schema: [], length: rows.length, columns: [] }
          : await file.readColumns(group, present, rows);
      return adaptColumns(batch, names, dataset).map(withOwnEntries);
    }
  } finally {
    lease.release();
  }
}
