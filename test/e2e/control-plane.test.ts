import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';

const PIPELINES = '/apis/orasi.io/v1alpha1/namespaces/default/pipelines';

let instance: Instance;
beforeAll(async () => {
  instance = await launch();
});
afterAll(async () => {
  await instance.stop();
  // After a kill the folder was given to the next instance, which therefore leaves it.
  await rm(instance.stateDir, { recursive: true, force: true });
});

interface Stored {
  metadata: { name: string; uid: string; resourceVersion: string; generation: number };
  spec: Record<string, unknown>;
  status?: { conditions: { type: string; status: string }[] };
}

async function send(method: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await instance.fetch(path, {
    method,
    headers: {
      'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json',
      ...headers,
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text || '{}') };
}

const pipeline = (name: string, spec: object = {}) => ({
  apiVersion: 'orasi.io/v1alpha1',
  kind: 'Pipeline',
  metadata: { name },
  spec: { dataset: name.replaceAll('-', '_'), ...spec },
});

/** Asks until the answer is as wanted; the alarm and the snapshots take a moment. */
async function eventually<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean, withinMs = 10_000): Promise<T> {
  const deadlineMs = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Reads a watch line by line. */
async function watch(path: string) {
  const abort = new AbortController();
  const response = await instance.fetch(path, { signal: abort.signal });
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    abort: () => abort.abort(),
    /** The next event, or null at the end. */
    async next(): Promise<{ type: string; object: Stored & { code?: number } } | null> {
      while (!text.includes('\n')) {
        const { done, value } = await reader.read();
        if (done) return null;
        text += value;
      }
      const at = text.indexOf('\n');
      const line = text.slice(0, at);
      text = text.slice(at + 1);
      return JSON.parse(line);
    },
  };
}

test('a pipeline is created, read, changed and deleted at its Kubernetes path', async () => {
  const created = await send('POST', PIPELINES, pipeline('life'));
  expect([created.status, created.json.metadata.generation]).toEqual([201, 1]);
  expect(created.headers.get('x-request-id')).toBeTruthy();
  expect((await send('POST', PIPELINES, pipeline('life'))).json).toMatchObject({ code: 409, reason: 'AlreadyExists' });
  const patched = await send('PATCH', `${PIPELINES}/life`, { spec: { versions: 'replace' } });
  expect(patched.json).toMatchObject({ spec: { versions: 'replace' }, metadata: { generation: 2 } });
  const stale = await send('PUT', `${PIPELINES}/life`, created.json);
  expect(stale.json).toMatchObject({ kind: 'Status', code: 409, reason: 'Conflict' });
  const read = await send('GET', `${PIPELINES}/life`);
  expect((await send('PUT', `${PIPELINES}/life`, { ...read.json, spec: pipeline('life').spec })).status).toBe(200);
  expect((await send('DELETE', `${PIPELINES}/life`)).json).toMatchObject({ status: 'Success' });
  expect((await send('GET', `${PIPELINES}/life`)).json).toMatchObject({ kind: 'Status', code: 404 });
});

test('the alarm reconciles: a status condition appears by itself', async () => {
  await send('POST', PIPELINES, pipeline('reconciled'));
  const { json } = await eventually(
    () => send('GET', `${PIPELINES}/reconciled`),
    ({ json: object }) => object.status?.conditions?.length > 0,
  );
  expect(json.status.conditions).toMatchObject([
    { type: 'Accepted', status: 'True', observedGeneration: 1 },
    { type: 'Conflicted', status: 'False' },
    { type: 'IndexesAccepted', status: 'True' },
  ]);
});

test('a watch streams changes as they happen, resumes where it was left, and ends at its time-out', async () => {
  const created = await send('POST', PIPELINES, pipeline('watched', {}));
  const only = 'fieldSelector=metadata.name%3Dwatched';
  const first = await watch(`${PIPELINES}?watch=true&${only}&resourceVersion=${created.json.metadata.resourceVersion}`);
  await send('PATCH', `${PIPELINES}/watched`, { spec: { sortKey: ['a'] } });
  let event = await first.next();
  while (event !== null && event.object.spec.sortKey?.toString() !== 'a') event = await first.next();
  expect(event?.type).toBe('MODIFIED');
  first.abort();
  const left = event?.object.metadata.resourceVersion;

  await send('PATCH', `${PIPELINES}/watched`, { metadata: { labels: { missed: 'yes' } } });
  await send('DELETE', `${PIPELINES}/watched`);
  const second = await watch(`${PIPELINES}?watch=1&${only}&resourceVersion=${left}&timeoutSeconds=2`);
  const rest: string[] = [];
  let last = Number(left);
  for (let next = await second.next(); next !== null; next = await second.next()) {
    rest.push(next.type);
    expect(Number(next.object.metadata.resourceVersion)).toBeGreaterThan(last);
    last = Number(next.object.metadata.resourceVersion);
  }
  expect(rest.at(-1)).toBe('DELETED');
  expect(rest.slice(0, -1).every((type) => type === 'MODIFIED')).toBe(true);
});

