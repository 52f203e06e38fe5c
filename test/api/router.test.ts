import { expect, test } from 'vitest';
import { ROLES, type Subject } from '../../src/access/authorize.ts';
import { type ApiParts, createApi } from '../../src/api/api.ts';
import { openApiDocument } from '../../src/api/app.ts';
import { resourcePaths } from '../../src/api/resources.ts';
import { routesOf } from '../../src/api/route.ts';
import { apiBase } from './api-base.ts';

/** What the contract leaves open; anything else that answers without a token is a hole. */
const OPEN = ['/livez', '/readyz', '/healthz', '/version', '/openapi.json', '/docs'];

/** A door that must not be reached: any call of it, however deep, fails the test by name. */
function sealed<T extends object>(name: string): T {
  return new Proxy((() => {}) as unknown as T, {
    get: (_target, property) => sealed(`${name}.${String(property)}`),
    apply: () => {
      throw new Error(`${name} was called`);
    },
  });
}

const base = apiBase({
  authenticate: async (token) => {
    const [role, namespace] = token.split('@');
    const known = ROLES.find((each) => each === role);
    return known === undefined ? null : subject(known, namespace);
  },
  namespaceUid: async () => {
    throw new Error('a namespace was looked up before the caller was let in');
  },
});

function subject(role: Subject['role'], namespace: string): Subject {
  return { kind: 'api-key', name: role, role, namespace, namespaceUid: namespace };
}

const parts = new Proxy({ base } as ApiParts, {
  get: (target, property) =>
    property === 'base' ? target.base : property in target ? Reflect.get(target, property) : sealed(String(property)),
});
const app = createApi(parts);
const places = [...routesOf(app), ...resourcePaths().map(({ method, path }) => ({ method, path, access: 'closed' }))];
const call = (method: string, path: string, token?: string) =>
  app.request(`http://localhost${path.replace(/\{ns\}/g, 'mine').replace(/\{\w+\+?\}/g, 'x')}`, {
    method: method.toUpperCase(),
    headers: { host: 'localhost', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
  });

test('the router has the surface', () => {
  expect(places.length).toBeGreaterThan(30);
  expect(app.routes.length).toBeGreaterThan(10);
});

test('every path but the open ones is closed without a token, and with one that opens nothing', async () => {
  for (const { method, path } of places) {
    if (OPEN.includes(path)) continue;
    for (const token of [undefined, 'nobody@mine']) {
      const { status } = await call(method, path, token);
      expect([method, path, status]).toEqual([method, path, 401]);
    }
  }
});

test('every handler of the router belongs to a defined route, so that none escapes the walk', () => {
  const known = new Set(places.map(({ path }) => path.split('/')[1]));
  for (const route of app.routes) {
    if (route.path === '/*') continue;
    expect(known).toContain(route.path.split('/')[1]);
  }
  const handlers = app.routes.filter((route) => route.method !== 'ALL').map((route) => `${route.method} ${route.path}`);
  expect(new Set(handlers).size).toBe(routesOf(app).length);
});

test("another namespace's key is refused on every path that names one, whatever its role", async () => {
  for (const { method, path } of places) {
    if (!path.includes('{ns}')) continue;
    for (const role of ROLES) {
      const { status } = await call(method, path, `${role}@theirs`);
      expect([method, path, role, status]).toEqual([method, path, role, 403]);
    }
  }
});

test('every route is in the OpenAPI document, and says whether it is open', () => {
  const document = openApiDocument(app, base) as { paths: Record<string, Record<string, { security: unknown[] }>> };
  for (const { method, path } of places) {
    const operation = document.paths[path.replace('+}', '}')]?.[method];
    expect([path, operation?.security]).toEqual([path, OPEN.includes(path) ? [] : [{ bearer: [] }]]);
  }
});
