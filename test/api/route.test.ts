import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { authorize, type Subject } from '../../src/access/authorize.ts';
import { createApp } from '../../src/api/app.ts';
import type { ApiBase } from '../../src/api/ports.ts';
import { defineRoute } from '../../src/api/route.ts';
import { readConfig } from '../../src/config.ts';
import { manualClock } from '../../src/core/clock.ts';
import { OrasiError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { createLogs, parseLogLevels } from '../../src/observe/log.ts';

const reader: Subject = { kind: 'api-key', name: 'r', role: 'reader', namespace: 'default', namespaceUid: 'u' };

function testApp() {
  const clock = manualClock(0);
  const lines: string[] = [];
  const base: ApiBase = {
    authorize,
    config: readConfig({}),
    clock,
    random: seededRandom(1),
    logs: createLogs(parseLogLevels('debug'), (_level, line) => lines.push(line), clock),
    reporter: () => ({ report: () => {} }),
    authenticate: async (token) => (token === 'good' ? reader : null),
    namespaceUid: async () => 'u',
    health: async () => [{ name: 'catalogue', healthy: true, reason: 'answers' }],
  };
  const app = createApp(base, (routes) => {
    defineRoute(
      routes,
      base,
      {
        method: 'post',
        path: '/v1/namespaces/{ns}/things/{name+}',
        access: { verb: 'create', resource: 'queries' },
        tag: 'test',
        summary: 'A thing.',
        query: z.object({ wait: z.coerce.number().int().max(300).default(0) }),
        body: z.object({
          spec: z.object({ size: z.number(), notes: z.record(z.string(), z.string()).optional() }),
        }),
        responses: { 200: { description: 'Done.' } },
      },
      async ({ params, query, body }) => {
        if (body.spec.size === 13) throw new Error('a secret of the inside');
        if (body.spec.size === 14) throw new OrasiError('unavailable', 'busy', { retryAfterSeconds: 7 });
        return Response.json({ params, query, body });
      },
    );
    defineRoute(
      routes,
      base,
      {
        method: 'get',
        path: '/v1/namespaces/{ns}/owner',
        access: { verb: 'create', resource: 'queries' },
        tag: 'test',
        summary: 'Whose a socket would be.',
        responses: { 200: { description: 'Done.' } },
      },
      async ({ raw }) => Response.json(raw.headers.get('x-orasi-subject')),
    );
  });
  const call = (path: string, init: RequestInit & { token?: string } = {}) =>
    app.request(`http://localhost${path}`, {
      ...init,
      headers: { host: 'localhost', ...(init.token ? { authorization: `Bearer ${init.token}` } : {}), ...init.headers },
    });
  return { call, lines };
}

const THING = '/v1/namespaces/default/things/a/b%20c';
const post = (body: unknown, token = 'good') => ({ method: 'POST', body: JSON.stringify(body), token });

describe('the management surface', () => {
  test('a valid request reaches its handler with decoded parameters and defaults', async () => {
    const response = await testApp().call(THING, post({ spec: { size: 1 } }));
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      params: { ns: 'default', name: 'a/b c' },
      query: { wait: 0 },
      body: { spec: { size: 1 } },
    });
  });

  test('an upgrade says whose it is, whatever its client says', async () => {
    const { call } = testApp();
    for (const upgrade of ['websocket', 'WebSocket']) {
      for (const method of ['GET', 'HEAD']) {
        const headers = { upgrade, 'x-orasi-subject': 'key:another' };
        const answer = await call('/v1/namespaces/default/owner', { method, headers, token: 'good' });
        expect(answer.status).toBe(200);
        if (method === 'GET') expect(await answer.json()).toBe('r');
      }
    }
  });

  test('a body arrives though its request would be upgraded', async () => {
    for (const upgrade of ['h2c', 'websocket']) {
      const response = await testApp().call(THING, { ...post({ spec: { size: 1 } }), headers: { upgrade } });
      expect([upgrade, response.status]).toEqual([upgrade, 200]);
    }
  });

  test('without a valid token everything but the open paths is closed, known to the router or not', async () => {
    const { call } = testApp();
    for (const path of [THING, '/nothing/here', '/v1']) {
      for (const token of ['', 'bad']) {
        const response = await call(path, { method: 'POST', token });
        expect([path, response.status]).toEqual([path, 401]);
        expect(response.headers.get('www-authenticate')).toBe('Bearer');
      }
    }
    expect((await call('/livez')).status).toBe(200);
    expect((await call('/livez', { method: 'POST' })).status).toBe(401);
    expect((await call('/livez', { method: 'HEAD' })).status).toBe(200);
  });

  test('a key of another namespace, or a role that may not, is refused with 403', async () => {
    const { call } = testApp();
    const response = await call('/v1/namespaces/other/things/a', post({ spec: { size: 1 } }));
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ code: 'forbidden' });
  });

  test('bad input names the path of the field and what was expected', async () => {
    const { call } = testApp();
    const wrong = await call(THING, post({ spec: { size: 'large' } }));
    expect(wrong.status).toBe(400);
    expect(wrong.headers.get('content-type')).toBe('application/problem+json');
    expect(await wrong.json()).toMatchObject({
      status: 400,
      code: 'bad_request',
      errors: [{ path: 'spec.size', message: expect.stringContaining('expected number') }],
    });
    const notJson = await call(THING, { method: 'POST', body: '{', token: 'good' });
    expect(await notJson.json()).toMatchObject({ errors: [{ path: '(body)' }] });
    const late = await call(`${THING}?wait=301`, post({ spec: { size: 1 } }));
    expect(await late.json()).toMatchObject({ errors: [{ path: 'query.wait' }] });
  });

  test('a request that is wrong in more places than anybody reads is answered with the first of them', async () => {
    const { call } = testApp();
    const faultsOf = async (things: number) => {
      const entries = Array.from({ length: things }, (_, i) => `"k${i}":1`);
      const body = `{"spec":{"size":1,"notes":{${entries.join(',')}}}}`;
      const response = await call(THING, { method: 'POST', body, token: 'good' });
      return { status: response.status, answer: (await response.json()) as { detail: string; errors?: object[] } };
    };
    const some = await faultsOf(1_000);
    expect(some.status).toBe(400);
    expect(some.answer.errors).toHaveLength(100);
    expect(some.answer.errors?.[0]).toEqual({ path: 'spec.notes.k0', message: expect.stringMatching(/string/) });
    // So many that the validation itself gives up.
    expect((await faultsOf(75_000)).status).toBe(400);
  });

  test('a path that is not UTF-8 is refused, and a JSON body is bounded', async () => {
    const { call } = testApp();
    for (const name of ['%ff', '%', 'a%zz']) {
      const response = await call(`/v1/namespaces/default/things/${name}`, post({ spec: { size: 1 } }));
      expect([name, response.status]).toEqual([name, 400]);
      expect(await response.json()).toMatchObject({ errors: [{ path: '(path)' }] });
    }
    const large = await call(THING, { method: 'POST', body: `"${'x'.repeat(1_000_001)}"`, token: 'good' });
    expect(large.status).toBe(413);
  });

  test('a defect answers 500 without its text, which is logged with the request id', async () => {
    const { call, lines } = testApp();
    const response = await call(THING, { ...post({ spec: { size: 13 } }), headers: { 'x-request-id': 'req-1' } });
    expect(response.status).toBe(500);
    expect(response.headers.get('x-request-id')).toBe('req-1');
    expect(await response.text()).not.toContain('secret');
    const logged = lines.map((line) => JSON.parse(line)).find((line) => line.level === 'error');
    expect(logged).toMatchObject({ requestId: 'req-1', error: { message: 'a secret of the inside' } });
  });

  test('503 says when to come back', async () => {
    const response = await testApp().call(THING, post({ spec: { size: 14 } }));
    expect([response.status, response.headers.get('retry-after')]).toEqual([503, '7']);
  });

  test('a method a path does not have is 405, an unknown path 404', async () => {
    const { call } = testApp();
    expect((await call(THING, { method: 'DELETE', token: 'good' })).status).toBe(405);
    expect((await call('/v1/unknown', { token: 'good' })).status).toBe(404);
  });

  test('a host that is not the management surface reaches nothing of it', async () => {
    const response = await testApp().call('/livez', { headers: { host: 'shop.localhost:8787' } });
    expect(response.status).toBe(404);
  });

  test('the caller trace is passed on', async () => {
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const response = await testApp().call('/livez', { headers: { traceparent } });
    expect(response.headers.get('traceparent')).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-/);
  });
});
