import type { Clock } from '../core/clock.ts';
import type { DecodeInfo } from './catalog-records.ts';
import { isErased } from './erased.ts';
import { integer, optionalText, type Row, type SqlDatabase, sql, text } from './sql.ts';

/** A resumable upload: equal parts, in any order, each as often as it takes. */
export interface UploadRecord {
  readonly namespaceUid: string;
  readonly namespace: string;
  readonly uploadId: string;
  readonly dataset: string;
  readonly name: string;
  readonly key: string;
  /** The object store's own id of the upload. */
  readonly storageUploadId: string;
  readonly partBytes: number;
  readonly decode: DecodeInfo;
  readonly state: 'open' | 'completed' | 'aborted';
  /** Of a completed one. */
  readonly objectId: string | undefined;
  readonly createdAtMs: number;
}

export interface UploadPart {
  readonly part: number;
  readonly etag: string;
  readonly sizeBytes: number;
}

export interface Uploads {
  /** Enters an upload as open; false where its namespace is being erased. */
  create(upload: Omit<UploadRecord, 'state' | 'createdAtMs' | 'objectId'>): Promise<boolean>;
  get(namespaceUid: string, uploadId: string): Promise<UploadRecord | null>;
  /** Records a part; one sent again takes the place of the first. False where the upload is no longer open. */
  putPart(namespaceUid: string, uploadId: string, part: UploadPart): Promise<boolean>;
  /** Parts by number. */
  parts(namespaceUid: string, uploadId: string): Promise<readonly UploadPart[]>;
  complete(namespaceUid: string, uploadId: string, objectId: string): Promise<void>;
  abort(namespaceUid: string, uploadId: string): Promise<void>;
  /** Uploads begun before a time and never ended. */
  stale(createdBeforeMs: number, limit: number): Promise<readonly UploadRecord[]>;
  /** Uploads of a namespace that have not ended. */
  openOf(namespaceUid: string, limit: number): Promise<readonly UploadRecord[]>;
}

export function createUploads(database: SqlDatabase, clock: Clock): Uploads {
  const at = (namespaceUid: string, uploadId: string) =>
    sql`namespace_uid = ${namespaceUid} AND upload_id = ${uploadId}`;
  async function close(namespaceUid: string, uploadId: string, state: string, objectId: string | null): Promise<void> {
    await database.batch([
      sql`UPDATE uploads SET state = ${state}, object_id = ${objectId}
        WHERE ${at(namespaceUid, uploadId)} AND state = 'open'`,
      sql`DELETE FROM upload_parts WHERE ${at(namespaceUid, uploadId)}`,
    ]);
  }

  return {
    async create({ namespaceUid, namespace, uploadId, dataset, name, key, storageUploadId, partBytes, decode }) {
      const { changes } = await database.run(
        sql`INSERT INTO uploads (namespace_uid, upload_id, namespace, dataset, name, storage_key, storage_upload_id,
            part_bytes, decode, state, created_at)
          SELECT ${namespaceUid}, ${uploadId}, ${namespace}, ${dataset}, ${name}, ${key}, ${storageUploadId},
            ${partBytes}, ${JSON.stringify(decode)}, 'open', ${clock.now()} WHERE NOT ${isErased(namespaceUid)}`,
      );
      return changes > 0;
    },
    async get(namespaceUid, uploadId) {
      const { rows } = await database.run(sql`SELECT * FROM uploads WHERE ${at(namespaceUid, uploadId)}`);
      return rows.length === 0 ? null : toUpload(rows[0]);
    },
    async putPart(namespaceUid, uploadId, { part, etag, sizeBytes }) {
      const { changes } = await database.run(
        sql`INSERT INTO upload_parts (namespace_uid, upload_id, part, etag, size_bytes)
          SELECT ${namespaceUid}, ${uploadId}, ${part}, ${etag}, ${sizeBytes}
          WHERE EXISTS (SELECT 1 FROM uploads WHERE ${at(namespaceUid, uploadId)} AND state = 'open')
          ON CONFLICT DO UPDATE SET etag = excluded.etag, size_bytes = excluded.size_bytes`,
      );
      return changes > 0;
    },
    async parts(namespaceUid, uploadId) {
      const { rows } = await database.run(
        sql`SELECT part, etag, size_bytes FROM upload_parts WHERE ${at(namespaceUid, uploadId)} ORDER BY part`,
      );
      return rows.map((row) => ({
        part: integer(row, 'part'),
        etag: text(row, 'etag'),
        sizeBytes: integer(row, 'size_bytes'),
      }));
    },
    complete: (namespaceUid, uploadId, objectId) => close(namespaceUid, uploadId, 'completed', objectId),
    abort: (namespaceUid, uploadId) => close(namespaceUid, uploadId, 'aborted', null),
    async stale(createdBeforeMs, limit) {
      const { rows } = await database.run(
        sql`SELECT * FROM uploads WHERE state = 'open' AND created_at < ${createdBeforeMs} LIMIT ${limit}`,
      );
      return rows.map(toUpload);
    },
    async openOf(namespaceUid, limit) {
      const { rows } = await database.run(
        sql`SELECT * FROM uploads WHERE namespace_uid = ${namespaceUid} AND state = 'open' LIMIT ${limit}`,
      );
      return rows.map(toUpload);
    },
  };
}

function toUpload(row: Row): UploadRecord {
  return {
    namespaceUid: text(row, 'namespace_uid'),
    namespace: text(row, 'namespace'),
    uploadId: text(row, 'upload_id'),
    dataset: text(row, 'dataset'),
    name: text(row, 'name'),
    key: text(row, 'storage_key'),
    storageUploadId: text(row, 'storage_upload_id'),
    partBytes: integer(row, 'part_bytes'),
    decode: JSON.parse(text(row, 'decode')) as DecodeInfo,
    state: text(row, 'state') as UploadRecord['state'],
    objectId: optionalText(row, 'object_id'),
    createdAtMs: integer(row, 'created_at'),
  };
}
