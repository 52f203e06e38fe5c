import type { ResourceAnswer, ResourceCall } from '../core/protocol/control-plane.ts';
import { isJsonObject, type JsonObject, parseJsonObject } from './json.ts';
import type { Kind } from './kind.ts';
import { listObject, listPage } from './list.ts';
import { mergePatch } from './merge-patch.ts';
import type { Resource } from './resource.ts';
import type { ResourceCodec } from './resource-codec.ts';
import { withoutSealed } from './resource-codec.ts';
import type { DeleteOptions, FieldValidation, ResourceStore, WriteOptions } from './resource-store.ts';
import { parseFieldSelector, parseLabelSelector, type Selector } from './selectors.ts';
import { badRequest, deleted, StatusError } from './status.ts';
import type { ControlStorage } from './storage.ts';
import { metadataListOf, metadataOf, tableOf } from './table.ts';
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

export function refusal(error: StatusError): ResourceAnswer {
  if (error === NOTHING_SERVED) return { status: 404, body: null, warnings: [] };
  return { status: error.code, body: JSON.stringify(error.toStatus()), warnings: [] };
}

function dispatch(served: Served, call: ResourceCall): ResourceAnswer {
  const kind = kindOfCall(served.store, call);
  const { store } = served;
  const namespace = call.namespace ?? '';
  switch (call.verb) {
    case 'get':
      return shown(served, call, kind, 200, store.get(kind, namespace, nameOf(call)));
    case 'list':
      return list(served, call, kind);
    case 'create': {
      const { object, warnings } = store.create(kind, namespace, readObject(call, kind), writeOptions(call));
      return shown(served, call, kind, 201, object, warnings);
    }
    case 'update': {
      const sent = readObject(call, kind);
      const { object, warnings } = store.update(
        kind,
        namespace,
        nameOf(call),
        partOf(call),
        () => sent,
        writeOptions(call),
      );
      return shown(served, call, kind, 200, object, warnings);
    }
    case 'patch': {
      const change = patchOf(call);
      const options = { ...writeOptions(call), isPatch: true };
      const { object, warnings } = store.update(kind, namespace, nameOf(call), partOf(call), change, options);
      return shown(served, call, kind, 200, object, warnings);
    }
    case 'delete': {
      const { object, removed } = store.delete(kind, namespace, nameOf(call), deleteOptions(call));
      if (removed) return json(200, deleted(kind, object.metadata.name, object.metadata.uid));
      return shown(served, call, kind, 200, withoutSealed(object));
    }
    case 'deletecollection':
      return deleteCollection(served, call, kind);
    case 'watch':
      throw new StatusError(500, 'InternalError', 'a watch is a stream');
  }
}

/** The API server says this in plain text, and clients tell it from a missing object by that. */
const NOTHING_SERVED = new StatusError(404, 'NotFound', 'nothing is served here');

/** The kind a call is about; throws NotFound, MethodNotAllowed. */
export function kindOfCall(store: ResourceStore, call: ResourceCall): Kind {
  const kind = store.kindOf({ group: call.group, resource: call.resource });
  if (kind === undefined || kind.version !== call.version) throw NOTHING_SERVED;
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

function notAllowed(): StatusError {
  return new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

function list(served: Served, call: ResourceCall, kind: Kind): ResourceAnswer {
  const page = listPage(served.storage, served.codec, {
    kind,
    namespace: call.namespace ?? undefined,
    selector: selectorOf(call),
    limit: limitOf(call),
    token: call.query.continue || undefined,
  });
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
    .map(withoutSealed);
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
    kind,
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
  object: Resource,
  first: boolean,
): JsonObject {
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
  object: Resource,
  warnings: readonly string[] = [],
): ResourceAnswer {
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

function nameOf(call: ResourceCall): string {
  if (call.name === null) throw notAllowed();
  return call.name;
}

function partOf(call: ResourceCall): 'object' | 'status' {
  return call.subresource === 'status' ? 'status' : 'object';
}

function readObject(call: ResourceCall, kind: Kind): JsonObject {
  if (call.contentType !== '' && call.contentType !== 'application/json') {
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json',
    );
  }
  try {
    return parseJsonObject(call.body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind.kind}): json parse error: ${error.message}`,
    );
  }
}

function patchOf(call: ResourceCall): (current: Resource) => JsonObject {
  if (call.contentType !== 'application/merge-patch+json') {
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/merge-patch+json',
    );
  }
  let patch: JsonObject;
  try {
    patch = parseJsonObject(call.body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badRequest(`error decoding patch: ${error.message}`);
  }
  return (current) => {
    // A patch that names no version is a change to whatever is there.
    const { resourceVersion: _, ...metadata } = current.metadata;
    const merged = mergePatch({ ...current, metadata }, patch);
    return isJsonObject(merged) ? merged : {};
  };
}

function writeOptions(call: ResourceCall): WriteOptions {
  const { fieldValidation = 'Warn' } = call.query;
  if (!isFieldValidation(fieldValidation)) {
    throw badRequest(
      `fieldValidation: Unsupported value: "${fieldValidation}": supported values: "Ignore", "Warn", "Strict"`,
    );
  }
  return { dryRun: isDryRun(call.query.dryRun), fieldValidation };
}

function isFieldValidation(text: string): text is FieldValidation {
  return text === 'Ignore' || text === 'Warn' || text === 'Strict';
}

function isDryRun(text: string | undefined): boolean {
  if (text === undefined || text === '') return false;
  if (text !== 'All') throw badRequest(`dryRun: Unsupported value: "${text}": supported values: "All"`);
  return true;
}

/** Options of a deletion: from the query, else from the body. */
function deleteOptions(call: ResourceCall): DeleteOptions {
  let body: JsonObject = {};
  if (call.body !== '') {
    try {
      body = parseJsonObject(call.body);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw badRequest(`DeleteOptions: json parse error: ${error.message}`);
    }
  }
  const policy = call.query.propagationPolicy ?? body.propagationPolicy;
  if (
    policy !== undefined &&
    policy !== null &&
    policy !== 'Background' &&
    policy !== 'Foreground' &&
    policy !== 'Orphan'
  ) {
    throw badRequest(
      `propagationPolicy: Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan"`,
    );
  }
  const { uid, resourceVersion } = isJsonObject(body.preconditions) ? body.preconditions : {};
  return {
    dryRun: isDryRun(call.query.dryRun) || (Array.isArray(body.dryRun) && body.dryRun.includes('All')),
    preconditions: {
      ...(typeof uid === 'string' ? { uid } : {}),
      ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
    },
    propagationPolicy: policy ?? undefined,
  };
}

function selectorOf(call: ResourceCall): Selector {
  const byLabels = parseLabelSelector(call.query.labelSelector ?? '');
  const byFields = parseFieldSelector(call.query.fieldSelector ?? '');
  // `…/pipelines/orders?watch=true` watches the one object.
  return (object) => (call.name === null || object.metadata.name === call.name) && byLabels(object) && byFields(object);
}

function limitOf(call: ResourceCall): number | undefined {
  const limit = call.query.limit === undefined ? 0 : wholeNumber('limit', call.query.limit);
  return limit === 0 ? undefined : limit;
}

function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw badRequest(`${name}: Invalid value: "${text}": must be a whole number`);
  return Number(text);
}

function isTrue(text: string | undefined): boolean {
  return text === 'true' || text === '1';
}
