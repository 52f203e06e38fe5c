import { manualClock } from '../../src/core/clock.ts';
import type { ObjectDatabase } from '../../src/core/object-database.ts';
import { DEFAULT_QUEUE_SETTINGS, type QueueSettings } from '../../src/core/protocol/queue-settings.ts';
import type { ClaimRequest, NewTask, TaskReport } from '../../src/core/protocol/tasks.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { TaskQueueMachine } from '../../src/tasks/task-queue.ts';
import { objectDatabase } from '../object-database.ts';

/** The tables of a queue, and what it costs to use them. */
export function countingDatabase(): ObjectDatabase & {
  rowsWritten(): number;
  rowsRead(): number;
  statements(): number;
} {
  const { exec, transaction } = objectDatabase();
  let rowsRead = 0;
  let statements = 0;
  return {
    transaction,
    exec(query, ...bindings) {
      const rows = exec(query, ...bindings);
      rowsRead += rows.length;
      statements += 1;
      return rows;
    },
    /** Rows that statements answered with. */
    rowsRead: () => rowsRead,
    statements: () => statements,
    // No table has a second index, so a changed row is a row written.
    rowsWritten: () => Number(exec('SELECT total_changes() AS n')[0].n),
  };
}

export const START_MS = Date.UTC(2026, 0, 1);

/** A queue on a clock of its own. `restart` is what an eviction does: memory goes, tables stay. */
export function queueFixture(settings: Partial<QueueSettings> = {}, random: Random = seededRandom(1)) {
  const clock = manualClock(START_MS);
  const database = countingDatabase();
  let version = 0;
  const open = () => {
    const machine = new TaskQueueMachine({ database, clock, random, shard: 0 });
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
    /** What is not said is as in a queue that nobody declared. */
    configure(changed: Partial<QueueSettings>) {
      version += 1;
      const configured = { ...DEFAULT_QUEUE_SETTINGS, ...changed };
      fixture.queue.configure({ version, namespace: 'default', settings: configured, shardsEver: configured.shards });
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
  if (Object.keys(settings).length > 0) fixture.configure(settings);
  return fixture;
}

const CLAIM = { agentId: 'agent', max: 1, types: null, capabilities: [] };

export function newTask(task: Partial<NewTask> = {}): NewTask {
  return { type: 'work', payload: '{}', priority: 'Normal', requires: [], options: {}, ...task };
}
