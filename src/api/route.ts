import type { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import * as z from 'zod';
import type { Authorize, Subject, Verb } from '../access/authorize.ts';
import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { CLOSED_REVOKED, SOCKET_OWNER } from '../core/protocol/socket-owner.ts';
import type { Log } from '../observe/log.ts';
import { brokenBody } from './body.ts';
import { isUpgrade } from './watch-request.ts';
import { whileKnown } from './while-known.ts';

/** Who may call a route: everybody, or a subject that may do `verb` to `resource`. */
export type RouteAccess = 'open' | { readonly verb: Verb; readonly resource: string };

/** What the middleware put beside every request. */
export interface RequestVariables {
  requestId: string;
  log: Log;
  subject: Subject | null;
  /** Whether the request's token still opens something: as it was read seconds ago, or as it is `now`. */
  isStillKnown: (now?: 'now') => Promise<boolean>;
}
export type ApiEnv = { Bindings: Cloudflare.Env; Variables: RequestVariables };
export type ApiApp = OpenAPIHono<ApiEnv>;

interface ResponseDefinition {
  readonly description: string;
  /** JSON of this shape. */
  readonly schema?: z.ZodType;
  /** Other media types the answer may have. */
  readonly mediaTypes?: readonly string[];
}

/** One route: what the router, the validation, the authorisation and the OpenAPI document are all made from. */
export interface RouteDefinition<Query extends z.ZodType, Body extends z.ZodType> {
  readonly method: 'get' | 'put' | 'post' | 'delete';
  /** OpenAPI style; `{name+}` takes the rest of the path, slashes included. */
  readonly path: string;
  readonly access: RouteAccess;
  readonly tag: string;
  readonly summary: string;
  readonly query?: Query;
  /** A JSON body. */
  readonly body?: Body;
  /** A body of bytes that is not read as JSON. */
  readonly rawBody?: string;
  /** The request asks for a WebSocket, and is answered 101; any other is refused. */
  readonly upgrade?: 'websocket';
  readonly responses: Readonly<Record<number, ResponseDefinition>>;
}

/** A request that is authenticated, authorised and valid. */
export interface ApiRequest<Query, Body> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Query;
  readonly body: Body;
  readonly raw: Request;
  readonly subject: Subject | null;
  readonly requestId: string;
  readonly log: Log;
  /** What a watch answers, for as long as the token that asked for it is not revoked. */
  whileKnown(stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array>;
  /** Keeps the invocation alive until the work is done. */
  waitUntil(work: Promise<unknown>): void;
}

/** What the routes need to let somebody in. */
export interface Gatekeeper {
  readonly authorize: Authorize;
}

/** The routes of an app as they were defined; the router test and the 405 answer walk them. */
export interface DefinedRoute {
  readonly method: string;
  readonly path: string;
  readonly access: RouteAccess;
}
const defined = new WeakMap<object, DefinedRoute[]>();

export function routesOf(app: ApiApp): readonly DefinedRoute[] {
  return defined.get(app) ?? [];
}

const Empty = z.object({});
const Anything = z.unknown();

/** Adds a route to the router and to the OpenAPI document. */
export function defineRoute<Query extends z.ZodType = typeof Empty, Body extends z.ZodType = typeof Anything>(
  app: ApiApp,
  gatekeeper: Gatekeeper,
  definition: RouteDefinition<Query, Body>,
  handler: (request: ApiRequest<z.output<Query>, z.output<Body>>) => Promise<Response>,
): void {
  const { method, path, access } = definition;
  const routes = defined.get(app) ?? [];
  routes.push({ method, path, access });
  defined.set(app, routes);
  document(app, definition);
  app.on(method.toUpperCase(), honoPath(path), async (context) => {
    const params = context.req.param() as Record<string, string>;
    if (access !== 'open') admit(context, gatekeeper, access, params);
    checkEncoding(new URL(context.req.url).pathname);
    if (definition.upgrade !== undefined) checkUpgrade(context, definition.upgrade);
    const request = {
      params,
      query: check(definition.query, context.req.query(), 'query') as z.output<Query>,
      body: (definition.body ? check(definition.body, await readJson(context), '') : undefined) as z.output<Body>,
      raw: owned(context.req.raw, context.get('subject')),
      subject: context.get('subject'),
      requestId: context.get('requestId'),
      log: context.get('log'),
      whileKnown: (stream: ReadableStream<Uint8Array>) => whileKnown(stream, context.get('isStillKnown')),
      waitUntil: (work: Promise<unknown>) => context.executionCtx.waitUntil(work),
    };
    return stillOpen(context, await handler(request));
  });
}

function admit(
  context: Context<ApiEnv>,
  gatekeeper: Gatekeeper,
  access: Exclude<RouteAccess, 'open'>,
  params: Record<string, string>,
): void {
  const subject = context.get('subject');
  if (subject === null) throw new OrasiError('unauthorized', 'a valid bearer token is required');
  const namespace = params.ns ?? null;
  if (!gatekeeper.authorize(subject, access.verb, '', access.resource, namespace, null)) {
    const where = namespace === null ? '' : ` in namespace "${namespace}"`;
    throw new OrasiError('forbidden', `this key may not ${access.verb} ${access.resource}${where}`);
  }
}

/**
 * An upgrade as objects take it, which says whose it is; any other request as it came. One with a body is no upgrade of
 * ours, and its body may have been read.
 */
function owned(raw: Request, subject: Subject | null): Request {
  if ((raw.method !== 'GET' && raw.method !== 'HEAD') || !isUpgrade(raw.headers)) return raw;
  const headers = new Headers(raw.headers);
  headers.delete(SOCKET_OWNER);
  if (subject !== null) headers.set(SOCKET_OWNER, subject.name);
  return new Request(raw, { headers });
}

/**
 * The answer, unless it is a WebSocket whose key was revoked while it was opened: objects that close a revoked key's
 * sockets may have been asked before it was there. What is read now is later than it, and so sees any such revocation.
 */
async function stillOpen(context: Context<ApiEnv>, answer: Response): Promise<Response> {
  if (!answer.webSocket || (await context.get('isStillKnown')('now'))) return answer;
  answer.webSocket.accept();
  answer.webSocket.close(CLOSED_REVOKED, 'its key was revoked');
  throw new OrasiError('unauthorized', 'a valid bearer token is required');
}

function checkUpgrade({ req }: Context<ApiEnv>, protocol: string): void {
  if (req.header('upgrade')?.toLowerCase() === protocol) return;
  throw new OrasiError('bad_request', 'this is a WebSocket: ask for an upgrade', {
    errors: [{ path: '(header) Upgrade', message: `expected "${protocol}"` }],
  });
}

/** What is wrong with one request is told up to here: it may be wrong in as many places as it has bytes. */
const FAULTS_TOLD = 100;
const FAULT_CHARS = 1_000;

/** Validates input by a schema; faults name their path below `root`. */
function check(schema: z.ZodType | undefined, value: unknown, root: string): unknown {
  if (schema === undefined) return {};
  const parsed = parse(schema, value);
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues
    .slice(0, FAULTS_TOLD)
    .flatMap(closestIssues)
    .slice(0, FAULTS_TOLD)
    .map((issue) => ({
      path: [...(root === '' ? [] : [root]), ...issue.path.map(String)].join('.') || '(body)',
      message: issue.message.slice(0, FAULT_CHARS),
    }));
  throw new OrasiError('bad_request', `${errors[0].path}: ${errors[0].message}`, { errors });
}

function parse(schema: z.ZodType, value: unknown): z.ZodSafeParseResult<unknown> {
  try {
    return schema.safeParse(value);
  } catch (error) {
    // Zod hands faults on as arguments of a call, and looks at what is nested by calling itself.
    if (!(error instanceof RangeError)) throw error;
    throw new OrasiError('bad_request', 'the request is wrong in too many places, or nested too deep');
  }
}

/** Of a choice between shapes, the faults of the one that was meant: the one understood deepest, with the fewest. */
function closestIssues(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
  const depth = (issues: readonly z.core.$ZodIssue[]) => Math.max(0, ...issues.map(({ path }) => path.length));
  const [closest] = issue.errors.toSorted((a, b) => depth(b) - depth(a) || a.length - b.length);
  return closest.map((each) => ({ ...each, path: [...issue.path, ...each.path] }));
}

/** Reads a JSON body, at most `LIMITS.jsonBodyBytes` of it. Throws `payload_too_large` or `bad_request`. */
async function readJson({ req }: Context<ApiEnv>): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  try {
    for await (const chunk of (req.raw.body ?? []) as AsyncIterable<Uint8Array>) {
      bytes += chunk.length;
      if (bytes > LIMITS.jsonBodyBytes) {
        throw new OrasiError('payload_too_large', `a JSON body has at most ${LIMITS.jsonBodyBytes} bytes`);
      }
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    throw error instanceof OrasiError ? error : brokenBody(error);
  }
  try {
    return JSON.parse(text + decoder.decode());
  } catch {
    throw new OrasiError('bad_request', 'the body is not JSON', {
      errors: [{ path: '(body)', message: 'expected a JSON document' }],
    });
  }
}

/** Refuses a path whose percent-encoding is not UTF-8: the router would take it as it stands, for another name. */
function checkEncoding(path: string): void {
  try {
    decodeURIComponent(path);
  } catch {
    throw new OrasiError('bad_request', 'the path is not valid percent-encoded UTF-8', {
      errors: [{ path: '(path)', message: 'expected percent-encoded UTF-8' }],
    });
  }
}

export function honoPath(path: string): string {
  return path.replace(/\{(\w+)\+\}/g, ':$1{.+}').replace(/\{(\w+)\}/g, ':$1');
}

const ProblemSchema = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number(),
  detail: z.string(),
  code: z.string(),
  requestId: z.string(),
  errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
});

