import { expect, test } from 'vitest';
import type { Subject } from '../../src/access/authorize.ts';
import { createApp } from '../../src/api/app.ts';
import { mountExplain } from '../../src/api/explain.ts';
import { whyNotInForce } from '../../src/api/routes-not-in-force.ts';
import type { JsonObject } from '../../src/control/json.ts';
import type { GatewayVersion, ResourceCall } from '../../src/core/protocol/control-plane.ts';
import type { ExplainRequest, Explanation } from '../../src/core/protocol/explanation.ts';
import { apiBase } from './api-base.ts';

const condition = (type: string, status: string, reason: string, message: string, observedGeneration = 2) => ({
  type,
  status,
  reason,
  message,
  observedGeneration,
});
const ACCEPTED = condition('Accepted', 'True', 'Accepted', 'the route is in force');

function route(name: string, spec: JsonObject, ...parents: JsonObject[][]): JsonObject {
  return {
    metadata: { namespace: 'default', name, generation: 2 },
    spec: { parentRefs: [{ name: 'default' }], hostnames: ['shop.localhost'], ...spec },
    status: {
      parents: parents.map((conditions) => ({ controllerName: 'orasi.io/gateway-controller', conditions })),
    },
  };
}

const ASKED = { scheme: 'http', host: 'shop.localhost', version: 9, served: new Set(['default/served']), pinned: null };
const why = (given: JsonObject, asked = {}) =>
  whyNotInForce(given, { ...ASKED, ...asked }).map(({ reason, message }) => `${reason}: ${message}`);

test('a route that names the host is told with the condition by which it is not in force', () => {
  const refused = condition('Accepted', 'False', 'NoMatchingParent', 'there is no Gateway default/edge');
  expect(why(route('a', {}, [refused], [refused]))).toEqual(['NoMatchingParent: there is no Gateway default/edge']);
  expect(why(route('a', { hostnames: ['*.localhost'] }, [refused]))).toHaveLength(1);
  expect(why(route('a', { hostnames: ['other.localhost'] }, [refused]))).toEqual([]);
  expect(why(route('a', { parentRefs: [] }))).toEqual([expect.stringMatching(/^NoParents: /)]);
  const waits = condition('Programmed', 'False', 'RolledBack', 'version 7 is held to');
  expect(why(route('a', {}, [ACCEPTED, waits]))).toEqual(['RolledBack: version 7 is held to']);
  expect(why(route('a', {}, [refused, waits]))).toEqual(['NoMatchingParent: there is no Gateway default/edge']);
  const conflict = condition('HostnameConflict', 'True', 'HostnameConflict', 'shop.localhost belongs to another');
  expect(why(route('a', {}, [ACCEPTED, conflict]))).toEqual(['HostnameConflict: shop.localhost belongs to another']);
});

test('what nothing is said of yet is pending, also a change of a route that is in force', () => {
  expect(why(route('served', {}))).toEqual([expect.stringMatching(/^Pending: /)]);
  const earlier = { ...ACCEPTED, observedGeneration: 1 };
  expect(why(route('served', {}, [earlier]))).toEqual([expect.stringMatching(/^Pending: /)]);
  const fallback = condition('PartiallyInvalid', 'True', 'UnsupportedValue', 'Fall Back to generation 1');
  expect(why(route('served', {}, [earlier, fallback]))).toEqual(['UnsupportedValue: Fall Back to generation 1']);
});

test('a route that is accepted and not served waits for what is held to, or has no listener of the scheme', () => {
  expect(why(route('served', {}, [ACCEPTED]))).toEqual([]);
  expect(why(route('a', {}, [ACCEPTED]), { served: null })).toEqual([]);
  expect(why(route('a', {}, [ACCEPTED]))[0]).toContain(
    'version 9 has no rule of it for http://shop.localhost: no listener',
  );
  expect(why(route('a', {}, [ACCEPTED]), { pinned: 7 })[0]).toMatch(/http:\/\/shop.localhost: it waits$/);
});

