import { OrasiError } from '../../core/errors.ts';
import { keyInterval, prefixInterval, putCall, rangeCall } from '../../core/kv-calls.ts';
import type { ClusterKv, KvCall, KvFrameRecord, KvResult, KvWatchFrame } from '../../core/protocol/cluster-kv.ts';
import type { Grant } from '../backend.ts';
import { fromBase64 } from '../leased/records.ts';
import type { LeasedStore, StoreChange, StoreRecord } from '../leased/store.ts';
import { linesFor } from '../lines.ts';
import { type Timing, untilAborted, within } from '../timing.ts';

export interface ObjectStoreOptions {
  /** The cluster, over RPC; asked for with each call, since a stub that threw is broken. */
  readonly cluster: () => Promise<ClusterKv>;
  /** How long the object may take to answer; default 3 s. */
  readonly requestTimeoutMs?: number;
  /** A watch is begun anew from a listing after so long; default 30 s. */
  readonly pollMs?: number;
  readonly timing: Timing;
}

const DEFAULT_TIMEOUT_MS = 3_000;
const DEFAULT_POLL_MS = 30_000;

/** The keys and leases of a cluster's object, as the Worker itself reaches it. */
export class ObjectStore implements LeasedStore {
  private readonly options: ObjectStoreOptions;
  private readonly timeoutMs: number;

  constructor(options: ObjectStoreOptions) {
    this.options = options;
    this.timeoutMs = options.requestTimeoutMs ?? DEFAULT_TIMEOUT_MS;
  }

  async grant(ttlSeconds: number, signal: AbortSignal): Promise<Grant> {
    const granted = await this.call({ op: 'grant', leaseId: '0', ttlSeconds: Math.ceil(ttlSeconds) }, signal);
    return { token: granted.leaseId, ttlSeconds: granted.ttlSeconds };
  }

  async put(key: string, value: string, leaseId: string, signal: AbortSignal): Promise<void> {
    await this.call(putCall(bytesOf(key), bytesOf(value), { leaseId }), signal);
  }

  async keepAlive(leaseId: string, signal: AbortSignal): Promise<boolean> {
    return (await this.call({ op: 'keepAlive', leaseId }, signal)).ttlSeconds > 0;
  }

  async has(key: string, signal: AbortSignal): Promise<boolean> {
    return (await this.call(rangeCall(keyInterval(bytesOf(key)), { countOnly: true }), signal)).count > 0;
  }

  async revoke(leaseId: string, signal: AbortSignal): Promise<void> {
    try {
      await this.call({ op: 'revoke', leaseId }, signal);
    } catch (error) {
      if (!(error instanceof OrasiError && error.code === 'not_found')) throw error;
    }
  }

  async list(prefix: string, signal: AbortSignal): Promise<{ records: StoreRecord[]; revision: string }> {
    const found = await this.call(rangeCall(prefixInterval(bytesOf(prefix))), signal);
    const records = found.records.map(({ key, value }) => ({ key: textOf(key), value: textOf(value) }));
    return { records, revision: String(found.revision) };
  }

  async *watch(
    prefix: string,
    afterRevision: string,
    signal: AbortSignal,
  ): AsyncGenerator<{ changes: StoreChange[]; revision: string }, void> {
    const watch = {
      ...prefixInterval(bytesOf(prefix)),
      watchId: 0,
      startRevision: Number(afterRevision) + 1,
      previous: false,
      puts: true,
      deletes: true,
      progress: false,
    };
    const open = async () => (await this.options.cluster()).kvWatch([watch]);
    const { timing, pollMs = DEFAULT_POLL_MS } = this.options;
    const bounds = { timing, timeoutMs: this.timeoutMs, lifeMs: pollMs };
    for await (const line of linesFor('the watch of the cluster', open, bounds, signal)) {
      const frame = JSON.parse(line) as KvWatchFrame;
      // The changes since the listing are no more, a new listing has their sum.
      if (frame.type === 'compacted') return;
      if (frame.type !== 'events') continue;
      yield {
        changes: frame.events.map(({ type, record }) => changeOf(type, record)),
        revision: String(frame.revision),
      };
    }
  }

  private async call<Call extends KvCall>(call: Call, parent: AbortSignal): Promise<KvResult & { op: Call['op'] }> {
    const { timing, cluster } = this.options;
    const answer = await within(timing, this.timeoutMs, 'the cluster', parent, async (signal) => {
      try {
        return await untilAborted(
          cluster().then((object) => object.kv(call, null)),
          signal,
        );
      } catch (error) {
        if (signal.aborted || error instanceof OrasiError) throw error;
        throw new OrasiError('unavailable', `the cluster: ${String(error)}`, { cause: error });
      }
    });
    if (answer.ok) return answer.result as KvResult & { op: Call['op'] };
    throw new OrasiError(answer.refusal === 'lease_not_found' ? 'not_found' : 'bad_request', answer.message);
  }
}

function changeOf(type: 'put' | 'delete', { key, value }: KvFrameRecord): StoreChange {
  return { key: fromBase64(key), value: type === 'delete' ? null : fromBase64(value) };
}

function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
