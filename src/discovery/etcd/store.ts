import { OrasiError } from '../../core/errors.ts';
import type { Grant } from '../backend.ts';
import { asJson, asList, asText } from '../http.ts';
import { fromBase64, rangeEnd, toBase64 } from '../leased/records.ts';
import type { LeasedStore, StoreChange, StoreRecord } from '../leased/store.ts';
import { EtcdGateway, type EtcdOptions } from './gateway.ts';

const DEFAULT_POLL_MS = 30_000;

/** etcd's keys and leases, through its JSON gateway. */
export class EtcdStore implements LeasedStore {
  private readonly gateway: EtcdGateway;
  private readonly pollMs: number;

  constructor(options: EtcdOptions & { readonly pollMs?: number }) {
    this.gateway = new EtcdGateway(options);
    this.pollMs = options.pollMs ?? DEFAULT_POLL_MS;
  }

  async grant(ttlSeconds: number, signal: AbortSignal): Promise<Grant> {
    const granted = await this.gateway.call('/v3/lease/grant', { TTL: String(Math.ceil(ttlSeconds)) }, signal);
    // etcd raises what is below its own least (2 s with its default time-outs).
    return { token: asText(granted.ID), ttlSeconds: Number(granted.TTL) };
  }

  async put(key: string, value: string, lease: string, signal: AbortSignal): Promise<void> {
    await this.gateway.call('/v3/kv/put', { key: toBase64(key), value: toBase64(value), lease }, signal);
  }

  async keepAlive(lease: string, signal: AbortSignal): Promise<boolean> {
    const kept = await this.gateway.call('/v3/lease/keepalive', { ID: lease }, signal);
    // A lease that is gone is answered 200 as well; its TTL is 0, and zeros are left out.
    return Number(asJson(kept.result).TTL ?? 0) > 0;
  }

  async has(key: string, signal: AbortSignal): Promise<boolean> {
    const found = await this.gateway.call('/v3/kv/range', { key: toBase64(key), count_only: true }, signal);
    return Number(found.count ?? 0) > 0;
  }

  async revoke(lease: string, signal: AbortSignal): Promise<void> {
    try {
      await this.gateway.call('/v3/lease/revoke', { ID: lease }, signal);
    } catch (error) {
      if (!(error instanceof OrasiError && error.code === 'not_found')) throw error;
    }
  }

  async list(prefix: string, signal: AbortSignal): Promise<{ records: StoreRecord[]; revision: string }> {
    const found = await this.gateway.call('/v3/kv/range', range(prefix), signal);
    const records = asList(found.kvs).map((each) => {
      const kv = asJson(each);
      return { key: fromBase64(asText(kv.key)), value: fromBase64(asText(kv.value)) };
    });
    return { records, revision: asText(asJson(found.header).revision) };
  }

  async *watch(
    prefix: string,
    afterRevision: string,
    signal: AbortSignal,
  ): AsyncGenerator<{ changes: StoreChange[]; revision: string }, void> {
    const start_revision = String(BigInt(afterRevision) + 1n);
    const watch = { create_request: { ...range(prefix), start_revision } };
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
      const changes = events.map((event) => {
        const { type, kv } = asJson(event);
        const { key, value } = asJson(kv);
        return { key: fromBase64(asText(key)), value: type === 'DELETE' ? null : fromBase64(asText(value)) };
      });
      yield { changes, revision: asText(asJson(message.header).revision) };
    }
  }
}

function range(prefix: string): { key: string; range_end: string } {
  return { key: toBase64(prefix), range_end: toBase64(rangeEnd(prefix)) };
}
