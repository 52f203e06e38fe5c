import { assert, OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { ANY_NAME, type QueueSettings } from '../core/protocol/queue-settings.ts';
import { TASK_PRIORITIES } from '../core/protocol/tasks.ts';
import { Group } from './group.ts';
import { Lane } from './lane.ts';
import type { StoredLane } from './task-rows.ts';
import type { TaskStore } from './task-store.ts';
import { type TaskKind, Track } from './track.ts';
import { Turns } from './turns.ts';

/** As many lanes are read at once rather than each by itself. */
const MANY = 32;

/** The lanes of a shard, in memory as they are stored: each of a kind (its track) and of a group. */
export class Lanes {
  private readonly store: TaskStore;
  private byId = new Map<number, Lane>();
  private byName = new Map<string, Lane>();
  private byKind = new Map<string, Track>();
  private byGroup = new Map<string | null, Group>();
  private weights = new Map<string, number>();
  private nextId = 0;
  private isRead = false;
  /** The rounds of each level. */
  turns: readonly Turns[] = [];

  constructor(store: TaskStore) {
    this.store = store;
  }

  /** Begins anew with what is stored. */
  recall(): void {
    this.byId = new Map();
    this.byName = new Map();
    this.byKind = new Map();
    this.byGroup = new Map();
    this.turns = TASK_PRIORITIES.map(() => new Turns());
    this.nextId = 0;
    this.isRead = false;
    for (const stored of this.store.lanes()) this.remember(stored);
  }

  configure({ groupWeights }: QueueSettings): void {
    this.weights = new Map(groupWeights.map(({ group, weight }) => [group, weight]));
    for (const group of this.byGroup.values()) {
      group.setWeight(this.weightOf(group.key));
      group.unsettle();
    }
  }

  all(): Iterable<Lane> {
    return this.byId.values();
  }

  tracks(): Iterable<Track> {
    return this.byKind.values();
  }

  get(id: number): Lane {
    const lane = this.byId.get(id);
    assert(lane !== undefined, `lane ${id} is there, since a task is of it`);
    return lane;
  }

  /** The lane of a kind and group, made if there is none. Throws `conflict` where there are too many. */
  of(kind: TaskKind, group: string | null): Lane {
    const present = this.byName.get(nameOf(kind, group));
    if (present !== undefined) return present;
    if (!this.byKind.has(nameOf(kind, null)) && this.byKind.size >= LIMITS.taskLanes) {
      const message = `a queue has at most ${LIMITS.taskLanes} combinations of type, priority and requires`;
      throw new OrasiError('conflict', message);
    }
    if (group !== null && this.byId.size >= LIMITS.taskGroups) {
      const message = `a shard of a queue has at most ${LIMITS.taskGroups} groups with tasks, counted once for each type and priority`;
      throw new OrasiError('conflict', message);
    }
    const { type, level, requires } = kind;
    const stored = { id: this.nextId, type, level, requires, group };
    this.store.addLane(stored);
    return this.remember(stored);
  }

  /** Reads the first task of every lane, once in an object's life; where there are few each is read when it is needed. */
  readFirst(): void {
    if (this.isRead) return;
    this.isRead = true;
    if (this.byId.size < MANY) return;
    for (const key of this.store.firstKeys()) this.get(key.lane).begins(key);
  }

  /** Groups that have something to give at a level. */
  groupsInTurn(level: number): number {
    let count = 0;
    for (const group of this.byGroup.values()) if (group.isInTurn(level)) count += 1;
    return count;
  }

  /** Whether any lane is of a group, and goes when nothing is in it. */
  hasGroups(): boolean {
    return this.byGroup.size > (this.byGroup.has(null) ? 1 : 0);
  }

  /** Forgets lanes that are stored no more. */
  drop(ids: readonly number[]): void {
    for (const id of ids) {
      const lane = this.get(id);
      lane.track.displace(lane);
      lane.track.unsettled.delete(lane);
      lane.group.lanes.splice(lane.group.lanes.indexOf(lane), 1);
      if (lane.group.lanes.length === 0) this.byGroup.delete(lane.group.key);
      this.byName.delete(nameOf(lane.track, lane.group.key));
      this.byId.delete(id);
    }
  }

  private remember({ id, group, ...kind }: StoredLane): Lane {
    const lane = new Lane(id, this.trackOf(kind), this.groupOf(group));
    this.byId.set(id, lane);
    this.byName.set(nameOf(kind, group), lane);
    this.nextId = Math.max(this.nextId, id + 1);
    return lane;
  }

  private trackOf(kind: TaskKind): Track {
    const name = nameOf(kind, null);
    const track = this.byKind.get(name) ?? new Track(kind);
    this.byKind.set(name, track);
    return track;
  }

  private groupOf(key: string | null): Group {
    const group = this.byGroup.get(key) ?? new Group(key, this.weightOf(key));
    this.byGroup.set(key, group);
    return group;
  }

  private weightOf(group: string | null): number {
    return (group === null ? undefined : this.weights.get(group)) ?? this.weights.get(ANY_NAME) ?? 1;
  }
}

function nameOf({ type, level, requires }: TaskKind, group: string | null): string {
  return JSON.stringify([type, level, requires, group]);
}
