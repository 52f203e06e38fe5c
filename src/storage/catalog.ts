import type { Clock } from '../core/clock.ts';
import type { Random } from '../core/random.ts';
import type { DatasetSnapshot } from './catalog-records.ts';
import { type Collection, createCollection } from './collection.ts';
import { type CommitOutcome, type CommitRequest, commit } from './commit.ts';
import { createDatasets, type Datasets } from './datasets.ts';
import { createIndexCatalog, type IndexCatalog } from './index-catalog.ts';
import { createLedger, type Ledger } from './ledger.ts';
import { type Replacement, readSources, replaceSegments, type SegmentSource } from './replace-segments.ts';
import { readSnapshot } from './snapshot.ts';
import type { SqlDatabase } from './sql.ts';
import { createUploads, type Uploads } from './uploads.ts';

/** What the bucket holds and what it means: the small mutable half of the ground truth, beside the immutable files. */
export interface Catalog {
  readonly datasets: Datasets;
  readonly ledger: Ledger;
  readonly indexes: IndexCatalog;
  readonly uploads: Uploads;
  readonly collection: Collection;
  /** See `src/storage/commit.ts`. */
  commit(request: CommitRequest): Promise<CommitOutcome>;
  /** See `src/storage/replace-segments.ts`. */
  replaceSegments(request: Replacement): Promise<boolean>;
  /** Which rows of these segments came from which objects, and whether they count. */
  sources(namespaceUid: string, datasetId: string, segmentIds: readonly string[]): Promise<readonly SegmentSource[]>;
  /** The active datasets of these names as they are at one moment; a name without one is missing. */
  snapshot(namespaceUid: string, names: readonly string[]): Promise<readonly DatasetSnapshot[]>;
}

/** The catalogue in a SQL database: D1 in production, SQLite in memory under tests, the same statements in both. */
export function createCatalog(database: SqlDatabase, clock: Clock, random: Random): Catalog {
  return {
    datasets: createDatasets(database, clock, random),
    ledger: createLedger(database, clock),
    indexes: createIndexCatalog(database, clock),
    uploads: createUploads(database, clock),
    collection: createCollection(database),
    commit: (request) => commit(database, clock, random, request),
    replaceSegments: (request) => replaceSegments(database, clock, random, request),
    sources: (namespaceUid, datasetId, segmentIds) => readSources(database, namespaceUid, datasetId, segmentIds),
    snapshot: (namespaceUid, names) => readSnapshot(database, namespaceUid, names),
  };
}