test('many watches at once each see every change once', async () => {
  const { json } = await send('GET', PIPELINES);
  const watches = await Promise.all(
    Array.from({ length: 20 }, () =>
      watch(`${PIPELINES}?watch=true&labelSelector=many&resourceVersion=${json.metadata.resourceVersion}`),
    ),
  );
  await Promise.all(
    Array.from({ length: 10 }, (_, i) =>
      send('POST', PIPELINES, { ...pipeline(`many-${i}`), metadata: { name: `many-${i}`, labels: { many: '' } } }),
    ),
  );
  for (const each of watches) {
    const names = new Set<string>();
    while (names.size < 10) {
      const event = await each.next();
      if (event?.type === 'ADDED') {
        expect(names.has(event.object.metadata.name)).toBe(false);
        names.add(event.object.metadata.name);
      }
    }
    each.abort();
  }
});

test('a pipeline changes how objects are taken in within 5 s of its answer', async () => {
  await send('POST', PIPELINES, pipeline('typed', { schema: [{ name: 'n', type: 'string' }] }));
  const columns = await eventually(
    async () => {
      const name = `o${Date.now()}.ndjson`;
      await instance.fetch(`/v1/namespaces/default/datasets/typed/objects/${name}?wait=30`, {
        method: 'PUT',
        body: `{"n":"${name}"}\n`,
      });
      return (await send('GET', '/v1/namespaces/default/datasets/typed')).json.columns;
    },
    (found) => found?.some((column: { name: string; type: string }) => column.name === 'n' && column.type === 'string'),
    5_000,
  );
  expect(columns).toHaveLength(1);
});

test('a namespace is a tenant: its keys open nothing else, and it takes everything along when it goes', async () => {
  const created = await send('POST', '/api/v1/namespaces', { metadata: { name: 'team' } });
  const issued = await send('POST', '/v1/namespaces/team/keys', { role: 'admin', label: 'e2e' });
  const asTeam = { authorization: `Bearer ${issued.json.token}` };
  const teamPipelines = PIPELINES.replace('default', 'team');
  expect((await send('POST', teamPipelines, pipeline('theirs'), asTeam)).status).toBe(201);
  const put = await instance.fetch('/v1/namespaces/team/datasets/d/objects/a.ndjson?wait=30', {
    method: 'PUT',
    body: '{"x":1}\n',
    headers: asTeam,
  });
  expect(await put.json()).toMatchObject({ state: 'committed' });
  const refused = await send('GET', PIPELINES, undefined, asTeam);
  expect(refused.json).toMatchObject({
    kind: 'Status',
    code: 403,
    message: expect.stringContaining(
      'cannot list resource "pipelines" in API group "orasi.io" in the namespace "default"',
    ),
  });
  expect((await send('DELETE', '/api/v1/namespaces/team')).json).toMatchObject({ status: { phase: 'Terminating' } });
  await eventually(
    () => send('GET', '/api/v1/namespaces/team'),
    ({ status }) => status === 404,
  );
  expect((await send('GET', teamPipelines)).json.items).toEqual([]);
  const { uid } = created.json.metadata;
  for (const prefix of [`segments/${uid}/`, `uploads/${uid}/`, 'inbox/team/']) {
    expect((await instance.bindings.BUCKET.list({ prefix })).objects, prefix).toEqual([]);
  }
  await eventually(
    () => send('GET', teamPipelines, undefined, asTeam),
    ({ status }) => status === 401,
  );
});

test('a secret comes back to who may read it', async () => {
  const secrets = '/api/v1/namespaces/default/secrets';
  await send('POST', secrets, { metadata: { name: 's' }, stringData: { token: 'hunter2' } });
  expect((await send('GET', `${secrets}/s`)).json.data).toEqual({ token: 'aHVudGVyMg==' });
  expect(instance.logs.join('\n')).not.toContain('hunter2');
  const reader = await send('POST', '/v1/namespaces/default/keys', { role: 'reader' });
  const asReader = { authorization: `Bearer ${reader.json.token}` };
  expect((await send('GET', `${secrets}/s`, undefined, asReader)).status).toBe(403);
  expect((await send('GET', PIPELINES, undefined, asReader)).status).toBe(200);
});

test('without a token there is a Status 401, and at a path that is not served a plain 404', async () => {
  const anonymous = await fetch(new URL(PIPELINES, instance.url));
  expect([anonymous.status, await anonymous.json()]).toEqual([
    401,
    {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'Unauthorized',
      reason: 'Unauthorized',
      code: 401,
    },
  ]);
  const nowhere = await instance.fetch('/apis/nobody.io/v1/things');
  expect([nowhere.status, await nowhere.text()]).toEqual([404, '404 page not found\n']);
});

test('everything is there after a kill -9, and revisions go on', async () => {
  const before = await send('POST', PIPELINES, pipeline('survivor'));
  const all = await send('GET', PIPELINES);
  await instance.kill9();
  instance = await launch({ stateDir: instance.stateDir });
  const after = await send('GET', `${PIPELINES}/survivor`);
  expect(after.json.metadata.uid).toBe(before.json.metadata.uid);
  expect((await send('GET', PIPELINES)).json.items).toHaveLength(all.json.items.length);
  const next = await send('POST', PIPELINES, pipeline('later'));
  expect(Number(next.json.metadata.resourceVersion)).toBeGreaterThan(Number(all.json.metadata.resourceVersion));
});
