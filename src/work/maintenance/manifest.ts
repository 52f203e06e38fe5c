import * as z from 'zod';
import { OrasiError } from '../../core/errors.ts';
import { readAll } from '../../storage/byte-streams.ts';
import { backupKey, MANIFEST } from '../../storage/layout.ts';
import type { ObjectStore } from '../../storage/object-store.ts';

/** What a backup holds: Parquet files, which any tool can read, by dataset. */
export const Manifest = z.object({
  v: z.literal(1),
  backupId: z.string(),
  namespace: z.string(),
  createdAt: z.iso.datetime(),
  datasets: z.array(
    z.object({
      name: z.string(),
      rows: z.number(),
      /** Names below the backup's own prefix. */
      files: z.array(z.object({ name: z.string(), rows: z.number() })),
    }),
  ),
});
export type Manifest = z.output<typeof Manifest>;

/** Throws `not_found` where there is no such backup, or it did not come to its end. */
export async function readManifest(store: ObjectStore, namespaceUid: string, backupId: string): Promise<Manifest> {
  const key = backupKey(namespaceUid, backupId, MANIFEST);
  if (backupId.includes('/') || (await store.head(key)) === null) {
    throw new OrasiError('not_found', `there is no backup "${backupId}"`);
  }
  return Manifest.parse(await readJson(store, key));
}

export async function writeJson(store: ObjectStore, key: string, value: unknown): Promise<void> {
  await store.put(key, new TextEncoder().encode(JSON.stringify(value)), { contentType: 'application/json' });
}

export async function readJson(store: ObjectStore, key: string): Promise<unknown> {
  return JSON.parse(new TextDecoder().decode(await readAll(await store.stream(key))));
}
