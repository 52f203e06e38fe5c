import { parseClusterName } from '../core/protocol/cluster-name.ts';
import { clusterBackupKey, clusterBackupsPrefix } from './layout.ts';
import { createObjectSink, type ObjectSink } from './object-sink.ts';
import type { ObjectStore } from './object-store.ts';

/** A backup as it lies in the bucket. */
export interface StoredBackup {
  readonly backupId: string;
  readonly createdAtMs: number;
  readonly sizeBytes: number;
}

/** The backups of clusters in the bucket, by the clusters' names. */
export interface ClusterBackups {
  create(cluster: string, backupId: string): ObjectSink;
  /** Throws `source_missing` where there is none. */
  open(cluster: string, backupId: string): Promise<ReadableStream<Uint8Array>>;
  /** Oldest first, since ids begin with the time. */
  list(cluster: string, cursor: string | undefined, limit: number): Promise<StoredBackupPage>;
  remove(cluster: string, backupId: string): Promise<void>;
}

export interface StoredBackupPage {
  readonly items: readonly StoredBackup[];
  readonly nextCursor: string | undefined;
}

export function createClusterBackups(store: ObjectStore): ClusterBackups {
  const keyOf = (name: string, backupId: string) => {
    const { namespaceUid, cluster } = parseClusterName(name);
    return clusterBackupKey(namespaceUid, cluster, backupId);
  };
  return {
    create: (name, backupId) =>
      createObjectSink(store, keyOf(name, backupId), { contentType: 'application/x-orasi-cluster-backup' }),
    open: (name, backupId) => store.stream(keyOf(name, backupId)),
    async list(name, cursor, limit) {
      const { namespaceUid, cluster } = parseClusterName(name);
      const prefix = clusterBackupsPrefix(namespaceUid, cluster);
      const page = await store.list(prefix, cursor === undefined ? undefined : prefix + cursor, limit);
      return {
        items: page.objects.map(({ key, uploadedAtMs, sizeBytes }) => ({
          backupId: key.slice(prefix.length),
          createdAtMs: uploadedAtMs,
          sizeBytes,
        })),
        nextCursor: page.cursor?.slice(prefix.length),
      };
    },
    remove: (name, backupId) => store.delete([keyOf(name, backupId)]),
  };
}
