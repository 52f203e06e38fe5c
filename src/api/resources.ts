import type { Context } from 'hono';
import type { Authorize, Subject } from '../access/authorize.ts';
import { coreVersions, groupDocument, groupList, resourceList } from '../control/discovery.ts';
import type { JsonObject } from '../control/json.ts';
import { StatusError, tooLarge } from '../control/status.ts';
import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type {
  ControlPlaneResources,
  Representation,
  ResourceAnswer,
  ResourceCall,
  ServedResource,
} from '../core/protocol/control-plane.ts';
import { brokenBody } from './body.ts';
import type { ApiApp, ApiEnv } from './route.ts';
import { whileKnown } from './while-known.ts';

/** What the Kubernetes paths need. */
export interface ResourceDoor {
  readonly controlPlane: ControlPlaneResources;
  readonly authorize: Authorize;
}

/** A path of the Kubernetes API, in OpenAPI style. */
export interface ResourcePath {
  readonly method: 'get' | 'post' | 'put' | 'patch' | 'delete';
  readonly path: string;
  readonly summary: string;
}

const ITEM_METHODS: readonly (readonly [ResourcePath['method'], string])[] = [
  ['get', 'Reads an object, or watches it with `?watch=true`.'],
  ['put', 'Replaces an object; a stale `metadata.resourceVersion` is a 409.'],
  ['patch', 'Changes an object by a merge patch.'],
  ['delete', 'Deletes an object, once its finalizers are done.'],
];
const COLLECTION_METHODS: readonly (readonly [ResourcePath['method'], string])[] = [
  ['get', 'Lists objects, or watches them with `?watch=true`.'],
  ['post', 'Creates an object.'],
  ['delete', 'Deletes the objects selected.'],
];
const STATUS_METHODS: readonly (readonly [ResourcePath['method'], string])[] = [
  ['get', 'Reads an object with its status.'],
  ['put', "Replaces an object's status."],
  ['patch', "Changes an object's status by a merge patch."],
];
const DISCOVERY: readonly (readonly [string, string])[] = [
  ['/api', 'Versions of the core group.'],
  ['/api/{version}', 'Resources of the core group.'],
  ['/apis', 'API groups.'],
  ['/apis/{group}', 'Versions of a group.'],
  ['/apis/{group}/{version}', 'Resources of a group and version.'],
];

/**
 * Every path of the Kubernetes API. They are patterns over resources, so that a kind defined at run time needs no
 * route of its own.
 */
export function resourcePaths(): readonly ResourcePath[] {
  const paths: ResourcePath[] = DISCOVERY.map(([path, summary]) => ({ method: 'get', path, summary }));
  for (const root of ['/api/{version}', '/apis/{group}/{version}']) {
    for (const scope of [root, `${root}/namespaces/{ns}`]) {
      const collection = `${scope}/{resource}`;
      for (const [method, summary] of COLLECTION_METHODS) paths.push({ method, path: collection, summary });
      for (const [method, summary] of ITEM_METHODS) paths.push({ method, path: `${collection}/{name}`, summary });
      for (const [method, summary] of STATUS_METHODS) {
        paths.push({ method, path: `${collection}/{name}/{subresource}`, summary });
      }
    }
  }
  return paths;
}

/** Whether a path belongs to the Kubernetes API, whose errors are `Status` objects. */
export function isResourcePath(path: string): boolean {
  return /^\/apis?(\/|$)/.test(path);
}

/**
 * Serves the Kubernetes API: `/api`, `/apis` and everything below. Reads requests off HTTP and writes answers to
 * it; what they mean is the control plane's to say.
 */
export function mountResources(app: ApiApp, door: ResourceDoor): void {
  for (const root of ['/api', '/apis']) {
    for (const path of [root, `${root}/*`]) {
      app.all(path, async (context) => {
        try {
          return await serve(context, door);
        } catch (error) {
          if (error instanceof StatusError || error instanceof OrasiError) return statusResponse(error);
          throw error;
        }
      });
    }
  }
  for (const { method, path, summary } of resourcePaths()) {
    app.openAPIRegistry.registerPath({
      method,
      path,
      tags: ['resources'],
      summary,
      security: [{ bearer: [] }],
      parameters: [...path.matchAll(/\{(\w+)\}/g)].map((match) => ({
        name: match[1],
        in: 'path' as const,
        required: true,
        schema: { type: 'string' as const },
      })),
      responses: {
        200: { description: 'The object, a list of objects, or a Kubernetes `Status`.' },
        ...(method === 'post' ? { 201: { description: 'The object as it was created.' } } : {}),
        default: { description: 'A Kubernetes `Status`.' },
      },
    });
  }
}

