import type { Clock } from '../core/clock.ts';
import { OrasiError } from '../core/errors.ts';
import type { DecodeInfo, LedgerObject, MaskReason, ObjectState } from './catalog-records.ts';
import type { Page } from './datasets.ts';
import {
  integer,
  jsonChunks,
  optionalInteger,
  optionalText,
  type Row,
  type SqlDatabase,
  type Statement,
  sql,
  text,
} from './sql.ts';

/** An object version as a door announces it. */
export interface NewObject {
  readonly namespaceUid: string;
  readonly namespace: string;
  readonly objectId: string;
  readonly datasetId: string;
  readonly dataset: string;
  readonly name: string;
  readonly key: string;
  readonly etag: string;
  readonly sizeBytes: number;
  /** By the store's clock. */
  readonly uploadedAtMs: number;
  readonly decode: DecodeInfo;
  /** Somebody asks for it now, so an earlier deletion does not stand against it; a found object has only its upload time. */
  readonly explicit: boolean;
}

export interface Registration {
  readonly object: LedgerObject;
  /** Whether there is now work to do that there was not before: a new version, or one that is begun again. */
  readonly fresh: boolean;
}

/** Who holds an object: only the latest claimant's changes take effect. */
export interface ClaimToken {
  readonly namespaceUid: string;
  readonly objectId: string;
  readonly attempt: number;
  readonly part: number;
}

export interface ObjectRef {
  readonly namespaceUid: string;
  readonly objectId: string;
}

/** What a walk over the bucket needs to know of an object in the ledger. */
export interface KnownObject {
  readonly key: string;
  readonly uploadedAtMs: number;
  readonly maskReason: MaskReason | undefined;
}

/** A file of a finished part: written, recorded, and not yet anyone's to see. */
export interface StagedFile {
  readonly kind: 'segment' | 'quarantine' | 'source';
  readonly key: string;
  /** What the commit needs of it, as JSON. */
  readonly record: string;
}

/** The ledger: one row an object version, and who is at work on it. */
export interface Ledger {
  /**
   * Enters a version. However often and by however many doors the same version is announced, there is one row.
   * Null where it is not to be taken in: its dataset has gone since, or it was found but uploaded before a deletion.
   *
   * A version that failed, was deleted or was replaced is begun again where the same bytes were uploaded anew
   * after that: announcing the old upload once more is not enough.
   */
  register(object: NewObject): Promise<Registration | null>;
  /** Null also where it was deleted, itself or with its dataset. */
  get(namespaceUid: string, objectId: string): Promise<LedgerObject | null>;
  /** By dataset, then oldest first; deleted ones left out. Throws `bad_request` where the cursor is none of ours. */
  list(
    namespaceUid: string,
    filter: { readonly dataset?: string; readonly state?: ObjectState },
    limit: number,
    cursor?: string,
  ): Promise<Page<LedgerObject>>;
  /** Which of these the ledger has, deleted ones included, by object id. */
  known(objects: readonly ObjectRef[]): Promise<ReadonlyMap<string, KnownObject>>;

  /** Those of these that the ledger has and that are not deleted. */
  getAll(objects: readonly ObjectRef[]): Promise<readonly LedgerObject[]>;
  /** Takes the lease where the object waits to be taken in, or its claimant's lease has run out; else null. */
  claim(object: ObjectRef, leaseMs: number): Promise<LedgerObject | null>;
  /** Claims each that can be; the others are missing. */
  claimAll(objects: readonly ObjectRef[], leaseMs: number): Promise<readonly LedgerObject[]>;
  /** Extends a lease; false where the claim was lost and the work should stop. */
  renew(token: ClaimToken, leaseMs: number): Promise<boolean>;
  /** Ends a part: records its files and where the next begins, and gives the lease back. False where the claim was lost. */
  handOver(token: ClaimToken, checkpoint: string, files: readonly StagedFile[]): Promise<boolean>;
  /** Gives the lease back after a fault that may pass, to be tried again at `retryAtMs`. */
  release(
    token: ClaimToken,
    error: { readonly code: string; readonly message: string },
    retryAtMs: number,
  ): Promise<boolean>;
  /** Ends the object for good; its bad rows so far stay to be looked at. */
  fail(
    token: ClaimToken,
    error: { readonly code: string; readonly message: string },
    details?: {
      readonly format?: string;
      readonly rowsQuarantined?: number;
      readonly quarantine?: readonly StagedFile[];
    },
  ): Promise<boolean>;
  /** Files of the parts before the claimant's. */
  stagedFiles(namespaceUid: string, objectId: string, kind: StagedFile['kind']): Promise<readonly StagedFile[]>;

