import { hasExpired } from '../storage/expiry.ts';
import { BACKUPS, backupKey, INDEXES, MANIFEST, QUARANTINE, RESULTS, SEGMENTS, STAGING } from '../storage/layout.ts';
import type { ObjectInfo } from '../storage/object-store.ts';
import type { IngestPorts } from './ports.ts';

/** What one page of a cleaning removed, and where the next begins; undefined after the last. */
export interface CleanPage {
  readonly files: number;
  readonly bytes: number;
  readonly cursor: string | undefined;
}

const FORGOTTEN = 500;

/** Of some objects under a prefix, those that may go. */
type Choice = (ports: IngestPorts, namespaceUid: string, old: readonly ObjectInfo[]) => Promise<readonly string[]>;

const unreferenced: Choice = async ({ catalog }, _uid, old) =>
  await catalog.collection.unreferenced(old.map(({ key }) => key));

/** In the order they are cleaned in. */
const PREFIXES: readonly (readonly [prefix: string, choose: Choice])[] = [
  [SEGMENTS, unreferenced],
  [QUARANTINE, unreferenced],
  [STAGING, unreferenced],
  [
    INDEXES,
    async ({ catalog }, _uid, old) => await catalog.collection.unreferencedIndexFiles(old.map(({ key }) => key)),
  ],
  [RESULTS, async ({ clock }, _uid, old) => old.filter((file) => hasExpired(file, clock.now())).map(({ key }) => key)],
  [BACKUPS, unfinishedBackups],
];

/**
 * Removes what nothing in a namespace refers to, a page of the bucket at a time. The sweep does the same by and by,
 * over all namespaces; this one comes to an end, and counts. Files younger than `olderThanMs` stay.
 */
export async function cleanNamespace(
  ports: IngestPorts,
  namespaceUid: string,
  olderThanMs: number,
  cursor?: string,
): Promise<CleanPage> {
  const { catalog, clock, store } = ports;
  const beforeMs = clock.now() - olderThanMs;
  if (cursor === undefined) {
    // Once forgotten, the files are among those the walk finds nobody refers to.
    const { forgetDeadSegments, forgetIndexFiles } = catalog.collection;
    for (const forget of [forgetDeadSegments, forgetIndexFiles]) {
      while ((await forget(beforeMs, FORGOTTEN, namespaceUid)).length > 0);
    }
  }
  const [at, after] = readCursor(cursor);
  const [prefix, choose] = PREFIXES[at];
  const page = await store.list(`${prefix}${namespaceUid}/`, after);
  const old = page.objects.filter(({ uploadedAtMs }) => uploadedAtMs <= beforeMs);
  const dead = new Set(old.length === 0 ? [] : await choose(ports, namespaceUid, old));
  await store.delete([...dead]);
  const isLast = page.cursor === undefined && at === PREFIXES.length - 1;
  return {
    files: dead.size,
    bytes: old.reduce((sum, { key, sizeBytes }) => sum + (dead.has(key) ? sizeBytes : 0), 0),
    cursor: isLast ? undefined : page.cursor === undefined ? `${at + 1}:` : `${at}:${page.cursor}`,
  };
}

function readCursor(cursor = '0:'): [prefix: number, after: string | undefined] {
  const split = cursor.indexOf(':');
  const after = cursor.slice(split + 1);
  return [Number(cursor.slice(0, split)), after === '' ? undefined : after];
}

/** Files of backups that never came to their end: what says that they did is not there. */
async function unfinishedBackups(
  { store }: IngestPorts,
  namespaceUid: string,
  old: readonly ObjectInfo[],
): Promise<string[]> {
  const idOf = (key: string) => key.split('/')[2];
  const unfinished = new Set<string>();
  for (const backupId of new Set(old.map(({ key }) => idOf(key)))) {
    if ((await store.head(backupKey(namespaceUid, backupId, MANIFEST))) === null) unfinished.add(backupId);
  }
  return old.filter(({ key }) => unfinished.has(idOf(key))).map(({ key }) => key);
}
