import type { ClusterEvent, LeaderView } from '../../../src/core/protocol/cluster.ts';
import type { KvAnswer, KvCall } from '../../../src/core/protocol/cluster-kv.ts';
import type { Executed } from '../observed.ts';
import type { World } from '../world.ts';
import { KvOracle } from './kv-oracle.ts';

/** What a cluster is to do: at most one leader an epoch, epochs that only grow, no leader beyond its lease. */
export class ClusterOracle {
  readonly kv: KvOracle;
  readonly counts = { elections: 0, resignations: 0, fenced: 0, fencedOff: 0 };
  private readonly world: World;
  private readonly leaderOf = new Map<number, string>();
  private readonly heardMs = new Map<string, { atMs: number; sessionMs: number }>();
  private readonly resigned = new Set<string>();
  private epoch = 0;

  constructor(world: World) {
    this.world = world;
    this.kv = new KvOracle(world);
  }

  /** The platform answered a member's ping. */
  pinged(memberId: string, atMs: number): void {
    const heard = this.heardMs.get(memberId);
    if (heard !== undefined) heard.atMs = Math.max(heard.atMs, atMs);
  }

  take(executed: Executed): void {
    if (executed.of === 'kv') {
      this.keys(executed);
      return;
    }
    const { method, args, answer, atMs } = executed;
    const ok = (answer as { ok?: boolean } | null)?.ok === true;
    if (method === 'report' && ok) {
      const [memberId] = args as [string];
      const { sessionTtlSeconds } = (answer as { value: { sessionTtlSeconds: number } }).value;
      this.heardMs.set(memberId, { atMs, sessionMs: sessionTtlSeconds * 1_000 });
    }
    if (method === 'resign' && ok) {
      this.resigned.add(String(args[0]));
      this.counts.resignations += 1;
    }
    if (method === 'campaign' && ok) this.resigned.delete(String(args[0]));
    if (method === 'start') this.started(atMs);
    if (executed.note !== null) this.look(executed.note as LeaderView, atMs);
  }

  /** A cluster that was down gives its members ten seconds to be heard of again. */
  private started(atMs: number): void {
    for (const heard of this.heardMs.values())
      heard.atMs = Math.max(heard.atMs, atMs - (heard.sessionMs * 2) / 3 + GRACE_MS);
  }

  private look({ memberId, epoch }: LeaderView, atMs: number): void {
    const { world } = this;
    if (epoch < this.epoch) world.broken('an epoch fell', `${epoch} after ${this.epoch}`);
    this.epoch = epoch;
    if (memberId === null) return;
    const before = this.leaderOf.get(epoch);
    if (before === undefined) this.counts.elections += 1;
    else if (before !== memberId) world.broken('an epoch with two leaders', `${before} and ${memberId}`);
    this.leaderOf.set(epoch, memberId);
    if (this.resigned.has(memberId)) world.broken('one leads that resigned', memberId);
    const heard = this.heardMs.get(memberId);
    if (heard === undefined) world.broken('one leads that never joined', memberId);
    else if (atMs - heard.atMs > (heard.sessionMs * 2) / 3)
      world.broken('one leads that was not heard of for two thirds of its session', memberId);
  }

  private keys({ method, args, answer, atMs }: Executed): void {
    if (method === 'expire' || method === 'watch') this.kv.expire(atMs);
    if (method !== 'call') return;
    const [call, ifEpoch] = args as [KvCall, number | null];
    const taken = (answer as KvAnswer).ok || (answer as { refusal: string }).refusal !== 'stale_epoch';
    if (ifEpoch !== null) {
      if (taken) this.counts.fenced += 1;
      else this.counts.fencedOff += 1;
      if (taken && ifEpoch < this.epoch)
        this.world.broken('a write of a leader that was deposed is taken', String(ifEpoch));
      if (!taken && ifEpoch === this.epoch) this.world.broken('the write of the leader is refused', String(ifEpoch));
    }
    this.kv.take(call, answer as KvAnswer, atMs);
  }
}

const GRACE_MS = 10_000;

/** Whether a watch of a cluster's changes is told each of them once and in order. */
export class ChangesSeen {
  private last: number | null = null;
  private readonly world: World;
  readonly seen = new Map<number, string>();

  constructor(world: World) {
    this.world = world;
  }

  /** Another watch showed the same revision as something else, or one was left out, or came again. */
  event(event: ClusterEvent): void {
    const { revision } = event;
    const text = JSON.stringify(event);
    const before = this.seen.get(revision);
    if (before !== undefined && before !== text) this.world.broken('a revision is two changes', String(revision));
    this.seen.set(revision, text);
    if (this.last !== null && revision !== this.last + 1)
      this.world.broken(
        'a watch of the cluster leaves out a change or has one twice',
        `${revision} after ${this.last}`,
      );
    this.last = revision;
  }

  /** Where to read on from. */
  get revision(): number | null {
    return this.last;
  }

  /** History was gone: it begins anew. */
  restart(): void {
    this.last = null;
  }
}
