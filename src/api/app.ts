import { OpenAPIHono } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { isAdminHost } from '../config.ts';
import { assert, OrasiError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import { takeUpTrace, traceparentOf } from '../observe/trace-context.ts';
import { etcdErrorResponse, isEtcdPath } from './etcd-errors.ts';
import { loginRefused, loginToken } from './etcd-login.ts';
import { mountHealth } from './health.ts';
import type { ApiBase } from './ports.ts';
import { problemResponse } from './problem.ts';
import { mountReference } from './reference.ts';
import { isResourcePath, statusResponse } from './resources.ts';
import { type ApiApp, type ApiEnv, defineRoute, honoPath, routesOf } from './route.ts';

/** The longest caller-given request id that is taken up. */
const REQUEST_ID = /^[\w.-]{1,128}$/;

/**
 * The management surface without its areas: request ids, trace context, hosts, authentication, errors,
 * health and the OpenAPI document. `mount` adds the areas.
 */
export function createApp(base: ApiBase, mount: (app: ApiApp) => void): ApiApp {
  const app: ApiApp = new OpenAPIHono<ApiEnv>();
  const log = base.logs('api');

  app.use('*', async (context, next) => {
    const given = context.req.header('x-request-id');
    const requestId = given !== undefined && REQUEST_ID.test(given) ? given : newId(base.clock, base.random);
    const trace = takeUpTrace(context.req.header('traceparent'), base.random);
    context.set('requestId', requestId);
    context.set('log', log.with({ requestId, traceId: trace.traceId }));
    context.set('subject', null);
    context.set('isStillKnown', async () => true);
    const startedMs = base.clock.now();
    await next();
    const answer = withHeaders(context.res, { 'x-request-id': requestId, traceparent: traceparentOf(trace) });
    // The setter copies what it is given into a response without the WebSocket, unless there was none before.
    context.res = undefined;
    context.res = answer;
    context.get('log').info('request', {
      method: context.req.method,
      path: context.req.path,
      status: context.res.status,
      elapsedMs: base.clock.now() - startedMs,
    });
  });

  app.use('*', async (context, next) => {
    // A Host header with an impossible port makes a URL of the request that is none.
    if (!URL.canParse(context.req.url)) throw new OrasiError('bad_request', 'the Host header names no host');
    const host = context.req.header('host') ?? new URL(context.req.url).host;
    if (!isAdminHost(base.config.adminHosts, host)) throw new OrasiError('not_found', `no route for host "${host}"`);
    const token = bearerToken(context);
    if (token !== undefined) {
      context.set('subject', await base.authenticate(token));
      context.set('isStillKnown', async (now) => (await base.authenticate(token, now)) !== null);
    }
    const login = token === undefined ? await loginToken(context.req.raw) : undefined;
    if (login !== undefined) {
      context.set('subject', await base.authenticate(login));
      if (context.get('subject') === null) throw loginRefused();
    }
    if (context.get('subject') === null && !isOpen(app, context)) {
      throw new OrasiError('unauthorized', 'a valid bearer token is required');
    }
    await next();
  });

  app.onError((error, context) => {
    const requestId = context.get('requestId') ?? 'unknown';
    if (!(error instanceof OrasiError) || error.status >= 500) {
      context.get('log')?.error('request failed', { error });
      base
        .reporter((work) => context.executionCtx.waitUntil(work))
        .report(error, { requestId, path: context.req.path });
    }
    return errorResponse(context.req.path, error, requestId);
  });
  app.notFound((context) => errorResponse(context.req.path, missing(app, context), context.get('requestId')));

  mountHealth(app, base);
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/openapi.json',
      access: 'open',
      tag: 'operations',
      summary: 'This document.',
      responses: { 200: { description: 'OpenAPI 3.1.' } },
    },
    async () => Response.json(openApiDocument(app, base)),
  );
  mountReference(app, base, () => openApiDocument(app, base));
  mount(app);
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', { type: 'http', scheme: 'bearer' });
  return app;
}

export function openApiDocument(app: ApiApp, base: Pick<ApiBase, 'config'>): object {
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Orasi Edge',
      version: base.config.version,
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
  });
}

/** An error in the words of the API that the path belongs to. */
function errorResponse(path: string, error: unknown, requestId: string): Response {
  if (isResourcePath(path)) return statusResponse(error);
  return isEtcdPath(path) ? etcdErrorResponse(error) : problemResponse(error, requestId);
}

/** etcd's clients send their token bare. */
function bearerToken(context: Context<ApiEnv>): string | undefined {
  const given = context.req.header('authorization') ?? '';
  const match = /^Bearer +([^\s]+)$/i.exec(given);
  if (match === null && isEtcdPath(context.req.path) && /^\S+$/.test(given)) return given;
  return match?.[1];
}

/** Only paths that are defined as open are; whatever the router does not know is closed. */
function isOpen(app: ApiApp, context: Context<ApiEnv>): boolean {
  // A HEAD is served by the route of GET, so it is as open.
  const method = context.req.method === 'HEAD' ? 'get' : context.req.method.toLowerCase();
  return routesOf(app).some(
    (route) => route.access === 'open' && route.path === context.req.path && route.method === method,
  );
}

function missing(app: ApiApp, context: Context<ApiEnv>): OrasiError {
  const path = context.req.path;
  const methods = routesOf(app)
    .filter((route) => pathPattern(route.path).test(path))
    .map((route) => route.method.toUpperCase());
  if (methods.length === 0) return new OrasiError('not_found', `there is nothing at ${path}`);
  return new OrasiError('method_not_allowed', `${path} takes ${methods.join(', ')}, not ${context.req.method}`);
}

function pathPattern(path: string): RegExp {
  return new RegExp(
    `^${honoPath(path)
      .replace(/:\w+\{\.\+\}/g, '.+')
      .replace(/:\w+/g, '[^/]+')}$`,
  );
}

/** Responses from fetch and RPC have immutable headers, so they are copied. */
function withHeaders(response: Response, headers: Readonly<Record<string, string>>): Response {
  const copy = new Response(response.body, response);
  assert(copy.webSocket === response.webSocket, 'a copied response keeps its WebSocket');
  for (const [name, value] of Object.entries(headers)) copy.headers.set(name, value);
  return copy;
}