function document<Query extends z.ZodType, Body extends z.ZodType>(
  app: ApiApp,
  definition: RouteDefinition<Query, Body>,
): void {
  const names = [...definition.path.matchAll(/\{(\w+)\+?\}/g)].map((match) => match[1]);
  const responses = Object.fromEntries(
    Object.entries(definition.responses).map(([status, response]) => [status, describeResponse(response)]),
  );
  app.openAPIRegistry.registerPath({
    method: definition.method,
    path: definition.path.replace(/\{(\w+)\+\}/g, '{$1}'),
    tags: [definition.tag],
    summary: definition.summary,
    security: definition.access === 'open' ? [] : [{ bearer: [] }],
    request: {
      params: z.object(Object.fromEntries(names.map((name) => [name, z.string()]))),
      ...(definition.query ? { query: definition.query as never } : {}),
      ...(definition.body ? { body: { content: { 'application/json': { schema: definition.body as never } } } } : {}),
      ...(definition.rawBody
        ? {
            body: {
              description: definition.rawBody,
              content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
            },
          }
        : {}),
    },
    responses: {
      ...responses,
      default: {
        description: 'An error: problem details (RFC 9457) with a code of docs/errors.md.',
        content: { 'application/problem+json': { schema: ProblemSchema as never } },
      },
    },
  });
}

function describeResponse(response: ResponseDefinition): {
  description: string;
  content?: Record<string, { schema: never }>;
} {
  const content: Record<string, { schema: never }> = {};
  if (response.schema) content['application/json'] = { schema: response.schema as never };
  for (const type of response.mediaTypes ?? []) content[type] = { schema: { type: 'string' } as never };
  return Object.keys(content).length > 0
    ? { description: response.description, content }
    : { description: response.description };
}
