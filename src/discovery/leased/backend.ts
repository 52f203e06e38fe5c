import type { Announcement, DiscoveryBackend, Grant, Listing } from '../backend.ts';
import { type ServiceInstance, sortInstances } from '../instance.ts';
import { idOfKey, keyOf, recordOf, recordText, serviceOfKey, servicePrefix } from './records.ts';
import type { LeasedStore } from './store.ts';

/** Begins every key of a registry where nothing else is said. */
export const DEFAULT_PREFIX = '/orasi/services/';

/**
 * A registry in a store with leases: an instance is a key under a lease of its own. Loses its lease, the key goes by
 * itself.
 */
export class LeasedBackend implements DiscoveryBackend {
  readonly name: string;
  private readonly store: LeasedStore;
  private readonly prefix: string;

  /** `prefix` begins every key; it ends in `/`. */
  constructor(name: string, store: LeasedStore, prefix = DEFAULT_PREFIX) {
    this.name = name;
    this.store = store;
    this.prefix = prefix;
  }

  async register(instance: ServiceInstance, announcement: Announcement, signal: AbortSignal): Promise<Grant> {
    // A lease whose put fails holds nothing, and ends by itself. A store may raise what is below its own least.
    const grant = await this.store.grant(announcement.ttlSeconds, signal);
    await this.store.put(this.key(instance), recordText(instance, announcement.healthy), grant.token, signal);
    return grant;
  }

  async renew(instance: ServiceInstance, grant: Grant, signal: AbortSignal): Promise<'renewed' | 'unknown'> {
    if (!(await this.store.keepAlive(grant.token, signal))) return 'unknown';
    // The lease may outlive the key: somebody removed it, or a late put had it under an older lease.
    return (await this.store.has(this.key(instance), signal)) ? 'renewed' : 'unknown';
  }

  async deregister(_instance: ServiceInstance, grant: Grant, signal: AbortSignal): Promise<void> {
    // Takes the key with it, unless a successor has put it under a lease of its own.
    await this.store.revoke(grant.token, signal);
  }

  async list(service: string, signal: AbortSignal): Promise<Listing> {
    const { records, revision } = await this.store.list(servicePrefix(this.prefix, service), signal);
    const byId = new Map<string, ServiceInstance>();
    for (const { key, value } of records) this.take(byId, service, key, value);
    return { instances: sortInstances(byId.values()), cursor: revision };
  }

  async services(signal: AbortSignal): Promise<string[]> {
    const { records } = await this.store.list(this.prefix, signal);
    const names = records.flatMap(({ key }) => serviceOfKey(key, this.prefix) ?? []);
    return [...new Set(names)].sort();
  }

  async *follow(service: string, from: Listing, signal: AbortSignal): AsyncGenerator<Listing, void> {
    const byId = new Map(from.instances.map((instance) => [instance.id, instance]));
    const prefix = servicePrefix(this.prefix, service);
    for await (const { changes, revision } of this.store.watch(prefix, from.cursor, signal)) {
      for (const { key, value } of changes) this.take(byId, service, key, value);
      yield { instances: sortInstances(byId.values()), cursor: revision };
    }
  }

  private key({ service, id }: ServiceInstance): string {
    return keyOf(this.prefix, service, id);
  }

  private take(byId: Map<string, ServiceInstance>, service: string, key: string, value: string | null): void {
    const id = idOfKey(key, service, this.prefix);
    if (id === undefined) return;
    const record = value === null ? undefined : recordOf(id, service, value);
    if (record?.healthy) byId.set(id, record.instance);
    else byId.delete(id);
  }
}
