import type { Clock } from '../core/clock.ts';
import type { QueueState } from '../core/protocol/tasks.ts';
import type { Random } from '../core/random.ts';
import { AgentsSeen } from './agents-seen.ts';
import { Census } from './census.ts';
import { migrateTasks, type TaskDatabase } from './database.ts';
import { Lanes } from './lanes.ts';
import { LeaseHeap } from './lease-heap.ts';
import { RateMeter } from './rate-meter.ts';
import type { QueueSettings } from './settings.ts';
import { placeOf, type TaskPlace, taskIdOf } from './task-id.ts';
import { type FinishedTask, type StoredTask, TaskStore } from './task-store.ts';

/** Sequence numbers taken in advance by one written row; a restart leaves at most this many out. */
const SEQUENCES_AT_ONCE = 10_000;

export interface TaskQueueParts {
  readonly database: TaskDatabase;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: QueueSettings;
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
  readonly settings: QueueSettings;
  readonly shard: number;

  readonly lanes: Lanes;
  readonly leases = new LeaseHeap();
  readonly census = new Census();
  readonly submitted = new RateMeter();
  readonly ended = new RateMeter();
  readonly agents = new AgentsSeen();
  state: QueueState = 'Active';
  /** The earliest that something stored is over; null where nothing ever is. */
  expiryAtMs: number | null = null;

  private readonly database: TaskDatabase;
  private nextSequence = 0;
  private sequencesUntil = 0;

  constructor({ database, clock, random, settings, shard }: TaskQueueParts) {
    this.store = new TaskStore(database);
    this.lanes = new Lanes(this.store);
    this.database = database;
    this.clock = clock;
    this.random = random;
    this.settings = settings;
    this.shard = shard;
  }

  /** Brings the tables up to date. `alarmAtMs`: when the object's alarm is set to ring, which an earlier life knew. */
  start(alarmAtMs: number | null): void {
    migrateTasks(this.database);
    this.recall();
    this.expiryAtMs = alarmAtMs ?? this.clock.now();
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
    this.lanes.recall();
    this.leases.clear();
    this.census.forget();
    this.state = (this.store.fact('state') as QueueState | null) ?? 'Active';
    this.nextSequence = Number(this.store.fact('sequences') ?? 0);
    this.sequencesUntil = this.nextSequence;
    this.expiryAtMs = this.clock.now();
  }
}