/** An error as a Kubernetes `Status`; what is not one of ours is a defect and says nothing of itself. */
export function statusResponse(error: unknown): Response {
  const status = asStatusError(error);
  const headers = new Headers({ 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  if (status.code === 401) headers.set('www-authenticate', 'Bearer');
  if (status.code === 429 || status.code === 503) {
    headers.set('retry-after', String((error instanceof OrasiError ? error.retryAfterSeconds : undefined) ?? 1));
  }
  return new Response(JSON.stringify(status.toStatus()), { status: status.code, headers });
}

function asStatusError(error: unknown): StatusError {
  if (error instanceof StatusError) return error;
  if (!(error instanceof OrasiError)) return new StatusError(500, 'InternalError', 'Internal error occurred');
  switch (error.status) {
    case 401:
      return new StatusError(401, 'Unauthorized', 'Unauthorized');
    case 403:
      return new StatusError(403, 'Forbidden', error.message);
    case 404:
      return new StatusError(404, 'NotFound', error.message);
    case 405:
      return new StatusError(405, 'MethodNotAllowed', error.message);
    case 413:
      return new StatusError(413, 'RequestEntityTooLarge', error.message);
    case 429:
      return new StatusError(429, 'TooManyRequests', error.message);
    case 503:
      return new StatusError(503, 'ServiceUnavailable', error.message);
    default:
      return error.status < 500
        ? new StatusError(400, 'BadRequest', error.message)
        : new StatusError(500, 'InternalError', 'Internal error occurred');
  }
}

async function serve(context: Context<ApiEnv>, door: ResourceDoor): Promise<Response> {
  const subject = context.get('subject');
  if (subject === null) throw new OrasiError('unauthorized', 'a valid bearer token is required');
  const place = placeOf(context.req.path);
  if (place === undefined) return pageNotFound();
  if (place.resource === null) {
    if (!door.authorize(subject, 'get', '', 'discovery', null, null)) {
      throw new StatusError(
        403,
        'Forbidden',
        `forbidden: User "${subject.name}" cannot get path "${context.req.path}"`,
      );
    }
    if (context.req.method !== 'GET') throw methodNotAllowed();
    return discovery(await door.controlPlane.resources(), place, context);
  }
  const call = await callOf(context, { ...place, resource: place.resource });
  const resource = call.subresource === null ? call.resource : `${call.resource}/${call.subresource}`;
  if (!door.authorize(subject, call.verb, call.group, resource, call.namespace, call.name)) {
    throw refused(subject, call, resource);
  }
  if (call.verb !== 'watch') return answered(await door.controlPlane.call(call));
  const watched = await door.controlPlane.watch(call);
  if (!(watched instanceof ReadableStream)) return answered(watched);
  return new Response(whileKnown(watched, context.get('isStillKnown')), {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-cache, private' },
  });
}

/** Where a path leads. `resource` is null for a discovery document; `group` is null for the list of groups. */
interface Place {
  readonly core: boolean;
  readonly group: string | null;
  readonly version: string | null;
  readonly resource: string | null;
  readonly namespace: string | null;
  readonly name: string | null;
  readonly subresource: string | null;
}

function placeOf(path: string): Place | undefined {
  const parts = path.replace(/\/$/, '').split('/').slice(1).map(decoded);
  if (parts.some((part) => part === undefined || part === '')) return undefined;
  const [root, ...rest] = parts as string[];
  const core = root === 'api';
  const group = core ? '' : (rest.shift() ?? null);
  const version = rest.shift() ?? null;
  const nowhere = { core, group, version, resource: null, namespace: null, name: null, subresource: null };
  if (rest.length === 0) return nowhere;
  // `namespaces/{name}/status` is the Namespace's own; below any other third part a resource begins.
  const inNamespace =
    rest[0] === 'namespaces' && rest.length > 2 && !(core && rest.length === 3 && OWN.includes(rest[2]));
  const namespace = inNamespace ? rest[1] : null;
  const [resource, name = null, subresource = null, ...beyond] = inNamespace ? rest.slice(2) : rest;
  return beyond.length > 0 ? undefined : { ...nowhere, resource, namespace, name, subresource };
}

/** Subresources of a Namespace. */
const OWN = ['status', 'finalize'];

function decoded(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function discovery(resources: readonly ServedResource[], place: Place, context: Context<ApiEnv>): Response {
  const document =
    place.core && place.version === null
      ? coreVersions(resources, new URL(context.req.url).host)
      : place.group === null
        ? groupList(resources)
        : place.version === null
          ? groupDocument(resources, place.group)
          : resourceList(resources, place.group, place.version);
  return document === undefined ? pageNotFound() : jsonResponse(200, document);
}

async function callOf(context: Context<ApiEnv>, place: Place & { resource: string }): Promise<ResourceCall> {
  const query = Object.fromEntries(Object.entries(context.req.queries()).map(([name, values]) => [name, values[0]]));
  const verb = verbOf(context.req.method, place.name !== null, query);
  return {
    verb,
    group: place.group ?? '',
    version: place.version ?? '',
    resource: place.resource,
    namespace: place.namespace,
    name: place.name,
    subresource: place.subresource,
    query,
    contentType: (context.req.header('content-type') ?? '').split(';')[0].trim().toLowerCase(),
    body: verb === 'get' || verb === 'list' || verb === 'watch' ? '' : await readText(context.req.raw),
    representation: representationOf(context.req.header('accept') ?? ''),
  };
}

function verbOf(method: string, named: boolean, query: Readonly<Record<string, string>>): ResourceCall['verb'] {
  switch (method) {
    case 'GET':
      if (query.watch === 'true' || query.watch === '1') return 'watch';
      return named ? 'get' : 'list';
    case 'POST':
      if (!named) return 'create';
      throw methodNotAllowed();
    case 'PUT':
      if (named) return 'update';
      throw methodNotAllowed();
    case 'PATCH':
      if (named) return 'patch';
      throw methodNotAllowed();
    case 'DELETE':
      return named ? 'delete' : 'deletecollection';
    default:
      throw methodNotAllowed();
  }
}

/** The first form the caller accepts that there is: kubectl lists Tables before plain JSON. */
function representationOf(accept: string): Representation {
  if (accept === '') return 'object';
  for (const range of accept.split(',')) {
    const [type, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    if (type !== 'application/json' && type !== '*/*' && type !== 'application/*') continue;
    const as = parameters.find((parameter) => parameter.startsWith('as='))?.slice(3);
    if (as === undefined) return 'object';
    if (as === 'table') return 'table';
    if (as === 'partialobjectmetadata' || as === 'partialobjectmetadatalist') return 'metadata';
  }
  throw new StatusError(406, 'NotAcceptable', 'only the following media types are accepted: application/json');
}

/** Characters of JSON around an object's own: escapes and indentation. */
const BODY_BYTES = 2 * LIMITS.resourceBytes;

async function readText(request: Request): Promise<string> {
  if (request.body === null) return '';
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    for await (const chunk of request.body as ReadableStream<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > BODY_BYTES) throw tooLarge(BODY_BYTES);
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    throw error instanceof StatusError ? error : brokenBody(error);
  }
  return text + decoder.decode();
}

function answered(answer: ResourceAnswer): Response {
  if (answer.body === null) return pageNotFound();
  const headers = new Headers({ 'content-type': 'application/json', 'cache-control': 'no-cache, private' });
  for (const warning of answer.warnings) headers.append('warning', `299 - ${JSON.stringify(warning)}`);
  return new Response(answer.body, { status: answer.status, headers });
}

function jsonResponse(status: number, body: JsonObject): Response {
  return answered({ status, body: JSON.stringify(body), warnings: [] });
}

/** What the API server says where it serves nothing at all; clients tell it from a missing object by it. */
function pageNotFound(): Response {
  return new Response('404 page not found\n', {
    status: 404,
    headers: { 'content-type': 'text/plain; charset=utf-8' },
  });
}

function methodNotAllowed(): StatusError {
  return new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}

function refused(subject: Subject, call: ResourceCall, resource: string): StatusError {
  const qualified = call.group === '' ? call.resource : `${call.resource}.${call.group}`;
  const where = call.namespace === null ? 'at the cluster scope' : `in the namespace "${call.namespace}"`;
  const what = `cannot ${call.verb} resource "${resource}" in API group "${call.group}" ${where}`;
  return new StatusError(403, 'Forbidden', `${qualified} is forbidden: User "${subject.name}" ${what}`, {
    ...(call.name === null ? {} : { name: call.name }),
    ...(call.group === '' ? {} : { group: call.group }),
    kind: call.resource,
  });
}
