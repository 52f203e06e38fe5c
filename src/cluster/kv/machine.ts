import { ChangeSignal } from '../../core/change-signal.ts';
import type { Clock } from '../../core/clock.ts';
import { unreachable } from '../../core/errors.ts';
import { prefixInterval } from '../../core/kv-calls.ts';
import type { ObjectDatabase } from '../../core/object-database.ts';
import type { KvAnswer, KvCall, KvResult, KvWatch } from '../../core/protocol/cluster-kv.ts';
import type { KvSettings } from '../../core/protocol/cluster-settings.ts';
import type { Random } from '../../core/random.ts';
import type { WatchTiming } from '../pulled-stream.ts';
import type { Untold } from '../untold.ts';
import { checkKeysOnce, checkOperation } from './check.ts';
import { Leases } from './leases.ts';
import { KvRefused } from './refusal.ts';
import { tell } from './standing.ts';
import { KvStore } from './store.ts';
import { KvTransaction } from './transaction.ts';
import { verify } from './verify.ts';
import { messagesOf } from './watch-messages.ts';
import { kvWatchStream } from './watch-stream.ts';

/** Hours of writes at the highest rate, and there is room for more than a hundred times. */
const SKIPPED = 2 ** 26;

export interface KvParts {
  /** Migrated by `migrateKv`. */
  readonly database: ObjectDatabase;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: KvSettings;
  /** Told of every change of the keys, in the turn in which it is written. */
  readonly changed?: () => void;
}

/**
 * The state of a cluster: etcd's data model over SQLite. Every call is one step: what it decides on and what it writes
 * are not interleaved with another. Leases that have lapsed are gone before a call is looked at, whether or not an
 * alarm was punctual.
 */
export class KvMachine {
  private readonly parts: KvParts;
  private readonly store: KvStore;
  private readonly leases: Leases;
  private readonly signal = new ChangeSignal();
  private settings: KvSettings;

  constructor(parts: KvParts) {
    this.parts = parts;
    this.settings = parts.settings;
    this.store = new KvStore(parts.database, parts.settings.answerBytes);
    this.leases = new Leases(parts.database, parts.random);
  }

  /** Other bounds hold from the next call on. */
  configure(settings: KvSettings): void {
    this.settings = settings;
  }

  /** `presentEpoch` is the cluster's; `ifEpoch` the one that the caller believes in, or null. */
  call(call: KvCall, ifEpoch: number | null, presentEpoch: number): KvAnswer {
    this.expire();
    const before = this.store.revision();
    try {
      if (ifEpoch !== null && ifEpoch !== presentEpoch) {
        throw new KvRefused('stale_epoch', `the epoch is ${presentEpoch}, not ${ifEpoch}`);
      }
      const result = this.atomically(() => {
        const bytesBefore = this.store.liveBytes();
        const done = this.apply(call);
        this.checkQuota(bytesBefore);
        if (this.store.revision() !== before) this.trim();
        return done;
      });
      if (this.store.revision() !== before || call.op === 'compact') this.told();
      return { ok: true, result };
    } catch (error) {
      if (!(error instanceof KvRefused)) throw error;
      const answer = { ok: false as const, refusal: error.refusal, message: error.message };
      return error.refusal === 'compacted'
        ? { ...answer, compactedRevision: Math.max(0, this.store.compactedRevision()) }
        : answer;
    }
  }

  /** The watches as one stream of frames. */
  watch(watches: readonly KvWatch[], timing: WatchTiming): ReadableStream<Uint8Array> {
    this.expire();
    return kvWatchStream(this.store, watches, this.signal, timing);
  }

  /** The changes of the keys with a prefix after a revision, some at a time. */
  untold(prefix: string, after: number): Untold {
    const watch = {
      ...prefixInterval(new TextEncoder().encode(prefix)),
      watchId: 0,
      previous: false,
      puts: true,
      deletes: true,
      progress: false,
    };
    const standing = { watch: { ...watch, startRevision: 0 }, next: after + 1, created: true, progressDue: false };
    const [frame] = tell(this.store, standing);
    const reached = standing.next - 1;
    if (frame === undefined) return { messages: [], reached, next: 'nothing' };
    return { messages: messagesOf(frame), reached, next: frame.type === 'compacted' ? 'gone' : 'more' };
  }

  /** Ends every watch: the store is being erased. Its readers are cut off, and find another store when they return. */
  end(): void {
    this.signal.end();
  }

  /** Ends the leases that have lapsed, each with its keys in a revision of its own. */
  expire(): void {
    const due = this.leases.due(this.parts.clock.now());
    for (const leaseId of due) this.atomically(() => this.endLease(leaseId));
    const dueAtMs = this.leases.nextDueMs();
    if (dueAtMs !== null && dueAtMs <= this.parts.clock.now()) this.leases.lookAgain();
    if (due.length > 0) this.told();
  }

