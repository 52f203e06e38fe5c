import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { Random } from '../core/random.ts';
import { cloneJson, type JsonObject, jsonEqual } from './json.ts';
import type { AdmissionRules, Kind } from './kind.ts';
import { callersMeta } from './object-meta.ts';
import { metaTime, type ObjectMeta, type Resource, type ResourceKey } from './resource.ts';
import type { ResourceCodec } from './resource-codec.ts';
import { admit, checkIdentity, readInput, type WriteOptions, withSpecOf, withStatusOf } from './resource-input.ts';
import {
  alreadyExists,
  badRequest,
  type Cause,
  conflict,
  forbidden,
  invalid,
  notFound,
  required,
  tooLarge,
} from './status.ts';
import type { ChangeType, ControlStorage, Scope, StoredObject } from './storage.ts';

/** A change as it is committed, for those that derive work from it. */
export interface ResourceChange {
  readonly type: ChangeType;
  readonly kind: Kind;
  readonly key: ResourceKey;
  readonly object: Resource;
  readonly previous: Resource | undefined;
  /** Only `status` differs: nothing new is wanted. */
  readonly statusOnly: boolean;
}

/** An object with its age. */
export interface AgedResource {
  readonly object: Resource;
  /** Revision of its creation: smaller is older. */
  readonly createdRevision: number;
}

export interface Written {
  readonly object: Resource;
  readonly warnings: readonly string[];
}

export interface DeleteOptions {
  readonly dryRun?: boolean;
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string };
  readonly propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
}

/** Finalizers of the collector: dependents go first; dependents stay. */
export const FOREGROUND = 'foregroundDeletion';
export const ORPHAN = 'orphan';

export interface StoreParts {
  readonly storage: ControlStorage;
  readonly codec: ResourceCodec;
  readonly clock: Clock;
  readonly random: Random;
  readonly kinds: readonly Kind[];
  /** How many changes are remembered, at the least. */
  readonly historyRevisions: number;
  /** What the deployment lets resources name. */
  readonly rules: AdmissionRules;
  /** The work a change asks for: keys of the queue, added in the transaction of the change itself. */
  readonly workFor: (change: ResourceChange, store: ResourceStore) => readonly string[];
}

/**
 * Objects of every kind under one revision counter, with the rules of Kubernetes' API machinery.
 * Synchronous and without I/O of its own: a decision and its write are one step.
 *
 * Invariant: an object's resourceVersion is the revision of its last change, and every revision changed one object.
 */
export class ResourceStore {
  private readonly parts: StoreParts;

  constructor(parts: StoreParts) {
    this.parts = parts;
  }

  /** The present object; throws NotFound. */
  get(kind: Kind, namespace: string, name: string): Resource {
    const found = this.find(keyOf(kind, namespace, name));
    if (found === undefined) throw notFound(kind, name);
    return found;
  }

  /** Undefined where there is none; throws where its secrets do not open. */
  find(key: ResourceKey): Resource | undefined {
    const stored = this.parts.storage.get(key);
    return stored === undefined ? undefined : this.parts.codec.decode(key, stored.body);
  }

  /** As `find`, secrets closed: for everything that does not need to know them. */
  findClosed(key: ResourceKey): Resource | undefined {
    const stored = this.parts.storage.get(key);
    return stored === undefined ? undefined : this.closed(stored);
  }

  /** Every object of a scope, in order, secrets closed; for reconcilers, whose scopes are small. */
  *all(scope: Scope): Generator<AgedResource> {
    let after: ResourceKey | null = null;
    for (;;) {
      const page: StoredObject[] = this.parts.storage.scan(scope, after, SCAN_PAGE);
      for (const stored of page) yield { object: this.closed(stored), createdRevision: stored.createdRevision };
      if (page.length < SCAN_PAGE) return;
      after = page[page.length - 1].key;
    }
  }

  /** The objects an owner has, secrets closed. */
  ownedBy(ownerUid: string): { key: ResourceKey; object: Resource }[] {
    return this.parts.storage.ownedBy(ownerUid).map((stored) => ({ key: stored.key, object: this.closed(stored) }));
  }

  byUid(uid: string): { key: ResourceKey; object: Resource } | undefined {
    const stored = this.parts.storage.byUid(uid);
    return stored === undefined ? undefined : { key: stored.key, object: this.closed(stored) };
  }

  kindOf(key: Pick<ResourceKey, 'group' | 'resource'>): Kind | undefined {
    return this.parts.kinds.find((kind) => kind.group === key.group && kind.plural === key.resource);
  }

  kinds(): readonly Kind[] {
    return this.parts.kinds;
  }

