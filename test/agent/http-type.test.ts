import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { TaskError } from '../../agent/process/task-type.ts';
import { httpType } from '../../agent/process/types/http.ts';

const seen: { method: string | undefined; host: string | undefined; body: string }[] = [];
const server = createServer((request, response) => {
  let body = '';
  request.setEncoding('utf8').on('data', (chunk: string) => {
    body += chunk;
  });
  request.on('end', () => {
    seen.push({ method: request.method, host: request.headers.host, body });
    response.writeHead(request.url?.startsWith('/busy') ? 503 : 200).end('fine');
  });
});
let host = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => void server.close());

const run = (payload: unknown) =>
  httpType([host]).run({
    taskId: 't',
    type: 'http',
    payload,
    attempt: 1,
    signal: new AbortController().signal,
    progress() {},
  });
const failureOf = async (payload: unknown) => {
  const error = await run(payload).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return error instanceof TaskError ? { message: error.message, retryable: error.retryable } : error;
};

test('a request goes to an allowed host, with the header `host` of its URL', async () => {
  expect(await run({ url: `http://${host}/`, method: 'POST', body: { a: 1 } })).toEqual({ status: 200, body: 'fine' });
  expect(seen.at(-1)).toEqual({ method: 'POST', host, body: '{"a":1}' });
  const before = seen.length;
  expect(await failureOf({ url: `http://${host}/`, headers: { Host: 'admin.internal' } })).toMatchObject({
    retryable: false,
  });
  expect(await failureOf({ url: 'http://127.0.0.1:1/' })).toMatchObject({ retryable: false });
  expect(seen).toHaveLength(before);
});

test('what is no request is not tried again', async () => {
  expect(await failureOf({ url: `http://${host}/`, method: 'GET', body: 'b' })).toMatchObject({ retryable: false });
  expect(await failureOf({ url: `http://${host}/`, headers: { 'a b': 'c' } })).toMatchObject({ retryable: false });
  expect(await failureOf({ url: `http://user:secret@${host}/` })).toEqual({
    message: expect.not.stringContaining('secret'),
    retryable: false,
  });
});

test('an error keeps the query of its URL to itself', async () => {
  expect(await failureOf({ url: `http://${host}/busy?key=secret` })).toEqual({
    message: `http://${host}/busy answered 503`,
    retryable: true,
  });
});
