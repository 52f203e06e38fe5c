import type { Grant } from '../backend.ts';

/** A key with its value, both text. */
export interface StoreRecord {
  readonly key: string;
  readonly value: string;
}

/** What became of a key; null: it is gone. */
export interface StoreChange {
  readonly key: string;
  readonly value: string | null;
}

/**
 * A versioned store of keys and values with leases, as etcd is one and a cluster's state another: what a registry can
 * be kept in. Calls end and fail as `DiscoveryBackend` says.
 */
export interface LeasedStore {
  /** A new lease, whose keys go with it; `token` is its id. */
  grant(ttlSeconds: number, signal: AbortSignal): Promise<Grant>;
  put(key: string, value: string, leaseToken: string, signal: AbortSignal): Promise<void>;
  /** Begins the lease's time anew. False: there is no such lease. */
  keepAlive(leaseToken: string, signal: AbortSignal): Promise<boolean>;
  has(key: string, signal: AbortSignal): Promise<boolean>;
  /** Ends the lease and removes its keys; that it is gone already is no error. */
  revoke(leaseToken: string, signal: AbortSignal): Promise<void>;
  /** The keys with a prefix, which ends in `/`, all as of one revision. */
  list(
    prefix: string,
    signal: AbortSignal,
  ): Promise<{ readonly records: readonly StoreRecord[]; readonly revision: string }>;
  /** The changes after a revision, in order; ends as `DiscoveryBackend.follow` does. */
  watch(
    prefix: string,
    afterRevision: string,
    signal: AbortSignal,
  ): AsyncGenerator<{ readonly changes: readonly StoreChange[]; readonly revision: string }, void>;
}