  /** Fails an object that nobody works on and whose message was given up by the queue. False where it is not so. */
  abandon(
    namespaceUid: string,
    objectId: string,
    error: { readonly code: string; readonly message: string },
  ): Promise<boolean>;
  /** Puts a failed object back. Null where it is not failed, or is deleted. */
  retry(namespaceUid: string, objectId: string): Promise<LedgerObject | null>;
  /** Takes an object's rows out of every answer, for good; false where there is no such object. */
  mask(namespaceUid: string, objectId: string): Promise<boolean>;

  /**
   * Objects whose message may be lost: received (and due) or in processing with a lease run out, and none sent since
   * `queuedBeforeMs`. They are marked as sent now.
   */
  takeOverdue(queuedBeforeMs: number, limit: number): Promise<readonly ObjectRef[]>;
  /** Ends every lease: for a restart that is known to have left no claimant alive. */
  expireLeases(): Promise<void>;
  /** Keys of quarantine files, in the order of their rows. */
  quarantineFiles(namespaceUid: string, objectId: string): Promise<readonly string[]>;
}

export function createLedger(database: SqlDatabase, clock: Clock): Ledger {
  const at = (namespaceUid: string, objectId: string) =>
    sql`namespace_uid = ${namespaceUid} AND object_id = ${objectId}`;

  async function get(namespaceUid: string, objectId: string): Promise<LedgerObject | null> {
    const { rows } = await database.run(
      sql`SELECT * FROM objects o WHERE ${at(namespaceUid, objectId)} AND ${NOT_DELETED}`,
    );
    return rows.length === 0 ? null : toLedgerObject(rows[0]);
  }

  /** A part that follows one handed over in order belongs to the same try; anything else is a new one. */
  function claimStatement({ namespaceUid, objectId }: ObjectRef, leaseMs: number): Statement {
    const now = clock.now();
    return sql`UPDATE objects AS o SET state = 'processing', lease_until = ${now + leaseMs}, retry_at = NULL,
        attempt = attempt + (CASE WHEN state = 'received' AND part > 0 AND failures = 0 THEN 0 ELSE 1 END),
        failures = failures + (CASE WHEN state = 'processing' THEN 1 ELSE 0 END)
      WHERE ${at(namespaceUid, objectId)} AND masked_at IS NULL AND ${DATASET_ACTIVE} AND (
        (state = 'received' AND (retry_at IS NULL OR retry_at <= ${now}))
        OR (state = 'processing' AND lease_until <= ${now}))
      RETURNING *`;
  }

  return {
    get,

    async register(object) {
      const now = clock.now();
      const row = at(object.namespaceUid, object.objectId);
      const decode = JSON.stringify(object.decode);
      const uploadedAt = object.uploadedAtMs;
      const explicit = object.explicit ? 1 : 0;
      const nextVersion = sql`(SELECT coalesce(max(version), 0) + 1 FROM objects INDEXED BY objects_by_name
        WHERE namespace_uid = ${object.namespaceUid} AND dataset_id = ${object.datasetId} AND name = ${object.name})`;
      const active = sql`EXISTS (SELECT 1 FROM datasets WHERE namespace_uid = ${object.namespaceUid}
          AND dataset_id = ${object.datasetId} AND state = 'active')
        AND (${explicit} = 1 OR NOT EXISTS (SELECT 1 FROM datasets WHERE namespace_uid = ${object.namespaceUid}
          AND name = ${object.dataset} AND state = 'deleted' AND deleted_at >= ${uploadedAt}))`;
      const [inserted, revived, , stored] = await database.batch([
        sql`INSERT INTO objects (namespace_uid, object_id, namespace, dataset_id, dataset, name, storage_key, etag,
            size_bytes, uploaded_at, version, decode, state, queued_at, received_at)
          SELECT ${object.namespaceUid}, ${object.objectId}, ${object.namespace}, ${object.datasetId}, ${object.dataset},
            ${object.name}, ${object.key}, ${object.etag}, ${object.sizeBytes}, ${uploadedAt}, ${nextVersion}, ${decode},
            'received', ${now}, ${now}
          WHERE ${active} ON CONFLICT DO NOTHING`,
        sql`UPDATE objects AS o SET state = 'received', dataset_id = ${object.datasetId}, storage_key = ${object.key},
            uploaded_at = ${uploadedAt}, version = ${nextVersion}, decode = ${decode}, part = 0, failures = 0,
            checkpoint = NULL, lease_until = NULL, retry_at = NULL, queued_at = ${now}, commit_id = NULL,
            error_code = NULL, error_message = NULL, rows_committed = 0, rows_quarantined = 0, segments = 0,
            received_at = ${now}, committed_at = NULL, masked_at = NULL, mask_reason = NULL
          WHERE ${row} AND uploaded_at < ${uploadedAt} AND ${active} AND (
            (state = 'failed' AND masked_at IS NULL)
            OR (mask_reason = 'replaced' AND state IN ('committed', 'failed') AND NOT EXISTS (
              SELECT 1 FROM objects later INDEXED BY objects_by_name WHERE later.namespace_uid = o.namespace_uid
                AND later.dataset_id = o.dataset_id AND later.name = o.name
                AND later.state = 'committed' AND later.uploaded_at > ${uploadedAt}))
            OR (mask_reason IN ('deleted', 'dataset_deleted') AND (${explicit} = 1 OR masked_at < ${uploadedAt}))
            OR EXISTS (SELECT 1 FROM datasets d WHERE d.namespace_uid = o.namespace_uid AND d.dataset_id = o.dataset_id
              AND d.state = 'deleted' AND (${explicit} = 1 OR d.deleted_at < ${uploadedAt})))`,
        // The later upload counts for the order of versions, also where the row was not begun again.
        sql`UPDATE objects SET uploaded_at = ${uploadedAt} WHERE ${row} AND uploaded_at < ${uploadedAt}`,
        sql`SELECT * FROM objects o WHERE ${row} AND ${NOT_DELETED}`,
      ]);
      if (stored.rows.length === 0) return null;
      return { object: toLedgerObject(stored.rows[0]), fresh: inserted.changes + revived.changes > 0 };
    },

    async list(namespaceUid, { dataset, state }, limit, cursor) {
      const [datasetId, receivedAt, objectId] = cursor === undefined ? ['', 0, ''] : readCursor(cursor);
      const ofDataset =
        dataset === undefined
          ? sql`(dataset_id, received_at, object_id) > (${datasetId}, ${receivedAt}, ${objectId})`
          : sql`dataset_id = (SELECT dataset_id FROM datasets
              WHERE namespace_uid = ${namespaceUid} AND name = ${dataset} AND state = 'active')
            AND (received_at, object_id) > (${receivedAt}, ${objectId})`;
      const inState = state === undefined ? sql`TRUE` : sql`state = ${state}`;
      const { rows } = await database.run(
        sql`SELECT * FROM objects o INDEXED BY objects_by_dataset WHERE namespace_uid = ${namespaceUid} AND ${ofDataset} AND ${inState}
          AND ${NOT_DELETED} ORDER BY dataset_id, received_at, object_id LIMIT ${limit + 1}`,
      );
      const items = rows.slice(0, limit).map(toLedgerObject);
      const last = items.at(-1);
      return { items, nextCursor: rows.length > limit && last !== undefined ? writeCursor(last) : undefined };
    },

    async known(objects) {
      const found = new Map<string, KnownObject>();
      for (const chunk of jsonChunks(objects.map(({ namespaceUid, objectId }) => [namespaceUid, objectId]))) {
        const { rows } = await database.run(
          sql`SELECT o.object_id, o.storage_key, o.uploaded_at,
              CASE WHEN ${DATASET_ACTIVE} THEN o.mask_reason ELSE 'dataset_deleted' END AS mask_reason FROM json_each(${chunk}) k CROSS JOIN objects o
            ON o.namespace_uid = k.value ->> 0 AND o.object_id = k.value ->> 1`,
        );
        for (const row of rows) {
          found.set(text(row, 'object_id'), {
            key: text(row, 'storage_key'),
            uploadedAtMs: integer(row, 'uploaded_at'),
            maskReason: optionalText(row, 'mask_reason') as MaskReason | undefined,
          });
        }
      }
      return found;
    },

    async getAll(objects) {
      const found: LedgerObject[] = [];
      for (const chunk of jsonChunks(objects.map(({ namespaceUid, objectId }) => [namespaceUid, objectId]))) {
        const { rows } = await database.run(
          sql`SELECT o.* FROM json_each(${chunk}) k CROSS JOIN objects o
            ON o.namespace_uid = k.value ->> 0 AND o.object_id = k.value ->> 1 WHERE ${NOT_DELETED}`,
        );
        found.push(...rows.map(toLedgerObject));
      }
      return found;
    },

    async claim(object, leaseMs) {
      const { rows } = await database.run(claimStatement(object, leaseMs));
      return rows.length === 0 ? null : toLedgerObject(rows[0]);
    },

    async claimAll(objects, leaseMs) {
      if (objects.length === 0) return [];
      const answers = await database.batch(objects.map((object) => claimStatement(object, leaseMs)));
      return answers.flatMap(({ rows }) => rows.map(toLedgerObject));
    },

    async renew(token, leaseMs) {
      const { changes } = await database.run(
        sql`UPDATE objects SET lease_until = ${clock.now() + leaseMs} WHERE ${held(token)}`,
      );
      return changes > 0;
    },

    async handOver(token, checkpoint, files) {
      const [moved] = await database.batch([
        sql`UPDATE objects SET state = 'received', part = part + 1, failures = 0, lease_until = NULL,
          checkpoint = ${checkpoint}, queued_at = ${clock.now()} WHERE ${held(token)}`,
        ...stageFiles(
          token,
          files,
          sql`state = 'received' AND attempt = ${token.attempt} AND part = ${token.part + 1}
          AND checkpoint = ${checkpoint}`,
        ),
      ]);
      return moved.changes > 0;
    },

    async release(token, error, retryAtMs) {
      const { changes } = await database.run(
        sql`UPDATE objects SET state = 'received', failures = failures + 1, lease_until = NULL, retry_at = ${retryAtMs},
          queued_at = ${Math.max(clock.now(), retryAtMs)}, error_code = ${error.code}, error_message = ${error.message}
          WHERE ${held(token)}`,
      );
      return changes > 0;
    },

    async fail(token, error, details = {}) {
      const [failed] = await database.batch([
        sql`UPDATE objects SET state = 'failed', lease_until = NULL, checkpoint = NULL, error_code = ${error.code},
          error_message = ${error.message}, format = coalesce(${details.format ?? null}, format),
          rows_quarantined = ${details.rowsQuarantined ?? 0} WHERE ${held(token)}`,
        ...stageFiles(token, details.quarantine ?? [], failedBy(token)),
        sql`DELETE FROM quarantine_files WHERE ${at(token.namespaceUid, token.objectId)}
          AND EXISTS (SELECT 1 FROM objects WHERE ${at(token.namespaceUid, token.objectId)} AND ${failedBy(token)})`,
        keepQuarantine(token, failedBy(token)),
        sql`DELETE FROM staged_files WHERE ${at(token.namespaceUid, token.objectId)}
          AND EXISTS (SELECT 1 FROM objects WHERE ${at(token.namespaceUid, token.objectId)} AND ${failedBy(token)})`,
      ]);
      return failed.changes > 0;
    },

    async stagedFiles(namespaceUid, objectId, kind) {
      const { rows } = await database.run(
        sql`SELECT storage_key, record FROM staged_files WHERE ${at(namespaceUid, objectId)} AND kind = ${kind}
          ORDER BY part, storage_key`,
      );
      return rows.map((row) => ({ kind, key: text(row, 'storage_key'), record: text(row, 'record') }));
    },

    async abandon(namespaceUid, objectId, error) {
      const now = clock.now();
      const { changes } = await database.run(
        sql`UPDATE objects SET state = 'failed', lease_until = NULL, checkpoint = NULL,
          error_code = ${error.code}, error_message = ${error.message} || coalesce(': ' || error_message, '')
          WHERE ${at(namespaceUid, objectId)} AND masked_at IS NULL
          AND (state = 'received' OR (state = 'processing' AND lease_until <= ${now}))`,
      );
      return changes > 0;
    },

    async retry(namespaceUid, objectId) {
      const now = clock.now();
      const [updated] = await database.batch([
        sql`UPDATE objects AS o SET state = 'received', part = 0, failures = 0, checkpoint = NULL, retry_at = NULL,
          queued_at = ${now}, error_code = NULL, error_message = NULL, rows_quarantined = 0
          WHERE ${at(namespaceUid, objectId)} AND state = 'failed' AND masked_at IS NULL AND ${DATASET_ACTIVE} RETURNING *`,
        sql`DELETE FROM staged_files WHERE ${at(namespaceUid, objectId)} AND EXISTS (
          SELECT 1 FROM objects WHERE ${at(namespaceUid, objectId)} AND state = 'received' AND part = 0)`,
      ]);
      return updated.rows.length === 0 ? null : toLedgerObject(updated.rows[0]);
    },

    async mask(namespaceUid, objectId) {
      const now = clock.now();
      const [masked] = await database.batch([
        sql`UPDATE objects AS o SET masked_at = ${now}, mask_reason = 'deleted',
          error_code = CASE WHEN state IN ('received', 'processing') THEN 'gone' ELSE error_code END,
          error_message = CASE WHEN state IN ('received', 'processing') THEN 'it was deleted' ELSE error_message END,
          state = CASE WHEN state IN ('received', 'processing') THEN 'failed' ELSE state END,
          lease_until = NULL, checkpoint = NULL
          WHERE ${at(namespaceUid, objectId)} AND ${NOT_DELETED}`,
        ...maskSources(
          namespaceUid,
          sql`SELECT object_id FROM objects
          WHERE ${at(namespaceUid, objectId)} AND masked_at IS NOT NULL`,
          now,
        ),
      ]);
      return masked.changes > 0;
    },

    async takeOverdue(queuedBeforeMs, limit) {
      const now = clock.now();
      const { rows } = await database.run(
        sql`UPDATE objects SET queued_at = ${now} WHERE (namespace_uid, object_id) IN (
            SELECT namespace_uid, object_id FROM objects o INDEXED BY objects_unfinished
            WHERE state IN ('received', 'processing') AND queued_at < ${queuedBeforeMs} AND ${DATASET_ACTIVE}
            AND (state = 'received' AND (retry_at IS NULL OR retry_at <= ${now})
              OR state = 'processing' AND lease_until <= ${now})
            ORDER BY queued_at LIMIT ${limit})
          RETURNING namespace_uid, object_id`,
      );
      return rows.map((row) => ({ namespaceUid: text(row, 'namespace_uid'), objectId: text(row, 'object_id') }));
    },

    async expireLeases() {
      await database.run(sql`UPDATE objects INDEXED BY objects_unfinished SET lease_until = 0
        WHERE state IN ('received', 'processing') AND state = 'processing' AND queued_at >= 0`);
    },

    async quarantineFiles(namespaceUid, objectId) {
      const { rows } = await database.run(
        sql`SELECT storage_key FROM quarantine_files WHERE ${at(namespaceUid, objectId)} ORDER BY part, storage_key`,
      );
      return rows.map((row) => text(row, 'storage_key'));
    },
  };
}

