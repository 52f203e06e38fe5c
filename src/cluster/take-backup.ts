import type { ClusterBackup } from '../core/protocol/cluster.ts';
import type { ClusterBackups } from '../storage/cluster-backups.ts';
import { type BackupParts, backupHead, backupRecords, type Restore } from './backup.ts';
import { backupLines, readBackup, verifyBackup } from './backup-file.ts';
import { HistoryOutran } from './kv/backup.ts';

/** Times that a backup is begun anew because the history it reads was compacted. */
const ATTEMPTS = 3;

/**
 * Writes a backup of the cluster as it is now; what is written to the cluster meanwhile is no part of it. Null where
 * more was written than history is kept for, again and again.
 */
export async function takeBackup(
  parts: BackupParts,
  backups: ClusterBackups,
  cluster: string,
  backupId: string,
  now: () => number,
): Promise<ClusterBackup | null> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const sink = backups.create(cluster, backupId);
    const head = backupHead(parts, now());
    let sizeBytes = 0;
    try {
      for (const line of backupLines(backupRecords(parts, head))) {
        sizeBytes += line.length;
        await sink.write(line);
      }
      await sink.finish();
      const { takenAt, revision, election } = head;
      return { backupId, createdAt: takenAt, sizeBytes, revision, epoch: election.epoch };
    } catch (error) {
      await sink.abort();
      if (!(error instanceof HistoryOutran)) throw error;
    }
  }
  return null;
}

/** Reads a backup to its end, putting its records aside. Throws `source_missing` or `malformed_input`. */
export async function readInto(
  restore: Restore,
  backups: ClusterBackups,
  cluster: string,
  backupId: string,
): Promise<void> {
  await verifyBackup(await backups.open(cluster, backupId));
  for await (const record of readBackup(await backups.open(cluster, backupId))) restore.take(record);
}
