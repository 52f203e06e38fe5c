import type { IndexDefinition } from '../../columns/index-definition.ts';
import type { OrasiError } from '../../core/errors.ts';
import type { Log } from '../../observe/log.ts';
import type { SegmentRecord } from '../../storage/catalog-records.ts';

/** A published index file that is damaged or gone, as the query's snapshot knew it. */
export interface UnreadableIndex {
  readonly datasetId: string;
  readonly segmentId: string;
  readonly name: string;
  readonly generation: number;
  readonly key: string;
}

/** The index files one query could not read and went on without. Each is told of in the log once. */
export class UnreadableIndexes {
  readonly #log: Log;
  readonly #found = new Map<string, UnreadableIndex>();

  constructor(log: Log) {
    this.#log = log;
  }

  note({ datasetId, segmentId, indexes }: SegmentRecord, { name }: IndexDefinition, error: OrasiError): void {
    const { key, generation } = indexes[name];
    if (this.#found.has(key)) return;
    const index: UnreadableIndex = { datasetId, segmentId, name, generation, key };
    this.#found.set(key, index);
    this.#log.warn('an index file cannot be read, so the rows themselves are', { ...index, reason: error.message });
  }

  all(): readonly UnreadableIndex[] {
    return [...this.#found.values()];
  }
}
