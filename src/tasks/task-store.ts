import type { ObjectDatabase, SqlValue } from '../core/object-database.ts';
import { BUILT_IN_TYPES } from '../core/protocol/built-in-tasks.ts';
import type { TaskAttempt, TaskStatus } from '../core/protocol/tasks.ts';
import type { TaskPlace } from './task-id.ts';
import {
  type FinishedCount,
  type FinishedTask,
  finishedOf,
  historyText,
  keyOf,
  laneOf,
  numberOrNull,
  type StoredLane,
  type StoredLease,
  type StoredTask,
  type TaskKey,
  taskOf,
} from './task-rows.ts';

/** What is asked for of stored tasks; null for any. */
export interface StoredFilter {
  readonly status: TaskStatus | null;
  readonly type: string | null;
  readonly nowMs: number;
}

/** The queue's statements: what is stored and how, and no decision. */
export class TaskStore {
  private readonly database: ObjectDatabase;
  /** What `readAhead` has read in this transaction, by key; what is written to is read again. */
  private readonly known = new Map<string, StoredTask | null>();

  constructor(database: ObjectDatabase) {
    this.database = database;
  }

  transaction<T>(work: () => T): T {
    try {
      return this.database.transaction(work);
    } finally {
      this.known.clear();
    }
  }

  /**
   * Reads the tasks that `read` and `find` will be asked for next, at most `AHEAD` of them: a statement for many keys
   * takes a third of the time that a statement for each does. What was read ahead before is forgotten.
   */
  readAhead(keys: readonly TaskKey[]): void {
    this.known.clear();
    const ahead = keys.slice(0, AHEAD);
    // As many texts of statements as there are sizes: each is prepared once.
    const size = AHEAD_SIZES.find((each) => each <= ahead.length);
    if (size === undefined) return;
    const wanted = ahead.slice(0, size);
    for (const key of wanted) this.known.set(textOf(key), null);
    const query = `SELECT * FROM tasks WHERE (lane, due_at, sequence) IN (VALUES ${'(?, ?, ?), '.repeat(size - 1)}(?, ?, ?))`;
    for (const row of this.database.exec(query, ...wanted.flatMap(keyValues))) {
      const task = taskOf(row);
      this.known.set(textOf(task), task);
    }
  }

  lanes(): StoredLane[] {
    return this.database.exec('SELECT * FROM lanes ORDER BY id').map(laneOf);
  }

  addLane(lane: StoredLane): void {
    const query = 'INSERT INTO lanes (id, type, level, requires, group_key) VALUES (?, ?, ?, ?, ?)';
    this.database.exec(query, lane.id, lane.type, lane.level, JSON.stringify(lane.requires), lane.group);
  }

  /** Drops lanes of groups of which nothing is stored; answers their ids. */
  dropEmptyGroups(): number[] {
    const query = `DELETE FROM lanes WHERE group_key IS NOT NULL AND id NOT IN (SELECT lane FROM finished)
      AND NOT EXISTS (SELECT 1 FROM tasks WHERE tasks.lane = lanes.id) RETURNING id`;
    return this.database.exec(query).map(({ id }) => Number(id));
  }

  /** Leases of all lanes, whether or not they have run out. */
  leases(): (TaskKey & { readonly untilMs: number })[] {
    const query = 'SELECT lane, due_at, sequence, lease_until FROM tasks WHERE lease_until IS NOT NULL';
    return this.database.exec(query).map((row) => ({ ...keyOf(row), untilMs: Number(row.lease_until) }));
  }

  /** The first key of every lane that has one, unless it is leased: one statement for all, since there may be many. */
  firstKeys(): TaskKey[] {
    const query = `SELECT lane, due_at, sequence FROM lanes CROSS JOIN tasks ON tasks.lane = lanes.id
      AND (due_at, sequence) = (SELECT due_at, sequence FROM tasks WHERE lane = lanes.id
        ORDER BY due_at, sequence LIMIT 1) WHERE lease_until IS NULL`;
    return this.database.exec(query).map(keyOf);
  }

  /** The time until which a rate has spent its tokens; 0 where it never did. */
  rateSpentUntilMs(name: string): number {
    const rows = this.database.exec('SELECT spent_until FROM rates WHERE name = ?', name);
    return rows.length === 0 ? 0 : Number(rows[0].spent_until);
  }

  setRateSpent(name: string, untilMs: number): void {
    this.database.exec('INSERT OR REPLACE INTO rates (name, spent_until) VALUES (?, ?)', name, untilMs);
  }

