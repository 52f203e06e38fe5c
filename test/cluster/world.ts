import { Cluster } from '../../src/cluster/cluster.ts';
import { clusterStore, migrateCluster } from '../../src/cluster/store.ts';
import { manualClock } from '../../src/core/clock.ts';
import type { ObjectDatabase } from '../../src/core/object-database.ts';
import type { ClusterEvent, ElectionRecord, MemberReport } from '../../src/core/protocol/cluster.ts';
import {
  type ClusterSettings,
  DEFAULT_CLUSTER_SETTINGS,
  type ElectionSettings,
} from '../../src/core/protocol/cluster-settings.ts';
import { objectDatabase } from '../object-database.ts';

type Tables = Readonly<Record<string, readonly Record<string, unknown>[]>>;

/** Everything in a database. */
function tablesOf({ exec }: ObjectDatabase): Tables {
  const names = exec("SELECT name FROM sqlite_master WHERE type = 'table'").map(({ name }) => String(name));
  return Object.fromEntries(names.map((name) => [name, exec(`SELECT * FROM ${name}`)]));
}

function putBack({ exec }: ObjectDatabase, tables: Tables): void {
  for (const [name, rows] of Object.entries(tables)) {
    exec(`DELETE FROM ${name}`);
    for (const row of rows) {
      const columns = Object.keys(row);
      const values = Object.values(row) as (string | number | null)[];
      exec(`INSERT INTO ${name} (${columns}) VALUES (${columns.map(() => '?')})`, ...values);
    }
  }
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
  readonly database = objectDatabase();
  cluster: Cluster;
  private how: ClusterSettings;
  private incarnation = 0;

  constructor(how: ClusterSettings = settings()) {
    this.how = how;
    migrateCluster(this.database);
    this.cluster = this.boot();
    this.begin();
  }

  /** What the storage holds. */
  copy(): Tables {
    return tablesOf(this.database);
  }

  /** The storage goes back in time; the object is to be made anew. */
  restore(tables: Tables): void {
    putBack(this.database, tables);
  }

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

  configure(how: ClusterSettings): void {
    this.how = how;
    this.cluster.configure(how);
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
