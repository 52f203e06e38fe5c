/**
 * What tasks, members and the state of a cluster write and ask, as counts: the machines over SQLite in this process, so
 * they are the same everywhere. A row written is a row of a table or an entry of an index, as the platform bills them;
 * `test/e2e/tasks.test.ts` holds the count of a task to the platform's own.
 */
import { deleteOf, kvWorld, putOf } from '../test/cluster/kv-fixture.ts';
import { RUNNING, World } from '../test/cluster/world.ts';
import { newTask, queueFixture } from '../test/tasks/queue-fixture.ts';

/** What a million of something takes, or one for a month. */
export interface CoordinationCost {
  readonly what: string;
  readonly rowsWritten: number;
  /** Requests over HTTP; each is one to the Worker and one to an object. */
  readonly requests: number;
}

interface Exec {
  exec(query: string, ...bindings: never[]): Record<string, unknown>[];
}

/** Counts what statements write from here on, entries of indexes with them. */
function countingRows(database: Exec): () => number {
  const { exec } = database;
  const indexes = new Map<string, number>();
  const indexesOf = (table: string) => {
    const known = indexes.get(table);
    if (known !== undefined) return known;
    // A table without row ids is its own primary key; a partial index has no entry for a key without a lease.
    const rows = exec(`PRAGMA index_list(${table})`).filter((row) => row.origin === 'c' && row.partial === 0);
    indexes.set(table, rows.length);
    return rows.length;
  };
  let written = 0;
  const changes = () => Number(exec('SELECT total_changes() AS n')[0].n);
  database.exec = (query, ...bindings) => {
    const before = changes();
    const rows = exec(query, ...bindings);
    const table = /\b(?:INTO|UPDATE|DELETE\s+FROM)\s+(\w+)/.exec(query)?.[1];
    if (table !== undefined) written += (changes() - before) * (1 + indexesOf(table));
    return rows;
  };
  return () => written;
}

const TASKS = 1_000;
const CLAIM = 100;

/** Rows a task writes from its submit to the end of everything kept of it. */
function rowsOfTasks(task: Parameters<typeof newTask>[0], attempts: number, beats: number): number {
  const fixture = queueFixture();
  // The lane and the first ten thousand numbers are a queue's, not a task's.
  fixture.submit(task);
  for (const { taskId, leaseToken } of fixture.claim()) fixture.report({ taskId, leaseToken });
  const rows = fixture.rowsWrittenBy(() => {
    for (let at = 0; at < TASKS; at += CLAIM) {
      const tasks = Array.from({ length: CLAIM }, (_, i) =>
        newTask({ ...task, ...(task?.dedupeKey === undefined ? {} : { dedupeKey: `${at + i}` }) }),
      );
      fixture.queue.submit(tasks);
      for (let attempt = 1; attempt <= attempts; attempt++) {
        const claimed = fixture.claim({ max: CLAIM });
        for (const { taskId, leaseToken } of claimed) {
          for (let beat = 0; beat < beats; beat++) fixture.beat(taskId, leaseToken);
          fixture.report({ taskId, leaseToken, success: attempt === attempts });
        }
        fixture.clock.advance(60_000);
      }
    }
    // Results and dedupe keys are over, and go.
    fixture.clock.advance(40 * 86_400_000);
    fixture.queue.purge();
  });
  return rows / TASKS;
}

const NOTHING_KEPT = { options: { resultRetentionSeconds: 0 } };
/** Of a task whose calls carry so many tasks: the submit's, and the claim's and the report's. */
const requests = (submitted: number, claimed: number) => 1 / submitted + 2 / claimed;

/** Dollars are for `bench/cost.ts` to say. */
export function countTaskCosts(): CoordinationCost[] {
  const plain = rowsOfTasks(NOTHING_KEPT, 1, 0);
  return [
    { what: 'submitted 1000, claimed and reported 100 at a time', rowsWritten: plain, requests: requests(1_000, 100) },
    { what: 'each call of one task', rowsWritten: plain, requests: requests(1, 1) },
    { what: 'in batches, its result kept', rowsWritten: rowsOfTasks({}, 1, 0), requests: requests(1_000, 100) },
    {
      what: 'in batches, with a dedupe key',
      rowsWritten: rowsOfTasks({ ...NOTHING_KEPT, dedupeKey: 'k' }, 1, 0),
      requests: requests(1_000, 100),
    },
    {
      what: 'in batches, tried twice',
      rowsWritten: rowsOfTasks(NOTHING_KEPT, 2, 0),
      requests: requests(1_000, 100) + 2 / 100,
    },
    {
      what: 'in batches, with one heartbeat',
      rowsWritten: rowsOfTasks(NOTHING_KEPT, 1, 1),
      requests: requests(1_000, 100) + 1 / 100,
    },
  ];
}

const WRITES = 30_000;

/** A write of the state of a cluster, with its share of cutting the history back. */
export function countStateCosts(): CoordinationCost[] {
  const rowsOf = (write: (world: ReturnType<typeof kvWorld>, i: number) => void) => {
    const world = kvWorld();
    const rows = countingRows(world.database as unknown as Exec);
    // The history is full before anything is counted: what it forgets is a part of the cost.
    for (let i = 0; i < WRITES / 2; i++) write(world, i);
    const before = rows();
    for (let i = WRITES / 2; i < WRITES; i++) write(world, i);
    return (rows() - before) / (WRITES / 2);
  };
  const put = (world: ReturnType<typeof kvWorld>, i: number) => world.call(putOf(`key-${i % 100}`, String(i)));
  return [
    { what: 'a put', rowsWritten: rowsOf(put), requests: 1 },
    {
      what: 'a put and a deletion of the key',
      rowsWritten: rowsOf((world, i) => {
        put(world, i);
        world.call(deleteOf(`key-${i % 100}`));
      }),
      requests: 2,
    },
  ];
}

const HOUR_MS = 3_600_000;
const HOURS_A_MONTH = 720;
const BEAT_MS = 30_000;

/** A member for a month, by how it says that it lives. Alarms are rows, and shared by all members of a cluster. */
export function countMemberCosts(): CoordinationCost[] {
  const month = (socket: boolean) => {
    const world = new World();
    world.cluster.report('a', RUNNING, socket);
    if (socket) world.pings.set('a', world.clock.now());
    const rows = countingRows(world.database as unknown as Exec);
    let alarms = 0;
    let alarmAtMs = world.cluster.nextDeadlineMs();
    for (let atMs = 0; atMs < HOUR_MS; atMs += BEAT_MS) {
      world.clock.advance(BEAT_MS);
      if (socket) world.pings.set('a', world.clock.now());
      else world.cluster.report('a', RUNNING, false);
      if (alarmAtMs === null || alarmAtMs > world.clock.now()) continue;
      world.cluster.advance();
      alarmAtMs = world.cluster.nextDeadlineMs();
      alarms += 1;
    }
    return { rows: (rows() + alarms) * HOURS_A_MONTH, beats: (HOUR_MS / BEAT_MS) * HOURS_A_MONTH };
  };
  const silent = month(false);
  const held = month(true);
  return [
    { what: 'a member that sends a heartbeat each 30 s', rowsWritten: silent.rows, requests: silent.beats },
    { what: 'a member that holds a WebSocket and pings each 30 s', rowsWritten: held.rows, requests: 0 },
  ];
}