/** The condition under which a claimant still holds its object. */
export function held({ namespaceUid, objectId, attempt, part }: ClaimToken): Statement {
  return sql`namespace_uid = ${namespaceUid} AND object_id = ${objectId} AND state = 'processing'
    AND attempt = ${attempt} AND part = ${part}`;
}

function failedBy({ attempt, part }: ClaimToken): Statement {
  return sql`state = 'failed' AND attempt = ${attempt} AND part = ${part}`;
}

/** Records files of a part where the object's row is as `condition` says. */
function stageFiles(token: ClaimToken, files: readonly StagedFile[], condition: Statement): Statement[] {
  return jsonChunks(files.map(({ kind, key, record }) => [key, kind, record])).map(
    (chunk) => sql`INSERT INTO staged_files (namespace_uid, object_id, part, storage_key, kind, record)
      SELECT ${token.namespaceUid}, ${token.objectId}, ${token.part}, value ->> 0, value ->> 1, value ->> 2
      FROM json_each(${chunk}) WHERE EXISTS (SELECT 1 FROM objects WHERE namespace_uid = ${token.namespaceUid}
        AND object_id = ${token.objectId} AND ${condition})`,
  );
}

/** Makes the staged quarantine files of an object its own, where its row is as `condition` says. */
export function keepQuarantine({ namespaceUid, objectId }: ClaimToken, condition: Statement): Statement {
  return sql`INSERT INTO quarantine_files (namespace_uid, object_id, part, storage_key, rows)
    SELECT namespace_uid, object_id, part, storage_key, record ->> '$.rows' FROM staged_files
    WHERE namespace_uid = ${namespaceUid} AND object_id = ${objectId} AND kind = 'quarantine'
    AND EXISTS (SELECT 1 FROM objects WHERE namespace_uid = ${namespaceUid} AND object_id = ${objectId} AND ${condition})`;
}

