import type { ObjectDatabase } from '../../core/object-database.ts';
import type { CheckDelay, CheckerPart } from '../../core/protocol/endpoint-checker.ts';
import type { UpstreamKey } from '../../core/protocol/gateway.ts';
import type {
  CompiledDiscovery,
  CompiledEndpoint,
  CompiledHealthCheck,
  CompiledUpstream,
} from '../../core/protocol/upstream.ts';
import type { EndpointHealth, UpstreamFindings } from '../../core/protocol/upstream-monitor.ts';
import type { Random } from '../../core/random.ts';
import { afterCheck, type CheckResult, type HealthRecord } from '../upstream/health.ts';
import { CheckerRows } from './checker-rows.ts';
import { fairShares } from './fair-shares.ts';
import { type Asked, type Connections, isForgotten, newAsked, newUse, type Turn, Turns, type Use } from './turns.ts';

/** Checks do not all come at one moment: each interval is longer or shorter by up to so much of it. */
const JITTER = 0.1;
/** They come at whole seconds all the same: an alarm that rings is a row. */
const GRAIN_MS = 1_000;

/** An endpoint that is to be asked how it is. */
export interface DueCheck extends Turn {
  readonly upstream: UpstreamKey;
  readonly address: string;
  readonly check: CompiledHealthCheck;
}

/** A registry that is to be asked what there is. */
export interface DueDiscovery extends Turn {
  readonly upstream: UpstreamKey;
  readonly namespaceUid: string;
  readonly discovery: CompiledDiscovery;
}

interface Watched {
  readonly key: UpstreamKey;
  readonly entry: CompiledUpstream;
  /** Of the entry: another one is another upstream. */
  readonly text: string;
  readonly use: Use;
  registry: Asked;
  /** By address; empty where nothing is checked. */
  readonly endpoints: Map<string, Asked>;
  readonly health: Map<string, HealthRecord>;
  found: readonly CompiledEndpoint[] | null;
  stale: UpstreamFindings['stale'];
}

/** What checks may use. */
export interface CheckLimits {
  readonly connections: Connections;
  /** Endpoints that are asked how they are, of all upstreams together. */
  readonly endpoints: number;
}

/**
 * What an EndpointChecker object knows and decides of the upstreams that are its own: who is asked when, and what the
 * answers come to. Rows are written when something turns, and not for what repeats itself.
 */
export class Checks {
  private readonly database: ObjectDatabase;
  private readonly rows: CheckerRows;
  private readonly random: Random;
  private readonly limits: CheckLimits;
  private readonly turns: Turns;
  private readonly watched = new Map<UpstreamKey, Watched>();
  /** By the uid of namespaces. */
  private readonly tenants = new Map<string, Use>();
  private untold = new Set<UpstreamKey>();

  constructor(database: ObjectDatabase, random: Random, limits: CheckLimits, nowMs: number) {
    this.database = database;
    this.random = random;
    this.limits = limits;
    this.turns = new Turns(limits.connections);
    this.rows = new CheckerRows(database);
    for (const { key, entry, text, health, found } of this.rows.all()) {
      const made = watchedOf(key, entry, text, nowMs);
      for (const [address, record] of health) made.health.set(address, record);
      made.found = found;
      this.watched.set(key, made);
      // Who has begun anew does not know what it has told.
      this.untold.add(key);
    }
    this.settle(nowMs);
  }

  /** Which checker this is; null where it was never told. */
  get checker(): number | null {
    const text = this.rows.fact('checker');
    return text === null ? null : Number(text);
  }

  /** Takes up which upstreams are its own, unless a later part was taken up before. */
  watch({ checker, round, upstreams, known }: CheckerPart, nowMs: number): void {
    if (round < Number(this.rows.fact('round') ?? 0)) return;
    this.database.transaction(() => {
      this.rows.putFact('checker', String(checker));
      this.rows.putFact('round', String(round));
      const seen = new Set<UpstreamKey>();
      for (const [key, entry] of upstreams) {
        seen.add(key);
        this.watchOne(key, entry, known[key], nowMs);
      }
      for (const watched of [...this.watched.values()]) if (!seen.has(watched.key)) this.forget(watched);
      this.settle(nowMs);
    });
    for (const [tenant, use] of this.tenants) if (isForgotten(use, nowMs)) this.tenants.delete(tenant);
  }

  /** Those that are asked now, by turns; each is counted as being asked until its answer is taken. */
  due(nowMs: number): { readonly checks: readonly DueCheck[]; readonly discoveries: readonly DueDiscovery[] } {
    const checks: DueCheck[] = [];
    const discoveries: DueDiscovery[] = [];
    const waiting = [...this.all()].filter(({ asked }) => asked.sinceMs === null && asked.dueMs <= nowMs);
    for (let next = this.turns.next(waiting, nowMs); next !== null; next = this.turns.next(waiting, nowMs)) {
      this.turns.begin(next, this.dueAfter(intervalOf(next), nowMs), nowMs);
      if ('check' in next) checks.push(next);
      else discoveries.push(next);
    }
    return { checks, discoveries };
  }

