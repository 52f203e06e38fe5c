import { ANY_NAME, type QueueSettings, type TaskLimit } from '../core/protocol/queue-settings.ts';
import { Gate } from './gate.ts';
import type { Lane } from './lane.ts';
import type { TaskStore } from './task-store.ts';

const OPEN: TaskLimit = { concurrency: null, rate: null };
/** Gates remembered of types and of groups, at least; those that say nothing any more are forgotten beyond it. */
const GATES_KEPT = 10_000;

/**
 * What a queue's limits let begin. How many run is counted from the stored leases when first needed in an object's
 * life, and kept in memory from then on; what a rate has spent is stored, since it must outlive the object.
 */
export class Limiter {
  private readonly store: TaskStore;
  private queue: Gate;
  private types = new Map<string, Gate>();
  private groups = new Map<string, Gate>();
  private typeLimits = new Map<string, TaskLimit>();
  private groupLimits = new Map<string, TaskLimit>();
  private queueLimit: TaskLimit = OPEN;
  private counted = false;
  private counts = false;
  private gatesKept = GATES_KEPT;
  private readonly spent = new Set<Gate>();

  constructor(store: TaskStore) {
    this.store = store;
    this.queue = new Gate('queue', OPEN, 0, 0);
  }

  /** Takes limits over; what runs and what was spent stays as it is. */
  configure({ limits, shards }: QueueSettings, shard: number): void {
    const part = (limit: TaskLimit) => partOf(limit, shard, shards);
    this.queueLimit = part(limits.queue);
    this.typeLimits = new Map(limits.perType.map(({ type, ...limit }) => [type, part(limit)]));
    // All tasks of a group are in one shard.
    this.groupLimits = new Map(limits.perGroup.map(({ group, ...limit }) => [group, limit]));
    this.counts = [limits.queue, ...limits.perType, ...limits.perGroup].some(({ concurrency }) => concurrency !== null);
    // What had no limit was not counted.
    this.counted = false;
    this.queue.limit = this.queueLimit;
    for (const [type, gate] of this.types) gate.limit = limitIn(this.typeLimits, type);
    for (const [group, gate] of this.groups) gate.limit = limitIn(this.groupLimits, group);
  }

  /** Begins anew with what is stored. */
  recall(): void {
    this.counted = false;
    this.spent.clear();
    this.types.clear();
    this.groups.clear();
    this.queue = new Gate('queue', this.queueLimit, 0, this.store.rateSpentUntilMs('queue'));
  }

  /** True where the leases have to be counted, by `began` for each, before anything is asked. */
  beginCounting(): boolean {
    if (!this.counts || this.counted) return false;
    for (const gate of [this.queue, ...this.types.values(), ...this.groups.values()]) gate.running = 0;
    this.counted = true;
    return true;
  }

  queueGate(): Gate {
    return this.queue;
  }

  typeGate(type: string): Gate {
    return this.gate(this.types, 'type', type, this.typeLimits);
  }

  /** Null where there is no limit for a group. */
  groupGate(group: string | null): Gate | null {
    if (group === null || this.groupLimits.size === 0) return null;
    return this.gate(this.groups, 'group', group, this.groupLimits);
  }

  /** A task of this lane begins. */
  take(lane: Lane, nowMs: number): void {
    for (const gate of this.gatesOf(lane)) {
      gate.take(nowMs);
      if (gate.limit.rate !== null) this.spent.add(gate);
    }
    this.count(lane, 1);
  }

  /** How many of a lane run has changed. */
  count(lane: Lane, by: number): void {
    if (!this.counted) return;
    for (const gate of this.gatesOf(lane)) gate.running += by;
  }

  /** Stores what rates have spent since the last time. */
  save(): void {
    for (const { name, spentUntilMs } of this.spent) this.store.setRateSpent(name, spentUntilMs);
    this.spent.clear();
  }

  private gatesOf(lane: Lane): Gate[] {
    const group = this.groupGate(lane.group.key);
    return group === null ? [this.queue, this.typeGate(lane.type)] : [this.queue, this.typeGate(lane.type), group];
  }

  private gate(gates: Map<string, Gate>, scope: string, of: string, limits: ReadonlyMap<string, TaskLimit>): Gate {
    const present = gates.get(of);
    if (present !== undefined) return present;
    if (gates.size >= this.gatesKept) this.forget(gates);
    const limit = limitIn(limits, of);
    const name = `${scope}:${of}`;
    const gate = new Gate(name, limit, 0, limit.rate === null ? 0 : this.store.rateSpentUntilMs(name));
    gates.set(of, gate);
    return gate;
  }

  /** Forgets gates of which nothing runs: what their rate has spent is stored. */
  private forget(gates: Map<string, Gate>): void {
    for (const [of, gate] of gates) if (gate.running === 0 && !this.spent.has(gate)) gates.delete(of);
    // Where many are needed, not every new one may look at all.
    this.gatesKept = Math.max(GATES_KEPT, 2 * gates.size);
  }
}

function limitIn(limits: ReadonlyMap<string, TaskLimit>, name: string): TaskLimit {
  return limits.get(name) ?? limits.get(ANY_NAME) ?? OPEN;
}

/**
 * A shard's part of a limit. The parts of all shards add up to it; a shard that only gives out what it still holds
 * has the part of another besides, since one without any would never be empty.
 */
function partOf({ concurrency, rate }: TaskLimit, shard: number, shards: number): TaskLimit {
  if (shards === 1) return { concurrency, rate };
  const share = (whole: number) => Math.max(1, Math.floor(whole / shards) + (shard < whole % shards ? 1 : 0));
  return {
    concurrency: concurrency === null ? null : share(concurrency),
    rate: rate === null ? null : { perSecond: rate.perSecond / shards, burst: share(rate.burst) },
  };
}