  insert(task: StoredTask): void {
    this.known.delete(textOf(task));
    this.database.exec(
      `INSERT INTO tasks (lane, due_at, sequence, first_due_at, submitted_at, expires_at, settled_token, options, history,
         payload)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...keyValues(task),
      task.firstDueAtMs,
      task.submittedAtMs,
      task.expiresAtMs,
      task.settledToken,
      JSON.stringify(task.options),
      historyText(task.history),
      task.payload,
    );
    if (task.dueAtMs !== task.firstDueAtMs) this.move(task.sequence, task.dueAtMs);
  }

  /** Whether a task was read ahead. */
  knows(key: TaskKey): boolean {
    return this.known.has(textOf(key));
  }

  read(key: TaskKey): StoredTask | null {
    const known = this.known.get(textOf(key));
    if (known !== undefined) return known;
    const rows = this.database.exec(`SELECT * FROM tasks WHERE ${KEY}`, ...keyValues(key));
    return rows.length === 0 ? null : taskOf(rows[0]);
  }

  /** The task an id names, wherever retries have moved it. */
  find(place: TaskPlace): StoredTask | null {
    const { lane, firstDueAtMs, sequence } = place;
    const task = this.read({ lane, dueAtMs: firstDueAtMs, sequence });
    if (task !== null) return task.firstDueAtMs === firstDueAtMs ? task : null;
    const moved = this.database.exec('SELECT due_at FROM moved WHERE sequence = ?', sequence);
    if (moved.length === 0) return null;
    const found = this.read({ lane, dueAtMs: Number(moved[0].due_at), sequence });
    return found?.firstDueAtMs === firstDueAtMs ? found : null;
  }

  /** Keys of a lane after one, in the order of claims, with the end of their lease or null. */
  keysAfter(lane: number, after: TaskKey, limit: number): { key: TaskKey; leaseUntilMs: number | null }[] {
    const query = `SELECT due_at, sequence, lease_until FROM tasks
      WHERE lane = ? AND (due_at, sequence) > (?, ?) ORDER BY due_at, sequence LIMIT ?`;
    return this.database.exec(query, lane, after.dueAtMs, after.sequence, limit).map((row) => ({
      key: { lane, dueAtMs: Number(row.due_at), sequence: Number(row.sequence) },
      leaseUntilMs: numberOrNull(row.lease_until),
    }));
  }

  lease(key: TaskKey, attempt: number, lease: StoredLease): void {
    this.known.delete(textOf(key));
    this.database.exec(
      `UPDATE tasks SET attempt = ?, lease_until = ?, lease_token = ?, lease_ms = ?, agent_id = ?, claimed_at = ?,
         progress = NULL WHERE ${KEY}`,
      attempt,
      lease.untilMs,
      lease.token,
      lease.leaseMs,
      lease.agentId,
      lease.claimedAtMs,
      ...keyValues(key),
    );
  }

  extend(key: TaskKey, untilMs: number, progress: string | null): void {
    this.known.delete(textOf(key));
    const query = `UPDATE tasks SET lease_until = ?, progress = coalesce(?, progress) WHERE ${KEY}`;
    this.database.exec(query, untilMs, progress, ...keyValues(key));
  }

  requestCancel(key: TaskKey): void {
    this.known.delete(textOf(key));
    this.database.exec(`UPDATE tasks SET cancel_requested = 1 WHERE ${KEY}`, ...keyValues(key));
  }

  /** Ends an attempt: the task waits again, at another time. */
  retry(task: StoredTask, dueAtMs: number, settledToken: string | null, history: readonly TaskAttempt[]): void {
    this.known.clear();
    this.database.exec(
      `UPDATE tasks SET due_at = ?, lease_until = NULL, lease_token = NULL, lease_ms = NULL, agent_id = NULL,
         claimed_at = NULL, settled_token = ?, history = ? WHERE ${KEY}`,
      dueAtMs,
      settledToken,
      historyText(history),
      ...keyValues(task),
    );
    this.move(task.sequence, dueAtMs);
  }

  /** Takes a lease away, as if it had never been: so many attempts were begun. */
  release(key: TaskKey, attempt: number): void {
    this.known.delete(textOf(key));
    this.database.exec(
      `UPDATE tasks SET attempt = ?, lease_until = NULL, lease_token = NULL, lease_ms = NULL, agent_id = NULL,
         claimed_at = NULL WHERE ${KEY}`,
      attempt,
      ...keyValues(key),
    );
  }

  remove(task: StoredTask): void {
    this.known.delete(textOf(task));
    this.database.exec(`DELETE FROM tasks WHERE ${KEY}`, ...keyValues(task));
    if (task.dueAtMs !== task.firstDueAtMs) this.database.exec('DELETE FROM moved WHERE sequence = ?', task.sequence);
  }

  addFinished(task: FinishedTask): void {
    this.database.exec(
      `INSERT INTO finished (sequence, lane, first_due_at, status, expires_at, lease_token, body)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      task.sequence,
      task.lane,
      task.firstDueAtMs,
      task.status,
      task.expiresAtMs,
      task.leaseToken,
      JSON.stringify(task.body),
    );
  }

