import type { ObjectDatabase } from '../../core/object-database.ts';
import type { UpstreamKey } from '../../core/protocol/gateway.ts';
import type {
  CompiledDiscovery,
  CompiledEndpoint,
  CompiledHealthCheck,
  CompiledUpstream,
} from '../../core/protocol/upstream.ts';
import type {
  BreakerReport,
  EndpointHealth,
  SharedBreaker,
  UpstreamState,
} from '../../core/protocol/upstream-monitor.ts';
import type { Random } from '../../core/random.ts';
import { afterCheck, type CheckResult, type HealthRecord } from '../upstream/health.ts';
import {
  grantProbes,
  nextPassMs,
  pass,
  type SharedBreakerRecord,
  takeReport,
  toldOf,
} from '../upstream/shared-breaker.ts';
import { rangeOf } from './watch-list.ts';

/** Checks do not all come at one moment: each interval is longer or shorter by up to so much of it. */
const JITTER = 0.1;

/** An endpoint that is to be asked how it is. */
export interface DueCheck {
  readonly upstream: UpstreamKey;
  readonly address: string;
  readonly check: CompiledHealthCheck;
}

/** A registry that is to be asked what there is. */
export interface DueDiscovery {
  readonly upstream: UpstreamKey;
  readonly namespaceUid: string;
  readonly discovery: CompiledDiscovery;
}

interface Watched {
  readonly key: UpstreamKey;
  /** Null where only breakers are known of it. */
  entry: CompiledUpstream | null;
  /** The text of the entry: another one is another upstream. */
  text: string;
  version: number;
  found: readonly CompiledEndpoint[] | null;
  stale: UpstreamState['stale'];
  discoveryDueMs: number;
  asking: boolean;
  readonly health: Map<string, HealthRecord>;
  readonly checkDueMs: Map<string, number>;
  readonly checking: Set<string>;
  readonly breakers: Map<string, SharedBreakerRecord>;
}

/** What a monitor may hold. */
export interface MonitorLimits {
  /** Endpoints that are asked how they are, of all upstreams together. */
  readonly checkedEndpoints: number;
  /** Breakers that are remembered. */
  readonly breakers: number;
}

/**
 * What the UpstreamMonitor object knows and decides: who is to be asked when, what the answers come to, what an isolate
 * is told. Rows are written when something turns, and not for what repeats itself.
 */
export class Monitor {
  private readonly database: ObjectDatabase;
  private readonly random: Random;
  private readonly limits: MonitorLimits;
  private readonly watched = new Map<UpstreamKey, Watched>();
  private lastVersion = 0;
  private breakers = 0;

  constructor(database: ObjectDatabase, random: Random, limits: MonitorLimits, nowMs: number) {
    this.database = database;
    this.random = random;
    this.limits = limits;
    for (const { upstream, address, record } of database.exec('SELECT * FROM monitor_health')) {
      this.at(String(upstream), nowMs).health.set(String(address), JSON.parse(String(record)));
    }
    for (const { upstream, endpoints } of database.exec('SELECT * FROM monitor_found')) {
      this.at(String(upstream), nowMs).found = JSON.parse(String(endpoints));
    }
    for (const { upstream, endpoint, record } of database.exec('SELECT * FROM monitor_breakers')) {
      this.at(String(upstream), nowMs).breakers.set(String(endpoint), { ...JSON.parse(String(record)), grants: [] });
      this.breakers += 1;
    }
  }