function surface(match: Explanation['match'], versions: GatewayVersion[], pinned: number | null) {
  const subject: Subject = { kind: 'api-key', name: 'k', role: 'reader', namespace: 'acme', namespaceUid: 'uid' };
  const base = apiBase({ authenticate: async () => subject, namespaceUid: async () => 'uid' });
  const asked: ExplainRequest[] = [];
  const calls: ResourceCall[] = [];
  const request = { scheme: 'http', host: 'shop.localhost' };
  const app = createApp(base, (mounted) =>
    mountExplain(mounted, base, {
      explain: async (given) => {
        asked.push(given);
        return { match, rules: [], omitted: 0, request, version: 9 } as unknown as Explanation;
      },
      control: {
        gatewayVersions: async () => ({ versions, pinned }),
        call: async (call) => {
          calls.push(call);
          const items = [route(`of-page-${calls.length}`, { parentRefs: [] })];
          const metadata = calls.length < 3 ? { continue: `page ${calls.length + 1}` } : {};
          return { status: 200, body: JSON.stringify({ metadata, items }), warnings: [] };
        },
      },
    }),
  );
  return {
    asked,
    calls,
    async explain(body: object, headers: Record<string, string> = {}) {
      const url = 'http://localhost/v1/namespaces/acme/gateway/explain';
      const init = { 'content-type': 'application/json', host: 'localhost', authorization: 'Bearer key', ...headers };
      // Hono has no context of an execution outside of a Worker.
      const context = { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} };
      const answer = await app.request(
        url,
        { method: 'POST', headers: init, body: JSON.stringify(body) },
        {},
        context as never,
      );
      return (await answer.json()) as { notInForce: { route: string }[]; routesOmitted: boolean; pinned: object };
    },
  };
}

const URL_ASKED = { url: 'http://shop.localhost/' };
const version = (number: number, rollbackOf: number | null) => ({
  version: number,
  publishedAtMs: number * 1_000,
  rollbackOf,
});

test('a request comes from where the caller asks from, unless another address is named', async () => {
  const { asked, explain } = surface({} as Explanation['match'], [], null);
  await explain(URL_ASKED, { 'cf-connecting-ip': '192.0.2.7', 'x-forwarded-for': '198.51.100.1' });
  await explain(URL_ASKED);
  await explain({ ...URL_ASKED, clientIp: '203.0.113.9' }, { 'cf-connecting-ip': '192.0.2.7' });
  expect(asked.map(({ clientIp }) => clientIp)).toEqual(['192.0.2.7', '127.0.0.1', '203.0.113.9']);
});

test('a header that no request could have is refused', async () => {
  const { asked, explain } = surface({} as Explanation['match'], [], null);
  const refused = await explain({ ...URL_ASKED, headers: { x: 'a\r\nb' } });
  expect(refused).toMatchObject({ code: 'bad_request', errors: [{ path: 'headers.x' }] });
  await explain({ ...URL_ASKED, headers: { x: 'a\tb' } });
  expect(asked).toHaveLength(1);
});

test("the namespace's own routes are looked through where none matched, and only there", async () => {
  const unmatched = surface(null, [], null);
  const told = await unmatched.explain(URL_ASKED);
  expect(told.notInForce.map(({ route: name }) => name)).toEqual([
    'default/of-page-1',
    'default/of-page-2',
    'default/of-page-3',
  ]);
  expect(told.routesOmitted).toBe(false);
  expect(unmatched.calls.map(({ namespace, query }) => [namespace, query['continue']])).toEqual([
    ['acme', undefined],
    ['acme', 'page 2'],
    ['acme', 'page 3'],
  ]);
  const matched = surface({} as Explanation['match'], [], null);
  expect((await matched.explain(URL_ASKED)).notInForce).toEqual([]);
  expect(matched.calls).toEqual([]);
});

test('a version that is held to is told, with since when', async () => {
  const pinnedOf = async (versions: GatewayVersion[], pinned: number | null) =>
    (await surface({} as Explanation['match'], versions, pinned).explain(URL_ASKED)).pinned;
  expect(await pinnedOf([version(9, 7), version(8, null)], 7)).toEqual({
    version: 7,
    since: new Date(9_000).toISOString(),
  });
  expect(await pinnedOf([version(10, 7), version(9, 7), version(8, null)], 7)).toMatchObject({
    since: new Date(9_000).toISOString(),
  });
  expect(await pinnedOf([version(8, null)], 7)).toEqual({ version: 7, since: null });
  expect(await pinnedOf([version(9, 7), version(8, null)], null)).toBeNull();
});
