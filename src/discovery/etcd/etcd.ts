import { OrasiError } from '../../core/errors.ts';
import type { Announcement, DiscoveryBackend, Grant, Listing } from '../backend.ts';
import { asJson, asList, asText } from '../http.ts';
import { type ServiceInstance, sortInstances } from '../instance.ts';
import { EtcdGateway, type EtcdOptions } from './gateway.ts';
import { fromBase64, idOfKey, keyOf, rangeEnd, recordOf, recordText, servicePrefix, toBase64 } from './records.ts';

export interface EtcdBackendOptions extends EtcdOptions {
  /** Begins every key; ends in `/`. Default `/orasi/services/`. */
  readonly prefix?: string;
  /** A watch is begun anew from a listing after so long, which is how a silent connection is noticed; default 30 s. */
  readonly pollMs?: number;
}

const DEFAULT_PREFIX = '/orasi/services/';
const DEFAULT_POLL_MS = 30_000;

/**
 * etcd as a registry: an instance is a key under a lease of its own. Loses its lease, the key goes by itself.
 */
export class EtcdBackend implements DiscoveryBackend {
  readonly name = 'etcd';
  private readonly gateway: EtcdGateway;
  private readonly prefix: string;
  private readonly pollMs: number;

  constructor(options: EtcdBackendOptions) {
    this.gateway = new EtcdGateway(options);
    this.prefix = options.prefix ?? DEFAULT_PREFIX;
    this.pollMs = options.pollMs ?? DEFAULT_POLL_MS;
  }

  async register(instance: ServiceInstance, announcement: Announcement, signal: AbortSignal): Promise<Grant> {
    const TTL = String(Math.ceil(announcement.ttlSeconds));
    // A lease whose put fails holds nothing, and ends by itself.
    const granted = await this.gateway.call('/v3/lease/grant', { TTL }, signal);
    const token = asText(granted.ID);
    await this.gateway.call(
      '/v3/kv/put',
      { key: this.key(instance), value: toBase64(recordText(instance, announcement.healthy)), lease: token },
      signal,
    );
    // etcd raises what is below its own least (2 s with its default time-outs).
    return { token, ttlSeconds: Number(granted.TTL) };
  }

  async renew(instance: ServiceInstance, grant: Grant, signal: AbortSignal): Promise<'renewed' | 'unknown'> {
    const kept = await this.gateway.call('/v3/lease/keepalive', { ID: grant.token }, signal);
    // A lease that is gone is answered 200 as well; its TTL is 0, and zeros are left out.
    if (Number(asJson(kept.result).TTL ?? 0) <= 0) return 'unknown';
    // The lease may outlive the key: somebody removed it, or a late put had it under an older lease.
    const found = await this.gateway.call('/v3/kv/range', { key: this.key(instance), count_only: true }, signal);
    return Number(found.count ?? 0) > 0 ? 'renewed' : 'unknown';
  }

  async deregister(_instance: ServiceInstance, grant: Grant, signal: AbortSignal): Promise<void> {
    try {
      // Takes the key with it, unless a successor has put it under a lease of its own.
      await this.gateway.call('/v3/lease/revoke', { ID: grant.token }, signal);
    } catch (error) {
      if (!(error instanceof OrasiError && error.code === 'not_found')) throw error;
    }
  }

  async list(service: string, signal: AbortSignal): Promise<Listing> {
    const found = await this.gateway.call('/v3/kv/range', this.range(service), signal);
    const byId = new Map<string, ServiceInstance>();
    for (const kv of asList(found.kvs)) this.put(byId, service, asJson(kv));
    return { instances: sortInstances(byId.values()), cursor: asText(asJson(found.header).revision) };
  }

  async *follow(service: string, from: Listing, signal: AbortSignal): AsyncGenerator<Listing, void> {
    const byId = new Map(from.instances.map((instance) => [instance.id, instance]));
    const start_revision = String(BigInt(from.cursor) + 1n);
    const watch = { create_request: { ...this.range(service), start_revision } };
    for await (const message of this.gateway.stream('/v3/watch', watch, this.pollMs, signal)) {
      if (message.canceled === true) {
        // Compacted: the changes since the listing are no more, a new listing has their sum.
        if (message.compact_revision !== undefined) return;
        // A watch with a token that has ended is refused like one without the right; the listing tells them apart.
        this.gateway.forgetToken();
        throw new OrasiError('forbidden', `watch refused: ${asText(message.cancel_reason) || 'no reason given'}`);
      }
      const events = asList(message.events);
      if (events.length === 0) continue;
      for (const event of events) {
        const { type, kv } = asJson(event);
        if (type === 'DELETE') this.remove(byId, service, asText(asJson(kv).key));
        else this.put(byId, service, asJson(kv));
      }
      yield { instances: sortInstances(byId.values()), cursor: asText(asJson(message.header).revision) };
    }
  }

  private key(instance: ServiceInstance): string {
    return toBase64(keyOf(this.prefix, instance.service, instance.id));
  }

  private range(service: string): { key: string; range_end: string } {
    const prefix = servicePrefix(this.prefix, service);
    return { key: toBase64(prefix), range_end: toBase64(rangeEnd(prefix)) };
  }

  private put(byId: Map<string, ServiceInstance>, service: string, kv: ReturnType<typeof asJson>): void {
    const id = idOfKey(fromBase64(asText(kv.key)), service, this.prefix);
    if (id === undefined) return;
    const record = recordOf(id, service, fromBase64(asText(kv.value)));
    if (record?.healthy) byId.set(id, record.instance);
    else byId.delete(id);
  }

  private remove(byId: Map<string, ServiceInstance>, service: string, key: string): void {
    const id = idOfKey(fromBase64(key), service, this.prefix);
    if (id !== undefined) byId.delete(id);
  }
}
