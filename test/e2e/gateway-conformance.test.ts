import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { type Instance, launch } from '../../scripts/launcher.ts';
import {
  BACKENDS,
  type BackendName,
  type CaseExpectation,
  type CaseRequest,
  type CaseResource,
  type CaseShares,
} from '../gateway/conformance/case.ts';
import { CASES } from '../gateway/conformance/cases.ts';
import { applyAll, createNamespace, upstreamOf } from './gateway-resources.ts';
import { type Backend, backendServer, send } from './gateway-world.ts';

let instance: Instance;
const backends = new Map<BackendName, Backend>();
/** How often the backends have failed a request that asks to be failed, by its id. */
const failures = new Map<string, number>();

beforeAll(async () => {
  instance = await launch({ vars: { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8' } });
  for (const name of BACKENDS) backends.set(name, await echoBackend(name));
  await createNamespace(instance, 'web');
  const addresses = [...backends].map(([name, { address }]) => upstreamOf(name, [address]));
  await applyAll(instance, 'default', addresses);
  await applyAll(instance, 'web', [upstreamOf('v1', [addressOf('v1')])]);
  await Promise.all(
    CASES.map(async ({ resources, apart = false }) => {
      for (const [i, resource] of resources.entries()) {
        // Ages are told in seconds.
        if (apart && i > 0) await delay(1_000);
        await apply(resource);
      }
    }),
  );
  await taken();
}, 120_000);

afterAll(async () => {
  await instance?.stop();
  await Promise.all([...backends.values()].map((backend) => backend.stop()));
});

/** Answers with what reached it and who it is; fails, waits and sets headers where the request asks for it. */
async function echoBackend(name: BackendName): Promise<Backend> {
  const backend = await backendServer((request, response) => {
    const query = new URL(request.url ?? '/', 'http://x').searchParams;
    const [id, fail] = [query.get('id') ?? '', Number(query.get('fail') ?? 0)];
    const failed = failures.get(id) ?? 0;
    if (failed < fail) {
      failures.set(id, failed + 1);
      response.writeHead(503).end();
      return;
    }
    setTimeout(() => answer(name, request, response), Number(query.get('delay') ?? 0));
  });
  return backend;
}

function answer(name: BackendName, request: IncomingMessage, response: ServerResponse): void {
  for (const pair of String(request.headers['x-echo-set-header'] ?? '').split(',')) {
    const [header, value] = pair.split(':');
    if (value !== undefined) response.setHeader(header.trim(), value.trim());
  }
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ backend: name, path: request.url, headers: request.headers }));
}

function addressOf(name: BackendName): string {
  const backend = backends.get(name);
  if (backend === undefined) throw new Error(`${name} is not running`);
  return backend.address;
}

async function apply(resource: CaseResource): Promise<void> {
  await applyAll(instance, resource.metadata.namespace ?? 'default', [
    resource as unknown as Parameters<typeof applyAll>[2][0],
  ]);
}

/** Waits until the gateway answers by the route that was applied last: a version is taken up whole. */
async function taken(): Promise<void> {
  const host = CASES.at(-1)?.host ?? '';
  await vi.waitFor(async () => expect((await ask(host, { path: '/' })).status).toBe(200), {
    timeout: 20_000,
    interval: 100,
  });
}

async function ask(host: string, request: CaseRequest) {
  const { method = 'GET', headers = {} } = request;
  return await send(instance, request.host ?? host, request.path, { method, headers });
}

function plain(value: unknown): string | null {
  return value === undefined ? null : String(value).replaceAll(/\s/g, '');
}

async function check(host: string, request: CaseRequest, expected: CaseExpectation): Promise<void> {
  const before = new Map([...backends].map(([name, { received }]) => [name, received.length]));
  const answer = await ask(host, request);
  const { status = 200, backend, received, headers = {}, location, mirroredTo = [] } = expected;
  expect(typeof status === 'number' ? [status] : status, answer.body.toString()).toContain(answer.status);
  if (backend !== undefined) {
    const seen = answer.json<{ backend: string; path: string; headers: Record<string, string> }>();
    expect(seen.backend).toBe(backend);
    if (received?.path !== undefined) expect(seen.path).toBe(received.path);
    for (const [name, value] of Object.entries(received?.headers ?? {})) {
      expect(plain(seen.headers[name]), name).toBe(value === null ? null : plain(value));
    }
  }
  for (const [name, value] of Object.entries(headers)) {
    const present = plain(answer.headers[name]);
    if (value === null) expect(present, name).toBeNull();
    else expect((typeof value === 'string' ? [value] : value).map(plain), name).toContain(present);
  }
  if (location !== undefined) {
    const { protocol, hostname, port, pathname, search } = new URL(answer.headers.location ?? '');
    const there = { scheme: protocol.slice(0, -1), host: hostname, port, path: pathname + search };
    expect(there).toMatchObject(location);
  }
  for (const name of mirroredTo) {
    await expect.poll(() => backends.get(name)?.received.slice(before.get(name)).length).toBe(1);
  }
}

