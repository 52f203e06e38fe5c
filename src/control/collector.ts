import { DONE, type ReconcileResult } from './reconcile.ts';
import type { OwnerReference, Resource, ResourceKey } from './resource.ts';
import { FOREGROUND, ORPHAN, type ResourceChange, type ResourceStore } from './resource-store.ts';

/**
 * Garbage collection by ownerReferences, as Kubernetes' garbage collector has it: an object is collected when the
 * last of its owners is gone; an owner deleted in the foreground waits for the dependents that block it; one
 * deleted with `Orphan` lets go of them first.
 */

/** The objects to look at because of a change. */
export function collectorKeys(change: ResourceChange, store: ResourceStore): ResourceKey[] {
  const { metadata } = change.object;
  const keys: ResourceKey[] = [];
  const references = metadata.ownerReferences ?? [];
  const ownersChanged = JSON.stringify(references) !== JSON.stringify(change.previous?.metadata.ownerReferences ?? []);
  if (change.type === 'DELETED') keys.push(...store.ownedBy(metadata.uid).map((dependent) => dependent.key));
  else if ((references.length > 0 && ownersChanged) || isCollecting(change.object)) keys.push(change.key);
  if (change.type === 'DELETED' || ownersChanged) {
    // An owner may have waited for this one.
    for (const { uid } of [...references, ...(change.previous?.metadata.ownerReferences ?? [])]) {
      const owner = store.byUid(uid);
      if (owner !== undefined && isCollecting(owner.object)) keys.push(owner.key);
    }
  }
  return keys;
}

/** One look at an object: as an owner that is being deleted, and as a dependent. */
export function collect(store: ResourceStore, key: ResourceKey): ReconcileResult {
  const object = store.findClosed(key);
  if (object === undefined) return DONE;
  if (isCollecting(object)) {
    collectDependents(store, key, object);
    return DONE;
  }
  if (object.metadata.deletionTimestamp === undefined) collectDependent(store, key, object);
  return DONE;
}

function isCollecting(object: Resource): boolean {
  const { deletionTimestamp, finalizers = [] } = object.metadata;
  return deletionTimestamp !== undefined && (finalizers.includes(FOREGROUND) || finalizers.includes(ORPHAN));
}

function collectDependents(store: ResourceStore, key: ResourceKey, owner: Resource): void {
  const { uid, finalizers = [] } = owner.metadata;
  const dependents = store.ownedBy(uid);
  if (finalizers.includes(ORPHAN)) {
    for (const dependent of dependents)
      store.edit(dependent.key, (object) => dropReferences(object, (owner) => owner.uid === uid));
    store.edit(key, (object) => dropFinalizer(object, ORPHAN));
    return;
  }
  for (const dependent of dependents) {
    if (dependent.object.metadata.deletionTimestamp === undefined)
      collectDependent(store, dependent.key, dependent.object);
  }
  const blocking = store
    .ownedBy(uid)
    .filter(({ object }) =>
      object.metadata.ownerReferences?.some((owner) => owner.uid === uid && owner.blockOwnerDeletion === true),
    );
  // The deletion of the last one brings the collector here again.
  if (blocking.length === 0) store.edit(key, (object) => dropFinalizer(object, FOREGROUND));
}

function collectDependent(store: ResourceStore, key: ResourceKey, object: Resource): void {
  const references = object.metadata.ownerReferences ?? [];
  if (references.length === 0) return;
  const owners = references.map((reference) => ({ reference, state: ownerState(store, key, reference) }));
  if (owners.some((owner) => owner.state === 'solid')) {
    if (owners.every((owner) => owner.state === 'solid')) return;
    const solid = new Set(owners.filter((owner) => owner.state === 'solid').map((owner) => owner.reference.uid));
    store.edit(key, (edited) => dropReferences(edited, (owner) => !solid.has(owner.uid)));
    return;
  }
  const kind = store.kindOf(key);
  if (kind === undefined) return;
  // Under an owner that waits, dependents of the dependent go first too.
  const dependents = store.ownedBy(object.metadata.uid);
  const waits = owners.some((owner) => owner.state === 'waiting') && dependents.length > 0;
  if (waits && dependents.some((dependent) => isCollecting(dependent.object))) {
    // A ring of owners would wait for itself: this one stops blocking.
    store.edit(key, (edited) => {
      for (const owner of edited.metadata.ownerReferences ?? []) owner.blockOwnerDeletion = false;
    });
  }
  store.delete(kind, key.namespace, key.name, {
    propagationPolicy: waits ? 'Foreground' : policyOf(object),
    preconditions: { uid: object.metadata.uid },
  });
}

/** What was asked of the object itself stays in force when it is collected. */
function policyOf(object: Resource): 'Foreground' | 'Orphan' | 'Background' {
  const { finalizers = [] } = object.metadata;
  if (finalizers.includes(ORPHAN)) return 'Orphan';
  return finalizers.includes(FOREGROUND) ? 'Foreground' : 'Background';
}

/** A dependent's owner lives in its namespace or in none; one that lives elsewhere counts as absent. */
function ownerState(store: ResourceStore, key: ResourceKey, reference: OwnerReference): 'solid' | 'waiting' | 'absent' {
  const owner = store.byUid(reference.uid);
  if (owner === undefined || (owner.key.namespace !== '' && owner.key.namespace !== key.namespace)) return 'absent';
  const { deletionTimestamp, finalizers = [] } = owner.object.metadata;
  return deletionTimestamp !== undefined && finalizers.includes(FOREGROUND) ? 'waiting' : 'solid';
}

function dropReferences(object: Resource, drop: (owner: OwnerReference) => boolean): void {
  const kept = (object.metadata.ownerReferences ?? []).filter((owner) => !drop(owner));
  if (kept.length > 0) object.metadata.ownerReferences = kept;
  else delete object.metadata.ownerReferences;
}

function dropFinalizer(object: Resource, finalizer: string): void {
  const kept = (object.metadata.finalizers ?? []).filter((item) => item !== finalizer);
  if (kept.length > 0) object.metadata.finalizers = kept;
  else delete object.metadata.finalizers;
}
