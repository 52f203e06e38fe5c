import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';

const CLUSTER = '/v1/namespaces/default/clusters/kv-test';

let instance: Instance;
beforeAll(async () => {
  instance = await launch();
});
afterAll(async () => {
  await instance.stop();
  await rm(instance.stateDir, { recursive: true, force: true });
});

async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await instance.fetch(`${CLUSTER}${path}`, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text || '{}') };
}
const etcd = (path: string, body: unknown) => send('POST', `/v3/${path}`, body);
const base64 = (text: string) => Buffer.from(text).toString('base64');

/** Reads a stream line by line. */
async function lines(path: string, body?: unknown) {
  const abort = new AbortController();
  const response = await instance.fetch(`${CLUSTER}${path}`, {
    signal: abort.signal,
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    status: response.status,
    abort: () => abort.abort(),
    /** The next line; null at the end, or where the stream broke. */
    async next(): Promise<string | null> {
      while (!text.includes('\n')) {
        const read = await reader.read().catch(() => ({ done: true, value: undefined }));
        if (read.done) return null;
        text += read.value;
      }
      const at = text.indexOf('\n');
      const line = text.slice(0, at);
      text = text.slice(at + 1);
      return line;
    },
  };
}
const resultOf = (line: string | null) => (line === null ? null : JSON.parse(line).result);

test('an etcd client registers under a lease, watches, and is answered as by etcd', async () => {
  const granted = await etcd('lease/grant', { TTL: 60, ID: '465174765478377989' });
  expect(granted.json).toMatchObject({ ID: '465174765478377989', TTL: '60', header: { revision: '1' } });
  const put = await etcd('kv/put', { key: base64('/svc/1'), value: base64('here'), lease: '465174765478377989' });
  expect(put.json.header).toMatchObject({ revision: '2', cluster_id: granted.json.header.cluster_id });
  const watch = await lines('/v3/watch', {
    create_request: { key: base64('/svc/'), range_end: base64('/svc0'), start_revision: '2', prev_kv: true },
  });
  expect(resultOf(await watch.next())).toMatchObject({ created: true, header: { revision: '2' } });
  expect(resultOf(await watch.next()).events).toEqual([
    {
      kv: {
        key: base64('/svc/1'),
        create_revision: '2',
        mod_revision: '2',
        version: '1',
        value: base64('here'),
        lease: '465174765478377989',
      },
    },
  ]);
  expect((await etcd('lease/keepalive', { ID: '465174765478377989' })).json.result.TTL).toBe('60');
  expect((await etcd('kv/lease/revoke', { ID: '465174765478377989' })).status).toBe(200);
  expect(resultOf(await watch.next()).events).toMatchObject([
    { type: 'DELETE', kv: { mod_revision: '3' }, prev_kv: { value: base64('here') } },
  ]);
  watch.abort();
  const bare = await send('POST', '/v3/kv/range', { key: 'AA==', range_end: 'AA==' }, { authorization: 'nobody' });
  expect([bare.status, bare.json]).toEqual([
    401,
    { error: 'etcdserver: invalid auth token', message: 'etcdserver: invalid auth token', code: 16 },
  ]);
});

test('a lease that nobody keeps alive ends by itself, and its watchers see it', async () => {
  const watch = await lines('/watch/kv?prefix=held/');
  expect(await watch.next()).toBe(': watching');
  const { json } = await send('POST', '/leases', { ttlSeconds: 2 });
  await send('PUT', '/kv/held/a', { value: '1', leaseId: json.leaseId });
  const startedMs = Date.now();
  const told: string[] = [];
  while (told.length < 2) {
    const line = await watch.next();
    if (line?.startsWith('data: ')) told.push(JSON.parse(line.slice(6)).changes[0].type);
  }
  expect(told).toEqual(['put', 'delete']);
  expect(Date.now() - startedMs).toBeGreaterThan(1500);
  watch.abort();
});

test('a write is held to the revision that was read', async () => {
  const made = await send('PUT', '/kv/config/a', { value: '1' }, { 'if-none-match': '*' });
  expect([made.status, made.json.version]).toEqual([200, 1]);
  const etag = made.headers.get('etag') ?? '';
  expect((await send('PUT', '/kv/config/a', { value: '2' }, { 'if-none-match': '*' })).status).toBe(412);
  const second = await send('PUT', '/kv/config/a', { value: '2' }, { 'if-match': etag });
  expect(second.json).toMatchObject({ key: 'config/a', value: '2', version: 2 });
  const stale = await send('DELETE', '/kv/config/a', undefined, { 'if-match': etag });
  expect(stale.json).toMatchObject({ status: 412, code: 'precondition_failed' });
  const fenced = await send('PUT', '/kv/config/a', { value: '3' }, { 'if-epoch': '123456789' });
  expect(fenced.json).toMatchObject({ status: 412, code: 'precondition_failed' });
  expect((await send('GET', '/kv/config/a')).json.value).toBe('2');
  const old = await send('GET', `/kv/config/a?revision=${made.json.revision}`);
  expect(old.json.value).toBe('1');
  const txn = {
    compare: [{ key: 'config/a', target: 'revision', value: second.json.revision }],
    success: [{ put: { key: 'config/b', value: 'x' } }, { list: { prefix: 'config/' } }],
  };
  expect((await send('POST', '/kv/txn', txn)).json).toMatchObject({
    succeeded: true,
    results: [{}, { items: [{}, {}] }],
  });
  const page = await send('GET', '/kv?prefix=config/&limit=1');
  expect(page.json).toMatchObject({ items: [{ key: 'config/a' }], count: 2 });
  const rest = await send('GET', `/kv?prefix=config/&limit=1&cursor=${page.json.nextCursor}`);
  expect(rest.json).toMatchObject({ items: [{ key: 'config/b' }], revision: page.json.revision });
  expect(rest.json.nextCursor).toBeUndefined();
});

test('a watch that is resumed by revision has every revision once, across kills of the runtime', async () => {
  const began = (await send('GET', '/kv')).json.revision as number;
  const seen: number[] = [];
  const writes = 60;
  let acknowledged = 0;
  for (let round = 0; round < 3; round++) {
    const watch = await lines('/v3/watch', {
      create_request: { key: base64('w'), start_revision: String((seen.at(-1) ?? began) + 1) },
    });
    const reading = (async () => {
      for (;;) {
        const line = await watch.next();
        if (line === null) return;
        for (const event of resultOf(line).events ?? []) seen.push(Number(event.kv.mod_revision));
      }
    })();
    for (let write = 0; write < writes / 3; write++) {
      const answer = await etcd('kv/put', { key: base64('w'), value: base64(`${round}/${write}`) });
      acknowledged = Number(answer.json.header.revision);
    }
    // The last round is read to its end; the others are cut off wherever they are.
    if (round === 2) {
      const deadlineMs = Date.now() + 10_000;
      while ((seen.at(-1) ?? 0) < acknowledged && Date.now() < deadlineMs)
        await new Promise((go) => setTimeout(go, 20));
      watch.abort();
    } else {
      const { stateDir } = instance;
      await instance.kill9();
      instance = await launch({ stateDir });
    }
    await reading;
  }
  expect(acknowledged).toBe(began + writes);
  expect(seen).toEqual(Array.from({ length: writes }, (_, at) => began + 1 + at));
  expect((await send('POST', '/kv/verify')).json.problems).toEqual([]);
});

test('a reader that comes after a compaction is told where history begins', async () => {
  const { json } = await send('GET', '/kv');
  const revision = json.revision as number;
  expect((await send('POST', '/kv/compact', { revision })).status).toBe(200);
  const again = await etcd('kv/compaction', { revision: String(revision) });
  expect([again.status, again.json.code]).toEqual([400, 11]);
  const gone = await send('GET', `/watch/kv?revision=${revision - 1}`);
  expect(gone.json).toMatchObject({ status: 410, code: 'gone', compactedRevision: revision });
  const watch = await lines('/v3/watch', {
    create_request: { key: base64('w'), start_revision: String(revision - 1) },
  });
  expect(resultOf(await watch.next()).created).toBe(true);
  expect(resultOf(await watch.next())).toMatchObject({ canceled: true, compact_revision: String(revision) });
  expect(await watch.next()).toBe(null);
});
