import type { CompiledEndpoint, CompiledOutliers, CompiledUpstream } from '../core/protocol/upstream.ts';
import type { UpstreamState } from '../core/protocol/upstream-monitor.ts';
import { countCall, eject, endInterval, isEjected, mayEject } from '../traffic/upstream/outliers.ts';
import { type Choices, choicesOf, nextStandingMs } from '../traffic/upstream/standing.ts';
import type { CallWish } from './endpoint-call.ts';
import { Endpoint } from './upstream-endpoint.ts';

/** Zones kept at a time: of each the candidates are remembered until something changes. */
const ZONES_KEPT = 64;

/** The endpoints of one upstream as this isolate knows them, and which of them may be called: remembered while nothing changes. */
export class EndpointSet {
  private endpoints: Endpoint[] = [];
  private byAddress = new Map<string, Endpoint>();
  private entry: CompiledUpstream;
  /** When the monitor was last heard of. */
  private readonly heardMs: () => number;
  private readonly choices = new Map<string | null, Choices<Endpoint>>();
  private choicesUntilMs = Number.NEGATIVE_INFINITY;
  /** Whether an endpoint's breaker was not Closed when the choices were made. */
  private hasOpen = false;
  private intervalEndMs = 0;

  constructor(entry: CompiledUpstream, heardMs: () => number) {
    this.entry = entry;
    this.heardMs = heardMs;
  }

  get known(): readonly Endpoint[] {
    return this.endpoints;
  }

  at(address: string): Endpoint | undefined {
    return this.byAddress.get(address);
  }

  /** The endpoints there are now; those that stay keep what was counted of them. `found` is what discovery has. */
  take(entry: CompiledUpstream, found: readonly CompiledEndpoint[] | null, nowMs: number): void {
    this.entry = entry;
    const before = this.byAddress;
    const isFirst = before.size === 0;
    this.byAddress = new Map();
    this.endpoints = [];
    for (const declared of declaredBy(entry, found)) {
      // All that come together begin together: slow start is for one that comes later.
      const endpoint =
        before.get(declared.address) ?? new Endpoint(declared, isFirst ? Number.NEGATIVE_INFINITY : nowMs);
      endpoint.configure(declared, entry.circuitBreaker);
      this.byAddress.set(declared.address, endpoint);
      this.endpoints.push(endpoint);
    }
    this.forgetChoices();
  }

  /** Takes up what active checks say. */
  hear(health: UpstreamState['health'], nowMs: number): void {
    for (const endpoint of this.endpoints) {
      const healthy = health[endpoint.address]?.healthy ?? true;
      if (healthy && !endpoint.healthy) endpoint.sinceMs = nowMs;
      endpoint.healthy = healthy;
    }
    this.forgetChoices();
  }

  /** Who may be called by a request that comes from a zone; null where none is known. */
  choicesFor(zone: string | null, nowMs: number): Choices<Endpoint> {
    if (nowMs >= this.choicesUntilMs) {
      this.choices.clear();
      this.choicesUntilMs = nextStandingMs(this.endpoints, nowMs);
      this.hasOpen = this.endpoints.some(({ breaker }) => breaker !== null && breaker.state !== 'Closed');
    }
    const present = this.choices.get(zone);
    if (present !== undefined) return present;
    if (this.choices.size >= ZONES_KEPT) this.choices.clear();
    const made = choicesOf(this.endpoints, this.entry.loadBalancer, zone, nowMs, this.heardMs());
    this.choices.set(zone, made);
    return made;
  }

  /** Something has happened that `choicesFor` depends on. */
  forgetChoices(): void {
    this.choicesUntilMs = Number.NEGATIVE_INFINITY;
  }

  /** Whether endpoints' breakers keep requests out that could be probes: all of them, or a part. */
  wishesProbes(nowMs: number): 'all' | 'some' | null {
    if (!this.hasOpen || !this.endpoints.some(({ breaker }) => breaker?.wantsProbes(nowMs))) return null;
    return this.choicesFor(null, nowMs).breakersOpen ? 'all' : 'some';
  }

  /** The endpoint of a session, where it may be called still: also while it drains. */
  ofSession({ session, tried, nowMs }: CallWish): Endpoint | null {
    if (session === null) return null;
    const endpoint = this.endpoints.find(({ hash }) => hash === session);
    if (endpoint === undefined || tried.includes(endpoint.address)) return null;
    const lets = endpoint.breaker?.wouldAdmit(nowMs, this.heardMs()) ?? true;
    return endpoint.healthy && lets && !isEjected(endpoint.outlier, nowMs) ? endpoint : null;
  }

  /** Counts how a call ended, and leaves out whoever does worse than the others. `status` is null where no answer came. */
  count(endpoint: Endpoint, status: number | null, nowMs: number): void {
    const settings = this.entry.outlierDetection;
    if (settings === null) return;
    if (countCall(endpoint.outlier, status, settings)) this.tryEject(endpoint, settings, nowMs);
    if (nowMs < this.intervalEndMs) return;
    if (this.intervalEndMs > 0) {
      for (const worst of endInterval(this.endpoints, settings, nowMs)) this.tryEject(worst, settings, nowMs);
    }
    this.intervalEndMs = nowMs + settings.intervalMs;
  }

  private tryEject({ outlier }: Endpoint, settings: CompiledOutliers, nowMs: number): void {
    const ejected = this.endpoints.filter((endpoint) => isEjected(endpoint.outlier, nowMs)).length;
    if (isEjected(outlier, nowMs) || !mayEject(ejected, this.endpoints.length, settings)) return;
    eject(outlier, settings, nowMs);
    this.forgetChoices();
  }
}

function declaredBy(
  { source, endpoints }: CompiledUpstream,
  found: readonly CompiledEndpoint[] | null,
): readonly CompiledEndpoint[] {
  if (source.type === 'static') return endpoints;
  if (source.type === 'discovery') return found ?? [];
  const address = source.binding ?? 'BUCKET';
  return [{ address, weight: 1, zone: null, draining: false }];
}
