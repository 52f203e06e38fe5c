import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { PROJECT_ROOT } from '../../scripts/project-root.ts';
import { seedCount } from '../scale.ts';

/** In a process of its own, since its clock, timers and randomness are the simulation's. */
async function sim(...args: string[]): Promise<string> {
  const script = join(PROJECT_ROOT, 'scripts', 'sim.ts');
  const run = promisify(execFile)(process.execPath, [script, ...args], { maxBuffer: 64 * 1024 * 1024 });
  return await run.then(
    ({ stdout }) => stdout,
    ({ stdout, stderr }: { stdout: string; stderr: string }) => expect.fail(`${stdout}${stderr}`),
  );
}

test('whatever processes, networks, clocks, disks and alarms do, no promise is broken', {
  timeout: 600_000,
}, async () => {
  const told = await sim('--seeds', String(seedCount(2) * 8));
  console.info(told);
  // A run that attacks nothing proves nothing.
  const tried = [...told.matchAll(/(\d+) ([a-zA-Z][a-zA-Z -]*)(?:,|$)/gm)];
  expect(tried.length).toBeGreaterThan(30);
  expect(tried.filter(([, count]) => Number(count) === 0).map(([, , name]) => name)).toEqual([]);
});
