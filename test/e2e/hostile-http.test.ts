import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { putObject, queryResponse } from './client.ts';

const DATA = '/v1/namespaces/default';
let instance: Instance;
beforeAll(async () => {
  instance = await launch({ queueBatchTimeoutSeconds: 0 });
  await putObject(instance, 'numbers', 'a.ndjson', '{"n":1}\n{"n":2}\n');
});
afterAll(async () => {
  await instance.stop();
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A connection of our own, for what no HTTP client would send. */
function open(method: string, path: string, headers: Readonly<Record<string, string | number>>, body = ''): Socket {
  const { hostname, port, host } = new URL(instance.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  const all = { host, authorization: `Bearer ${instance.adminToken}`, ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
  return socket;
}

/** Asks for an answer in NDJSON of which nothing is read. */
function ask(sql: string, timeoutMs: number): Socket {
  const body = JSON.stringify({ sql, timeoutMs });
  const socket = open(
    'POST',
    `${DATA}/query`,
    { 'content-type': 'application/json', accept: 'application/x-ndjson', 'content-length': body.length },
    body,
  );
  return socket.pause();
}

test('whoever reads no answer holds a slot no longer than its query may take', { timeout: 60_000 }, async () => {
  const long = `SELECT x, '${'-'.repeat(2_000)}' || x AS t FROM generate_series(1, 20000) AS s(x)`;
  const idle = Array.from({ length: 4 }, () => ask(long, 4_000));
  await pause(1_500);
  const started = Date.now();
  const waiting = Array.from({ length: 8 }, () => ask('SELECT sum(n) FROM numbers', 60_000));
  await pause(200);
  for (const socket of waiting) socket.destroy();
  const response = await queryResponse(instance, 'SELECT sum(n) FROM numbers');
  expect(await response.json()).toMatchObject({ rows: [[3]] });
  expect(Date.now() - started).toBeLessThan(20_000);
  for (const socket of idle) socket.destroy();
});

/** All that comes back before the connection ends. */
async function answerOf(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

test('a body that ends before its end is a 400 and leaves nothing', async () => {
  const path = `${DATA}/datasets/broken/objects/a.ndjson`;
  const cut = [
    open('PUT', path, { 'content-length': 100 }, '{"n":1}\n'),
    open('PUT', path, { 'transfer-encoding': 'chunked' }, '8\r\n{"n":1}\n\r\n'),
    open('PUT', path, { 'transfer-encoding': 'chunked' }, '8\r\n{"n":1}\n\r\nzz\r\n'),
    open('POST', `${DATA}/query`, { 'content-length': 100 }, '{"sql":"SELECT 1"}'),
    open('POST', '/api/v1/namespaces', { 'content-length': 100 }, '{"kind":"Namespace"}'),
  ];
  for (const socket of cut) socket.end();
  for (const answer of await Promise.all(cut.map(answerOf))) expect(answer).toContain('400 Bad Request');
  const { uploadId } = await json<{ uploadId: string }>(`${DATA}/datasets/broken/uploads`, { name: 'b.ndjson' });
  const part = open('PUT', `${DATA}/datasets/broken/uploads/${uploadId}/parts/1`, { 'content-length': 100 }, 'x');
  part.end();
  expect(await answerOf(part)).toContain('400 Bad Request');
  expect(await json(`${DATA}/datasets/broken/uploads/${uploadId}`)).toMatchObject({ parts: [] });
  await instance.runScheduled();
  expect((await instance.fetch(`${DATA}/datasets/broken`)).status).toBe(404);
  expect((await instance.bindings.BUCKET.list({ prefix: 'uploads/' })).objects).toHaveLength(1);
});

async function json<T>(path: string, body?: unknown): Promise<T> {
  const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
  return (await (await instance.fetch(path, init)).json()) as T;
}

test('how bytes are said to decode is checked before they are stored', async () => {
  const refusals: [string, Record<string, string>, number, string][] = [
    ['?format=nope', {}, 415, 'query.format'],
    [`?format=${'x'.repeat(9_000)}`, {}, 415, 'query.format'],
    ['', { 'content-encoding': 'br' }, 415, 'content-encoding'],
    ['', { 'content-type': `application/${'x'.repeat(300)}` }, 400, 'content-type'],
  ];
  for (const [query, headers, status, path] of refusals) {
    const url = `${DATA}/datasets/stated/objects/a.ndjson${query}`;
    const response = await instance.fetch(url, { method: 'PUT', body: '{"n":1}\n', headers });
    expect([response.status, await response.json()]).toMatchObject([status, { errors: [{ path }] }]);
  }
  for (const [field, value] of Object.entries({ format: 'nope', contentType: 'a\nb', contentEncoding: 'br' })) {
    const body = { name: 'a.ndjson', [field]: value };
    expect(await json(`${DATA}/datasets/stated/uploads`, body)).toMatchObject({ errors: [{ path: field }] });
  }
});

test('a Host header that names no host is a 400', async () => {
  for (const path of ['/livez', `${DATA}/datasets`]) {
    const socket = open('GET', path, { host: 'localhost:99999', connection: 'close' });
    expect(await answerOf(socket)).toContain('400 Bad Request');
  }
});

test('a number that JSON does not carry exactly is no parameter, its text is', async () => {
  const ask = async (params: string) => {
    const body = `{"sql":"SELECT CAST($1 AS BIGINT) AS x","params":[${params}]}`;
    const response = await instance.fetch(`${DATA}/query`, { method: 'POST', body });
    return [response.status, await response.json()];
  };
  expect(await ask('9007199254740993')).toMatchObject([400, { errors: [{ path: 'params.0' }] }]);
  expect(await ask('-1e300')).toMatchObject([400, { errors: [{ path: 'params.0' }] }]);
  expect(await ask('"9007199254740993"')).toMatchObject([200, { rows: [['9007199254740993']] }]);
  expect(await ask('9007199254740991')).toMatchObject([200, { rows: [[9007199254740991]] }]);
});
