import type { IndexDefinition } from '../../columns/index-definition.ts';
import { analyzerOf, fulltextDefinition } from '../../columns/text/analyzer.ts';
import { parseTextQuery } from '../../columns/text/parse-query.ts';
import type { TextQuery } from '../../columns/text/query.ts';
import { STRING } from '../../columns/types.ts';
import { widenColumn } from '../../columns/widen.ts';
import { OrasiError } from '../../core/errors.ts';
import { mergeStatistics } from '../../segment/fulltext/bm25.ts';
import { TextScan } from '../../segment/fulltext/scan.ts';
import type { TextSearch, TextStatistics } from '../../segment/fulltext/search.ts';
import type { IndexReader } from '../../segment/index-file.ts';
import type { SegmentRecord } from '../../storage/catalog-records.ts';
import type { QueryContext } from '../context.ts';
import { HeldMemory } from '../operators/held-memory.ts';
import { type IndexAccess, isUnreadable } from './index-choice.ts';
import type { Lease } from './open-files.ts';
import { columnName, type ScanRequest } from './scan-request.ts';

/** The rows of a segment that match, ascending, masked ones left out. */
export interface MatchedRows {
  readonly rows: Int32Array;
  /** Beside `rows`, of a search that is scored. */
  readonly scores?: Float64Array;
}

/** A search in one segment under way. */
interface SegmentSearch {
  search: TextSearch;
  lease: Lease<IndexReader> | undefined;
}

/**
 * One MATCH over the segments of a scan: by the segment's full-text index where it has one, by reading its
 * text otherwise, with the same answer. Scores need statistics of all live segments, so that a scored match
 * visits each once before the first row is put out.
 */
export class TextMatch {
  readonly #query: TextQuery;
  readonly #column: string;
  /** What the text is searched by, built or not. */
  readonly #definition: IndexDefinition | undefined;
  readonly #request: ScanRequest;
  readonly #access: IndexAccess;
  readonly #context: QueryContext;
  readonly #memory: HeldMemory;
  readonly #searches = new Map<string, SegmentSearch>();
  #statistics: TextStatistics | undefined;

  constructor(match: ScanRequest['matches'][number], request: ScanRequest, access: IndexAccess, context: QueryContext) {
    this.#column = columnName(request.snapshot, match.column);
    this.#definition = fulltextDefinition(request.snapshot.indexes, this.#column);
    this.#query = parse(match, this.#definition);
    this.#request = request;
    this.#access = access;
    this.#context = context;
    this.#memory = new HeldMemory(context.memory, 'MATCH');
  }

  /** Gathers the statistics that scores are computed from; needed before `score`. */
  async prepareScores(): Promise<void> {
    const parts: TextStatistics[] = [];
    for (const segment of this.#request.snapshot.segments) {
      parts.push(await this.#ask(segment, (search) => search.statistics()));
    }
    this.#statistics = mergeStatistics(this.#query, parts);
  }

  async rows(segment: SegmentRecord): Promise<MatchedRows> {
    const rows = await this.#ask(segment, (search) => search.rows());
    this.#finish(segment);
    return { rows };
  }

  /** The rows with their scores; with `best` only the best so many. */
  async score(segment: SegmentRecord, best?: number): Promise<MatchedRows> {
    const statistics = this.#statistics;
    if (statistics === undefined) throw new Error('assertion failed: scores are prepared before they are asked for');
    const answer = await this.#ask(segment, (search) => search.score(statistics, best));
    this.#finish(segment);
    return answer;
  }

  /** Ends what is still open. */
  close(): void {
    for (const { lease } of this.#searches.values()) lease?.release();
    this.#searches.clear();
    this.#memory.release();
  }

  #finish(segment: SegmentRecord): void {
    this.#searches.get(segment.segmentId)?.lease?.release();
    this.#searches.delete(segment.segmentId);
  }

  /** Asks the segment's search; where its index turns out to be unreadable, the text is read instead. */
  async #ask<Answer>(segment: SegmentRecord, ask: (search: TextSearch) => Promise<Answer>): Promise<Answer> {
    const found = this.#searches.get(segment.segmentId) ?? (await this.#begin(segment));
    this.#searches.set(segment.segmentId, found);
    if (found.lease === undefined) return await ask(found.search);
    try {
      return await ask(found.search);
    } catch (error) {
      found.lease.discard();
      if (!isUnreadable(error)) throw error;
      this.#noteUnreadable(segment, error);
      found.lease = undefined;
      found.search = await this.#readText(segment);
      return await ask(found.search);
    }
  }

  async #begin(segment: SegmentRecord): Promise<SegmentSearch> {
    const definition = this.#definition;
    const built = definition === undefined ? undefined : segment.indexes[definition.name];
    const kind = definition === undefined ? undefined : this.#access.kinds.get(definition.kind);
    if (definition !== undefined && built !== undefined && kind !== undefined) {
      try {
        const lease = await this.#access.files.index(kind, definition, built);
        if (lease.file.text !== undefined) {
          noteIndex(this.#context, definition);
          return { search: lease.file.text.search(this.#query, segment.masked), lease };
        }
        lease.release();
      } catch (error) {
        if (!isUnreadable(error)) throw error;
        this.#noteUnreadable(segment, error);
      }
    }
    return { search: await this.#readText(segment), lease: undefined };
  }

  #noteUnreadable(segment: SegmentRecord, error: OrasiError): void {
    if (this.#definition !== undefined) this.#access.unreadable.note(segment, this.#definition, error);
  }

  async #readText(segment: SegmentRecord): Promise<TextScan> {
    const scan = new TextScan(this.#query, segment.masked);
    if (!segment.schema.some(({ name }) => name === this.#column)) return scan;
    const lease = await this.#access.files.segment(segment);
    try {
      for (const [group, { firstRow, rows }] of lease.file.rowGroups.entries()) {
        this.#context.checkpoint();
        const batch = await lease.file.readColumns(group, [this.#column]);
        this.#context.stats.rowsScanned += rows;
        const before = scan.heldBytes;
        scan.add(widenColumn(batch.columns[0], STRING, batch.schema[0].text), firstRow);
        this.#memory.add(scan.heldBytes - before);
      }
      return scan;
    } finally {
      lease.release();
    }
  }
}

/** Says in the stats that an index was used, once. */
export function noteIndex(
  context: QueryContext,
  { name, kind }: { readonly name: string; readonly kind: string },
): void {
  const { indexesUsed } = context.stats;
  if (!indexesUsed.some((used) => used.name === name)) indexesUsed.push({ name, kind });
}

function parse(match: ScanRequest['matches'][number], definition: IndexDefinition | undefined): TextQuery {
  try {
    return parseTextQuery(match.query, analyzerOf(definition?.options ?? {}));
  } catch (error) {
    if (!(error instanceof OrasiError)) throw error;
    const errors = [{ path: `sql@${match.at}`, message: error.message }];
    throw new OrasiError('invalid_sql', `the search text of MATCH: ${error.message}`, { errors, cause: error });
  }
}
