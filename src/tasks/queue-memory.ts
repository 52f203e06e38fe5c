import type { Clock } from '../core/clock.ts';
import type { ObjectDatabase } from '../core/object-database.ts';
import {
  DEFAULT_QUEUE_SETTINGS,
  type QueueConfiguration,
  type QueueSettings,
  UNDECLARED_QUEUE,
} from '../core/protocol/queue-settings.ts';
import type { QueueState } from '../core/protocol/tasks.ts';
import type { Random } from '../core/random.ts';
import { AgentsSeen } from './agents-seen.ts';
import { Census } from './census.ts';
import { migrateTasks } from './database.ts';
import type { Group } from './group.ts';
import { KeyedHeap } from './keyed-heap.ts';
import type { Lane } from './lane.ts';
import { Lanes } from './lanes.ts';
import { LeaseHeap } from './lease-heap.ts';
import { Limiter } from './limiter.ts';
import { RateMeter } from './rate-meter.ts';
import { ServiceMeter } from './service-meter.ts';
import { placeOf, type TaskPlace, taskIdOf } from './task-id.ts';
import type { FinishedTask, StoredTask, TaskKey } from './task-rows.ts';
import { TaskStore } from './task-store.ts';

/** Sequence numbers taken in advance by one written row; a restart leaves at most this many out. */
const SEQUENCES_AT_ONCE = 10_000;

export interface TaskQueueParts {
  readonly database: ObjectDatabase;
  readonly clock: Clock;
  readonly random: Random;
  readonly shard: number;
}

/**
 * What the parts of one shard share: its tables, and what it remembers of them. All that is in memory is derived and
 * can vanish between any two calls; `recall` begins anew.
 */
export class QueueMemory {
  readonly store: TaskStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly shard: number;
  /** What was declared last, as far as this shard has heard. */
  settings: QueueSettings = DEFAULT_QUEUE_SETTINGS;
  /** How many shards the queue has, those included that only give out what they hold. */
  shards = 1;

  readonly lanes: Lanes;
  readonly limiter: Limiter;
  readonly leases = new LeaseHeap();
  readonly census = new Census();
  readonly submitted = new RateMeter();
  readonly ended = new RateMeter();
  /** Tasks for agents that came in: those of the platform's own types need none. */
  readonly arrivals = new RateMeter();
  /** How long agents' attempts take. */
  readonly service = new ServiceMeter();
  readonly agents = new AgentsSeen();
  state: QueueState = 'Active';
  /** The earliest that something stored is over; null where nothing ever is. */
  expiryAtMs: number | null = null;

  /** Groups whose rate lets the next task begin at a known time. */
  private readonly reopening = new KeyedHeap<Group>((a, b) => a.opensAtMs - b.opensAtMs);
  private version = UNDECLARED_QUEUE.version;
  private readonly database: ObjectDatabase;
  private nextSequence = 0;
  private sequencesUntil = 0;

  constructor({ database, clock, random, shard }: TaskQueueParts) {
    this.store = new TaskStore(database);
    this.lanes = new Lanes(this.store);
    this.limiter = new Limiter(this.store);
    this.database = database;
    this.clock = clock;
    this.random = random;
    this.shard = shard;
  }

  /** Brings the tables up to date. `alarmAtMs`: when the object's alarm is set to ring, which an earlier life knew. */
  start(alarmAtMs: number | null): void {
    migrateTasks(this.database);
    this.recall();
    this.expiryAtMs = alarmAtMs ?? this.clock.now();
  }

  /** Takes over what is declared, and keeps it for when the control plane does not answer. */
  configure(configuration: QueueConfiguration): void {
    // Another instance of the Worker may know less than this object did.
    if (configuration.version <= this.version) return;
    this.change(() => {
      this.store.setFact('configuration', JSON.stringify(configuration));
      this.obey(configuration);
    });
  }

  private obey({ version, settings, shardsEver }: QueueConfiguration): void {
    this.version = version;
    this.shards = Math.max(settings.shards, shardsEver);
    // What a later release declares has its default until the control plane is heard.
    this.settings = { ...DEFAULT_QUEUE_SETTINGS, ...settings };
    this.limiter.configure(this.settings, this.shard);
    this.lanes.configure(this.settings);
  }