  /** Takes up which upstreams there are; what is known of those that stay stays. Says whether states changed. */
  watch(upstreams: Iterable<readonly [UpstreamKey, CompiledUpstream]>, nowMs: number): boolean {
    const seen = new Set<UpstreamKey>();
    let changed = false;
    for (const [key, entry] of upstreams) {
      seen.add(key);
      const watched = this.at(key, nowMs);
      const text = JSON.stringify(entry);
      if (watched.text === text) continue;
      changed = true;
      const before = watched.entry;
      watched.entry = entry;
      watched.text = text;
      if (JSON.stringify(before?.source) !== JSON.stringify(entry.source)) {
        if (before !== null) this.forgetFound(watched);
        watched.discoveryDueMs = nowMs;
      }
      if (JSON.stringify(before?.healthCheck) !== JSON.stringify(entry.healthCheck)) {
        // What another check said is no word of this one. At the start nothing was there before.
        if (before !== null) for (const address of [...watched.health.keys()]) this.forgetHealth(watched, address);
        watched.checkDueMs.clear();
      }
      this.settleEndpoints(watched, nowMs);
      this.touch(watched, nowMs);
    }
    for (const watched of this.watched.values()) {
      if (seen.has(watched.key) || watched.entry === null) continue;
      changed = true;
      this.forget(watched);
    }
    return changed;
  }

  /** Everything that may be asked now; each is counted as being asked until its answer is taken. */
  due(nowMs: number): { readonly checks: readonly DueCheck[]; readonly discoveries: readonly DueDiscovery[] } {
    const checks: DueCheck[] = [];
    const discoveries: DueDiscovery[] = [];
    for (const watched of this.watched.values()) {
      const { entry, key } = watched;
      if (entry === null) continue;
      if (entry.source.type === 'discovery' && !watched.asking && watched.discoveryDueMs <= nowMs) {
        watched.asking = true;
        watched.discoveryDueMs = nowMs + this.jittered(entry.source.intervalMs);
        discoveries.push({ upstream: key, namespaceUid: entry.namespaceUid, discovery: entry.source });
      }
      if (entry.healthCheck === null) continue;
      for (const [address, dueMs] of watched.checkDueMs) {
        if (dueMs > nowMs || watched.checking.has(address)) continue;
        watched.checking.add(address);
        watched.checkDueMs.set(address, nowMs + this.jittered(entry.healthCheck.intervalMs));
        checks.push({ upstream: key, address, check: entry.healthCheck });
      }
    }
    return { checks, discoveries };
  }

  /** When something is due next, beside what is being asked; null for never. */
  nextDueMs(): number | null {
    let next = Number.POSITIVE_INFINITY;
    for (const { entry, checkDueMs, checking, discoveryDueMs, asking, breakers } of this.watched.values()) {
      if (entry?.source.type === 'discovery' && !asking) next = Math.min(next, discoveryDueMs);
      for (const [address, dueMs] of checkDueMs) if (!checking.has(address)) next = Math.min(next, dueMs);
      for (const record of breakers.values()) next = Math.min(next, nextPassMs(record));
    }
    return next === Number.POSITIVE_INFINITY ? null : next;
  }

  /** A check has come to an end. True where what isolates are told has changed. */
  checked({ upstream, address, check }: DueCheck, result: CheckResult, nowMs: number): boolean {
    const watched = this.watched.get(upstream);
    watched?.checking.delete(address);
    // One that is gone meanwhile, or is asked in another way.
    if (watched === undefined || !watched.checkDueMs.has(address)) return false;
    if (JSON.stringify(watched.entry?.healthCheck) !== JSON.stringify(check)) return false;
    const before = watched.health.get(address);
    const after = afterCheck(before, result, check, nowMs);
    watched.health.set(address, after);
    if (before?.healthy === after.healthy) return false;
    this.database.exec(
      'INSERT OR REPLACE INTO monitor_health (upstream, address, record) VALUES (?, ?, ?)',
      upstream,
      address,
      JSON.stringify(after),
    );
    this.touch(watched, nowMs);
    return true;
  }

