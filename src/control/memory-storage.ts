import { assert } from '../core/errors.ts';
import { keyText, type ResourceKey } from './resource.ts';
import type { ControlStorage, Position, Scope, StoredChange, StoredObject, WorkItem } from './storage.ts';

interface MemoryState {
  revision: number;
  compacted: number;
  objects: Map<string, StoredObject>;
  /** Uids of an object's owners, by its own uid. */
  owners: Map<string, readonly string[]>;
  changes: StoredChange[];
  work: Map<string, WorkItem>;
  facts: Map<string, string>;
}

/** Control-plane storage in memory, for tests and simulation: the same contract, nothing kept. */
export function memoryStorage(): ControlStorage {
  let state: MemoryState = {
    revision: 0,
    compacted: 0,
    objects: new Map(),
    owners: new Map(),
    changes: [],
    work: new Map(),
    facts: new Map(),
  };
  let depth = 0;

  return {
    transaction(work) {
      const before = depth === 0 ? copyOf(state) : state;
      depth += 1;
      try {
        return work();
      } catch (error) {
        if (depth === 1) state = before;
        throw error;
      } finally {
        depth -= 1;
      }
    },

    revision: () => state.revision,
    get: (key) => state.objects.get(keyText(key)),

    scan: (scope, after, limit) =>
      [...state.objects.values()]
        .filter((object) => isIn(scope, object.key) && (after === null || comparePositions(object.key, after) > 0))
        .sort((a, b) => comparePositions(a.key, b.key))
        .slice(0, limit),

    ownedBy: (ownerUid) =>
      [...state.objects.values()]
        .filter((object) => state.owners.get(object.uid)?.includes(ownerUid))
        .sort((a, b) => (a.uid < b.uid ? -1 : 1)),

    byUid: (uid) => [...state.objects.values()].find((object) => object.uid === uid),

    apply(change, uid, ownerUids) {
      assert(change.revision === state.revision + 1, 'a change takes the next revision');
      state.revision = change.revision;
      state.changes.push(change);
      const { key, revision, createdRevision, body } = change;
      if (change.type === 'DELETED') {
        state.objects.delete(keyText(key));
        state.owners.delete(uid);
      } else {
        state.objects.set(keyText(key), { key, uid, revision, createdRevision, body });
        state.owners.set(uid, ownerUids);
      }
    },

    rewrite(change, scope) {
      for (const [text, object] of state.objects) {
        if (isIn(scope, object.key)) state.objects.set(text, { ...object, body: change(object.key, object.body) });
      }
      state.changes = state.changes.map((entry) => {
        if (!isIn(scope, entry.key)) return entry;
        const previousBody = entry.previousBody === null ? null : change(entry.key, entry.previousBody);
        return { ...entry, body: change(entry.key, entry.body), previousBody };
      });
    },

    changesAfter: (revision, scope, limit) =>
      state.changes.filter((change) => change.revision > revision && isIn(scope, change.key)).slice(0, limit),

    compactedRevision: () => state.compacted,

    compact(revision) {
      if (revision <= state.compacted) return;
      state.compacted = revision;
      state.changes = state.changes.filter((change) => change.revision > revision);
    },

    addWork(key, dueAtMs) {
      const item = state.work.get(key) ?? { key, dueAtMs, failures: 0, sequence: 0 };
      state.work.set(key, { ...item, dueAtMs: Math.min(item.dueAtMs, dueAtMs), sequence: item.sequence + 1 });
    },

    dueWork: (nowMs, limit) =>
      [...state.work.values()]
        .filter((item) => item.dueAtMs <= nowMs)
        .sort((a, b) => a.dueAtMs - b.dueAtMs || (a.key < b.key ? -1 : 1))
        .slice(0, limit),

    settleWork(key, sequence, next) {
      const item = state.work.get(key);
      if (item === undefined || item.sequence !== sequence) return;
      if (next === null) state.work.delete(key);
      else state.work.set(key, { ...item, ...next });
    },

    nextWorkAtMs() {
      const times = [...state.work.values()].map((item) => item.dueAtMs);
      return times.length === 0 ? null : Math.min(...times);
    },

    getFact: (name) => state.facts.get(name) ?? null,
    setFact(name, value) {
      state.facts.set(name, value);
    },
  };
}

function copyOf(state: MemoryState): MemoryState {
  return {
    ...state,
    objects: new Map(state.objects),
    owners: new Map(state.owners),
    changes: [...state.changes],
    work: new Map(state.work),
    facts: new Map(state.facts),
  };
}

function isIn(scope: Scope, key: ResourceKey): boolean {
  return (
    key.group === scope.group &&
    key.resource === scope.resource &&
    (scope.namespace === undefined || key.namespace === scope.namespace)
  );
}

function comparePositions(a: Position, b: Position): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}