  finished({ lane, firstDueAtMs, sequence }: Omit<TaskPlace, 'shard'>): FinishedTask | null {
    const query = 'SELECT * FROM finished WHERE sequence = ? AND lane = ? AND first_due_at = ?';
    const rows = this.database.exec(query, sequence, lane, firstDueAtMs);
    return rows.length === 0 ? null : finishedOf(rows[0]);
  }

  removeFinished(sequence: number): void {
    this.database.exec('DELETE FROM finished WHERE sequence = ?', sequence);
  }

  /** Ended tasks after a sequence number, oldest first. */
  finishedAfter(after: number, filter: StoredFilter, limit: number): FinishedTask[] {
    const query = `SELECT * FROM finished WHERE sequence > ? AND expires_at > ? ${ofType(filter)}
      ${filter.status === null ? '' : 'AND status = ?'} ORDER BY sequence LIMIT ?`;
    const values = [filter.type, filter.status].filter((value) => value !== null);
    return this.database.exec(query, after, filter.nowMs, ...values, limit).map(finishedOf);
  }

  /** Tasks that have not ended after a key, in the order of keys. */
  tasksAfter(after: TaskKey, filter: StoredFilter, limit: number): StoredTask[] {
    const { condition, values } = statusCondition(filter.status, filter.nowMs);
    const query = `SELECT * FROM tasks WHERE (lane, due_at, sequence) > (?, ?, ?) ${ofType(filter)}
      ${condition} ORDER BY lane, due_at, sequence LIMIT ?`;
    const type = filter.type === null ? [] : [filter.type];
    return this.database.exec(query, ...keyValues(after), ...type, ...values, limit).map(taskOf);
  }

  /** How many tasks there are by lane: waiting for a first attempt, for another, and leased. */
  census(): { lane: number; pending: number; retrying: number; running: number }[] {
    const query = `SELECT lane, sum(attempt = 0) AS pending, sum(attempt > 0 AND lease_until IS NULL) AS retrying,
      sum(lease_until IS NOT NULL) AS running FROM tasks GROUP BY lane`;
    return this.database.exec(query).map((row) => ({
      lane: Number(row.lane),
      pending: Number(row.pending),
      retrying: Number(row.retrying),
      running: Number(row.running),
    }));
  }

  finishedCensus(): FinishedCount[] {
    return this.countFinished('');
  }

  /**
   * Tasks for agents that are due, counted up to a limit: those that wait, how long the oldest does, and those under a
   * lease.
   */
  due(nowMs: number, limit: number): { waiting: number; running: number; oldestDueAtMs: number | null } {
    // Lane by lane, since the key begins with it: what is not due is not read.
    const query = `SELECT count(*) AS due, coalesce(sum(lease_until > ?), 0) AS running,
        min(CASE WHEN lease_until IS NULL OR lease_until <= ? THEN due_at END) AS oldest
      FROM (SELECT lease_until, due_at FROM lanes CROSS JOIN tasks ON tasks.lane = lanes.id AND due_at <= ?
        WHERE lanes.type NOT IN (${BUILT_IN}) LIMIT ?)`;
    const [row] = this.database.exec(query, nowMs, nowMs, nowMs, limit);
    const running = Number(row.running);
    return { waiting: Number(row.due) - running, running, oldestDueAtMs: numberOrNull(row.oldest) };
  }

  /** How many unleased tasks of a lane come before a time, counted up to a limit. */
  countDueBefore(lane: number, dueAtMs: number, sequence: number, limit: number): number {
    const query = `SELECT count(*) AS n FROM (SELECT 1 FROM tasks
      WHERE lane = ? AND (due_at, sequence) < (?, ?) AND lease_until IS NULL LIMIT ?)`;
    return Number(this.database.exec(query, lane, dueAtMs, sequence, limit)[0].n);
  }