  /** A registry has answered, or has not. True where what isolates are told has changed. */
  discovered(
    { upstream, discovery }: DueDiscovery,
    answer: { readonly endpoints: readonly CompiledEndpoint[] } | { readonly failed: string },
    nowMs: number,
  ): boolean {
    const watched = this.watched.get(upstream);
    if (watched === undefined) return false;
    watched.asking = false;
    if (JSON.stringify(watched.entry?.source) !== JSON.stringify(discovery)) return false;
    if ('failed' in answer) {
      if (watched.stale !== null) return false;
      watched.stale = { sinceMs: nowMs, reason: answer.failed };
      this.touch(watched, nowMs);
      return true;
    }
    const same = JSON.stringify(watched.found) === JSON.stringify(answer.endpoints);
    if (same && watched.stale === null) return false;
    watched.stale = null;
    if (!same) {
      watched.found = answer.endpoints;
      this.database.exec(
        'INSERT OR REPLACE INTO monitor_found (upstream, endpoints) VALUES (?, ?)',
        upstream,
        JSON.stringify(answer.endpoints),
      );
      this.settleEndpoints(watched, nowMs);
    }
    this.touch(watched, nowMs);
    return true;
  }

  /** Takes what isolates report of breakers. True where what isolates are told has changed. */
  report(isolate: string, reports: readonly BreakerReport[], nowMs: number): boolean {
    let changed = false;
    for (const report of reports) {
      const known = this.watched.get(report.upstream)?.breakers.get(report.endpoint);
      if (known === undefined && this.breakers >= this.limits.breakers) continue;
      const record = takeReport(known, report, isolate, nowMs);
      if (record === undefined || record === known) continue;
      const watched = this.at(report.upstream, nowMs);
      const turned = known?.state !== record.state || known.round !== record.round;
      this.keepBreaker(watched, report.endpoint, record, turned);
      if (!turned) continue;
      this.touch(watched, nowMs);
      changed = true;
    }
    return changed;
  }

  /** Moves breakers on to the present. True where what isolates are told has changed, or probes may be granted. */
  pass(nowMs: number): boolean {
    let changed = false;
    for (const watched of [...this.watched.values()]) {
      for (const [endpoint, record] of [...watched.breakers]) {
        const later = pass(record, nowMs);
        if (later === record) continue;
        changed = true;
        if (later === undefined) this.dropBreaker(watched, endpoint);
        else this.keepBreaker(watched, endpoint, later, later.state !== record.state);
        if (later?.state !== record.state) this.touch(watched, nowMs);
      }
    }
    return changed;
  }

  /** When `pass` has something to do. */
  nextPassMs(): number {
    let next = Number.POSITIVE_INFINITY;
    for (const { breakers } of this.watched.values()) {
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
      const watched = this.watched.get(key);
      if (watched === undefined) {
        if (version !== 0) news[key] = { version: 0, endpoints: null, stale: null, health: {}, breakers: {} };
        continue;
      }
      const probes = new Map<string, number>();
      for (const [endpoint, record] of wishes.includes(key) ? watched.breakers : []) {
        const granted = grantProbes(record, isolate, nowMs);
        if (granted.probes === 0) continue;
        watched.breakers.set(endpoint, granted.record);
        probes.set(endpoint, granted.probes);
      }
      if (watched.version !== version || probes.size > 0) news[key] = stateOf(watched, probes, nowMs);
    }
    return news;
  }

  describe(keys: readonly UpstreamKey[], nowMs: number): Record<UpstreamKey, UpstreamState> {
    const states: Record<UpstreamKey, UpstreamState> = {};
    for (const key of keys) {
      const watched = this.watched.get(key);
      if (watched !== undefined) states[key] = stateOf(watched, new Map(), nowMs);
    }
    return states;
  }

  eraseNamespace(namespaceUid: string): void {
    const range = rangeOf(namespaceUid);
    for (const table of ['monitor_health', 'monitor_found', 'monitor_breakers']) {
      this.database.exec(`DELETE FROM ${table} WHERE upstream > ? AND upstream < ?`, ...range);
    }
    for (const watched of [...this.watched.values()]) {
      if (!watched.key.startsWith(range[0])) continue;
      this.breakers -= watched.breakers.size;
      this.watched.delete(watched.key);
    }
  }

