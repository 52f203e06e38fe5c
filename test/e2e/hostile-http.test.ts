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