/** Masks the rows of the objects a query gives; a segment none of whose rows count any more is dead. */
export function maskSources(namespaceUid: string, objectIds: Statement, nowMs: number): Statement[] {
  return [
    sql`UPDATE segment_sources INDEXED BY segment_sources_by_object SET masked = 1
      WHERE namespace_uid = ${namespaceUid} AND object_id IN (${objectIds}) AND masked = 0`,
    sql`UPDATE segments SET state = 'dead', dead_at = ${nowMs}
      WHERE namespace_uid = ${namespaceUid} AND state = 'live' AND (dataset_id, segment_id) IN (
        SELECT dataset_id, segment_id FROM segment_sources
        WHERE namespace_uid = ${namespaceUid} AND object_id IN (${objectIds}))
      AND NOT EXISTS (SELECT 1 FROM segment_sources s WHERE s.namespace_uid = segments.namespace_uid
        AND s.dataset_id = segments.dataset_id AND s.segment_id = segments.segment_id AND s.masked = 0)`,
  ];
}

/** Whether the dataset of a row `o` of `objects` is there. */
const DATASET_ACTIVE = sql`EXISTS (SELECT 1 FROM datasets d WHERE d.namespace_uid = o.namespace_uid
  AND d.dataset_id = o.dataset_id AND d.state = 'active')`;

