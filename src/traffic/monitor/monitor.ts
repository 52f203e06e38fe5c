import type { ObjectDatabase } from '../../core/object-database.ts';
import type { UpstreamKey } from '../../core/protocol/gateway.ts';
import type { CompiledUpstream } from '../../core/protocol/upstream.ts';
import type {
  BreakerReport,
  SharedBreaker,
  UpstreamFindings,
  UpstreamState,
} from '../../core/protocol/upstream-monitor.ts';
import {
  grantProbes,
  nextPassMs,
  pass,
  type SharedBreakerRecord,
  takeReport,
  toldOf,
} from '../upstream/shared-breaker.ts';
import { rangeOf } from './watch-list.ts';

interface Known {
  readonly key: UpstreamKey;
  version: number;
  /** Whether it is on the list; else only breakers are known of it. */
  isWatched: boolean;
  findings: UpstreamFindings;
  /** By address, '' for the upstream as a whole. */
  readonly breakers: Map<string, SharedBreakerRecord>;
}

const NOTHING_FOUND: UpstreamFindings = { endpoints: null, stale: null, health: {} };

/**
 * What isolates are told of upstreams: what checkers have found, and the breakers that they share. Rows are written when
 * something turns.
 */
export class Monitor {
  private readonly database: ObjectDatabase;
  /** Breakers that are remembered at most. */
  private readonly mostBreakers: number;
  private readonly known = new Map<UpstreamKey, Known>();
  private lastVersion = 0;
  private breakers = 0;

  constructor(database: ObjectDatabase, mostBreakers: number, nowMs: number) {
    this.database = database;
    this.mostBreakers = mostBreakers;
    for (const { upstream, findings } of database.exec('SELECT * FROM monitor_findings')) {
      this.at(String(upstream), nowMs).findings = JSON.parse(String(findings));
    }
    for (const { upstream, address, record } of database.exec('SELECT * FROM monitor_breakers')) {
      this.at(String(upstream), nowMs).breakers.set(String(address), { ...JSON.parse(String(record)), grants: [] });
      this.breakers += 1;
    }
  }

  /** Takes up which upstreams there are; what is known of those that stay stays. Says whether states changed. */
  watch(upstreams: Iterable<UpstreamKey>, nowMs: number): boolean {
    const seen = new Set<UpstreamKey>();
    let changed = false;
    for (const key of upstreams) {
      seen.add(key);
      changed ||= !this.known.has(key);
      this.at(key, nowMs).isWatched = true;
    }
    for (const known of [...this.known.values()]) {
      if (seen.has(known.key) || (!known.isWatched && known.findings === NOTHING_FOUND)) continue;
      changed = true;
      this.forget(known, nowMs);
    }
    return changed;
  }

  /** Takes what checkers have found. True where what isolates are told has changed. */
  found(findings: Readonly<Record<UpstreamKey, UpstreamFindings>>, nowMs: number): boolean {
    let changed = false;
    for (const [key, found] of Object.entries(findings)) {
      const known = this.known.get(key);
      // One that is no longer on the list.
      if (known === undefined || !known.isWatched) continue;
      const text = JSON.stringify(found);
      if (JSON.stringify(known.findings) === text) continue;
      known.findings = found;
      this.database.exec('INSERT OR REPLACE INTO monitor_findings (upstream, findings) VALUES (?, ?)', known.key, text);
      this.touch(known, nowMs);
      changed = true;
    }
    return changed;
  }

  /** What was found of upstreams; those of which nothing was are left out. */
  findingsOf(keys: Iterable<UpstreamKey>): Record<UpstreamKey, UpstreamFindings> {
    const findings: Record<UpstreamKey, UpstreamFindings> = {};
    for (const key of keys) {
      const known = this.known.get(key);
      if (known !== undefined && known.findings !== NOTHING_FOUND) findings[key] = known.findings;
    }
    return findings;
  }

  /** How many endpoints an upstream has. */
  endpointsOf(key: UpstreamKey, { source, endpoints }: CompiledUpstream): number {
    return source.type === 'discovery' ? (this.known.get(key)?.findings.endpoints?.length ?? 0) : endpoints.length;
  }

  /** Takes what isolates report of breakers. True where what isolates are told has changed. */
  report(isolate: string, reports: readonly BreakerReport[], nowMs: number): boolean {
    let changed = false;
    for (const report of reports) {
      const before = this.known.get(report.upstream)?.breakers.get(report.address);
      if (before === undefined && this.breakers >= this.mostBreakers) continue;
      const record = takeReport(before, report, isolate, nowMs);
      if (record === undefined || record === before) continue;
      const known = this.at(report.upstream, nowMs);
      const turned = before?.state !== record.state || before.round !== record.round;
      this.keepBreaker(known, report.address, record, turned);
      if (!turned) continue;
      this.touch(known, nowMs);
      changed = true;
    }
    return changed;
  }