  /** When somebody is due for whom there is room; null for never. The end of what is being asked makes room as well. */
  nextDueMs(): number | null {
    let next = Number.POSITIVE_INFINITY;
    for (const { asked } of this.all()) {
      if (asked.sinceMs === null && asked.dueMs < next && this.turns.hasRoomFor(asked)) next = asked.dueMs;
    }
    return next === Number.POSITIVE_INFINITY ? null : next;
  }

  /** A check has come to an end. True where what was found has changed. */
  checked(due: DueCheck, result: CheckResult, nowMs: number): boolean {
    this.turns.end(due, nowMs);
    const { upstream, address, check, asked } = due;
    const watched = this.watched.get(upstream);
    // One that is gone meanwhile, or is asked in another way.
    if (watched === undefined || watched.endpoints.get(address) !== asked) return false;
    const before = watched.health.get(address);
    const after = afterCheck(before, result, check, nowMs);
    watched.health.set(address, after);
    asked.isInDoubt = after.against > 0;
    if (before?.healthy === after.healthy) return false;
    this.keepHealth(watched, address, after);
    this.untold.add(upstream);
    return true;
  }

  /** A registry has answered, or has not. True where what was found has changed. */
  discovered(
    due: DueDiscovery,
    answer: { readonly endpoints: readonly CompiledEndpoint[] } | { readonly failed: string },
    nowMs: number,
  ): boolean {
    this.turns.end(due, nowMs);
    const { upstream, asked } = due;
    const watched = this.watched.get(upstream);
    if (watched === undefined || watched.registry !== asked) return false;
    if ('failed' in answer) {
      if (watched.stale !== null) return false;
      watched.stale = { sinceMs: nowMs, reason: answer.failed };
      this.untold.add(upstream);
      return true;
    }
    const same = JSON.stringify(watched.found) === JSON.stringify(answer.endpoints);
    if (same && watched.stale === null) return false;
    watched.stale = null;
    if (!same) {
      this.keepFound(watched, answer.endpoints);
      this.settle(nowMs);
    }
    this.untold.add(upstream);
    return true;
  }

  /** Everything that was found, and counted as told. */
  findings(): Record<UpstreamKey, UpstreamFindings> {
    this.untold.clear();
    return Object.fromEntries([...this.watched.values()].map((watched) => [watched.key, findingsOf(watched)]));
  }

  /** What was found and not told yet; null where there is nothing. Where telling fails, `notTold` takes it back. */
  takeUntold(): Record<UpstreamKey, UpstreamFindings> | null {
    const findings: Record<UpstreamKey, UpstreamFindings> = {};
    for (const key of this.untold) {
      const watched = this.watched.get(key);
      if (watched !== undefined) findings[key] = findingsOf(watched);
    }
    this.untold.clear();
    return Object.keys(findings).length === 0 ? null : findings;
  }

  notTold(findings: Readonly<Record<UpstreamKey, UpstreamFindings>>): void {
    for (const key of Object.keys(findings)) this.untold.add(key);
  }

  /** When endpoints were asked last, by address; those that never were are left out. */
  lastChecks(key: UpstreamKey): Record<string, number> {
    const times: Record<string, number> = {};
    for (const [address, { lastMs }] of this.watched.get(key)?.endpoints ?? []) {
      if (lastMs !== null) times[address] = lastMs;
    }
    return times;
  }

  /** By how much the checks of each upstream come later than declared: of the endpoint that is worst off. */
  delays(nowMs: number): CheckDelay[] {
    const delays: CheckDelay[] = [];
    for (const { entry, endpoints } of this.watched.values()) {
      if (endpoints.size === 0) continue;
      let delayMs = 0;
      for (const { dueMs, sinceMs, lateMs } of endpoints.values()) {
        delayMs = Math.max(delayMs, lateMs, sinceMs === null ? nowMs - dueMs : 0);
      }
      delays.push({ namespace: entry.namespace, upstream: entry.name, delayMs });
    }
    return delays;
  }

  /** `known` counts where this checker knows nothing itself. */
  private watchOne(
    key: UpstreamKey,
    entry: CompiledUpstream,
    known: UpstreamFindings | undefined,
    nowMs: number,
  ): void {
    const text = JSON.stringify(entry);
    const before = this.watched.get(key);
    if (before?.text === text) return;
    const made = watchedOf(key, entry, text, nowMs, before);
    if (before !== undefined) {
      const { source, healthCheck } = before.entry;
      if (JSON.stringify(source) === JSON.stringify(entry.source)) {
        made.found = before.found;
        made.stale = before.stale;
        made.registry = before.registry;
      } else this.rows.forgetFound(key);
      // What another check said is no word of this one.
      if (JSON.stringify(healthCheck) !== JSON.stringify(entry.healthCheck)) this.rows.forgetHealth(key);
      else {
        for (const [address, asked] of before.endpoints) made.endpoints.set(address, asked);
        for (const [address, record] of before.health) made.health.set(address, record);
      }
    }
    if (before === undefined && known !== undefined) this.goOnFrom(made, known);
    this.watched.set(key, made);
    this.rows.putUpstream(key, text);
    this.untold.add(key);
  }