/** Whether a row `o` of `objects` is anybody's to see: a deletion, unlike a replacement by a later version, hides it. */
const NOT_DELETED = sql`(o.mask_reason IS NULL OR o.mask_reason = 'replaced') AND ${DATASET_ACTIVE}`;

function writeCursor({ datasetId, receivedAtMs, objectId }: LedgerObject): string {
  return [datasetId, receivedAtMs, objectId].join('.');
}

function readCursor(cursor: string): [datasetId: string, receivedAt: number, objectId: string] {
  const match = /^([^.]+)\.(\d+)\.([^.]+)$/.exec(cursor);
  if (match === null) {
    throw new OrasiError('bad_request', 'the cursor is not valid', {
      errors: [{ path: 'cursor', message: 'expected the nextCursor of an earlier answer' }],
    });
  }
  return [match[1], Number(match[2]), match[3]];
}

function toLedgerObject(row: Row): LedgerObject {
  const code = optionalText(row, 'error_code');
  return {
    objectId: text(row, 'object_id'),
    namespaceUid: text(row, 'namespace_uid'),
    namespace: text(row, 'namespace'),
    datasetId: text(row, 'dataset_id'),
    dataset: text(row, 'dataset'),
    name: text(row, 'name'),
    key: text(row, 'storage_key'),
    etag: text(row, 'etag'),
    decode: JSON.parse(text(row, 'decode')) as DecodeInfo,
    format: optionalText(row, 'format'),
    sizeBytes: integer(row, 'size_bytes'),
    state: text(row, 'state') as ObjectState,
    attempt: integer(row, 'attempt'),
    part: integer(row, 'part'),
    failures: integer(row, 'failures'),
    leaseUntilMs: optionalInteger(row, 'lease_until'),
    checkpoint: optionalText(row, 'checkpoint'),
    rowsCommitted: integer(row, 'rows_committed'),
    rowsQuarantined: integer(row, 'rows_quarantined'),
    segments: integer(row, 'segments'),
    error: code === undefined ? undefined : { code, message: optionalText(row, 'error_message') ?? '' },
    receivedAtMs: integer(row, 'received_at'),
    uploadedAtMs: integer(row, 'uploaded_at'),
    committedAtMs: optionalInteger(row, 'committed_at'),
    maskReason: optionalText(row, 'mask_reason') as MaskReason | undefined,
  };
}