  /** Paused by a call, or by what is declared. */
  isPaused(): boolean {
    return this.state === 'Paused' || this.settings.paused;
  }

  /** Before lanes and limits are asked: reads and counts what nobody has, and lets through whose time has come. */
  ready(nowMs: number): void {
    this.lanes.readFirst();
    if (this.limiter.beginCounting())
      for (const lease of this.store.leases()) {
        this.leases.put(lease);
        this.limiter.count(this.lanes.get(lease.lane), 1);
      }
    for (let group = this.reopening.top(); group !== null && group.opensAtMs <= nowMs; group = this.reopening.top()) {
      this.reopening.remove(group);
      group.unsettle();
    }
  }

  /** A group may begin nothing until then. */
  park(group: Group, opensAtMs: number): void {
    this.reopening.remove(group);
    group.parked = true;
    group.opensAtMs = opensAtMs;
    if (Number.isFinite(opensAtMs)) this.reopening.put(group);
  }

  /** When the first group that its rate holds back may go on. */
  opensNextAtMs(): number | null {
    return this.reopening.top()?.opensAtMs ?? null;
  }

  /** A task of a lane is leased now, and was as it is given here. */
  leaseBegan(lane: Lane, task: StoredTask, nowMs: number): void {
    this.census.change(lane.id, task.attempt === 0 ? 'Pending' : 'Retrying', -1);
    this.census.change(lane.id, 'Running', 1);
    this.limiter.take(lane, nowMs);
    const opensAtMs = this.limiter.groupGate(lane.group.key)?.opensAtMs(nowMs) ?? nowMs;
    if (opensAtMs > nowMs) lane.group.unsettle();
  }

  /** A task is leased no more. */
  leaseEnded(task: TaskKey): void {
    const lane = this.lanes.get(task.lane);
    this.leases.remove(task.sequence);
    this.census.change(lane.id, 'Running', -1);
    this.limiter.count(lane, -1);
    if (lane.group.parked) lane.group.unsettle();
  }

  /** The longest an attempt of a task may take; undefined where nothing says. */
  timeoutSecondsOf({ options }: Pick<StoredTask, 'options'>): number | undefined {
    return options.timeoutSeconds ?? this.settings.timeoutSeconds ?? undefined;
  }

  /** One transaction. Where it fails nothing of it holds, and what memory made of it is forgotten. */
  change<T>(work: () => T): T {
    try {
      return this.store.transaction(work);
    } catch (error) {
      this.recall();
      throw error;
    }
  }

  takeSequence(): number {
    if (this.nextSequence >= this.sequencesUntil) {
      this.sequencesUntil = this.nextSequence + SEQUENCES_AT_ONCE;
      this.store.setFact('sequences', String(this.sequencesUntil));
    }
    this.nextSequence += 1;
    return this.nextSequence;
  }

  /** Something stored is over then: the alarm is due. */
  expires(atMs: number): void {
    this.expiryAtMs = Math.min(this.expiryAtMs ?? atMs, atMs);
  }

  placeHere(taskId: string): TaskPlace | null {
    const place = placeOf(taskId);
    return place?.shard === this.shard ? place : null;
  }

  finishedAt(place: TaskPlace, nowMs: number): FinishedTask | null {
    const finished = this.store.finished(place);
    return finished !== null && finished.expiresAtMs > nowMs ? finished : null;
  }

  idOf({ lane, firstDueAtMs, sequence }: StoredTask): string {
    return taskIdOf({ shard: this.shard, lane, firstDueAtMs, sequence });
  }

  starvationMs(): number {
    return this.settings.starvationSeconds * 1_000;
  }

  /** Begins to remember anew, from what is stored. */
  private recall(): void {
    const stored = this.store.fact('configuration');
    const configuration = stored === null ? UNDECLARED_QUEUE : (JSON.parse(stored) as QueueConfiguration);
    this.lanes.recall();
    this.limiter.recall();
    for (let group = this.reopening.top(); group !== null; group = this.reopening.top()) this.reopening.remove(group);
    this.obey(configuration);
    this.leases.clear();
    this.census.forget();
    this.state = (this.store.fact('state') as QueueState | null) ?? 'Active';
    this.nextSequence = Number(this.store.fact('sequences') ?? 0);
    this.sequencesUntil = this.nextSequence;
    this.expiryAtMs = this.clock.now();
  }
}
