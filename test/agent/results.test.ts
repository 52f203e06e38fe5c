import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { ApiError, ConnectionError } from '../../agent/client/errors.ts';
import { createChanges } from '../../agent/process/changes.ts';
import { openOutbox } from '../../agent/process/outbox.ts';
import type { QueueCalls, Report } from '../../agent/process/queue-calls.ts';
import { deliverReports } from '../../agent/process/reporting.ts';
import { createRunner } from '../../agent/process/runner.ts';
import type { TaskType } from '../../agent/process/task-type.ts';
import { LIMITS } from '../../src/core/limits.ts';

const root = mkdtempSync(join(tmpdir(), 'orasi-results-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const newFolder = () => join(root, String(++folders));
const log = () => {};
const random = { next: () => 0, bytes: (length: number) => new Uint8Array(length) };

const report = (taskId: string, more: object = {}): Report => {
  return { taskId, leaseToken: `of ${taskId}`, success: true, processingTimeMs: 1, ...more };
};

describe('results on their way', () => {
  test('are found again, in order, by whoever opens the folder; what is no result is left out', async () => {
    const folder = newFolder();
    const outbox = await openOutbox(folder, log);
    for (const id of ['a', 'b', 'c']) await outbox.add(report(id));
    await outbox.remove(outbox.batch()[1]);
    writeFileSync(join(folder, '1-2-3.begun'), '{"taskId":"half');
    writeFileSync(join(folder, '1-2-3.json'), '{"taskId":"damaged"}');
    const again = await openOutbox(folder, log);
    expect(again.batch()).toEqual([report('a'), report('c')]);
    expect(readdirSync(folder)).toHaveLength(2);
  });

  test('leave no file behind, delivered while they are written or after', async () => {
    const folder = newFolder();
    const outbox = await openOutbox(folder, log);
    const written = outbox.add(report('a'));
    for (const each of outbox.batch()) await outbox.remove(each);
    await written;
    for (const each of outbox.batch()) await outbox.remove(each);
    expect([outbox.size, readdirSync(folder)]).toEqual([0, []]);
  });

  test('go out in requests that the queue takes, and those it refuses by themselves', async () => {
    const outbox = await openOutbox(newFolder(), log);
    const large = 'x'.repeat(100_000);
    for (let each = 0; each < 12; each++) await outbox.add(report(`large ${each}`, { data: large }));
    await outbox.add(report('odd'));
    const requests: number[] = [];
    const told: string[] = [];
    const stop = new AbortController();
    let tries = 0;
    const calls: Pick<QueueCalls, 'report'> = {
      async report(results) {
        if (++tries === 1) throw new ConnectionError('away', null);
        if (tries === 2) throw new ApiError({ status: 401, code: 'unauthorized', message: 'a key that is replaced' });
        requests.push(JSON.stringify(results).length);
        const odd = results.some(({ taskId, success }) => taskId === 'odd' && success);
        if (odd) throw new ApiError({ status: 400, code: 'bad_request', message: 'odd' });
        told.push(...results.map(({ taskId, success }) => (success ? taskId : `${taskId} failed`)));
        return results.map(({ taskId }) => ({ taskId, outcome: 'accepted' as const }));
      },
    };
    const counted: string[] = [];
    await deliverReports(
      {
        calls: calls as QueueCalls,
        outbox,
        changes: createChanges(),
        random,
        log,
        counted: (outcome) => {
          counted.push(outcome);
          if (counted.length === 14) stop.abort();
        },
      },
      stop.signal,
    );
    expect(told.sort()).toEqual([...Array.from({ length: 12 }, (_, each) => `large ${each}`), 'odd failed'].sort());
    expect(counted.filter((outcome) => outcome === 'refused')).toHaveLength(1);
    expect(Math.max(...requests)).toBeLessThan(LIMITS.jsonBodyBytes);
    expect(outbox.size).toBe(0);
  });

  test('are what the task type came to, and a failure for good where the queue cannot have that', async () => {
    const outcomes: Record<string, unknown> = {
      fine: { a: 1 },
      none: undefined,
      large: 'x'.repeat(LIMITS.taskPayloadBytes),
      cyclic: 1n,
    };
    const types = new Map<string, TaskType>(
      Object.entries(outcomes).map(([name, value]) => [name, { name, run: async () => value }]),
    );
    types.set('throws', {
      name: 'throws',
      run: async () => {
        throw Object.assign(new Error('no'), { retryable: false });
      },
    });
    types.set('late', { name: 'late', timeoutSeconds: 0.02, run: () => new Promise(() => {}) });
    const reports: Report[] = [];
    const changes = createChanges();
    const runner = createRunner({ types: () => types, report: async (each) => void reports.push(each), changes, log });
    for (const type of [...types.keys(), 'unknown']) {
      runner.begin({ taskId: type, type, payload: null, attempt: 1, leaseToken: 't', leaseRemainingMs: 30_000 });
    }
    while (reports.length < 7) await changes.next(1_000);
    const byId = Object.fromEntries(
      reports.map(({ taskId, processingTimeMs: _, leaseToken: __, ...rest }) => [taskId, rest]),
    );
    expect(byId).toEqual({
      fine: { success: true, data: { a: 1 } },
      none: { success: true },
      large: { success: false, retryable: false, error: 'its result is larger than 131072 bytes of JSON' },
      cyclic: {
        success: false,
        retryable: false,
        error: 'its result is not JSON: TypeError: Do not know how to serialize a BigInt',
      },
      throws: { success: false, retryable: false, error: 'no' },
      late: { success: false, error: 'it took longer than 0.02 s' },
      unknown: { success: false, error: 'this agent runs no tasks of type "unknown"' },
    });
    expect(runner.counts).toMatchObject({ begun: 7, completed: 2, failed: 5 });
  });
});