async function checkShares(host: string, { request, count, answered, mirrored, tolerance }: CaseShares): Promise<void> {
  const before = new Map([...backends].map(([name, { received }]) => [name, received.length]));
  const counts = new Map<string, number>();
  for (let sent = 0; sent < count; sent += 20) {
    const answers = await Promise.all(Array.from({ length: Math.min(20, count - sent) }, () => ask(host, request)));
    for (const one of answers) {
      const who = one.status === 200 ? one.json<{ backend: string }>().backend : String(one.status);
      counts.set(who, (counts.get(who) ?? 0) + 1);
    }
  }
  for (const [who, share] of Object.entries(answered ?? {})) {
    expect(Math.abs((counts.get(who) ?? 0) / count - share), `${who}: ${counts.get(who)}`).toBeLessThanOrEqual(
      tolerance,
    );
  }
  if (mirrored === undefined) return;
  // Copies arrive after their answers.
  await expect
    .poll(() =>
      Object.entries(mirrored).every(([name, share]) => {
        const backend = backends.get(name as BackendName);
        const copies = (backend?.received.length ?? 0) - (before.get(name as BackendName) ?? 0);
        return Math.abs(copies / count - share) <= tolerance;
      }),
    )
    .toBe(true);
}

for (const { name, host, requests = [], shares = [], conditions = [], attached = {}, special } of CASES) {
  describe(`conformance: ${name}`, () => {
    if (requests.length + shares.length > 0) {
      it('answers as the standard says', async () => {
        // Copies are told from others' by their number, so nobody else asks meanwhile.
        const [alone, together] = [
          requests.filter(([, { mirroredTo }]) => mirroredTo),
          requests.filter(([, { mirroredTo }]) => !mirroredTo),
        ];
        // What was applied last may be a publication away.
        const soon = { timeout: 5_000, interval: 100 };
        await Promise.all(together.map((one) => vi.waitFor(() => checkNamed(host, ...one), soon)));
        for (const one of alone) await checkNamed(host, ...one);
        for (const share of shares) await checkShares(host, share);
      });
    }

    if (conditions.length + Object.keys(attached).length > 0) {
      it('shows the conditions that the standard says', async () => {
        for (const { route, parent = 0, ...wanted } of conditions) {
          const [namespace, routeName] = route.split('/');
          const { metadata, status } = await read(`namespaces/${namespace}/httproutes/${routeName}`);
          const { conditions: present } = status.parents[parent];
          const expected = { ...wanted, observedGeneration: metadata.generation };
          expect(present, route).toContainEqual(expect.objectContaining(expected));
        }
        for (const [path, attachedRoutes] of Object.entries(attached)) {
          const [namespace, gateway, listener] = path.split('/');
          const { status } = await read(`namespaces/${namespace}/gateways/${gateway}`);
          expect(status.listeners).toContainEqual(expect.objectContaining({ name: listener, attachedRoutes }));
        }
      });
    }

    if (special === 'webSocket') it('carries a WebSocket', () => carriesWebSocket(host));
  });
}

async function checkNamed(host: string, request: CaseRequest, expected: CaseExpectation): Promise<void> {
  try {
    await check(host, request, expected);
  } catch (error) {
    const { method = 'GET', path, headers = {} } = request;
    throw new Error(`${method} ${request.host ?? host} ${path} ${JSON.stringify(headers)}`, { cause: error });
  }
}

async function carriesWebSocket(host: string): Promise<void> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
  server.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo of ${data}`)));
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  await applyAll(instance, 'default', [upstreamOf('v1', [`http://127.0.0.1:${port}`])]);
  try {
    await expect.poll(() => chatted(host), { timeout: 10_000 }).toBe('echo of hello');
  } finally {
    await applyAll(instance, 'default', [upstreamOf('v1', [addressOf('v1')])]);
    for (const socket of server.clients) socket.terminate();
    server.close();
  }
}

/** What comes back over a WebSocket, or why none was opened. */
async function chatted(host: string): Promise<string> {
  const socket = new WebSocket(instance.url.replace('http', 'ws'), { headers: { host } });
  const said = new Promise<string>((resolve) => {
    socket.on('open', () => socket.send('hello'));
    socket.on('message', (data) => resolve(String(data)));
    socket.on('error', (error) => resolve(error.message));
  });
  const text = await said;
  socket.close();
  return text;
}

interface Read {
  readonly metadata: { readonly generation: number };
  readonly status: {
    readonly parents: readonly { readonly conditions: readonly object[] }[];
    readonly listeners: readonly object[];
  };
}

async function read(path: string): Promise<Read> {
  const answer = await instance.fetch(`/apis/gateway.networking.k8s.io/v1/${path}`);
  return (await answer.json()) as Read;
}

describe('a route that changes', () => {
  it('says of every condition which generation it is about', async () => {
    const path = 'namespaces/default/httproutes/simple';
    const before = await read(path);
    await instance.fetch(`/apis/gateway.networking.k8s.io/v1/${path}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ spec: { hostnames: ['changed.conformance.test'] } }),
    });
    await expect
      .poll(
        async () => {
          const { metadata, status } = await read(path);
          const observed = status.parents[0].conditions.map(
            (one) => (one as { observedGeneration: number }).observedGeneration,
          );
          return (
            metadata.generation === before.metadata.generation + 1 &&
            observed.every((each) => each === metadata.generation)
          );
        },
        { timeout: 10_000 },
      )
      .toBe(true);
    await expect
      .poll(() => ask('changed.conformance.test', { path: '/' }).then(({ status }) => status), { timeout: 10_000 })
      .toBe(200);
    expect((await ask('simple.conformance.test', { path: '/' })).status).toBe(404);
  });
});
