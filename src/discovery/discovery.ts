import type { Random } from '../core/random.ts';
import type { DiscoveryBackend, Listing } from './backend.ts';
import { type BackendHealth, BackendHealthRecord } from './backend-health.ts';
import { backoffMs } from './backoff.ts';
import type { ServiceInstance } from './instance.ts';
import { Registration } from './registration.ts';
import { changesBetween, isNoChange, type ServiceChanges } from './service-changes.ts';
import { childSignal, type Timing } from './timing.ts';

/** Unrenewed for so long, an instance is gone from every list. */
const DEFAULT_TTL_SECONDS = 30;

/** A round of listing and following that ends sooner than this is followed by a pause. */
const SHORT_ROUND_MS = 1_000;

/** The healthy instances of a service, as far as this process knows. */
export interface ServiceView {
  readonly service: string;
  /** In the order of their ids. */
  readonly instances: readonly ServiceInstance[];
  /** When the registry gave them; undefined where it never has, and then there are none. */
  readonly asOfMs: number | undefined;
  /** False: the registry does not answer, and this is the last it said. */
  readonly current: boolean;
}

/** A view and what became of the one before it; from the first, everything is added. */
export interface ServiceUpdate {
  readonly view: ServiceView;
  readonly changes: ServiceChanges;
}

export interface DiscoveryDeps {
  readonly backend: DiscoveryBackend;
  readonly timing: Timing;
  readonly random: Random;
}

/**
 * The port through which processes find each other, over any backend. No outage of the registry reaches the caller:
 * registrations heal by themselves, lists and watches answer with the last good set and say so.
 */
export class Discovery {
  private readonly deps: DiscoveryDeps;
  private readonly record: BackendHealthRecord;
  private readonly registrations = new Set<Registration>();
  private readonly lastGood = new Map<string, { instances: readonly ServiceInstance[]; asOfMs: number }>();
  private readonly closing = new AbortController();
  private lastServices: readonly string[] = [];
  private watches = 0;

  constructor(deps: DiscoveryDeps) {
    this.deps = deps;
    this.record = new BackendHealthRecord(deps.timing);
  }

  /**
   * Registers an instance and keeps it registered until it is deregistered or this is closed.
   *
   * @throws OrasiError `bad_request` where the instance cannot be registered as it is; of nothing else.
   */
  register(instance: ServiceInstance, options: { ttlSeconds?: number; healthy?: boolean } = {}): Registration {
    const { ttlSeconds = DEFAULT_TTL_SECONDS, healthy = true } = options;
    const registration = new Registration(
      instance,
      { ttlSeconds, healthy },
      { ...this.deps, health: this.record, ended: (ended) => this.registrations.delete(ended) },
    );
    this.registrations.add(registration);
    return registration;
  }

  /** Asks the registry once. Where it fails, the last good set is answered, with `current: false`. */
  async list(service: string): Promise<ServiceView> {
    try {
      const listing = await this.deps.backend.list(service, this.closing.signal);
      this.record.succeeded();
      return this.keep(service, listing);
    } catch (error) {
      this.record.singleFailed(reasonOf(error));
      return this.lastKnown(service);
    }
  }

  /** The services there are, by name; the last names known, with `current: false`, where the registry does not answer. */
  async services(): Promise<{ readonly services: readonly string[]; readonly current: boolean }> {
    try {
      this.lastServices = await this.deps.backend.services(this.closing.signal);
      this.record.succeeded();
      return { services: this.lastServices, current: true };
    } catch (error) {
      this.record.singleFailed(reasonOf(error));
      return { services: this.lastServices, current: false };
    }
  }

  /**
   * What is there now, then each change as it comes about, and when the registry is lost and found again. Several
   * changes at once may come as one update; none is left out of the sum. The registry is followed while the caller
   * waits for the next update. Ends when the signal aborts or this is closed.
   */
  async *watch(service: string, signal: AbortSignal): AsyncGenerator<ServiceUpdate, void> {
    const { timing, random } = this.deps;
    this.watches += 1;
    const activity = `watch ${this.watches} of ${service}`;
    const life = childSignal(this.closing.signal);
    const end = () => life.abort();
    if (signal.aborted) end();
    signal.addEventListener('abort', end);
    let told: ServiceView | undefined;
    let failures = 0;
    try {
      while (!life.signal.aborted) {
        let lost = true;
        const startedMs = timing.now();
        try {
          for await (const listing of this.listAndFollow(service, life.signal)) {
            // A listing by itself does not show that following works.
            if (!lost) failures = 0;
            lost = false;
            if (failures < 2) this.record.succeeded(activity);
            const view = this.keep(service, listing);
            const update = updateFrom(told, view);
            told = view;
            if (update !== undefined) yield update;
          }
          failures = 0;
          if (timing.now() - startedMs < SHORT_ROUND_MS) await timing.wait(backoffMs(1, random), life.signal);
        } catch (error) {
          if (life.signal.aborted) return;
          failures += 1;
          if (lost || failures >= 2) this.record.failed(activity, reasonOf(error));
          if (lost) {
            const view = this.lastKnown(service);
            const update = updateFrom(told, view);
            told = view;
            if (update !== undefined) yield update;
          }
          await timing.wait(backoffMs(failures, random), life.signal);
        }
      }
    } finally {
      this.record.ended(activity);
      signal.removeEventListener('abort', end);
      life.release();
    }
  }

  health(): BackendHealth {
    return this.record.health();
  }

  /** Ends all watches and deregisters everything registered here. Never throws. */
  async close(): Promise<void> {
    this.closing.abort();
    await Promise.all([...this.registrations].map((registration) => registration.deregister()));
  }

  private async *listAndFollow(service: string, signal: AbortSignal): AsyncGenerator<Listing, void> {
    const listing = await this.deps.backend.list(service, signal);
    yield listing;
    yield* this.deps.backend.follow(service, listing, signal);
  }

  private keep(service: string, listing: Listing): ServiceView {
    const { instances } = listing;
    const asOfMs = this.deps.timing.now();
    this.lastGood.set(service, { instances, asOfMs });
    return { service, instances, asOfMs, current: true };
  }

  private lastKnown(service: string): ServiceView {
    const { instances, asOfMs } = this.lastGood.get(service) ?? { instances: [], asOfMs: undefined };
    return { service, instances, asOfMs, current: false };
  }
}

/** The update that leads from one view to the next; undefined where there is nothing to tell. */
function updateFrom(told: ServiceView | undefined, view: ServiceView): ServiceUpdate | undefined {
  const changes = changesBetween(told?.instances ?? [], view.instances);
  return told?.current === view.current && isNoChange(changes) ? undefined : { view, changes };
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
