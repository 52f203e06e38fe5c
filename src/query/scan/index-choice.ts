import type { IndexDefinition } from '../../columns/index-definition.ts';
import { OrasiError } from '../../core/errors.ts';
import type { IndexEstimate, IndexReader } from '../../segment/index-file.ts';
import type { IndexKinds } from '../../segment/index-kinds.ts';
import type { SegmentFile } from '../../segment/read.ts';
import { countRows } from '../../segment/read-plan.ts';
import type { SegmentRecord } from '../../storage/catalog-records.ts';
import { type IndexQuestion, questionsFor } from './index-predicates.ts';
import type { Lease, OpenFiles } from './open-files.ts';
import type { RowRanges } from './row-selection.ts';
import { columnName, columnsRead, type ScanRequest } from './scan-request.ts';
import type { UnreadableIndexes } from './unreadable-indexes.ts';

/** What a read costs beside its bytes, in bytes: a round trip of some milliseconds at some ten megabytes a second. */
const READ_COST_BYTES = 256 * 1024;

export interface IndexAccess {
  readonly files: OpenFiles;
  readonly kinds: IndexKinds;
  readonly unreadable: UnreadableIndexes;
  /** What indexes are thought to cost is multiplied by this; 1, but for tests that want them asked wherever they can answer. */
  readonly indexCostFactor: number;
}

/** The rows an index gave, and the conditions it answered for. */
export interface IndexedRows {
  readonly definition: IndexDefinition;
  /** Ascending; masked rows may be among them. */
  readonly rows: Int32Array;
  readonly covers: readonly number[];
}

/** What was thought of one index for one segment. */
export interface IndexOpinion {
  readonly definition: IndexDefinition;
  readonly question: IndexQuestion;
  readonly estimate: IndexEstimate;
  readonly cost: number;
}

/** What the rows left by pruning cost to read without an index. */
export interface ScanCost {
  readonly bytes: number;
  readonly reads: number;
  readonly pages: number;
}

/** Every index that could answer a part of the filter, whether its file is built or not. */
export function candidates(request: ScanRequest): { definition: IndexDefinition; question: IndexQuestion }[] {
  return request.snapshot.indexes.flatMap((definition) => {
    const [field] = definition.fields;
    if (field === undefined || definition.kind === 'fulltext') return [];
    return questionsFor(field, request).map((question) => ({ definition, question }));
  });
}

/**
 * The rows of the best index where one is cheaper than reading what pruning left. A file that is missing or
 * damaged is noted and passed over: the scan answers the same.
 */
export async function chooseIndex(
  segment: SegmentRecord,
  request: ScanRequest,
  scan: ScanCost,
  access: IndexAccess,
): Promise<IndexedRows | undefined> {
  let best: IndexOpinion | undefined;
  for (const { definition, question } of candidates(request)) {
    const opinion = await opinionOf(segment, definition, question, scan, access);
    if (opinion !== undefined && opinion.cost < (best?.cost ?? costOf(scan))) best = opinion;
  }
  return best === undefined ? undefined : await lookUp(segment, best, access);
}

export function costOf({ bytes, reads }: { readonly bytes: number; readonly reads: number }): number {
  return bytes + reads * READ_COST_BYTES;
}

/** What asking an index and then reading the rows it names would cost; undefined where it cannot answer. */
export async function opinionOf(
  segment: SegmentRecord,
  definition: IndexDefinition,
  question: IndexQuestion,
  scan: ScanCost,
  access: IndexAccess,
): Promise<IndexOpinion | undefined> {
  return await withIndex(segment, definition, access, async (reader) => {
    const estimate = await reader.estimate(question.predicate);
    if (estimate === undefined) return undefined;
    // Each row may lie in a page of its own, until all pages are read.
    const expected = expectedRows(estimate, question);
    const share = scan.pages === 0 ? 0 : Math.min(1, expected / scan.pages);
    const rows = { bytes: scan.bytes * share, reads: Math.min(scan.reads, expected) };
    return { definition, question, estimate, cost: access.indexCostFactor * (costOf(estimate) + costOf(rows)) };
  });
}

/** Rows of a block of an index, about; what a directory alone cannot tell apart. */
const BLOCK_ROWS = 4096;

/**
 * How many rows a question is expected to name. An upper bound for a value says how many entries the block
 * has that the value would be in; of those it is most often few.
 */
function expectedRows(estimate: IndexEstimate, { predicate }: IndexQuestion): number {
  if (estimate.exact || predicate.op !== 'equals') return estimate.rows;
  const values = predicate.values.length;
  return estimate.rows > BLOCK_ROWS * values ? estimate.rows : Math.min(estimate.rows, values);
}

async function lookUp(
  segment: SegmentRecord,
  { definition, question }: IndexOpinion,
  access: IndexAccess,
): Promise<IndexedRows | undefined> {
  return await withIndex(segment, definition, access, async (reader) => {
    const { rows } = await reader.lookup(question.predicate);
    return { definition, rows, covers: question.covers };
  });
}

/** Asks a segment's index file; undefined where it is not built, missing or damaged. */
export async function withIndex<Answer>(
  segment: SegmentRecord,
  definition: IndexDefinition,
  access: IndexAccess,
  ask: (reader: IndexReader) => Promise<Answer | undefined>,
): Promise<Answer | undefined> {
  const built = Object.hasOwn(segment.indexes, definition.name) ? segment.indexes[definition.name] : undefined;
  const kind = access.kinds.get(definition.kind);
  if (built === undefined || kind === undefined) return undefined;
  let lease: Lease<IndexReader> | undefined;
  try {
    lease = await access.files.index(kind, definition, built);
    const answer = await ask(lease.file);
    lease.release();
    return answer;
  } catch (error) {
    lease?.discard();
    if (!isUnreadable(error)) throw error;
    access.unreadable.note(segment, definition, error);
    return undefined;
  }
}

/**
 * Whether a file is damaged or gone, as opposed to the query being at its end or the store out of reach: what
 * passes by itself is no reason to build anything anew.
 */
export function isUnreadable(error: unknown): error is OrasiError {
  return error instanceof OrasiError && (error.code === 'corrupt_file' || error.code === 'source_missing');
}

/** What reading the rows left in each group costs, by the file's own plan. */
export function scanCost(file: SegmentFile, groups: ReadonlyMap<number, RowRanges>, request: ScanRequest): ScanCost {
  const read = [...columnsRead(request.conditions)].map((ordinal) => columnName(request.snapshot, ordinal));
  const names = [...new Set([...read, ...request.output])].filter((name) =>
    file.schema.some((field) => field.name === name),
  );
  let bytes = 0;
  let reads = 0;
  let pages = 0;
  for (const [group, rows] of groups) {
    const { ranges, bytes: groupBytes } = file.planRead(group, names, rows);
    bytes += groupBytes;
    reads += ranges.length;
    // Pages of the columns do not line up; the widest column's count is near enough.
    const share = countRows(rows) / Math.max(1, file.rowGroups[group].rows);
    pages += share * Math.max(1, ...names.map((name) => file.pages(group, name).length));
  }
  return { bytes, reads, pages };
}
