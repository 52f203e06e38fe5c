import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { manualClock } from '../../src/core/clock.ts';
import type { ClaimRequest, NewTask, TaskReport } from '../../src/core/protocol/tasks.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import type { TaskDatabase } from '../../src/tasks/database.ts';
import { DEFAULT_SETTINGS, type QueueSettings } from '../../src/tasks/settings.ts';
import { TaskQueueMachine } from '../../src/tasks/task-queue.ts';

/** An object's SQLite in memory. */
export function sqliteDatabase(): TaskDatabase & { rowsWritten(): number; rowsRead(): number } {
  let rowsRead = 0;
  const database = new DatabaseSync(':memory:');
  const prepared = new Map<string, StatementSync>();
  const exec: TaskDatabase['exec'] = (query, ...bindings) => {
    const statement = prepared.get(query) ?? database.prepare(query);
    prepared.set(query, statement);
    const rows = statement.all(...bindings) as Record<string, unknown>[];
    rowsRead += rows.length;
    return rows;
  };
  return {
    exec,
    transaction(work) {
      database.exec('BEGIN');
      try {
        const answer = work();
        database.exec('COMMIT');
        return answer;
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    },
    /** Rows that statements answered with. */
    rowsRead: () => rowsRead,
    // No table has a second index, so a changed row is a row written.
    rowsWritten: () => Number(exec('SELECT total_changes() AS n')[0].n),
  };
}

export const START_MS = Date.UTC(2026, 0, 1);

/** A queue on a clock of its own. `restart` is what an eviction does: memory goes, tables stay. */
export function queueFixture(settings: Partial<QueueSettings> = {}, random: Random = seededRandom(1)) {
  const clock = manualClock(START_MS);
  const database = sqliteDatabase();
  const open = () => {
    const parts = { database, clock, random, settings: { ...DEFAULT_SETTINGS, ...settings }, shard: 0 };
    const machine = new TaskQueueMachine(parts);
    machine.start(null);
    return machine;
  };
  const fixture = {
    clock,
    database,
    queue: open(),
    restart() {
      fixture.queue = open();
    },
    submit: (task: Partial<NewTask> = {}) => fixture.queue.submit([newTask(task)])[0],
    claim: (request: Partial<ClaimRequest> = {}) => fixture.queue.claim({ ...CLAIM, ...request }),
    report: (report: Partial<TaskReport> & Pick<TaskReport, 'taskId' | 'leaseToken'>) =>
      fixture.queue.report([{ success: true, retryable: true, ...report }])[0],
    beat: (taskId: string, leaseToken: string, progress?: string) =>
      fixture.queue.heartbeat({ leases: [{ taskId, leaseToken, progress }] })[0],
    rowsWrittenBy(work: () => unknown): number {
      const before = database.rowsWritten();
      work();
      return database.rowsWritten() - before;
    },
  };
  return fixture;
}

const CLAIM = { agentId: 'agent', max: 1, types: null, capabilities: [] };

export function newTask(task: Partial<NewTask> = {}): NewTask {
  return { type: 'work', payload: '{}', priority: 'Normal', requires: [], options: {}, ...task };
}
