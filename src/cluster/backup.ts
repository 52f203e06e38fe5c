import { assert, unreachable } from '../core/errors.ts';
import type { ObjectDatabase } from '../core/object-database.ts';
import type { BackupRecord } from './backup-file.ts';
import { discardImport, exportKeys, exportLeases, StateImport } from './kv/backup.ts';
import type { KvStore } from './kv/store.ts';
import type { ClusterStore } from './store.ts';

/** What a backup is taken of, or put back into. */
export interface BackupParts {
  readonly database: ObjectDatabase;
  readonly cluster: ClusterStore;
  readonly keys: KvStore;
}

export type BackupHead = BackupRecord & { readonly type: 'cluster' };

/** The first record of a backup taken now. */
export function backupHead({ cluster, keys }: BackupParts, nowMs: number): BackupHead {
  const { election, resigned } = cluster.load();
  return {
    type: 'cluster',
    takenAt: new Date(nowMs).toISOString(),
    election,
    resigned: [...resigned],
    elections: cluster.elections(),
    revision: keys.revision(),
  };
}

/**
 * The records of a backup, as of the moment of its head. The leases are those of that moment if the first of what
 * follows the head is asked for in the same turn. Throws HistoryOutran.
 */
export function* backupRecords(parts: BackupParts, head: BackupHead): Generator<BackupRecord> {
  yield head;
  for (const lease of exportLeases(parts.database)) yield { type: 'lease', ...lease };
  for (const key of exportKeys(parts.keys, head.revision)) yield { type: 'key', ...key };
}

/** Forgets a restore that was begun and not ended. To be called when the object starts. */
export const discardRestore = discardImport;

/**
 * A restore. Records are put aside as they come, whatever happens meanwhile to the cluster, which is what it was until
 * `apply`: one transaction in which all of it becomes what the backup was. So a crash leaves the old or the new.
 */
export class Restore {
  private readonly parts: BackupParts;
  private readonly state: StateImport;
  private head: BackupHead | undefined;

  constructor(parts: BackupParts) {
    this.parts = parts;
    this.state = new StateImport(parts.keys);
  }

  /** The incarnation of the backup; a restore begins a larger one. */
  get incarnation(): number {
    return this.head?.election.incarnation ?? 0;
  }

  take(record: BackupRecord): void {
    switch (record.type) {
      case 'cluster':
        this.head = record;
        return;
      case 'lease':
        this.state.takeLease(record.leaseId, record.ttlSeconds);
        return;
      case 'key':
        this.state.takeKey(record);
        return;
      default:
        unreachable(record);
    }
  }

  /**
   * Puts all of it in place. The state's revision goes on above all that were ever told, with all before it compacted,
   * so that a watch is told to begin anew, and never goes on in another history. `begin` begins the new incarnation.
   */
  apply(nowMs: number, begin: () => void): void {
    const { database, cluster, keys } = this.parts;
    const { head } = this;
    assert(head !== undefined, 'a backup that was read to its end has a head');
    database.transaction(() => {
      cluster.replace(head.election, head.resigned, head.elections);
      this.state.apply(Math.max(head.revision, keys.revision()) + 1, nowMs);
      begin();
    });
  }
}
