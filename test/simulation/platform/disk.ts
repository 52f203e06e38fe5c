import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { World } from '../world.ts';

type Binding = string | number | null | Uint8Array;

/** What the storage of an object throws once the instance that holds it is no more. */
export class Gone extends Error {}

/**
 * The storage of one object. Writes are kept in one open transaction until they are flushed, some milliseconds later;
 * what depends on them (answers, messages) waits for that, as it waits at the platform's output gate. A crash before
 * takes the writes back, or keeps them and loses the answers alone.
 */
export class Disk {
  alarmAtMs: number | null = null;
  /** Counts the times it was set: setting it to the same time again has it ring all the same. */
  alarmSetting = 0;
  /** Called when writes have become safe, before anybody is told, or when a crash took them back. */
  settled: (kept: boolean) => void = () => {};
  private readonly world: World;
  private readonly database = new DatabaseSync(':memory:');
  private readonly statements = new Map<string, { readonly statement: StatementSync; readonly writes: boolean }>();
  private values = new Map<string, unknown>();
  /** As it was before the open transaction. */
  private before: { readonly alarmAtMs: number | null; readonly values: Map<string, unknown> } | null = null;
  private waiting: (() => void)[] = [];
  private forgetFlush: () => void = () => {};
  /** Transactions under way, innermost last; a savepoint is set with the first write alone. */
  private readonly open: { set: boolean }[] = [];

  constructor(world: World) {
    this.world = world;
  }

  get dirty(): boolean {
    return this.before !== null;
  }

  exec(query: string, bindings: readonly Binding[]): Record<string, unknown>[] {
    const { statement, writes } = this.prepared(query);
    if (writes) {
      this.touch();
      if (this.world.faults.hit('statement failed')) throw new Error('disk I/O error (simulated)');
    }
    return statement.all(...bindings) as Record<string, unknown>[];
  }

  /** All or nothing; may be nested. */
  transaction<T>(work: () => T): T {
    const level = { set: false };
    this.open.push(level);
    const name = `t${this.open.length}`;
    try {
      const answer = work();
      if (level.set) this.database.exec(`RELEASE ${name}`);
      return answer;
    } catch (error) {
      if (level.set) this.database.exec(`ROLLBACK TO ${name}; RELEASE ${name}`);
      throw error;
    } finally {
      this.open.pop();
    }
  }

  get(key: string): unknown {
    return structuredClone(this.values.get(key));
  }

  put(key: string, value: unknown): void {
    this.touch();
    this.values.set(key, structuredClone(value));
  }

  setAlarm(atMs: number | null): void {
    this.touch();
    this.alarmAtMs = atMs;
    this.alarmSetting += 1;
  }

  /** Everything goes but the alarm. */
  deleteAll(): void {
    this.touch();
    const tables = this.database.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all();
    for (const { name } of tables) this.database.exec(`DROP TABLE ${String(name)}`);
    this.statements.clear();
    this.values.clear();
  }

  /** Runs `then` once all that is written by now is safe. */
  whenSafe(then: () => void): void {
    if (this.before === null) then();
    else this.waiting.push(then);
  }

  /** Makes the writes so far safe. */
  flush(): void {
    if (this.before === null) return;
    this.forgetFlush();
    this.database.exec('COMMIT');
    this.before = null;
    this.settled(true);
    for (const then of this.waiting.splice(0)) then();
  }

  /** The machine stops. What waited for a flush is never told. */
  crash(keep: boolean): void {
    if (this.before === null) return;
    this.forgetFlush();
    this.database.exec(keep ? 'COMMIT' : 'ROLLBACK');
    if (!keep) {
      this.alarmAtMs = this.before.alarmAtMs;
      this.values = this.before.values;
      this.statements.clear();
    }
    this.before = null;
    this.waiting = [];
    this.settled(keep);
  }

  close(): void {
    if (this.database.isOpen) this.database.close();
  }

  private touch(): void {
    if (this.before === null) {
      this.before = { alarmAtMs: this.alarmAtMs, values: new Map(this.values) };
      this.database.exec('BEGIN');
      const ms = this.world.faults.hit('disk slow') ? 3_000 : 12;
      this.forgetFlush = this.world.after(this.world.below(ms), () => this.flush());
    }
    for (const [at, level] of this.open.entries()) {
      if (level.set) continue;
      level.set = true;
      this.database.exec(`SAVEPOINT t${at + 1}`);
    }
  }

  private prepared(query: string) {
    const present = this.statements.get(query);
    if (present !== undefined) return present;
    const made = { statement: this.database.prepare(query), writes: !/^\s*SELECT\b/i.test(query) };
    this.statements.set(query, made);
    return made;
  }
}

/** The part of `DurableObjectStorage` that objects use. `alive` throws where the instance is no more. */
export function storageOf(disk: Disk, alive: () => void) {
  return {
    sql: {
      exec(query: string, ...bindings: Binding[]) {
        alive();
        const rows = disk.exec(query, bindings);
        // Rows written are counted where they are paid for, on the runtime.
        return {
          toArray: () => rows,
          one: () => rows[0],
          [Symbol.iterator]: () => rows[Symbol.iterator](),
          rowsWritten: 0,
          rowsRead: rows.length,
        };
      },
      get databaseSize() {
        return 0;
      },
    },
    kv: {
      get(key: string): unknown {
        alive();
        return disk.get(key);
      },
      put(key: string, value: unknown): void {
        alive();
        disk.put(key, value);
      },
    },
    transactionSync<T>(work: () => T): T {
      alive();
      return disk.transaction(work);
    },
    async get(key: string): Promise<unknown> {
      alive();
      return disk.get(key);
    },
    async put(key: string, value: unknown): Promise<void> {
      alive();
      disk.put(key, value);
    },
    async getAlarm(): Promise<number | null> {
      alive();
      return disk.alarmAtMs;
    },
    async setAlarm(at: number | Date): Promise<void> {
      alive();
      disk.setAlarm(Number(at));
    },
    async deleteAlarm(): Promise<void> {
      alive();
      disk.setAlarm(null);
    },
    async deleteAll(): Promise<void> {
      alive();
      disk.deleteAll();
    },
    async sync(): Promise<void> {
      alive();
      await new Promise<void>((resolve) => disk.whenSafe(resolve));
    },
  };
}
