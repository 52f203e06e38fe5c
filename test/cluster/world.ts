import { DatabaseSync } from 'node:sqlite';
import { Cluster } from '../../src/cluster/cluster.ts';
import { type ClusterSettings, DEFAULT_CLUSTER_SETTINGS, type ElectionSettings } from '../../src/cluster/settings.ts';
import { type ClusterDatabase, clusterStore, migrateCluster } from '../../src/cluster/store.ts';
import { manualClock } from '../../src/core/clock.ts';
import type { ClusterEvent, ElectionRecord, MemberReport } from '../../src/core/protocol/cluster.ts';

type Tables = Readonly<Record<string, readonly Record<string, unknown>[]>>;

/** A Durable Object's SQLite, over `node:sqlite`. */
export function memoryDatabase(): ClusterDatabase & { copy(): Tables; restore(tables: Tables): void } {
  const database = new DatabaseSync(':memory:');
  const exec: ClusterDatabase['exec'] = (query, ...bindings) =>
    database.prepare(query).all(...bindings) as Record<string, unknown>[];
  return {
    exec,
    transaction(work) {
      database.exec('BEGIN');
      try {
        const result = work();
        database.exec('COMMIT');
        return result;
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    },
    copy: () =>
      Object.fromEntries(
        exec("SELECT name FROM sqlite_master WHERE type = 'table'").map(({ name }) => [
          String(name),
          exec(`SELECT * FROM ${name}`),
        ]),
      ),
    restore(tables) {
      for (const [name, rows] of Object.entries(tables)) {
        exec(`DELETE FROM ${name}`);
        for (const row of rows) {
          const columns = Object.keys(row);
          const values = Object.values(row) as (string | number | null)[];
          exec(`INSERT INTO ${name} (${columns}) VALUES (${columns.map(() => '?')})`, ...values);
        }
      }
    },
  };
}

export function settings(election: Partial<ElectionSettings> = {}): ClusterSettings {
  return { ...DEFAULT_CLUSTER_SETTINGS, election: { ...DEFAULT_CLUSTER_SETTINGS.election, ...election } };
}

export const RUNNING: MemberReport = { status: 'Running' };

/** A cluster on storage that outlives it, with sockets that are pinged by hand. */
export class World {
  readonly clock = manualClock(1_700_000_000_000);
  readonly pings = new Map<string, number>();
  readonly events: ClusterEvent[] = [];
  cluster: Cluster;
  private readonly how: ClusterSettings;
  private incarnation = 0;

  constructor(how: ClusterSettings = settings()) {
    this.how = how;
    const database = memoryDatabase();
    migrateCluster(database);
    this.database = database;
    this.cluster = this.boot();
    this.begin();
  }

  database: ReturnType<typeof memoryDatabase>;

  /** The object is made anew from its storage. */
  boot(sockets: readonly string[] = [], restored = false): Cluster {
    for (const memberId of [...this.pings.keys()]) if (!sockets.includes(memberId)) this.pings.delete(memberId);
    this.cluster = new Cluster({
      store: clusterStore(this.database),
      settings: this.how,
      clock: this.clock,
      log: SILENT,
      lastPingMs: (memberId) => this.pings.get(memberId) ?? null,
      changed: (events) => this.events.push(...events),
    });
    if (restored) this.begin();
    this.cluster.start(sockets);
    return this.cluster;
  }

  /** What the shell does for a store that is new or was restored. */
  begin(): void {
    this.incarnation = Math.max(this.incarnation, this.cluster.incarnation) + 1;
    this.cluster.begin(this.incarnation);
  }

  join(memberId: string, report: Partial<MemberReport> = {}): void {
    this.cluster.report(memberId, { ...RUNNING, ...report }, false);
  }

  /** Joins and holds a socket. */
  hold(memberId: string, report: Partial<MemberReport> = {}): void {
    this.cluster.report(memberId, { ...RUNNING, ...report }, true);
  }

  /** Time passes, and what is due by then is done when it is due. */
  pass(seconds: number): void {
    const untilMs = this.clock.now() + seconds * 1_000;
    for (;;) {
      const dueMs = this.cluster.nextDeadlineMs();
      if (dueMs === null || dueMs > untilMs) break;
      this.clock.advance(Math.max(0, dueMs - this.clock.now()));
      this.cluster.advance();
    }
    this.clock.advance(untilMs - this.clock.now());
  }

  get leader(): string | null {
    return this.cluster.leader().memberId;
  }

  /** Term, outcome and reason of each election, oldest first. */
  history(): string[] {
    return this.cluster
      .election()
      .history.toReversed()
      .map(({ term, memberId, outcome, reason }: ElectionRecord) => `${term} ${memberId ?? '-'} ${outcome}: ${reason}`);
  }

  states(): Record<string, string> {
    return Object.fromEntries(this.cluster.members().map(({ memberId, election }) => [memberId, election]));
  }

  healths(): Record<string, string> {
    return Object.fromEntries(this.cluster.members().map(({ memberId, health }) => [memberId, health]));
  }
}

const SILENT = { debug() {}, info() {}, warn() {}, error() {}, with: () => SILENT };
