import type { ResourceKey } from './resource.ts';

/** One object as stored. `body` is the object's JSON with its secret parts sealed; the rest is what is looked up by. */
export interface StoredObject {
  readonly key: ResourceKey;
  readonly uid: string;
  /** Of the last change: the object's resourceVersion. */
  readonly revision: number;
  /** Of the creation: the age that decides between rivals, exact where timestamps are in seconds. */
  readonly createdRevision: number;
  readonly body: string;
}

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED';

/** One revision of the store. Each revision changes one object; a revision without a change never was. */
export interface StoredChange {
  readonly revision: number;
  readonly type: ChangeType;
  readonly key: ResourceKey;
  /** The object after the change; for DELETED its last state, with the revision of the deletion. */
  readonly body: string;
  /** The object before the change; null for ADDED. */
  readonly previousBody: string | null;
  readonly previousRevision: number | null;
  readonly createdRevision: number;
}

/** The objects of one resource, everywhere or in one namespace. */
export interface Scope {
  readonly group: string;
  readonly resource: string;
  /** Undefined: all namespaces. */
  readonly namespace?: string;
}

/** A place in the order of a list: by namespace, then by name, in byte order. */
export interface Position {
  readonly namespace: string;
  readonly name: string;
}

/** A piece of work waiting in the queue. */
export interface WorkItem {
  /** What to look at; one item a key, however often it is asked for. */
  readonly key: string;
  readonly dueAtMs: number;
  /** Failures in a row. */
  readonly failures: number;
  /** Grows with every request for the key, so that a request during the work is not taken for done by it. */
  readonly sequence: number;
}

/**
 * Where the control plane keeps its state. Calls are synchronous, as a Durable Object's SQLite is, so a
 * decision and its write cannot be interleaved with another. One contract suite runs over both adapters.
 */
export interface ControlStorage {
  /** All or nothing; nested calls are part of the outer one. */
  transaction<T>(work: () => T): T;

  /** The revision of the last change; 0 for an empty store. */
  revision(): number;
  get(key: ResourceKey): StoredObject | undefined;
  /** In list order, strictly after `after`, at most `limit`. */
  scan(scope: Scope, after: Position | null, limit: number): StoredObject[];
  /** The objects with an owner of this uid. */
  ownedBy(ownerUid: string): StoredObject[];
  byUid(uid: string): StoredObject | undefined;
  /** Makes a change: its revision must be the next one. `ownerUids` are those of its ownerReferences. */
  apply(change: StoredChange, uid: string, ownerUids: readonly string[]): void;
  /** Replaces bodies that stay the same in meaning (sealed anew); no revision. */
  rewrite(change: (key: ResourceKey, body: string) => string, scope: Scope): void;

  /** Changes after a revision, ascending, at most `limit`. */
  changesAfter(revision: number, scope: Scope, limit: number): StoredChange[];
  /** Changes up to and including this revision are forgotten; 0 where none is. */
  compactedRevision(): number;
  /** Forgets the changes up to and including `revision`. */
  compact(revision: number): void;

  /** Asks for the key no later than `dueAtMs`; keeps the earlier time and the count of failures of an item that is there. */
  addWork(key: string, dueAtMs: number): void;
  dueWork(nowMs: number, limit: number): WorkItem[];
  /** Replaces or removes (null) an item, unless it has been asked for again since `sequence`. */
  settleWork(key: string, sequence: number, next: { dueAtMs: number; failures: number } | null): void;
  /** When the first item is due; null for an empty queue. */
  nextWorkAtMs(): number | null;

  /** Small facts about the store itself. */
  getFact(name: string): string | null;
  setFact(name: string, value: string): void;
}
