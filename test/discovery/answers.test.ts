import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import type { Listing } from '../../src/discovery/backend.ts';
import { nextIndex } from '../../src/discovery/consul/blocking.ts';
import { ConsulBackend } from '../../src/discovery/consul/consul.ts';
import { EtcdBackend } from '../../src/discovery/etcd/etcd.ts';
import { type Fetch, systemFetch } from '../../src/discovery/http.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { anInstance } from './suite.ts';

/** Answers that no registry at hand gives: those of newer versions, and of what stands between. */
function answering(...answers: ((url: string) => Response)[]): { fetch: Fetch; asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    fetch: async (url) => {
      asked.push(url);
      const answer = answers.shift();
      if (answer === undefined) throw new Error('nobody answers');
      return answer(url);
    },
  };
}

const { signal } = new AbortController();
const grant = { token: 'pass', ttlSeconds: 30 };
const consulOver = (fetch: Fetch) =>
  new ConsulBackend({ address: 'http://consul', timing: systemTiming, random: seededRandom(1), fetch });
const etcdOver = (fetch: Fetch) => new EtcdBackend({ endpoints: ['http://etcd'], timing: systemTiming, fetch });
const codeOf = async (call: Promise<unknown>) => {
  const error = await call.catch((thrown: unknown) => thrown);
  return error instanceof OrasiError ? error.code : error;
};

test.each([
  [0, '17', 17],
  [17, '17', 17],
  [17, '18', 18],
  // Backwards: list again.
  [17, '16', undefined],
  // Zero would not block, and neither would nonsense.
  [0, '0', 1],
  [0, 'x', 1],
  [1, '-5', 1],
  [17, '0', undefined],
])('after index %i and an answer of %s comes %s', (previous, told, expected) => {
  expect(nextIndex(previous, new Headers({ 'x-consul-index': told }))).toBe(expected);
});

test('a follower of a Consul whose index goes backwards is told to list again, and not what that answer says', async () => {
  const at = (index: number) => () => Response.json([], { headers: { 'x-consul-index': String(index) } });
  const { fetch, asked } = answering(at(18), at(3));
  const listings: Listing[] = [];
  for await (const listing of consulOver(fetch).follow('api', { instances: [], cursor: '17' }, signal)) {
    listings.push(listing);
  }
  expect(listings.map(({ cursor }) => cursor)).toEqual(['18']);
  expect(asked.map((url) => new URL(url).searchParams.get('index'))).toEqual(['17', '18']);
});

test('newer Consuls say 404 of an unknown check, and say where they left out what may not be seen', async () => {
  const { fetch } = answering(
    () => new Response('Unknown check ID "service:api:a"', { status: 404 }),
    () => Response.json([], { headers: { 'x-consul-results-filtered-by-acls': 'true', 'x-consul-index': '5' } }),
  );
  const backend = consulOver(fetch);
  expect(await backend.renew(anInstance('api', 'a'), grant, signal)).toBe('unknown');
  expect(await codeOf(backend.list('api', signal))).toBe('forbidden');
});

test('a Consul without a leader is asked once more, and then out of reach', async () => {
  const leaderless = () => new Response('No cluster leader', { status: 500 });
  const { fetch, asked } = answering(leaderless, leaderless);
  expect(await codeOf(consulOver(fetch).list('api', signal))).toBe('unavailable');
  expect(asked).toHaveLength(2);
});

test('an answer that is not the registry’s is an outage, not a defect', async () => {
  const portal = () => new Response('<html>Log in</html>');
  expect(await codeOf(consulOver(answering(portal, portal).fetch).list('api', signal))).toBe('unavailable');
  expect(await codeOf(etcdOver(answering(portal, portal).fetch).list('api', signal))).toBe('unavailable');
  const badGateway = () => new Response('<html>502</html>', { status: 502 });
  expect(await codeOf(etcdOver(answering(badGateway, badGateway).fetch).list('api', signal))).toBe('unavailable');
});

test('a watch that etcd refuses is an error, and so is one that ends before its time', async () => {
  const from = { instances: [], cursor: '5' };
  const stream = (...results: object[]) => {
    const text = results.map((result) => `${JSON.stringify({ result })}\n`).join('');
    return () => new Response(text);
  };
  const follow = async (fetch: Fetch) => {
    for await (const listing of etcdOver(fetch).follow('api', from, signal)) expect(listing).toBeUndefined();
  };
  const refused = stream({ created: true, canceled: true, cancel_reason: 'etcdserver: permission denied' });
  expect(await codeOf(follow(answering(refused).fetch))).toBe('forbidden');
  expect(await codeOf(follow(answering(stream({ created: true })).fetch))).toBe('unavailable');
  const compacted = stream({ created: true }, { canceled: true, compact_revision: '9' });
  await follow(answering(compacted).fetch);
});

test('lines of a watch are put together however the network cuts them', async () => {
  const kv = (id: string) => ({
    key: Buffer.from(`/orasi/services/api/${id}`).toString('base64'),
    value: Buffer.from(JSON.stringify(anInstance('api', id, { text: 'käse' }))).toString('base64'),
  });
  const header = { revision: '6' };
  const text = ['a', 'b']
    .map((id) => `${JSON.stringify({ result: { header, events: [{ kv: kv(id) }] } })}\n`)
    .join('\n');
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 7, 64, bytes.length]) {
    const cut = () =>
      new Response(
        new ReadableStream<Uint8Array>({
          start(controller) {
            for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
            controller.close();
          },
        }),
      );
    const seen: string[][] = [];
    const follow = async () => {
      const from = { instances: [], cursor: '5' };
      for await (const { instances } of etcdOver(answering(cut).fetch).follow('api', from, signal)) {
        seen.push(instances.map(({ id }) => id));
      }
    };
    expect(await codeOf(follow())).toBe('unavailable');
    expect(seen).toEqual([['a'], ['a', 'b']]);
  }
});

test('an answer without an end is given up before it fills the memory', async () => {
  let sent = 0;
  const endless = () =>
    new Response(
      new ReadableStream<Uint8Array>({
        pull(controller) {
          sent += 1;
          controller.enqueue(new Uint8Array(1024 * 1024).fill(32));
          if (sent === 100) controller.close();
        },
      }),
    );
  expect(await codeOf(consulOver(answering(endless).fetch).list('api', signal))).toBe('unavailable');
  expect(sent).toBeLessThan(30);
});

test('where a registry sends its callers is not asked', async () => {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(307, { location: '/elsewhere' }).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  const consul = new ConsulBackend({
    address: `http://127.0.0.1:${port}`,
    timing: systemTiming,
    random: seededRandom(1),
    fetch: systemFetch,
  });
  expect(await codeOf(consul.list('api', signal))).toBe('bad_request');
  expect(asked).toEqual(['/v1/health/service/api?passing=1']);
  await new Promise((closed) => server.close(closed));
});
