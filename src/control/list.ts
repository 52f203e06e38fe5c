import { Buffer } from 'node:buffer';
import type { JsonObject } from './json.ts';
import type { Kind } from './kind.ts';
import { apiVersionOf } from './kind-info.ts';
import { keyText, type Resource, type ResourceKey } from './resource.ts';
import type { ResourceCodec } from './resource-codec.ts';
import type { Selector } from './selectors.ts';
import { badRequest, expired } from './status.ts';
import type { ControlStorage, Position, Scope } from './storage.ts';

export interface ListRequest {
  readonly kind: Kind;
  /** Undefined: all namespaces. */
  readonly namespace: string | undefined;
  readonly selector: Selector;
  /** Undefined: everything. */
  readonly limit: number | undefined;
  /** From `continue` of the page before; the answer goes on at the same revision. */
  readonly token: string | undefined;
}

export interface ListPage {
  readonly items: readonly Resource[];
  readonly resourceVersion: string;
  readonly token: string | undefined;
}

/** One page of a list. All pages of a list show the store at one revision, that of the first. */
export function listPage(storage: ControlStorage, codec: ResourceCodec, request: ListRequest): ListPage {
  const from = request.token === undefined ? { revision: storage.revision(), after: null } : parseToken(request.token);
  if (from.revision < storage.compactedRevision()) {
    throw expired(
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.',
    );
  }
  const scope = scopeOf(request.kind, request.namespace);
  const items: Resource[] = [];
  let last: Position | null = null;
  for (const { key, object } of objectsAsOf(storage, codec, scope, from.revision, from.after)) {
    if (!request.selector(object)) continue;
    // The token is given out only where a further object is known to exist.
    if (request.limit !== undefined && items.length === request.limit && last !== null) {
      return { items, resourceVersion: String(from.revision), token: tokenText(from.revision, last) };
    }
    items.push(object);
    last = key;
  }
  return { items, resourceVersion: String(from.revision), token: undefined };
}

/** A page as the `List` object of its kind. */
export function listObject(kind: Kind, page: ListPage): JsonObject {
  return {
    apiVersion: apiVersionOf(kind),
    kind: `${kind.kind}List`,
    metadata: { resourceVersion: page.resourceVersion, ...(page.token === undefined ? {} : { continue: page.token }) },
    items: [...page.items],
  };
}

/** What a list or watch of a kind covers; no namespace is all of them. */
export function scopeOf(kind: Kind, namespace: string | undefined): Scope {
  const all = { group: kind.group, resource: kind.plural };
  if (!kind.namespaced) return { ...all, namespace: '' };
  return namespace === undefined ? all : { ...all, namespace };
}

const SCAN_PAGE = 200;

/**
 * The objects of a scope as they were at a revision, in order. What has changed since is taken from the change log,
 * which must reach back to the revision. Nothing may be written between two steps of the iteration.
 */
export function* objectsAsOf(
  storage: ControlStorage,
  codec: ResourceCodec,
  scope: Scope,
  revision: number,
  after: Position | null,
): Generator<{ key: ResourceKey; object: Resource }> {
  const earlier = statesBefore(storage, scope, revision);
  const pending = [...earlier.values()]
    .filter((state) => state.body !== null && (after === null || comparePositions(state.key, after) > 0))
    .sort((a, b) => comparePositions(a.key, b.key));
  const show = (key: ResourceKey, body: string) => ({ key, object: codec.decode(key, body) });
  let position = after;
  for (;;) {
    const rows = storage.scan(scope, position, SCAN_PAGE);
    for (const row of rows) {
      while (pending.length > 0 && comparePositions(pending[0].key, row.key) <= 0) yield* shown(pending.shift());
      if (!earlier.has(keyText(row.key))) yield show(row.key, row.body);
    }
    if (rows.length < SCAN_PAGE) break;
    position = rows[rows.length - 1].key;
  }
  for (const state of pending) yield* shown(state);

  function* shown(state: EarlierState | undefined) {
    if (state !== undefined && state.body !== null) yield show(state.key, state.body);
  }
}

interface EarlierState {
  readonly key: ResourceKey;
  /** Null: was not there. */
  readonly body: string | null;
}

/** What each object that has changed since `revision` was at it: the state before its first change. */
function statesBefore(storage: ControlStorage, scope: Scope, revision: number): Map<string, EarlierState> {
  const states = new Map<string, EarlierState>();
  if (revision === storage.revision()) return states;
  for (const change of storage.changesAfter(revision, scope, Number.MAX_SAFE_INTEGER)) {
    const text = keyText(change.key);
    if (!states.has(text)) states.set(text, { key: change.key, body: change.previousBody });
  }
  return states;
}

function comparePositions(a: Position, b: Position): number {
  if (a.namespace !== b.namespace) return a.namespace < b.namespace ? -1 : 1;
  return a.name === b.name ? 0 : a.name < b.name ? -1 : 1;
}

function tokenText(revision: number, last: Position): string {
  return Buffer.from(JSON.stringify({ v: 1, revision, namespace: last.namespace, name: last.name })).toString(
    'base64url',
  );
}

function parseToken(token: string): { revision: number; after: Position } {
  const fault = badRequest('invalid continue token: continue key is not valid');
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(token, 'base64url').toString('utf8'));
  } catch {
    throw fault;
  }
  if (typeof parsed !== 'object' || parsed === null) throw fault;
  const { v, revision, namespace, name } = parsed as Record<string, unknown>;
  if (v !== 1 || typeof revision !== 'number' || typeof namespace !== 'string' || typeof name !== 'string') throw fault;
  return { revision, after: { namespace, name } };
}
