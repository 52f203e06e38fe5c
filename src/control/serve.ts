import type { ResourceAnswer, ResourceCall } from '../core/protocol/control-plane.ts';
import {
  deleteOptions,
  isTrue,
  limitOf,
  nameOf,
  notAllowed,
  partOf,
  patchOf,
  readObject,
  selectorOf,
  wholeNumber,
  writeOptions,
} from './call-options.ts';
import type { JsonObject } from './json.ts';
import type { Kind } from './kind.ts';
import { listObject, listPage } from './list.ts';
import type { Resource } from './resource.ts';
import type { ResourceCodec } from './resource-codec.ts';
import { withoutSealed } from './resource-codec.ts';
import type { ResourceStore } from './resource-store.ts';
import { badRequest, deleted, StatusError } from './status.ts';
import type { ControlStorage } from './storage.ts';
import { metadataListOf, metadataOf, tableOf } from './table.ts';
import { inVersion, shownIn, storedFrom, versionsOf } from './versions.ts';
import type { WatchRequest } from './watch.ts';

/** What calls are answered from. */
export interface Served {
  readonly storage: ControlStorage;
  readonly store: ResourceStore;
  readonly codec: ResourceCodec;
  now(): number;
}

/** Answers one call that is not a watch. Refusals are answers; what is thrown is a defect. */
export function answerCall(served: Served, call: ResourceCall): ResourceAnswer {
  try {
    return dispatch(served, call);
  } catch (error) {
    if (error instanceof StatusError) return refusal(error);
    throw error;
  }
}

/** An error as an answer; without a body where nothing is served under the path at all. */
export function refusal(error: StatusError): ResourceAnswer {
  if (error === NOTHING_SERVED) return { status: 404, body: null, warnings: [] };
  return { status: error.code, body: JSON.stringify(error.toStatus()), warnings: [] };
}

function dispatch(served: Served, call: ResourceCall): ResourceAnswer {
  const kind = kindOfCall(served.store, call);
  const { store } = served;
  const namespace = call.namespace ?? '';
  const asked = inVersion(kind, call.version);
  switch (call.verb) {
    case 'get':
      return shown(served, call, asked, 200, store.get(kind, namespace, nameOf(call)));
    case 'list':
      return list(served, call, asked);
    case 'create': {
      const sent = storedFrom(asked, kind, readObject(call, kind));
      const { object, warnings } = store.create(kind, namespace, sent, writeOptions(call));
      return shown(served, call, asked, 201, object, warnings);
    }
    case 'update': {
      const sent = storedFrom(asked, kind, readObject(call, kind));
      const { object, warnings } = store.update(
        kind,
        namespace,
        nameOf(call),
        partOf(call),
        () => sent,
        writeOptions(call),
      );
      return shown(served, call, asked, 200, object, warnings);
    }
    case 'patch': {
      const patch = patchOf(call);
      const change = (current: Resource) => storedFrom(asked, kind, patch(shownIn(asked, current)));
      const options = { ...writeOptions(call), isPatch: true };
      const { object, warnings } = store.update(kind, namespace, nameOf(call), partOf(call), change, options);
      return shown(served, call, asked, 200, object, warnings);
    }
    case 'delete': {
      const { object, removed } = store.delete(kind, namespace, nameOf(call), deleteOptions(call));
      if (removed) return json(200, deleted(kind, object.metadata.name, object.metadata.uid));
      return shown(served, call, asked, 200, withoutSealed(object));
    }
    case 'deletecollection':
      return deleteCollection(served, call, asked);
    case 'watch':
      throw new StatusError(500, 'InternalError', 'a watch is a stream');
  }
}

/** The API server says this in plain text, and clients tell it from a missing object by that. */
const NOTHING_SERVED = new StatusError(404, 'NotFound', 'nothing is served here');

/** The kind a call is about; throws NotFound, MethodNotAllowed. */
function kindOfCall(store: ResourceStore, call: ResourceCall): Kind {
  const kind = store.kindOf({ group: call.group, resource: call.resource });
  if (kind === undefined || !versionsOf(kind).includes(call.version)) throw NOTHING_SERVED;
  if (!kind.namespaced && call.namespace !== null) throw NOTHING_SERVED;
  if (call.subresource !== null) {
    if (call.subresource !== 'status' || !kind.statusSubresource) {
      throw new StatusError(404, 'NotFound', 'the server could not find the requested resource', {});
    }
    if (!['get', 'update', 'patch'].includes(call.verb)) throw notAllowed();
  }
  const needsNamespace = kind.namespaced && !['list', 'watch', 'deletecollection'].includes(call.verb);
  if (needsNamespace && call.namespace === null) throw notAllowed();
  if (
    call.verb === 'deletecollection' &&
    (call.resource === 'namespaces' || (kind.namespaced && call.namespace === null))
  )
    throw notAllowed();
  return kind;
}