  /** Moves breakers on to the present. True where what isolates are told has changed, or probes may be granted. */
  pass(nowMs: number): boolean {
    let changed = false;
    for (const known of [...this.known.values()]) {
      for (const [address, record] of [...known.breakers]) {
        const later = pass(record, nowMs);
        if (later === record) continue;
        changed = true;
        if (later === undefined) this.dropBreaker(known, address);
        else this.keepBreaker(known, address, later, later.state !== record.state);
        if (later?.state !== record.state) this.touch(known, nowMs);
      }
    }
    return changed;
  }

  /** When `pass` has something to do; infinite for never. */
  nextPassMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { breakers } of this.known.values()) {
      for (const record of breakers.values()) next = Math.min(next, nextPassMs(record));
    }
    return next;
  }

  /** What is new of the upstreams an isolate asks for. Of those in `wishes` it is granted the probes that are to be had. */
  newsFor(
    isolate: string,
    versions: Readonly<Record<UpstreamKey, number>>,
    wishes: readonly UpstreamKey[],
    nowMs: number,
  ): Record<UpstreamKey, UpstreamState> {
    const news: Record<UpstreamKey, UpstreamState> = {};
    for (const [key, version] of Object.entries(versions)) {
      const known = this.known.get(key);
      if (known === undefined) {
        if (version !== 0) news[key] = { version: 0, ...NOTHING_FOUND, breakers: {} };
        continue;
      }
      const probes = new Map<string, number>();
      for (const [address, record] of wishes.includes(key) ? known.breakers : []) {
        const granted = grantProbes(record, isolate, nowMs);
        if (granted.probes === 0) continue;
        known.breakers.set(address, granted.record);
        probes.set(address, granted.probes);
      }
      if (known.version !== version || probes.size > 0) news[key] = stateOf(known, probes, nowMs);
    }
    return news;
  }

  describe(keys: readonly UpstreamKey[], nowMs: number): Record<UpstreamKey, UpstreamState> {
    const states: Record<UpstreamKey, UpstreamState> = {};
    for (const key of keys) {
      const known = this.known.get(key);
      if (known !== undefined) states[key] = stateOf(known, new Map(), nowMs);
    }
    return states;
  }

  eraseNamespace(namespaceUid: string): void {
    const range = rangeOf(namespaceUid);
    for (const table of ['monitor_findings', 'monitor_breakers']) {
      this.database.exec(`DELETE FROM ${table} WHERE upstream > ? AND upstream < ?`, ...range);
    }
    for (const known of [...this.known.values()]) {
      if (!known.key.startsWith(range[0])) continue;
      this.breakers -= known.breakers.size;
      this.known.delete(known.key);
    }
  }

  private at(key: UpstreamKey, nowMs: number): Known {
    const present = this.known.get(key);
    if (present !== undefined) return present;
    const made: Known = { key, version: 0, isWatched: false, findings: NOTHING_FOUND, breakers: new Map() };
    this.known.set(key, made);
    this.touch(made, nowMs);
    return made;
  }

  /** Gives the state a number that no other state of this upstream had, before or after a restart. */
  private touch(known: Known, nowMs: number): void {
    this.lastVersion = Math.max(this.lastVersion + 1, nowMs);
    known.version = this.lastVersion;
  }

  /** The upstream is no longer watched; what its breakers came to may still be of use. */
  private forget(known: Known, nowMs: number): void {
    known.isWatched = false;
    known.findings = NOTHING_FOUND;
    this.database.exec('DELETE FROM monitor_findings WHERE upstream = ?', known.key);
    if (known.breakers.size === 0) this.known.delete(known.key);
    else this.touch(known, nowMs);
  }

  private keepBreaker(known: Known, address: string, record: SharedBreakerRecord, write: boolean): void {
    if (!known.breakers.has(address)) this.breakers += 1;
    known.breakers.set(address, record);
    // Grants are not written: after a restart a few probes more go out.
    if (!write) return;
    this.database.exec(
      'INSERT OR REPLACE INTO monitor_breakers (upstream, address, record) VALUES (?, ?, ?)',
      known.key,
      address,
      JSON.stringify(record),
    );
  }

  private dropBreaker(known: Known, address: string): void {
    known.breakers.delete(address);
    this.breakers -= 1;
    this.database.exec('DELETE FROM monitor_breakers WHERE upstream = ? AND address = ?', known.key, address);
    if (known.breakers.size === 0 && !known.isWatched) this.known.delete(known.key);
  }
}

function stateOf(
  { version, findings, breakers }: Known,
  probes: ReadonlyMap<string, number>,
  nowMs: number,
): UpstreamState {
  const told: Record<string, SharedBreaker> = {};
  for (const [address, record] of breakers) told[address] = toldOf(record, probes.get(address) ?? 0, nowMs);
  return { version, ...findings, breakers: told };
}
