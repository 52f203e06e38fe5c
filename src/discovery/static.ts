import type { Clock } from '../core/clock.ts';
import type { Announcement, DiscoveryBackend, Grant, Listing } from './backend.ts';
import { checkInstance, type ServiceInstance, sortInstances } from './instance.ts';
import type { Timing } from './timing.ts';

interface Entry {
  readonly instance: ServiceInstance;
  readonly token: string;
  readonly healthy: boolean;
  readonly ttlMs: number;
  expiresAtMs: number;
}

/**
 * A registry that is a list in the configuration. What is declared is always healthy; what registers beside it is
 * known in this process only and lapses like anywhere else. Everyone who is to see each other shares one object.
 */
export class StaticBackend implements DiscoveryBackend {
  readonly name = 'static';
  private readonly timing: Timing;
  private declared: readonly ServiceInstance[] = [];
  private readonly registered = new Map<string, Entry>();
  private readonly changeListeners = new Set<() => void>();
  private revision = 0;

  /** @throws OrasiError `bad_request` where a declared instance is not one. */
  constructor(declared: readonly ServiceInstance[], timing: Timing) {
    this.timing = timing;
    this.declare(declared);
  }

  /**
   * Puts another list in the place of the declared one; watchers see the difference.
   *
   * @throws OrasiError `bad_request`; the list stays as it was.
   */
  declare(declared: readonly ServiceInstance[]): void {
    for (const instance of declared) checkInstance(instance);
    this.declared = [...declared];
    this.changed();
  }

  async register(instance: ServiceInstance, announcement: Announcement): Promise<Grant> {
    const ttlMs = announcement.ttlSeconds * 1000;
    const expiresAtMs = this.timing.now() + ttlMs;
    const token = String(this.revision + 1);
    this.registered.set(keyOf(instance), { instance, token, healthy: announcement.healthy, ttlMs, expiresAtMs });
    this.changed();
    return { token, ttlSeconds: announcement.ttlSeconds };
  }

  async renew(instance: ServiceInstance): Promise<'renewed' | 'unknown'> {
    const entry = this.registered.get(keyOf(instance));
    if (entry === undefined || !isAlive(entry, this.timing)) return 'unknown';
    entry.expiresAtMs = this.timing.now() + entry.ttlMs;
    return 'renewed';
  }

  async deregister(instance: ServiceInstance, grant: Grant): Promise<void> {
    // A successor that took the id over stays.
    if (this.registered.get(keyOf(instance))?.token !== grant.token) return;
    this.registered.delete(keyOf(instance));
    this.changed();
  }

  async list(service: string): Promise<Listing> {
    return this.listing(service);
  }

  async services(): Promise<string[]> {
    const alive = [...this.registered.values()].filter((entry) => isAlive(entry, this.timing));
    const names = [...this.declared, ...alive.map(({ instance }) => instance)].map(({ service }) => service);
    return [...new Set(names)].sort();
  }

  async *follow(service: string, from: Listing, signal: AbortSignal): AsyncGenerator<Listing, void> {
    let { cursor } = from;
    while (!signal.aborted) {
      const listing = this.listing(service);
      if (listing.cursor === cursor) {
        await this.nextChange(service, signal);
        continue;
      }
      cursor = listing.cursor;
      yield listing;
    }
  }

  private listing(service: string): Listing {
    const byId = new Map<string, ServiceInstance>();
    for (const instance of this.declared) if (instance.service === service) byId.set(instance.id, instance);
    for (const [key, entry] of this.registered) {
      if (!isAlive(entry, this.timing)) {
        this.registered.delete(key);
        this.revision += 1;
      } else if (entry.instance.service === service) {
        if (entry.healthy) byId.set(entry.instance.id, entry.instance);
        else byId.delete(entry.instance.id);
      }
    }
    return { instances: sortInstances(byId.values()), cursor: String(this.revision) };
  }

  /** Until something is registered or taken away, or the next entry of the service lapses. */
  private async nextChange(service: string, signal: AbortSignal): Promise<void> {
    const expiries = [...this.registered.values()]
      .filter((entry) => entry.instance.service === service)
      .map((entry) => entry.expiresAtMs);
    const changed = new AbortController();
    const end = () => changed.abort();
    this.changeListeners.add(end);
    signal.addEventListener('abort', end);
    await this.timing.wait(Math.min(LONGEST_WAIT_MS, ...expiries.map((at) => at - this.timing.now())), changed.signal);
    signal.removeEventListener('abort', end);
    this.changeListeners.delete(end);
  }

  private changed(): void {
    this.revision += 1;
    for (const tell of [...this.changeListeners]) tell();
  }
}

/** Timers of the platforms take 31 bits of milliseconds; an hour is as good as for ever. */
const LONGEST_WAIT_MS = 3_600_000;

function isAlive(entry: Entry, clock: Clock): boolean {
  return clock.now() < entry.expiresAtMs;
}

function keyOf(instance: ServiceInstance): string {
  return JSON.stringify([instance.service, instance.id]);
}