  /**
   * Goes on far beyond the present revision: the tables went back in time, and revisions were told of that they know
   * nothing of.
   */
  skip(): void {
    this.atomically(() => this.store.beginAt(this.store.revision() + SKIPPED));
    this.told();
  }

  revision(): number {
    return this.store.revision();
  }

  /** When `expire` has something to do at the earliest; null where there are no leases. */
  nextDueMs(): number | null {
    return this.leases.nextDueMs();
  }

  private apply(call: KvCall): KvResult {
    switch (call.op) {
      case 'range':
      case 'put':
      case 'deleteRange':
      case 'txn': {
        checkOperation(call, this.settings.valueBytes);
        if (call.op === 'txn') checkKeysOnce(call);
        return this.begin().apply(call);
      }
      case 'compact':
        return this.compact(call.revision);
      case 'grant': {
        const lease = this.leases.grant(call.leaseId, call.ttlSeconds, this.parts.clock.now());
        return { op: 'grant', revision: this.store.revision(), leaseId: lease.leaseId, ttlSeconds: lease.ttlSeconds };
      }
      case 'keepAlive': {
        const lease = this.leases.renew(call.leaseId, this.parts.clock.now());
        const ttlSeconds = lease?.ttlSeconds ?? 0;
        return { op: 'keepAlive', revision: this.store.revision(), leaseId: call.leaseId, ttlSeconds };
      }
      case 'revoke': {
        if (this.leases.find(call.leaseId) === undefined) throw leaseNotFound(call.leaseId);
        this.endLease(call.leaseId);
        return { op: 'revoke', revision: this.store.revision() };
      }
      case 'timeToLive':
        return this.timeToLive(call.leaseId, call.keys);
      case 'leases':
        return { op: 'leases', revision: this.store.revision(), leaseIds: this.leases.ids() };
      case 'verify':
        return verify(this.store, this.settings.liveBytes);
      default:
        return unreachable(call);
    }
  }

  private told(): void {
    this.signal.notify();
    this.parts.changed?.();
  }

  /** All of it or nothing; what is remembered of the tables is forgotten where it was nothing. */
  private atomically<T>(work: () => T): T {
    try {
      return this.parts.database.transaction(work);
    } catch (error) {
      this.store.lookAgain();
      this.leases.lookAgain();
      throw error;
    }
  }

  /** Refuses what makes the state larger than it may be. What makes it smaller is let through, however large it is. */
  private checkQuota(bytesBefore: number): void {
    const bytes = this.store.liveBytes();
    const { liveBytes } = this.settings;
    if (bytes <= liveBytes || bytes <= bytesBefore) return;
    throw new KvRefused(
      'quota_exceeded',
      `keys and values would have ${bytes} bytes, and may have ${liveBytes} (spec.kv.liveBytes of the Cluster)`,
    );
  }

  private begin(): KvTransaction {
    return new KvTransaction(this.store, (leaseId) => this.leases.find(leaseId) !== undefined);
  }

  private compact(revision: number): KvResult {
    const present = this.store.revision();
    if (revision <= this.store.compactedRevision()) {
      throw new KvRefused('compacted', `revision ${revision} has been compacted`);
    }
    if (revision > present) throw new KvRefused('future_revision', `revision ${revision} is yet to come`);
    this.store.compact(revision);
    return { op: 'compact', revision: present };
  }

  /** Keeps the history within its bounds. */
  private trim(): void {
    const { historyRevisions, historyBytes } = this.settings;
    const revision = this.store.excess(historyRevisions, historyBytes);
    if (revision !== undefined && revision > this.store.compactedRevision()) this.store.compact(revision);
  }

  private timeToLive(leaseId: string, keys: boolean): KvResult {
    const lease = this.leases.find(leaseId);
    const left = lease === undefined ? -1 : Math.floor((lease.expiresAtMs - this.parts.clock.now()) / 1000);
    return {
      op: 'timeToLive',
      revision: this.store.revision(),
      leaseId,
      ttlSeconds: left,
      grantedTtlSeconds: lease?.ttlSeconds ?? 0,
      keys: keys && lease !== undefined ? this.store.keysOfLease(leaseId) : [],
    };
  }

  private endLease(leaseId: string): void {
    // All of them at once, unless a backup had more keys than a lease may have: its end is never refused.
    for (let keys = this.store.keysOfLease(leaseId); keys.length > 0; keys = this.store.keysOfLease(leaseId)) {
      const transaction = this.begin();
      for (const key of keys) transaction.deleteKey(key);
    }
    this.leases.remove(leaseId);
  }
}

function leaseNotFound(leaseId: string): KvRefused {
  return new KvRefused('lease_not_found', `there is no lease ${leaseId}`);
}
