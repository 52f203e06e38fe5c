import { existsSync, mkdirSync, readFileSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { request } from 'node:https';
import { connect, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { isRunning } from '../../scripts/launcher/runtime-process.ts';
import { freePort, freshCheckout, type Running, run } from './checkout.ts';

let checkout: ReturnType<typeof freshCheckout>;
let port: number;
const started: Running[] = [];

beforeAll(async () => {
  checkout = freshCheckout();
  port = await freePort();
});
afterEach(() => {
  for (const one of started.splice(0)) one.killGroup();
});
afterAll(() => checkout.remove());

async function start(env: Record<string, string> = {}): Promise<Running> {
  const one = run('npm', ['start'], checkout.path, { PORT: String(port), ...env });
  started.push(one);
  await one.waitFor(/^ready .*$/m);
  return one;
}

const stateFile = (name: string) => join(checkout.path, '.orasi', 'state', name);
const runtimePid = () => Number(readFileSync(stateFile('workerd.pid'), 'utf8'));
const tokenOf = (text: string) => /^ADMIN_TOKEN=(.+)$/m.exec(text)?.[1] ?? '';
const datasets = (token: string) =>
  fetch(`http://127.0.0.1:${port}/v1/namespaces/default/datasets`, { headers: { authorization: `Bearer ${token}` } });

function listens(onPort: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(onPort, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

describe('npm start', () => {
  test('from a clone: one ready line, a token made once and not printed, and code 0 on SIGTERM, its runtime with it', async () => {
    const file = join(checkout.path, '.dev.vars');
    rmSync(file, { force: true });
    // As after a clone: the Worker is bundled too.
    const one = await start({ ORASI_BUNDLE: '' });
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(200);
    expect(one.stdout().match(/^ready/gm)).toHaveLength(1);
    expect(one.stdout()).toContain(`\nready http://127.0.0.1:${port}\n`);
    expect(one.stdout()).toMatch(/admin token .*\.dev\.vars/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const token = tokenOf(readFileSync(file, 'utf8'));
    expect(one.output()).not.toContain(token);
    expect((await datasets(token)).status).toBe(200);

    const second = run('npm', ['start'], checkout.path, { PORT: '0' });
    expect(await second.ended).toBe(1);
    expect(second.output()).toContain('another instance is running on');

    const pid = runtimePid();
    expect(isRunning(pid)).toBe(true);
    expect(await one.end('SIGTERM')).toBe(0);
    expect(isRunning(pid)).toBe(false);
    expect(await listens(port)).toBe(false);
  });

  test('says in a sentence which port or var it cannot have', async () => {
    const server = createServer();
    await new Promise<void>((done) => server.listen(port, '127.0.0.1', done));
    const taken = run('npm', ['start'], checkout.path, { PORT: String(port) });
    expect(await taken.ended).toBe(1);
    expect(taken.output()).toContain(`port ${port} is taken`);
    await new Promise((done) => server.close(done));
    const noPort = run('npm', ['start'], checkout.path, { PORT: 'eighty' });
    expect(await noPort.ended).toBe(1);
    expect(noPort.output()).toContain('PORT=eighty is not a port');
    const short = run('npm', ['start'], checkout.path, { PORT: '0', ADMIN_TOKEN: 'short' });
    expect(await short.ended).toBe(1);
    expect(short.output()).toContain('ADMIN_TOKEN');
  });

  test('over HTTPS is the only listener, and its authority is printed', async () => {
    const one = await start({ ORASI_HTTPS: '1' });
    expect(one.stdout()).toContain(`\nready https://127.0.0.1:${port}\n`);
    const authority = readFileSync(stateFile('tls/ca.pem'), 'utf8');
    expect(one.stdout()).toContain(authority.trim());
    for (const host of ['127.0.0.1', 'localhost']) {
      const status = await new Promise((resolve, reject) => {
        request({ host, port, path: '/livez', ca: authority, family: 4 }, (answer) => {
          answer.resume();
          resolve(answer.statusCode);
        })
          .on('error', reject)
          .end();
      });
      expect(status).toBe(200);
    }
    // Requests of the gateway: no client takes a wildcard right below localhost, so their host is in the header alone.
    const answer = await new Promise((resolve, reject) => {
      const headers = { host: 'shop.localhost' };
      request(
        { host: 'localhost', port, path: '/', headers, servername: 'localhost', ca: authority, family: 4 },
        (sent) => {
          sent.resume();
          resolve([sent.statusCode, sent.headers['content-type']]);
        },
      )
        .on('error', reject)
        .end();
    });
    expect(answer).toEqual([404, 'application/problem+json']);
    await expect(fetch(`https://127.0.0.1:${port}/livez`)).rejects.toThrow();
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
    await one.end('SIGTERM');
  });

  test('after kill -9 the runtime ends with it, or else the next start, with a token of its owner, ends it', async () => {
    // A PATH without setpriv, as on systems that have none: npm, node and a shell alone.
    const bin = join(checkout.path, 'bare-bin');
    mkdirSync(bin);
    for (const tool of ['sh', 'node', 'npm', 'sed', 'uname', 'dirname']) {
      const found = (process.env['PATH'] ?? '').split(delimiter).find((folder) => existsSync(join(folder, tool)));
      if (found !== undefined) symlinkSync(join(found, tool), join(bin, tool));
    }
    const command = ['--import', './scripts/quick-boot.ts', 'scripts/start.ts'];
    const one = run(process.execPath, command, checkout.path, { PORT: String(port), PATH: bin });
    started.push(one);
    await one.waitFor(/^ready .*$/m);
    const orphan = runtimePid();
    expect(await one.end('SIGKILL')).toBe('SIGKILL');
    expect(isRunning(orphan)).toBe(true);
    expect(await listens(port)).toBe(true);

    const file = join(checkout.path, '.dev.vars');
    const kept = readFileSync(file, 'utf8');
    const next = await start({ ADMIN_TOKEN: 'a-token-chosen-by-its-owner' });
    expect(isRunning(orphan)).toBe(false);
    expect(runtimePid()).not.toBe(orphan);
    expect(readFileSync(file, 'utf8')).toBe(kept);
    expect((await datasets('a-token-chosen-by-its-owner')).status).toBe(200);
    expect((await datasets(tokenOf(kept))).status).toBe(401);
    expect(await next.end('SIGINT')).toBe(0);
    rmSync(bin, { recursive: true });
  });
});