  private at(key: UpstreamKey, nowMs: number): Watched {
    const present = this.watched.get(key);
    if (present !== undefined) return present;
    const made: Watched = {
      key,
      entry: null,
      text: '',
      version: 0,
      found: null,
      stale: null,
      discoveryDueMs: nowMs,
      asking: false,
      health: new Map(),
      checkDueMs: new Map(),
      checking: new Set(),
      breakers: new Map(),
    };
    this.watched.set(key, made);
    this.touch(made, nowMs);
    return made;
  }

  /** Gives the state a number that no other state of this upstream had, before or after a restart. */
  private touch(watched: Watched, nowMs: number): void {
    this.lastVersion = Math.max(this.lastVersion + 1, nowMs);
    watched.version = this.lastVersion;
  }

  /** Endpoints that are there now are asked, new ones at once; those that are gone are forgotten. */
  private settleEndpoints(watched: Watched, nowMs: number): void {
    const { entry, found, checkDueMs, health } = watched;
    const endpoints = entry?.source.type === 'discovery' ? (found ?? []) : (entry?.endpoints ?? []);
    const addresses = new Set(entry?.healthCheck == null ? [] : endpoints.map(({ address }) => address));
    for (const address of [...checkDueMs.keys()]) if (!addresses.has(address)) checkDueMs.delete(address);
    for (const address of [...health.keys()]) if (!addresses.has(address)) this.forgetHealth(watched, address);
    let all = 0;
    for (const other of this.watched.values()) all += other.checkDueMs.size;
    for (const address of addresses) {
      if (checkDueMs.has(address) || all >= this.limits.checkedEndpoints) continue;
      checkDueMs.set(address, nowMs);
      all += 1;
    }
  }

  private forgetHealth(watched: Watched, address: string): void {
    watched.health.delete(address);
    this.database.exec('DELETE FROM monitor_health WHERE upstream = ? AND address = ?', watched.key, address);
  }

  private forgetFound(watched: Watched): void {
    watched.found = null;
    watched.stale = null;
    this.database.exec('DELETE FROM monitor_found WHERE upstream = ?', watched.key);
  }

  /** The upstream is no longer watched; what its breakers came to may still be of use. */
  private forget(watched: Watched): void {
    for (const address of [...watched.health.keys()]) this.forgetHealth(watched, address);
    this.forgetFound(watched);
    watched.entry = null;
    watched.text = '';
    watched.checkDueMs.clear();
    if (watched.breakers.size === 0) this.watched.delete(watched.key);
  }

  private keepBreaker(watched: Watched, endpoint: string, record: SharedBreakerRecord, write: boolean): void {
    if (!watched.breakers.has(endpoint)) this.breakers += 1;
    watched.breakers.set(endpoint, record);
    // Grants are not written: after a restart a few probes more go out.
    if (!write) return;
    this.database.exec(
      'INSERT OR REPLACE INTO monitor_breakers (upstream, endpoint, record) VALUES (?, ?, ?)',
      watched.key,
      endpoint,
      JSON.stringify(record),
    );
  }

  private dropBreaker(watched: Watched, endpoint: string): void {
    watched.breakers.delete(endpoint);
    this.breakers -= 1;
    this.database.exec('DELETE FROM monitor_breakers WHERE upstream = ? AND endpoint = ?', watched.key, endpoint);
    if (watched.breakers.size === 0 && watched.entry === null) this.watched.delete(watched.key);
  }

  private jittered(intervalMs: number): number {
    return Math.round(intervalMs * (1 + JITTER * (2 * this.random.next() - 1)));
  }
}

function stateOf(watched: Watched, probes: ReadonlyMap<string, number>, nowMs: number): UpstreamState {
  const health: Record<string, EndpointHealth> = {};
  for (const [address, { healthy, sinceMs, reason }] of watched.health) health[address] = { healthy, sinceMs, reason };
  const breakers: Record<string, SharedBreaker> = {};
  for (const [endpoint, record] of watched.breakers) {
    breakers[endpoint] = toldOf(record, probes.get(endpoint) ?? 0, nowMs);
  }
  const { version, found, stale } = watched;
  return { version, endpoints: found, stale, health, breakers };
}
