import { LIMITS } from '../core/limits.ts';
import { migrateObject, type ObjectDatabase } from '../core/object-database.ts';
import type { ClusterChange, ClusterEvent, ElectionRecord } from '../core/protocol/cluster.ts';
import { firstRevisionOf } from './epoch.ts';
import { type ClusterState, type Effect, type Election, EMPTY_CLUSTER, type Member } from './state.ts';

/** The schema, step by step; steps are only added. Bodies are JSON, and no table has a second index: rows cost. */
const MIGRATIONS: readonly (readonly string[])[] = [
  [
    'CREATE TABLE cluster_members (member_id TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID',
    // The sequence is the order of resignation.
    'CREATE TABLE cluster_resigned (sequence INTEGER PRIMARY KEY, member_id TEXT NOT NULL)',
    'CREATE TABLE cluster_elections (sequence INTEGER PRIMARY KEY, body TEXT NOT NULL)',
    'CREATE TABLE cluster_events (revision INTEGER PRIMARY KEY, body TEXT NOT NULL)',
  ],
];

/** Brings the tables up to date. To be called once before the store is used. */
export function migrateCluster(database: ObjectDatabase): void {
  migrateObject(database, 'cluster_facts', MIGRATIONS);
}

/** Where a cluster is kept: members, the election, its history, and the changes that watches resume from. */
export interface ClusterStore {
  load(): ClusterState;
  /** Does what a step wants written, all or nothing. `state` is the state after the step. */
  write(state: ClusterState, effects: readonly Effect[], nowMs: number): void;
  /** The last change's revision. */
  revision(): number;
  /** Changes up to here are forgotten. */
  compactedRevision(): number;
  eventsAfter(revision: number, limit: number): ClusterEvent[];
  /** Newest first. */
  elections(): ElectionRecord[];
  /** Puts another life of the cluster in place, without members; `records` newest first. Changes stay as they are told. */
  replace(election: Election, resigned: readonly string[], records: readonly ElectionRecord[]): void;
}

/** History is cut back when it is longer than its limit by this share, so that not every change deletes a row. */
const SLACK = 1.1;

export function clusterStore(database: ObjectDatabase): ClusterStore {
  const fact = (name: string): string | null => {
    const row = database.exec('SELECT value FROM cluster_facts WHERE name = ?', name)[0];
    return row === undefined ? null : String(row.value);
  };
  const setFact = (name: string, value: string): void => {
    database.exec('INSERT OR REPLACE INTO cluster_facts (name, value) VALUES (?, ?)', name, value);
  };
  const compactedRevision = (): number => Number(fact('compacted') ?? 0);
  // The log always holds the last change, or was compacted up to it: no row of its own is needed.
  const revision = (): number => {
    const last = database.exec('SELECT max(revision) AS last FROM cluster_events')[0]?.last;
    return Math.max(Number(last ?? 0), compactedRevision());
  };
  const compact = (upTo: number): void => {
    database.exec('DELETE FROM cluster_events WHERE revision <= ?', upTo);
    setFact('compacted', String(upTo));
  };

  const announce = (change: ClusterChange, nowMs: number): void => {
    const next = revision() + 1;
    const event: ClusterEvent = { ...change, revision: next, time: new Date(nowMs).toISOString() };
    database.exec('INSERT INTO cluster_events (revision, body) VALUES (?, ?)', next, JSON.stringify(event));
    const keep = LIMITS.clusterHistoryRevisions;
    if (next - compactedRevision() > keep * SLACK) compact(next - keep);
  };

  const record = (entry: ElectionRecord): void => {
    database.exec('INSERT INTO cluster_elections (body) VALUES (?)', JSON.stringify(entry));
    const last = Number(database.exec('SELECT max(sequence) AS last FROM cluster_elections')[0].last);
    database.exec('DELETE FROM cluster_elections WHERE sequence <= ?', last - LIMITS.clusterElectionRecords);
  };

  const setResigned = (memberId: string, resigned: boolean): void => {
    database.exec('DELETE FROM cluster_resigned WHERE member_id = ?', memberId);
    if (resigned) database.exec('INSERT INTO cluster_resigned (member_id) VALUES (?)', memberId);
  };

  const perform = (state: ClusterState, effect: Effect, nowMs: number): void => {
    switch (effect.type) {
      case 'save-member': {
        const member = state.members.get(effect.memberId);
        // It may be gone again by the end of the step; then its removal is among the effects, too.
        if (member === undefined) return;
        database.exec(
          'INSERT OR REPLACE INTO cluster_members (member_id, body) VALUES (?, ?)',
          member.memberId,
          JSON.stringify(member),
        );
        return;
      }
      case 'remove-member':
        database.exec('DELETE FROM cluster_members WHERE member_id = ?', effect.memberId);
        return;
      case 'save-election':
        setFact('election', JSON.stringify(state.election));
        return;
      case 'save-resigned':
        setResigned(effect.memberId, effect.resigned);
        return;
      case 'record':
        record(effect.record);
        return;
      case 'announce':
        announce(effect.change, nowMs);
        return;
      case 'restart-history':
        compact(Math.max(firstRevisionOf(effect.incarnation), revision()));
        return;
    }
  };

  return {
    load() {
      const members = database
        .exec('SELECT body FROM cluster_members ORDER BY member_id')
        .map((row) => JSON.parse(String(row.body)) as Member);
      const resigned = database.exec('SELECT member_id FROM cluster_resigned ORDER BY sequence');
      const election = fact('election');
      return {
        members: new Map(members.map((member) => [member.memberId, member])),
        election: election === null ? EMPTY_CLUSTER.election : (JSON.parse(election) as Election),
        resigned: new Set(resigned.map((row) => String(row.member_id))),
      };
    },
    write(state, effects, nowMs) {
      if (effects.length === 0) return;
      database.transaction(() => {
        for (const effect of once(effects)) perform(state, effect, nowMs);
      });
    },
    revision,
    compactedRevision,
    eventsAfter: (after, limit) =>
      database
        .exec('SELECT body FROM cluster_events WHERE revision > ? ORDER BY revision LIMIT ?', after, limit)
        .map((row) => JSON.parse(String(row.body)) as ClusterEvent),
    elections: () =>
      database
        .exec('SELECT body FROM cluster_elections ORDER BY sequence DESC')
        .map((row) => JSON.parse(String(row.body)) as ElectionRecord),
    replace(election, resigned, records) {
      database.transaction(() => {
        for (const table of ['members', 'resigned', 'elections']) database.exec(`DELETE FROM cluster_${table}`);
        setFact('election', JSON.stringify(election));
        for (const memberId of resigned) database.exec('INSERT INTO cluster_resigned (member_id) VALUES (?)', memberId);
        for (const entry of records.toReversed()) record(entry);
      });
    },
  };
}

/** The effects, with what saves the state as it is at the end only once: a row written is paid for. */
function once(effects: readonly Effect[]): readonly Effect[] {
  const seen = new Set<string>();
  return effects
    .toReversed()
    .filter((effect) => {
      if (effect.type !== 'save-member' && effect.type !== 'save-election') return true;
      const key = effect.type === 'save-member' ? `member/${effect.memberId}` : 'election';
      return !seen.has(key) && seen.add(key);
    })
    .toReversed();
}
