import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Bundle, openBundle, removeBundle } from '../../scripts/launcher/bundle.ts';
import { isRunning } from '../../scripts/launcher/runtime-process.ts';
import { type Instance, type LaunchOptions, launch } from '../../scripts/launcher.ts';

let stateDir: string;
const running: Instance[] = [];

beforeAll(() => {
  stateDir = mkdtempSync(join(tmpdir(), 'orasi-launcher-'));
});

afterAll(async () => {
  await stopAll();
  rmSync(stateDir, { recursive: true, force: true });
});

async function stopAll(): Promise<void> {
  for (const instance of running.splice(0)) await instance.stop();
}

async function start(options: LaunchOptions = {}): Promise<Instance> {
  const instance = await launch(options);
  running.push(instance);
  return instance;
}

/** Without wrangler, which takes seconds. */
async function bundleOf(entry: string): Promise<Bundle> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-bundle-'));
  await build({ entryPoints: [entry], outfile: join(folder, 'worker.js'), format: 'esm' });
  return await openBundle(folder);
}

const migrations = async ({ bindings }: Instance) =>
  (await bindings.CATALOG.prepare('SELECT name FROM d1_migrations').all()).results;

// One folder and its lives, since a life costs seconds.
describe('the launcher', () => {
  let first: Instance;
  let second: Instance;
  let applied: unknown[];
  const root = join(import.meta.dirname, 'fixtures', 'hungry');
  let hungry: Bundle;
  afterAll(() => removeBundle(hungry));

  test('gives a folder to one instance at a time, and says who has it', async () => {
    first = await start({ stateDir });
    await expect(launch({ stateDir })).rejects.toThrow(`another instance is running on ${stateDir}`);
    expect((await first.fetch('/livez')).status).toBe(200);
  });

  test('listens on the loopback address alone, and sends the admin token unless told otherwise', async () => {
    expect(first.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    const path = '/v1/namespaces/default/datasets';
    expect((await first.fetch(path)).status).toBe(200);
    expect((await first.fetch(path, { headers: { authorization: '' } })).status).toBe(401);
    expect((await first.fetch(path, { headers: { authorization: 'Bearer wrong' } })).status).toBe(401);
  });

  test('keeps state and secrets over a stop, and applies each migration once', async () => {
    await first.bindings.BUCKET.put('kept', 'value');
    applied = await migrations(first);
    expect(applied.length).toBeGreaterThan(0);
    await first.stop();
    second = await start({ stateDir });
    expect(second.adminToken).toBe(first.adminToken);
    expect(await (await second.bindings.BUCKET.get('kept'))?.text()).toBe('value');
    expect(await migrations(second)).toEqual(applied);
  });

  test('a crash takes the runtime at once and leaves the folder to the next instance', async () => {
    await second.bindings.BUCKET.put('kept', 'another');
    const pid = second.workerdPid;
    expect(isRunning(pid)).toBe(true);
    await second.kill9();
    expect(isRunning(pid)).toBe(false);
    await expect(second.fetch('/livez')).rejects.toThrow();
    const third = await start({ stateDir, vars: { ADMIN_HOSTS: 'nobody.example' } });
    expect(third.workerdPid).not.toBe(pid);
    expect(await (await third.bindings.BUCKET.get('kept'))?.text()).toBe('another');
    expect(await migrations(third)).toEqual(applied);
    // Vars go before those of wrangler.toml: this one answers to no host of ours.
    expect((await third.fetch('/livez')).status).toBe(404);
  });

  test('caps the heap where told, and counts the crash of what outgrows it', async () => {
    // Instances of one process share their V8 flags.
    await stopAll();
    hungry = await bundleOf(join(root, 'worker.ts'));
    const instance = await start({
      root,
      bundle: hungry,
      v8Flags: ['--max-old-space-size=64', '--max-semi-space-size=4'],
    });
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
    await stopAll();
    const instance = await start({ root, bundle: hungry });
    expect(await (await instance.fetch('/?megabytes=150')).json()).toEqual({ held: 150 });
  });
});
