import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { commandType } from '../../agent/process/types/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'orasi-command-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isAlive = (pid: number) => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

test('what a stopped program leaves behind is killed, though it heeds no SIGTERM and the program itself has ended', async () => {
  const file = join(folder, 'pid');
  const deaf = 'trap "" TERM; echo $$ >"$0.new"; mv "$0.new" "$0"; exec sleep 60 </dev/null >/dev/null 2>&1';
  const script = `sh -c '${deaf}' '${file}' & sleep 60`;
  const stop = new AbortController();
  const type = commandType(['sh'], 200);
  const task = { taskId: 't', type: 'command', attempt: 1, signal: stop.signal, progress() {} };
  const ended = type.run({ ...task, payload: { command: ['sh', '-c', script] } }).catch((error: unknown) => error);
  await vi.waitFor(() => expect(existsSync(file)).toBe(true), 5_000);
  const pid = Number(readFileSync(file, 'utf8'));
  stop.abort();
  expect(String(await ended)).toContain('SIGTERM');
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 5_000);
});
