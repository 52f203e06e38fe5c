/**
 * A cluster's versioned key-value state, as its object is asked for it by RPC. It has etcd's data model: one revision
 * counter for all keys, which a write transaction raises by one however much it writes; an empty store is at revision
 * 1. Keys and values are bytes, keys are ordered by them. Lease ids are int64 and travel as decimal strings; `"0"` is
 * none. Revisions are integers below 2^33.
 */

/** A key as it is or was. */
export interface KvRecord {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** Revision of the write that made the key. */
  readonly createRevision: number;
  /** Revision of its last write. */
  readonly modRevision: number;
  /** Writes since it was made, from 1; a deleted key has version 0. */
  readonly version: number;
  readonly leaseId: string;
}

/** Keys from `key` on: none in `rangeEnd` is the key alone, a single zero byte all from it on, else those before it. */
export interface KvInterval {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

export type KvSortTarget = 'key' | 'version' | 'create' | 'mod' | 'value';

export interface KvRange extends KvInterval {
  /** At most so many records; 0 for all. */
  readonly limit: number;
  /** State as of this revision; 0 for the present one. */
  readonly revision: number;
  readonly sortOrder: 'none' | 'ascend' | 'descend';
  readonly sortTarget: KvSortTarget;
  readonly keysOnly: boolean;
  readonly countOnly: boolean;
  /** Bounds of revisions, inclusive; 0 for none. */
  readonly minModRevision: number;
  readonly maxModRevision: number;
  readonly minCreateRevision: number;
  readonly maxCreateRevision: number;
}

export interface KvPut {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** The key goes when the lease goes. */
  readonly leaseId: string;
  /** Answer with the record that was there. */
  readonly previous: boolean;
  /** Keep the value, or the lease, that is there; the key must be. */
  readonly ignoreValue: boolean;
  readonly ignoreLease: boolean;
}

export interface KvDeleteRange extends KvInterval {
  /** Answer with the records that were there. */
  readonly previous: boolean;
}

/** A condition on every key of an interval; on none of them, on a key at revisions and version 0. */
export type KvCompare = KvInterval & {
  readonly result: 'equal' | 'greater' | 'less' | 'notEqual';
} & (
    | { readonly target: 'version' | 'create' | 'mod'; readonly number: number }
    | { readonly target: 'value'; readonly value: Uint8Array }
    | { readonly target: 'lease'; readonly leaseId: string }
  );

/** If all of `compare` hold then `success`, else `failure`: all of it in one revision. */
export interface KvTxn {
  readonly compare: readonly KvCompare[];
  /** Null is an operation that says nothing, which is refused as etcd refuses it. */
  readonly success: readonly (KvOperation | null)[];
  readonly failure: readonly (KvOperation | null)[];
}

/** What a transaction may contain. */
export type KvOperation =
  | ({ readonly op: 'range' } & KvRange)
  | ({ readonly op: 'put' } & KvPut)
  | ({ readonly op: 'deleteRange' } & KvDeleteRange)
  | ({ readonly op: 'txn' } & KvTxn);

/** One call of the store. */
export type KvCall =
  | KvOperation
  /** Forgets the history before a revision. */
  | { readonly op: 'compact'; readonly revision: number }
  /** `leaseId` `"0"`: the store chooses. */
  | { readonly op: 'grant'; readonly leaseId: string; readonly ttlSeconds: number }
  | { readonly op: 'keepAlive'; readonly leaseId: string }
  | { readonly op: 'revoke'; readonly leaseId: string }
  | { readonly op: 'timeToLive'; readonly leaseId: string; readonly keys: boolean }
  | { readonly op: 'leases' }
  /** Compares tables, indexes and history. */
  | { readonly op: 'verify' };

/** Every answer carries the revision of the store it speaks of. */
export interface KvRangeAnswer {
  readonly op: 'range';
  readonly revision: number;
  readonly records: readonly KvRecord[];
  /** There are more than the limit. */
  readonly more: boolean;
  /** Keys in the interval, whatever the limit. */
  readonly count: number;
}
export interface KvPutAnswer {
  readonly op: 'put';
  readonly revision: number;
  readonly previous: KvRecord | null;
}
export interface KvDeleteRangeAnswer {
  readonly op: 'deleteRange';
  readonly revision: number;
  readonly deleted: number;
  readonly previous: readonly KvRecord[];
}
export interface KvTxnAnswer {
  readonly op: 'txn';
  readonly revision: number;
  readonly succeeded: boolean;
  readonly answers: readonly KvOperationAnswer[];
}
export type KvOperationAnswer = KvRangeAnswer | KvPutAnswer | KvDeleteRangeAnswer | KvTxnAnswer;

export interface KvVerification {
  readonly op: 'verify';
  readonly revision: number;
  readonly compactedRevision: number;
  readonly keys: number;
  readonly leases: number;
  /** Of the keys and values there are, and how many they may be. */
  readonly liveBytes: number;
  readonly maxLiveBytes: number;
  /** SHA-256, hexadecimal, over the keys with their values and revisions: equal states have equal digests. */
  readonly digest: string;
  /** What does not fit together, in words; empty where all is well. */
  readonly problems: readonly string[];
}

export type KvResult =
  | KvOperationAnswer
  | { readonly op: 'compact'; readonly revision: number }
  | { readonly op: 'grant'; readonly revision: number; readonly leaseId: string; readonly ttlSeconds: number }
  /** `ttlSeconds` 0: there is no such lease. */
  | { readonly op: 'keepAlive'; readonly revision: number; readonly leaseId: string; readonly ttlSeconds: number }
  | { readonly op: 'revoke'; readonly revision: number }
  | {
      readonly op: 'timeToLive';
      readonly revision: number;
      readonly leaseId: string;
      /** What is left, whole seconds; -1 where there is no such lease. */
      readonly ttlSeconds: number;
      readonly grantedTtlSeconds: number;
      readonly keys: readonly Uint8Array[];
    }
  | { readonly op: 'leases'; readonly revision: number; readonly leaseIds: readonly string[] }
  | KvVerification;

/** Why a call was refused; nothing of it was done. */
export type KvRefusal =
  | 'empty_key'
  | 'value_provided'
  | 'lease_provided'
  | 'key_not_found'
  | 'too_many_operations'
  | 'duplicate_key'
  | 'compacted'
  | 'future_revision'
  | 'lease_not_found'
  | 'lease_exists'
  | 'lease_ttl_too_large'
  | 'value_too_large'
  | 'answer_too_large'
  | 'quota_exceeded'
  | 'stale_epoch';

/** An answer that crosses RPC: refusals are values, since error classes do not cross it. */
export type KvAnswer =
  | { readonly ok: true; readonly result: KvResult }
  | {
      readonly ok: false;
      readonly refusal: KvRefusal;
      readonly message: string;
      /** With `compacted`: the oldest revision whose history is kept. */
      readonly compactedRevision?: number;
    };

/** One watch of a stream. */
export interface KvWatch extends KvInterval {
  readonly watchId: number;
  /** The first revision to tell of; 0: from the next one on. */
  readonly startRevision: number;
  /** Tell with each event what was there before. */
  readonly previous: boolean;
  readonly puts: boolean;
  readonly deletes: boolean;
  /** Tell now and then how far the watch has come. */
  readonly progress: boolean;
}

/** A record in a frame: bytes in base64. */
export interface KvFrameRecord {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly leaseId: string;
}

/** What a watch stream carries: a line of JSON each. Invariant: the events of one revision are in one frame. */
export type KvWatchFrame =
  | { readonly type: 'created'; readonly watchId: number; readonly revision: number }
  | {
      readonly type: 'events';
      readonly watchId: number;
      /** Of the store when the frame was made: all events of the watch up to it have been told. */
      readonly revision: number;
      readonly events: readonly {
        readonly type: 'put' | 'delete';
        readonly record: KvFrameRecord;
        /** Absent where it is compacted, or those of the frame's one revision would have more than their bound. */
        readonly previous?: KvFrameRecord;
      }[];
    }
  | { readonly type: 'progress'; readonly watchId: number; readonly revision: number }
  /** The history that the watch needs is gone; the last frame of that watch. */
  | { readonly type: 'compacted'; readonly watchId: number; readonly compactedRevision: number };

/** What the doors ask of a Cluster object for its state. */
export interface ClusterKv {
  /** `ifEpoch`: refuse with `stale_epoch` unless this is the cluster's epoch; null does not ask. */
  kv(call: KvCall, ifEpoch: number | null): Promise<KvAnswer>;
  /** A stream of `KvWatchFrame`s as JSON lines, pushed as they happen. Cancelling it ends the watches. */
  kvWatch(watches: readonly KvWatch[]): Promise<ReadableStream<Uint8Array>>;
}

/** Watches over WebSocket. */
export interface ClusterKvSockets {
  /** Takes the upgrade: a path that ends in `/watch/kv`, with `prefix` and the last `revision` known. */
  fetch(request: Request): Promise<Response>;
}