function list(served: Served, call: ResourceCall, kind: Kind): ResourceAnswer {
  const found = listPage(served.storage, served.codec, {
    kind,
    namespace: call.namespace ?? undefined,
    selector: selectorOf(call),
    limit: limitOf(call),
    token: call.query.continue || undefined,
  });
  const page = { ...found, items: found.items.map((item) => shownIn(kind, item)) };
  const meta = { resourceVersion: page.resourceVersion, ...(page.token === undefined ? {} : { continue: page.token }) };
  switch (call.representation) {
    case 'table':
      return json(200, tableOf(kind, page.items, meta, call.query.includeObject, served.now()));
    case 'metadata':
      return json(200, metadataListOf(page.items, meta));
    case 'object':
      return json(200, listObject(kind, page));
  }
}

function deleteCollection(served: Served, call: ResourceCall, kind: Kind): ResourceAnswer {
  const page = listPage(served.storage, served.codec, {
    kind,
    namespace: call.namespace ?? undefined,
    selector: selectorOf(call),
    limit: undefined,
    token: undefined,
  });
  const options = deleteOptions(call);
  const items = page.items
    .map((item) => served.store.delete(kind, call.namespace ?? '', item.metadata.name, options).object)
    .map((object) => shownIn(kind, withoutSealed(object)));
  return json(200, listObject(kind, { ...page, items, resourceVersion: String(served.storage.revision()) }));
}

/** A watch as it was asked for; throws BadRequest and Invalid. */
export function watchRequest(
  served: Served,
  call: ResourceCall,
): WatchRequest & { timeoutSeconds: number | undefined } {
  const kind = kindOfCall(served.store, call);
  const { resourceVersion = '', sendInitialEvents, resourceVersionMatch, timeoutSeconds } = call.query;
  if (!/^\d*$/.test(resourceVersion))
    throw badRequest(`resourceVersion: Invalid value: "${resourceVersion}": must be a decimal number`);
  const initial = isTrue(sendInitialEvents);
  if (sendInitialEvents !== undefined && resourceVersionMatch !== 'NotOlderThan') {
    throw new StatusError(
      422,
      'Invalid',
      'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan',
    );
  }
  const fromStart = initial || resourceVersion === '' || resourceVersion === '0';
  return {
    kind: inVersion(kind, call.version),
    namespace: call.namespace ?? undefined,
    selector: selectorOf(call),
    fromRevision: fromStart ? undefined : Number(resourceVersion),
    bookmarks: isTrue(call.query.allowWatchBookmarks),
    markInitialEnd: initial && isTrue(call.query.allowWatchBookmarks),
    timeoutSeconds: timeoutSeconds === undefined ? undefined : wholeNumber('timeoutSeconds', timeoutSeconds),
  };
}

/** The object of a watch event, as the caller wants to see it. `first` is the first event that shows one. */
export function watchObject(
  served: Served,
  call: ResourceCall,
  kind: Kind,
  changed: Resource,
  first: boolean,
): JsonObject {
  const object = shownIn(kind, changed);
  if (call.representation === 'object') return object;
  if (call.representation === 'metadata') return metadataOf(object);
  const meta = { resourceVersion: object.metadata.resourceVersion ?? '' };
  const table = tableOf(kind, [object], meta, call.query.includeObject, served.now());
  return first ? table : { ...table, columnDefinitions: [] };
}

function shown(
  served: Served,
  call: ResourceCall,
  kind: Kind,
  status: number,
  stored: Resource,
  warnings: readonly string[] = [],
): ResourceAnswer {
  const object = shownIn(kind, stored);
  const { resourceVersion = '' } = object.metadata;
  const body =
    call.representation === 'table'
      ? tableOf(kind, [object], { resourceVersion }, call.query.includeObject, served.now())
      : call.representation === 'metadata'
        ? metadataOf(object)
        : object;
  return { status, body: JSON.stringify(body), warnings };
}

function json(status: number, body: JsonObject): ResourceAnswer {
  return { status, body: JSON.stringify(body), warnings: [] };
}
