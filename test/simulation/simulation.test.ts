import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';
import { seedCount } from '../scale.ts';

const isFull = seedCount(2) >= 10;

/** In a process of its own, since its clock, timers and randomness are the simulation's. */
async function sim(...args: string[]): Promise<string> {
  const script = join(PROJECT_ROOT, 'scripts', 'sim.ts');
  const run = promisify(execFile)(process.execPath, [script, ...args], { maxBuffer: 64 * 1024 * 1024 });
  return await run.then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }: { stdout: string; stderr: string }) => expect.fail(`${stdout}${stderr}`),
  );
}

/** A run that attacks nothing proves nothing: what a few seeds do, and many. */
const ALWAYS = ['submitted', 'claimed', 'retried', 'lapsed', 'accepted', 'duplicate', 'stale', 'elections', 'watched'];

test('whatever processes, networks, clocks, disks and alarms do, no promise is broken', {
  timeout: 1_800_000,
}, async () => {
  const told = await sim('--seeds', String(isFull ? 2_000 : 8));
  console.info(told);
  const tried = new Map(
    [...told.matchAll(/(\d+) ([a-zA-Z][a-zA-Z -]*)(?:,|$)/gm)].map(([, n, name]) => [name, Number(n)]),
  );
  for (const name of isFull ? tried.keys() : ALWAYS) expect([name, tried.get(name) ?? 0]).not.toEqual([name, 0]);
});

test('a check that is taken out of the source is missed', { timeout: 900_000 }, async () => {
  console.info(await sim('--mutations', '60', '--every', isFull ? '1' : '23'));
});
