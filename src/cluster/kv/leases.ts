import { LIMITS } from '../../core/limits.ts';
import type { ObjectDatabase } from '../../core/object-database.ts';
import type { Random } from '../../core/random.ts';
import { KvRefused } from './refusal.ts';

/** Shorter leases would lapse between two heartbeats over the Internet; etcd's bound with its default timings too. */
const MIN_TTL_SECONDS = 2;
/** etcd's bound. */
const MAX_TTL_SECONDS = 9_000_000_000;

export interface Lease {
  readonly leaseId: string;
  readonly ttlSeconds: number;
  readonly expiresAtMs: number;
}

/**
 * Leases and when they lapse. A renewal writes one row: what is due is found by looking at all leases, and they are
 * looked at only when the first of them may be due.
 */
export class Leases {
  private readonly database: ObjectDatabase;
  private readonly random: Random;
  /** No lease lapses before; null where there is none. A renewal leaves it as it is: early is only a look in vain. */
  private dueAtMs: number | null;
  /** How many there are, once a grant has asked. */
  private count: number | undefined;

  constructor(database: ObjectDatabase, random: Random) {
    this.database = database;
    this.random = random;
    this.dueAtMs = this.firstExpiry();
  }

  /** When leases are to be looked at; null where there is none. */
  nextDueMs(): number | null {
    return this.dueAtMs;
  }

  find(leaseId: string): Lease | undefined {
    const row = this.database.exec('SELECT * FROM kv_leases WHERE id = ?', leaseId)[0];
    if (row === undefined) return undefined;
    return { leaseId, ttlSeconds: Number(row.ttl_seconds), expiresAtMs: Number(row.expires_at) };
  }

  /** Ids, the first to lapse first. */
  ids(): string[] {
    return this.database.exec('SELECT id FROM kv_leases ORDER BY expires_at, id').map((row) => String(row.id));
  }

  /** Throws `lease_exists`, `lease_ttl_too_large` or `quota_exceeded`. */
  grant(leaseId: string, ttlSeconds: number, nowMs: number): Lease {
    if (ttlSeconds > MAX_TTL_SECONDS) {
      throw new KvRefused('lease_ttl_too_large', `a lease lasts at most ${MAX_TTL_SECONDS} seconds`);
    }
    if (leaseId !== '0' && this.find(leaseId) !== undefined) {
      throw new KvRefused('lease_exists', `there is a lease ${leaseId} already`);
    }
    this.count ??= Number(this.database.exec('SELECT count(*) AS count FROM kv_leases')[0].count);
    if (this.count >= LIMITS.clusterLeases) {
      throw new KvRefused('quota_exceeded', `a cluster has at most ${LIMITS.clusterLeases} leases`);
    }
    const ttl = Math.max(MIN_TTL_SECONDS, ttlSeconds);
    const lease = {
      leaseId: leaseId === '0' ? this.newId() : leaseId,
      ttlSeconds: ttl,
      expiresAtMs: nowMs + 1000 * ttl,
    };
    this.database.exec(
      'INSERT INTO kv_leases (id, ttl_seconds, expires_at) VALUES (?, ?, ?)',
      lease.leaseId,
      lease.ttlSeconds,
      lease.expiresAtMs,
    );
    this.count += 1;
    this.dueAtMs = Math.min(this.dueAtMs ?? lease.expiresAtMs, lease.expiresAtMs);
    return lease;
  }

  /** Begins the lease's time anew; undefined where there is no such lease. */
  renew(leaseId: string, nowMs: number): Lease | undefined {
    const lease = this.find(leaseId);
    if (lease === undefined) return undefined;
    const expiresAtMs = nowMs + 1000 * lease.ttlSeconds;
    this.database.exec('UPDATE kv_leases SET expires_at = ? WHERE id = ?', expiresAtMs, leaseId);
    return { ...lease, expiresAtMs };
  }

  remove(leaseId: string): void {
    this.database.exec('DELETE FROM kv_leases WHERE id = ?', leaseId);
    this.count = undefined;
  }

  /** The leases that have lapsed, the first to lapse first. */
  due(nowMs: number): string[] {
    if (this.dueAtMs === null || nowMs < this.dueAtMs) return [];
    return this.database
      .exec('SELECT id FROM kv_leases WHERE expires_at <= ? ORDER BY expires_at, id', nowMs)
      .map((row) => String(row.id));
  }

  /** After those that were due have been removed, or after a transaction was undone. */
  lookAgain(): void {
    this.dueAtMs = this.firstExpiry();
    this.count = undefined;
  }

  private firstExpiry(): number | null {
    const due = this.database.exec('SELECT min(expires_at) AS due FROM kv_leases')[0]?.due;
    return due === null || due === undefined ? null : Number(due);
  }

  /** A random positive int64. */
  private newId(): string {
    for (;;) {
      const id = this.random.bytes(8).reduce((id, byte) => (id << 8n) | BigInt(byte), 0n) & 0x7fffffffffffffffn;
      if (id !== 0n && this.find(String(id)) === undefined) return String(id);
    }
  }
}
