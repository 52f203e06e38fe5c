/**
 * Where things are in the bucket. The inbox is named by people (namespace and dataset by name), since outsiders
 * write there; every other key begins with the namespace's immutable uid, so that a namespace made again under
 * an old name sees nothing of the old one.
 */
export const INBOX = 'inbox/';
export const UPLOADS = 'uploads/';
export const SEGMENTS = 'segments/';
export const INDEXES = 'indexes/';
export const QUARANTINE = 'quarantine/';
export const STAGING = 'staging/';
export const CLUSTER_BACKUPS = 'cluster-backups/';
export const RESULTS = 'results/';
export const BACKUPS = 'backups/';

/** Dataset names, as the contract has them. */
export const DATASET_NAME = /^[a-z][a-z0-9_]{0,62}$/;

export interface InboxName {
  readonly namespace: string;
  readonly dataset: string;
  readonly name: string;
}

/** The name an object goes by, whichever door it came in through; part of its id. */
export function inboxKey({ namespace, dataset, name }: InboxName): string {
  return `${INBOX}${namespace}/${dataset}/${name}`;
}

/** The parts of an inbox key, or null where it is not one that can be taken in. */
export function parseInboxKey(key: string): InboxName | null {
  const match = /^inbox\/([^/]+)\/([^/]+)\/(.+)$/s.exec(key);
  if (match === null || !DATASET_NAME.test(match[2])) return null;
  return { namespace: match[1], dataset: match[2], name: match[3] };
}

/** A body given over HTTP. Each has a key of its own, so that a later version never overwrites one still to be read. */
export function uploadKey(namespaceUid: string, uploadId: string): string {
  return `${UPLOADS}${namespaceUid}/${uploadId}`;
}

/** A segment carries who wrote it: no two attempts write the same key, and no committed byte is written again. */
export function segmentId(objectId: string, attempt: number, part: number, ordinal: number): string {
  return `${objectId}-${attempt}-${part}-${ordinal}`;
}

/** The key of a segment. */
export function segmentKey(namespaceUid: string, datasetId: string, id: string): string {
  return `${SEGMENTS}${namespaceUid}/${datasetId}/${id}.parquet`;
}

/** The build id keeps two builds of the same index apart; the catalogue takes the first to be published. */
export function indexKey(namespaceUid: string, datasetId: string, id: string, name: string, buildId: string): string {
  return `${INDEXES}${namespaceUid}/${datasetId}/${id}/${name}-${buildId}.index`;
}

/** The bad rows of one part of an object. */
export function quarantineKey(namespaceUid: string, objectId: string, attempt: number, part: number): string {
  return `${QUARANTINE}${namespaceUid}/${objectId}-${attempt}-${part}.ndjson`;
}

/** The inflated copy of a compressed object. */
export function stagingKey(namespaceUid: string, objectId: string, attempt: number, part: number): string {
  return `${STAGING}${namespaceUid}/${objectId}-${attempt}-${part}`;
}

/** What a task of the platform left that is too large to be kept with it, under a name of its own. */
export function resultKey(namespaceUid: string, queue: string, name: string): string {
  return `${RESULTS}${namespaceUid}/${queue}/${name}`;
}

/** Written last: a backup without one is none. */
export const MANIFEST = 'manifest.json';

/** A file of a backup. */
export function backupKey(namespaceUid: string, backupId: string, name: string): string {
  return `${BACKUPS}${namespaceUid}/${backupId}/${name}`;
}

/** The backups of a cluster; a name ends before the slash, so that no other's begins with it. */
export function clusterBackupsPrefix(namespaceUid: string, cluster: string): string {
  return `${CLUSTER_BACKUPS}${namespaceUid}/${cluster}/`;
}

export function clusterBackupKey(namespaceUid: string, cluster: string, backupId: string): string {
  return `${clusterBackupsPrefix(namespaceUid, cluster)}${backupId}`;
}

/** Who wrote a file under `segments/`, `quarantine/` or `staging/`; null where the key is not of that form. */
export function writerOf(
  key: string,
): { namespaceUid: string; objectId: string; attempt: number; part: number } | null {
  const match = /^[a-z]+\/([^/]+)\/(?:[^/]+\/)?([0-9a-f]{32})-(\d+)-(\d+)(?:-\d+)?(?:\.\w+)?$/.exec(key);
  if (match === null) return null;
  return { namespaceUid: match[1], objectId: match[2], attempt: Number(match[3]), part: Number(match[4]) };
}