  dedupe(key: string, nowMs: number): string | null {
    const rows = this.database.exec('SELECT task_id FROM dedupe WHERE key = ? AND expires_at > ?', key, nowMs);
    return rows.length === 0 ? null : String(rows[0].task_id);
  }

  addDedupe(key: string, taskId: string, expiresAtMs: number): void {
    const query = 'INSERT OR REPLACE INTO dedupe (key, task_id, expires_at) VALUES (?, ?, ?)';
    this.database.exec(query, key, taskId, expiresAtMs);
  }

  /** Tasks that waited past their expiry; as their keys, since together they may be larger than memory. */
  expiredTasks(nowMs: number, limit: number): TaskKey[] {
    const query = 'SELECT lane, due_at, sequence FROM tasks WHERE expires_at <= ? AND lease_until IS NULL LIMIT ?';
    return this.database.exec(query, nowMs, limit).map(keyOf);
  }

  /** Drops results, dead letters and dedupe keys that are over; counts the ended tasks that went, by lane and status. */
  dropExpired(nowMs: number): FinishedCount[] {
    this.database.exec('DELETE FROM dedupe WHERE expires_at <= ?', nowMs);
    this.database.exec('DELETE FROM rates WHERE spent_until <= ?', nowMs);
    const gone = this.countFinished('WHERE expires_at <= ?', nowMs);
    this.database.exec('DELETE FROM finished WHERE expires_at <= ?', nowMs);
    return gone;
  }

  /** When the next thing is over, and how many rows were read to know it. */
  nextExpiry(): { atMs: number | null; rowsRead: number } {
    const [row] = this.database.exec(
      `SELECT min(at) AS at, sum(n) AS n FROM (
         SELECT min(expires_at) AS at, count(*) AS n FROM finished
         UNION ALL SELECT min(expires_at), count(*) FROM dedupe
         UNION ALL SELECT min(CASE WHEN lease_until IS NULL THEN expires_at END), count(*) FROM tasks)`,
    );
    return { atMs: numberOrNull(row.at), rowsRead: Number(row.n) };
  }

  fact(name: string): string | null {
    const rows = this.database.exec('SELECT value FROM facts WHERE name = ?', name);
    return rows.length === 0 ? null : String(rows[0].value);
  }

  setFact(name: string, value: string): void {
    this.database.exec('INSERT OR REPLACE INTO facts (name, value) VALUES (?, ?)', name, value);
  }

  private countFinished(condition: string, ...values: SqlValue[]): FinishedCount[] {
    const query = `SELECT lane, status, count(*) AS n FROM finished ${condition} GROUP BY lane, status`;
    return this.database.exec(query, ...values).map((row) => ({
      lane: Number(row.lane),
      status: String(row.status) as TaskStatus,
      count: Number(row.n),
    }));
  }

  private move(sequence: number, dueAtMs: number): void {
    this.database.exec('INSERT OR REPLACE INTO moved (sequence, due_at) VALUES (?, ?)', sequence, dueAtMs);
  }
}

/** Tasks read ahead at a time: a payload may have 128 KiB. Three parameters each stay below a statement's hundred. */
export const AHEAD = 32;
/** How many keys a statement that reads ahead has, the most first; for fewer it is not worth a statement. */
const AHEAD_SIZES = [AHEAD, 16, 8, 4];

function textOf({ lane, dueAtMs, sequence }: TaskKey): string {
  return `${lane}-${dueAtMs}-${sequence}`;
}

/** The types that the platform runs itself. */
const BUILT_IN = BUILT_IN_TYPES.map((type) => `'${type}'`).join(', ');

const KEY = 'lane = ? AND due_at = ? AND sequence = ?';

function keyValues({ lane, dueAtMs, sequence }: TaskKey): [number, number, number] {
  return [lane, dueAtMs, sequence];
}

/** A type may have more lanes than a statement has room for. */
function ofType({ type }: StoredFilter): string {
  return type === null ? '' : 'AND lane IN (SELECT id FROM lanes WHERE type = ?)';
}

function statusCondition(status: TaskStatus | null, nowMs: number): { condition: string; values: SqlValue[] } {
  switch (status) {
    case null:
      return { condition: '', values: [] };
    case 'Running':
      return { condition: 'AND lease_until > ?', values: [nowMs] };
    case 'Pending':
      return { condition: 'AND attempt = 0', values: [] };
    case 'Retrying':
      return { condition: 'AND attempt > 0 AND (lease_until IS NULL OR lease_until <= ?)', values: [nowMs] };
    default:
      return { condition: 'AND false', values: [] };
  }
}
