import type {
  KvAnswer,
  KvCall,
  KvFrameRecord,
  KvOperation,
  KvWatchFrame,
} from '../../../src/core/protocol/cluster-kv.ts';
import type { World } from '../world.ts';

interface Present {
  readonly value: string;
  readonly leaseId: string;
  readonly version: number;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('utf8');

/**
 * The state of a cluster as a map: told every call with its answer, it says where a revision is not what it should be,
 * and what a watch of everything must tell of each.
 */
export class KvOracle {
  readonly counts = { writes: 0, leasesEnded: 0, watched: 0 };
  revision = 1;
  compacted = -1;
  private readonly world: World;
  private readonly keys = new Map<string, Present>();
  private readonly leases = new Map<string, { readonly ttlMs: number; untilMs: number }>();
  /** Each revision's changes, as a watch shows them. */
  private readonly changes = new Map<number, string[]>();

  constructor(world: World) {
    this.world = world;
  }

  /** Leases that are over take their keys along, each in a revision of its own. */
  expire(nowMs: number): void {
    const due = [...this.leases].filter(([, { untilMs }]) => untilMs <= nowMs);
    due.sort(([a, { untilMs: first }], [b, { untilMs: second }]) => first - second || (a < b ? -1 : 1));
    for (const [leaseId] of due) this.endLease(leaseId);
  }

  take(call: KvCall, answer: KvAnswer, atMs: number): void {
    this.expire(atMs);
    if (!answer.ok) return;
    switch (call.op) {
      case 'put':
      case 'deleteRange':
      case 'txn':
        this.write([call]);
        break;
      case 'grant':
        if (answer.result.op === 'grant')
          this.leases.set(answer.result.leaseId, {
            ttlMs: answer.result.ttlSeconds * 1_000,
            untilMs: atMs + answer.result.ttlSeconds * 1_000,
          });
        break;
      case 'keepAlive': {
        const lease = this.leases.get(call.leaseId);
        if (answer.result.op === 'keepAlive' && (lease === undefined) !== (answer.result.ttlSeconds === 0))
          this.world.broken('a lease that is over is kept alive, or one that is not is over', call.leaseId);
        if (lease !== undefined) lease.untilMs = atMs + lease.ttlMs;
        break;
      }
      case 'revoke':
        this.endLease(call.leaseId);
        break;
      case 'compact':
        this.compacted = call.revision;
        break;
      case 'range':
        if (call.revision === 0 && answer.result.op === 'range' && call.key.length === 1 && call.key[0] === 0) {
          if (answer.result.count !== this.keys.size) this.world.broken('a read does not show the last write');
          for (const { key, value, version } of answer.result.records) {
            const present = this.keys.get(text(key));
            if (present?.value !== text(value) || present.version !== version)
              this.world.broken('a read does not show the last write', text(key));
          }
        }
        break;
    }
    if (answer.result.revision !== this.revision)
      this.world.broken('a revision is not the next', `${answer.result.revision}, not ${this.revision}`);
  }

  /** A frame of a watch over all keys: each revision from `next` on, once and in order. Answers the next it is to tell. */
  watched(frame: KvWatchFrame, next: number): number {
    if (frame.type !== 'events') return next;
    let expected = next;
    const told = new Map<number, string[]>();
    for (const { type, record } of frame.events) {
      const list = told.get(record.modRevision) ?? [];
      told.set(record.modRevision, [...list, shown(type, record)]);
    }
    for (const [revision, events] of told) {
      if (revision !== expected)
        this.world.broken('a watch of keys leaves out a revision or has one twice', `${revision}, not ${expected}`);
      // A call that failed may have ended leases first, and is not told of.
      if (revision > this.revision) this.expire(this.world.nowMs);
      const wanted = this.changes.get(revision) ?? [];
      if (JSON.stringify(events.toSorted()) !== JSON.stringify(wanted.toSorted()))
        this.world.broken('a watch shows other changes than were made', `${revision}: ${events} for ${wanted}`);
      this.counts.watched += 1;
      expected = revision + 1;
    }
    if (frame.revision < expected - 1)
      this.world.broken('a watch says it is not as far as it is', String(frame.revision));
    return expected;
  }

  private write(operations: readonly (KvOperation | null)[]): void {
    const events: string[] = [];
    const revision = this.revision + 1;
    this.apply(operations, events);
    if (events.length === 0) return;
    this.revision = revision;
    this.changes.set(revision, events);
    this.counts.writes += 1;
  }

  private apply(operations: readonly (KvOperation | null)[], events: string[]): void {
    for (const operation of operations) {
      if (operation === null) continue;
      if (operation.op === 'put') {
        const key = text(operation.key);
        const version = (this.keys.get(key)?.version ?? 0) + 1;
        this.keys.set(key, { value: text(operation.value), leaseId: operation.leaseId, version });
        events.push(`put ${key} ${version}`);
      } else if (operation.op === 'deleteRange') {
        const from = text(operation.key);
        if (this.keys.delete(from)) events.push(`delete ${from} 0`);
      } else if (operation.op === 'txn') {
        // The simulation's conditions are of one sort: that a key is not there.
        const holds = operation.compare.every(({ key }) => !this.keys.has(text(key)));
        this.apply(holds ? operation.success : operation.failure, events);
      }
    }
  }

  private endLease(leaseId: string): void {
    this.leases.delete(leaseId);
    const events: string[] = [];
    for (const [key, present] of this.keys) {
      if (present.leaseId !== leaseId) continue;
      this.keys.delete(key);
      events.push(`delete ${key} 0`);
    }
    this.counts.leasesEnded += 1;
    if (events.length === 0) return;
    this.revision += 1;
    this.changes.set(this.revision, events);
  }
}

function shown(type: string, { key, version }: KvFrameRecord): string {
  return `${type} ${Buffer.from(key, 'base64').toString('utf8')} ${version}`;
}
