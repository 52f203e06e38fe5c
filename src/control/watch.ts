import type { JsonObject } from './json.ts';
import type { Kind } from './kind.ts';
import { apiVersionOf } from './kind-info.ts';
import { objectsAsOf, scopeOf } from './list.ts';
import type { Resource } from './resource.ts';
import type { ResourceCodec } from './resource-codec.ts';
import type { Selector } from './selectors.ts';
import { expired } from './status.ts';
import type { ChangeType, ControlStorage, Position, StoredChange } from './storage.ts';

export interface WatchRequest {
  readonly kind: Kind;
  readonly namespace: string | undefined;
  readonly selector: Selector;
  /** Events begin after this revision; undefined: with the objects there are, as ADDED. */
  readonly fromRevision: number | undefined;
  /** Tell now and then how far the watch has come. */
  readonly bookmarks: boolean;
  /** End the initial objects with an annotated bookmark (`sendInitialEvents`). */
  readonly markInitialEnd: boolean;
}

export interface WatchEvent {
  readonly type: ChangeType | 'BOOKMARK' | 'ERROR';
  readonly object: JsonObject;
}

/**
 * Where a watch stands. A plain value: what was delivered is all before it, what is to come all after it, so a
 * watch neither repeats nor misses a revision whatever happens between two steps.
 */
export type WatchCursor =
  | { readonly at: 'initial'; readonly revision: number; readonly after: Position | null }
  | { readonly at: 'changes'; readonly revision: number };

/** Where a watch begins: behind a revision, or with the objects there are. */
export function startWatch(storage: ControlStorage, request: WatchRequest): WatchCursor {
  if (request.fromRevision === undefined) return { at: 'initial', revision: storage.revision(), after: null };
  return { at: 'changes', revision: request.fromRevision };
}

/**
 * The next events of a watch, at most about `limit` revisions of them, and where it then stands. No events and the
 * same cursor: there is nothing new. Throws Expired where the history needed is gone.
 */
export function watchStep(
  storage: ControlStorage,
  codec: ResourceCodec,
  request: WatchRequest,
  cursor: WatchCursor,
  limit: number,
): { events: WatchEvent[]; cursor: WatchCursor } {
  if (cursor.revision < storage.compactedRevision()) {
    throw expired(`too old resource version: ${cursor.revision} (${storage.compactedRevision()})`);
  }
  return cursor.at === 'initial'
    ? initialStep(storage, codec, request, cursor, limit)
    : changesStep(storage, codec, request, cursor.revision, limit);
}

function initialStep(
  storage: ControlStorage,
  codec: ResourceCodec,
  request: WatchRequest,
  cursor: WatchCursor & { at: 'initial' },
  limit: number,
): { events: WatchEvent[]; cursor: WatchCursor } {
  const events: WatchEvent[] = [];
  let seen = 0;
  const scope = scopeOf(request.kind, request.namespace);
  for (const { key, object } of objectsAsOf(storage, codec, scope, cursor.revision, cursor.after)) {
    if (request.selector(object)) events.push({ type: 'ADDED', object });
    seen += 1;
    if (seen === limit) return { events, cursor: { ...cursor, after: key } };
  }
  if (request.markInitialEnd) events.push(bookmark(request.kind, cursor.revision, true));
  return { events, cursor: { at: 'changes', revision: cursor.revision } };
}

function changesStep(
  storage: ControlStorage,
  codec: ResourceCodec,
  request: WatchRequest,
  revision: number,
  limit: number,
): { events: WatchEvent[]; cursor: WatchCursor } {
  const changes = storage.changesAfter(revision, scopeOf(request.kind, request.namespace), limit);
  const events = changes.flatMap((change) => eventOf(codec, request.selector, change) ?? []);
  const reached =
    changes.length === limit ? changes[changes.length - 1].revision : Math.max(revision, storage.revision());
  return { events, cursor: { at: 'changes', revision: reached } };
}

/** What a change is to a watcher with a selector: an object that begins to match is ADDED to it, one that ceases to is DELETED. */
function eventOf(codec: ResourceCodec, selector: Selector, change: StoredChange): WatchEvent | undefined {
  const object = codec.decode(change.key, change.body);
  const previous = change.previousBody === null ? undefined : codec.decode(change.key, change.previousBody);
  const matched = previous !== undefined && selector(previous);
  if (change.type === 'DELETED') return matched ? { type: 'DELETED', object } : undefined;
  const matches = selector(object);
  if (matches) return { type: matched ? 'MODIFIED' : 'ADDED', object };
  return matched ? { type: 'DELETED', object: lastMatching(previous, change.revision) } : undefined;
}

/** The state that matched, at the revision at which it no longer did. */
function lastMatching(previous: Resource, revision: number): Resource {
  return { ...previous, metadata: { ...previous.metadata, resourceVersion: String(revision) } } as Resource;
}

/** How far a watch has come, for a client to resume from. */
export function bookmark(kind: Kind, revision: number, initialEnd = false): WatchEvent {
  return {
    type: 'BOOKMARK',
    object: {
      kind: kind.kind,
      apiVersion: apiVersionOf(kind),
      metadata: {
        resourceVersion: String(revision),
        creationTimestamp: null,
        ...(initialEnd ? { annotations: { 'k8s.io/initial-events-end': 'true' } } : {}),
      },
    },
  };
}