  private goOnFrom(watched: Watched, { endpoints, stale, health }: UpstreamFindings): void {
    if (endpoints !== null && watched.entry.source.type === 'discovery') this.keepFound(watched, endpoints);
    watched.stale = stale;
    for (const [address, told] of Object.entries(health)) this.keepHealth(watched, address, { ...told, against: 0 });
  }

  private keepHealth({ key, health }: Watched, address: string, record: HealthRecord): void {
    health.set(address, record);
    this.rows.putHealth(key, address, record);
  }

  private keepFound(watched: Watched, endpoints: readonly CompiledEndpoint[]): void {
    watched.found = endpoints;
    this.rows.putFound(watched.key, endpoints);
  }

  /** Endpoints that are there now are asked, new ones at once; those that are gone, or too many, are forgotten. */
  private settle(nowMs: number): void {
    const wanted = new Map<string, number>();
    for (const watched of this.watched.values()) {
      const { namespaceUid } = watched.entry;
      wanted.set(namespaceUid, (wanted.get(namespaceUid) ?? 0) + addressesOf(watched).length);
    }
    const left = fairShares(wanted, this.limits.endpoints);
    for (const watched of this.watched.values()) {
      const { namespaceUid } = watched.entry;
      const share = left.get(namespaceUid) ?? 0;
      const addresses = addressesOf(watched).slice(0, share);
      left.set(namespaceUid, share - addresses.length);
      this.settleEndpoints(watched, new Set(addresses), nowMs);
    }
  }

  private settleEndpoints(
    { key, entry, endpoints, health }: Watched,
    addresses: ReadonlySet<string>,
    nowMs: number,
  ): void {
    for (const address of [...endpoints.keys()]) if (!addresses.has(address)) endpoints.delete(address);
    for (const address of [...health.keys()]) {
      if (addresses.has(address)) continue;
      health.delete(address);
      this.rows.forgetHealthOf(key, address);
      this.untold.add(key);
    }
    for (const address of addresses) {
      if (endpoints.has(address)) continue;
      const asked = newAsked(nowMs);
      // Of what is ill it is assumed that it hangs, also after a restart, and of what is healthy that it does not.
      const record = health.get(address);
      if (record !== undefined) asked.tookMs = record.healthy ? 0 : (entry.healthCheck?.timeoutMs ?? null);
      endpoints.set(address, asked);
    }
  }

  /** Everybody who is asked. */
  private *all(): Generator<DueCheck | DueDiscovery> {
    for (const { key, entry, use, registry, endpoints } of this.watched.values()) {
      const { namespaceUid, source, healthCheck } = entry;
      const tenant = this.tenant(namespaceUid);
      if (source.type === 'discovery') {
        yield { upstream: key, namespaceUid, discovery: source, asked: registry, tenantUse: tenant, upstreamUse: use };
      }
      if (healthCheck === null) continue;
      for (const [address, asked] of endpoints) {
        yield { upstream: key, address, check: healthCheck, asked, tenantUse: tenant, upstreamUse: use };
      }
    }
  }

  private tenant(namespaceUid: string): Use {
    const present = this.tenants.get(namespaceUid);
    if (present !== undefined) return present;
    const made = newUse();
    this.tenants.set(namespaceUid, made);
    return made;
  }

  private forget({ key }: Watched): void {
    this.rows.forget(key);
    this.watched.delete(key);
    this.untold.delete(key);
  }

  private dueAfter(intervalMs: number, nowMs: number): number {
    const dueMs = nowMs + intervalMs * (1 + JITTER * (2 * this.random.next() - 1));
    return Math.max(Math.round(dueMs / GRAIN_MS), Math.floor(nowMs / GRAIN_MS) + 1) * GRAIN_MS;
  }
}

/** `before` is the same upstream as it was: what it has used of connections stays. */
function watchedOf(key: UpstreamKey, entry: CompiledUpstream, text: string, nowMs: number, before?: Watched): Watched {
  const use = before?.use ?? newUse();
  return {
    ...{ key, entry, text, use, found: null, stale: null },
    registry: newAsked(nowMs),
    endpoints: new Map(),
    health: new Map(),
  };
}

function intervalOf(due: DueCheck | DueDiscovery): number {
  return 'check' in due ? due.check.intervalMs : due.discovery.intervalMs;
}

function findingsOf({ found, stale, health }: Watched): UpstreamFindings {
  const told: Record<string, EndpointHealth> = {};
  for (const [address, { healthy, sinceMs, reason }] of health) told[address] = { healthy, sinceMs, reason };
  return { endpoints: found, stale, health: told };
}

/** Endpoints that are to be asked how they are. */
function addressesOf({ entry, found }: Watched): string[] {
  if (entry.healthCheck === null) return [];
  const endpoints = entry.source.type === 'discovery' ? (found ?? []) : entry.endpoints;
  return endpoints.map(({ address }) => address);
}