  /** Creates what the caller sent. Throws AlreadyExists, Invalid, BadRequest, and for a namespace that is not there NotFound. */
  create(kind: Kind, namespace: string, input: JsonObject, options: WriteOptions = {}): Written {
    const { object, unknown } = readInput(kind, namespace, input);
    const given = object.metadata;
    if (given.resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created');
    if (kind.namespaced) this.checkNamespace(kind, namespace, given.name ?? '');
    if (!given.name && given.generateName) given.name = given.generateName + this.nameSuffix();
    if (!given.name) throw invalid(kind, '', [required('metadata.name', 'name or generateName is required')]);
    const key = keyOf(kind, namespace, given.name);

    object.metadata = {
      name: given.name,
      ...(given.generateName ? { generateName: given.generateName } : {}),
      ...(kind.namespaced ? { namespace } : {}),
      uid: this.newUid(),
      generation: 1,
      creationTimestamp: metaTime(this.parts.clock.now()),
      ...callersMeta(given),
    } as Resource['metadata'];
    if (kind.statusSubresource) delete object.status;
    const warnings = admit(kind, object, undefined, unknown, options, this.parts.rules, (prepared) =>
      kind.strategy?.prepareCreate?.(prepared),
    );
    if (this.parts.storage.get(key) !== undefined) throw alreadyExists(kind, given.name);
    this.encode(kind, key, object);
    if (options.dryRun !== true) this.commit(kind, 'ADDED', key, object, undefined);
    return { object, warnings };
  }

  /**
   * Replaces an object, or its status alone. `change` makes the new object from the present one (a patch) or
   * ignores it (a PUT). A write that changes nothing answers the present object and takes no revision.
   */
  update(
    kind: Kind,
    namespace: string,
    name: string,
    part: 'object' | 'status',
    change: (current: Resource) => JsonObject,
    options: WriteOptions & { readonly isPatch?: boolean } = {},
  ): Written {
    const current = this.get(kind, namespace, name);
    const { object: sent, unknown } = readInput(kind, namespace, change(cloneJson(current)));
    checkIdentity(kind, name, sent, current, options.isPatch === true);
    const next = part === 'status' ? withStatusOf(current, sent) : withSpecOf(kind, current, sent);
    const warnings = admit(kind, next, current, unknown, options, this.parts.rules, (prepared) => {
      if (part === 'object') kind.strategy?.prepareUpdate?.(prepared, current);
    });
    return { object: this.save(kind, keyOf(kind, namespace, name), next, current, options.dryRun === true), warnings };
  }

  /**
   * A write by the control plane itself: past the rules for callers, not past those of the store.
   * `change` edits the object in place, secrets closed. Returns undefined where the object is gone.
   */
  edit(key: ResourceKey, change: (object: Resource) => void): Resource | undefined {
    const kind = this.kindOf(key);
    const current = this.findClosed(key);
    if (kind === undefined || current === undefined) return undefined;
    const next = cloneJson(current);
    change(next);
    return this.save(kind, key, next, current, false);
  }

  /** Begins or completes a deletion. `removed` tells which; the object is as it was last, secrets closed. */
  delete(
    kind: Kind,
    namespace: string,
    name: string,
    options: DeleteOptions = {},
  ): { object: Resource; removed: boolean } {
    const key = keyOf(kind, namespace, name);
    const current = this.findClosed(key);
    if (current === undefined) throw notFound(kind, name);
    const { uid, resourceVersion } = options.preconditions ?? {};
    if (uid !== undefined && uid !== current.metadata.uid) {
      throw conflict(
        kind,
        name,
        `the UID in the precondition (${uid}) does not match the UID in record (${current.metadata.uid}). The object might have been deleted and then recreated`,
      );
    }
    if (resourceVersion !== undefined && resourceVersion !== current.metadata.resourceVersion) {
      const because = `the ResourceVersion in the precondition (${resourceVersion}) does not match the ResourceVersion in record (${current.metadata.resourceVersion}). The object might have been modified`;
      throw conflict(kind, name, because);
    }
    const refusal = kind.strategy?.forbidsDeletion?.(current);
    if (refusal !== undefined) throw forbidden(kind, name, refusal);

    const next = cloneJson(current);
    applyPropagation(next.metadata, options.propagationPolicy);
    if (!isHeld(kind, next)) {
      if (options.dryRun !== true) this.commit(kind, 'DELETED', key, current, current);
      return { object: current, removed: true };
    }
    if (next.metadata.deletionTimestamp === undefined) {
      next.metadata.deletionTimestamp = metaTime(this.parts.clock.now());
      next.metadata.deletionGracePeriodSeconds = 0;
      next.metadata.generation += 1;
      kind.strategy?.beginDeletion?.(next);
    }
    if (jsonEqual(next, current)) return { object: current, removed: false };
    if (options.dryRun !== true) this.commit(kind, 'MODIFIED', key, next, current);
    return { object: next, removed: false };
  }

  private save(kind: Kind, key: ResourceKey, next: Resource, current: Resource, dryRun: boolean): Resource {
    next.metadata.generation = current.metadata.generation + (sameDeclaration(next, current) ? 0 : 1);
    if (jsonEqual(next, current)) return current;
    this.encode(kind, key, next);
    if (dryRun) return next;
    if (next.metadata.deletionTimestamp !== undefined && !isHeld(kind, next)) {
      // The answer keeps the old version, as the API server's does; the DELETED event carries the new one.
      const answer = cloneJson(next);
      this.commit(kind, 'DELETED', key, next, current);
      return answer;
    }
    this.commit(kind, 'MODIFIED', key, next, current);
    return next;
  }

  /** Things are created only in a namespace that is there to stay. */
  private checkNamespace(kind: Kind, namespace: string, name: string): void {
    const namespaces = this.kindOf({ group: '', resource: 'namespaces' });
    if (namespaces === undefined) return;
    const found = this.find(keyOf(namespaces, '', namespace));
    if (found === undefined) throw notFound(namespaces, namespace);
    if (found.metadata.deletionTimestamp === undefined) return;
    const because = `unable to create new content in namespace ${namespace} because it is being terminated`;
    const cause: Cause = {
      reason: 'NamespaceTerminating',
      message: `namespace ${namespace} is being terminated`,
      field: 'metadata.namespace',
    };
    throw forbidden(kind, name, because, [cause]);
  }

  /** Persists one change and the work it asks for, together. Sets the object's resourceVersion. */
  private commit(
    kind: Kind,
    type: ChangeType,
    key: ResourceKey,
    object: Resource,
    previous: Resource | undefined,
  ): void {
    const { storage, clock, historyRevisions } = this.parts;
    storage.transaction(() => {
      const before = storage.get(key);
      const revision = storage.revision() + 1;
      const stamped = type === 'DELETED' ? cloneJson(object) : object;
      stamped.metadata.resourceVersion = String(revision);
      storage.apply(
        {
          revision,
          type,
          key,
          body: this.encode(kind, key, stamped),
          previousBody: before?.body ?? null,
          previousRevision: before?.revision ?? null,
          createdRevision: before?.createdRevision ?? revision,
        },
        stamped.metadata.uid,
        (stamped.metadata.ownerReferences ?? []).map((owner) => owner.uid),
      );
      const statusOnly = type === 'MODIFIED' && previous !== undefined && differsInStatusOnly(stamped, previous);
      const change: ResourceChange = { type, kind, key, object: stamped, previous, statusOnly };
      for (const work of this.parts.workFor(change, this)) storage.addWork(work, clock.now());
      // Trimmed in steps, so that most writes delete nothing.
      const excess = revision - storage.compactedRevision() - historyRevisions;
      if (excess >= Math.ceil(historyRevisions / 100)) storage.compact(revision - historyRevisions);
    });
  }

  private encode(kind: Kind, key: ResourceKey, object: Resource): string {
    const body = this.parts.codec.encode(kind, key, object);
    if (new TextEncoder().encode(body).length > LIMITS.resourceBytes) throw tooLarge(LIMITS.resourceBytes);
    return body;
  }

  private closed(stored: StoredObject): Resource {
    return this.parts.codec.decodeClosed(stored.body);
  }

  /** A random UUID, version 4. */
  private newUid(): string {
    const bytes = this.parts.random.bytes(16);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  }

  /** Five characters without vowels and look-alikes, as the API server appends to a generateName. */
  private nameSuffix(): string {
    return Array.from(this.parts.random.bytes(5), (byte) => SUFFIX_ALPHABET[byte % SUFFIX_ALPHABET.length]).join('');
  }
}

const SCAN_PAGE = 200;
const SUFFIX_ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';

/** The key of an object; of kinds outside namespaces the namespace is empty. */
export function keyOf(kind: Kind, namespace: string, name: string): ResourceKey {
  return { group: kind.group, resource: kind.plural, namespace: kind.namespaced ? namespace : '', name };
}

function sameDeclaration(a: Resource, b: Resource): boolean {
  const { metadata: _m1, status: _s1, ...declaredA } = a;
  const { metadata: _m2, status: _s2, ...declaredB } = b;
  return jsonEqual(declaredA, declaredB);
}

function differsInStatusOnly(a: Resource, b: Resource): boolean {
  const { resourceVersion: _r1, ...metaA } = a.metadata;
  const { resourceVersion: _r2, ...metaB } = b.metadata;
  return sameDeclaration(a, b) && jsonEqual(metaA, metaB);
}

function isHeld(kind: Kind, object: Resource): boolean {
  return (object.metadata.finalizers?.length ?? 0) > 0 || kind.strategy?.holdsDeletion?.(object) === true;
}

function applyPropagation(meta: ObjectMeta, policy: DeleteOptions['propagationPolicy']): void {
  if (policy === undefined) return;
  const others = (meta.finalizers ?? []).filter((finalizer) => finalizer !== FOREGROUND && finalizer !== ORPHAN);
  const finalizers = policy === 'Background' ? others : [...others, policy === 'Foreground' ? FOREGROUND : ORPHAN];
  if (finalizers.length > 0) meta.finalizers = finalizers;
  else delete meta.finalizers;
}
