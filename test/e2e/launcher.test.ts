import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { isRunning } from '../../scripts/launcher/runtime-process.ts';
import { type Instance, type LaunchOptions, launch } from '../../scripts/launcher.ts';

let stateDir: string;
let running: Instance[] = [];

beforeEach(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'orasi-launcher-'));
});

afterEach(async () => {
  for (const instance of running) await instance.stop();
  running = [];
  rmSync(stateDir, { recursive: true, force: true });
});

async function start(options: LaunchOptions = {}): Promise<Instance> {
  const instance = await launch({ stateDir, ...options });
  running.push(instance);
  return instance;
}

describe('the launcher', () => {
  test('gives a folder to one instance at a time, and says who has it', async () => {
    const first = await start();
    await expect(launch({ stateDir })).rejects.toThrow(`another instance is running on ${stateDir}`);
    expect((await first.fetch('/livez')).status).toBe(200);
    await first.stop();
    expect((await (await start()).fetch('/livez')).status).toBe(200);
  });

  test('keeps state and secrets over a stop, and applies each migration once', async () => {
    const first = await start();
    await first.bindings.BUCKET.put('kept', 'value');
    const migrations = () => running.at(-1)!.bindings.CATALOG.prepare('SELECT name FROM d1_migrations').all();
    const applied = (await migrations()).results;
    expect(applied.length).toBeGreaterThan(0);
    await first.stop();
    const second = await start();
    expect(second.adminToken).toBe(first.adminToken);
    expect(await (await second.bindings.BUCKET.get('kept'))?.text()).toBe('value');
    expect((await migrations()).results).toEqual(applied);
  });

  test('a crash takes the runtime at once and leaves the folder to the next instance', async () => {
    const first = await start();
    await first.bindings.BUCKET.put('kept', 'value');
    const pid = first.workerdPid;
    expect(isRunning(pid)).toBe(true);
    await first.kill9();
    expect(isRunning(pid)).toBe(false);
    await expect(first.fetch('/livez')).rejects.toThrow();
    const second = await start();
    expect(second.workerdPid).not.toBe(pid);
    expect(await (await second.bindings.BUCKET.get('kept'))?.text()).toBe('value');
  });

  test('listens on the loopback address alone, and sends the admin token unless told otherwise', async () => {
    const instance = await start();
    expect(instance.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const path = '/v1/namespaces/default/datasets';
    expect((await instance.fetch(path)).status).toBe(200);
    expect((await instance.fetch(path, { headers: { authorization: '' } })).status).toBe(401);
    expect((await instance.fetch(path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
  });

  test('takes vars over those of wrangler.toml', async () => {
    const instance = await start({ vars: { ADMIN_HOSTS: 'nobody.example' } });
    expect((await instance.fetch('/livez')).status).toBe(404);
  });

  test('caps the heap where told, and counts the crash of what outgrows it', async () => {
    const root = join(import.meta.dirname, 'fixtures', 'hungry');
    const instance = await start({ root, v8Flags: ['--max-old-space-size=64', '--max-semi-space-size=4'] });
    expect(await (await instance.fetch('/?megabytes=20')).json()).toEqual({ held: 20 });
    expect(instance.crashes).toBe(0);
    expect(instance.memory()?.peakBytes).toBeGreaterThan(20e6);
    await expect(instance.fetch('/?megabytes=150')).rejects.toThrow();
    await expect.poll(() => instance.crashes, { timeout: 20_000 }).toBe(1);
    expect(instance.logs.join('\n')).toContain('heap out of memory');
    // Miniflare starts the runtime again by itself.
    await expect
      .poll(
        () =>
          instance.fetch('/?megabytes=1').then(
            (answer) => answer.status,
            () => 0,
          ),
        { timeout: 20_000 },
      )
      .toBe(200);
  });

  test('without a cap the same request is served', async () => {
    const instance = await start({ root: join(import.meta.dirname, 'fixtures', 'hungry') });
    expect(await (await instance.fetch('/?megabytes=150')).json()).toEqual({ held: 150 });
  });
});
