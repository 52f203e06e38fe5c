import type { Clock } from '../core/clock.ts';
import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { ConnectedAgents } from '../core/protocol/queue-connection.ts';
import type { QueueConfiguration } from '../core/protocol/queue-settings.ts';
import type {
  ClaimedTask,
  ClaimRequest,
  HeartbeatAnswer,
  HeartbeatRequest,
  NewTask,
  QueueState,
  QueueStats,
  RedriveRequest,
  ReportOutcome,
  SubmittedTask,
  TaskAnswer,
  TaskFence,
  TaskFilter,
  TaskPage,
  TaskQueueCalls,
  TaskReason,
  TaskRecord,
  TaskReport,
} from '../core/protocol/tasks.ts';
import { charsOf } from './list.ts';
import { MOST_SHARDS, shardOf, shardOfId } from './shards.ts';
import { combinedStats } from './stats.ts';

/** A claim waits in the queue this long at a time: a client that has left is noticed in between, and takes no task. */
const WAIT_SLICE_MS = 5_000;
/** An old shard that gave nothing is asked again after this long. */
const OLD_SHARD_IDLE_MS = 10_000;

export interface ShardedQueueParts {
  /** A shard by its object's name. */
  readonly taskQueue: (name: string) => TaskQueueCalls;
  readonly configuration: (namespaceUid: string, queue: string) => Promise<QueueConfiguration>;
  readonly clock: Clock;
}

/** All queues as one: every call goes to the shards that it concerns. Refusals are thrown as what they are. */
export class ShardedQueues {
  private readonly parts: ShardedQueueParts;
  /** Counts calls, so that they go round the shards. */
  private turn = 0;
  /** Old shards that had nothing to give, until when they are left alone. */
  private readonly idleUntilMs = new Map<string, number>();

  constructor(parts: ShardedQueueParts) {
    this.parts = parts;
  }

  async open(namespaceUid: string, queue: string): Promise<ShardedQueue> {
    const configuration = await this.parts.configuration(namespaceUid, queue);
    this.turn += 1;
    return new ShardedQueue(this.parts, `${namespaceUid}/${queue}`, configuration, this.turn, this.idleUntilMs);
  }
}

/** One queue, with the shards it has now. */
export class ShardedQueue {
  private readonly parts: ShardedQueueParts;
  private readonly name: string;
  /** Shards that take tasks in. */
  private readonly shards: number;
  /** Those and the old ones. */
  private readonly all: number;
  private readonly turn: number;
  private readonly idleUntilMs: Map<string, number>;

  constructor(
    parts: ShardedQueueParts,
    name: string,
    { settings, shardsEver }: QueueConfiguration,
    turn: number,
    idleUntilMs: Map<string, number>,
  ) {
    this.parts = parts;
    this.name = name;
    this.shards = settings.shards;
    this.all = Math.min(MOST_SHARDS, Math.max(settings.shards, shardsEver));
    this.turn = turn;
    this.idleUntilMs = idleUntilMs;
  }

  /** All or none where the queue has one shard, or the tasks have neither group nor dedupe key; else so in each shard. */
  async submit(tasks: readonly NewTask[], fence?: TaskFence): Promise<SubmittedTask[]> {
    const otherwise = this.turn % this.shards;
    return await this.spread(
      tasks,
      (task) => shardOf(task, this.shards, otherwise),
      async (shard, mine) => await this.ask(shard, (queue, name) => queue.submit(name, mine, fence)),
    );
  }

  /** Claims from one shard after another until `max` are there; waits at all of them until `untilMs` for a first. */
  async claim(request: Omit<ClaimRequest, 'waitMs'>, untilMs: number, hasLeft: () => boolean): Promise<ClaimedTask[]> {
    for (;;) {
      const waitMs = Math.min(WAIT_SLICE_MS, Math.max(0, untilMs - this.parts.clock.now()));
      const claimed =
        this.all === 1
          ? [...(await this.ask(0, (queue) => queue.claim({ ...request, waitMs })))]
          : await this.claimRound(request);
      if (claimed.length > 0 || this.parts.clock.now() >= untilMs || hasLeft()) return claimed;
      if (this.all > 1) await this.awaitWork(request, waitMs);
      if (hasLeft()) return [];
    }
  }

  async report(reports: readonly TaskReport[], fence?: TaskFence): Promise<ReportOutcome[]> {
    return await this.spread(
      reports,
      ({ taskId }) => shardOfId(taskId) ?? 0,
      async (shard, mine) => await this.ask(shard, (queue) => queue.report(mine, fence)),
    );
  }

  async heartbeat({ leases, ...rest }: HeartbeatRequest): Promise<HeartbeatAnswer[]> {
    return await this.spread(
      leases,
      ({ taskId }) => shardOfId(taskId) ?? 0,
      async (shard, mine) => await this.ask(shard, (queue) => queue.heartbeat({ ...rest, leases: mine })),
    );
  }

  async get(taskId: string): Promise<TaskRecord | null> {
    const shard = shardOfId(taskId);
    return shard === null ? null : await this.ask(shard, (queue) => queue.get(taskId));
  }

  async why(taskId: string): Promise<readonly TaskReason[] | null> {
    const shard = shardOfId(taskId);
    return shard === null ? null : await this.ask(shard, (queue) => queue.why(taskId));
  }

  async cancel(taskId: string): Promise<TaskRecord | null> {
    const shard = shardOfId(taskId);
    return shard === null ? null : await this.ask(shard, (queue) => queue.cancel(taskId));
  }

  /** Shard after shard. Throws `bad_request` for a cursor that is none. */
  async list(filter: TaskFilter, limit: number, cursor: string | undefined): Promise<TaskPage> {
    const { shard: first, inner } = cursorParts(cursor);
    const items: TaskRecord[] = [];
    let rest = inner;
    let chars = 0;
    for (let shard = first; shard < this.all; shard++) {
      const page = await this.ask(shard, (queue) => queue.list(filter, limit - items.length, rest));
      items.push(...page.items);
      rest = undefined;
      if (page.nextCursor !== undefined) return { items, nextCursor: cursorText(shard, page.nextCursor) };
      chars += page.items.reduce((sum, task) => sum + charsOf(task), 0);
      if (items.length >= limit || chars >= LIMITS.taskAnswerChars)
        return { items, nextCursor: shard + 1 < this.all ? cursorText(shard + 1, '') : undefined };
    }
    return { items, nextCursor: undefined };
  }

  async stats(): Promise<QueueStats> {
    return combinedStats(await this.askAll((queue) => queue.stats()));
  }

  async setState(state: QueueState): Promise<QueueStats> {
    return combinedStats(await this.askAll((queue, name) => queue.setState(name, state)));
  }

  async redrive({ taskIds, type, max }: RedriveRequest): Promise<number> {
    let count = 0;
    for (let shard = 0; shard < this.all && count < max; shard++) {
      const mine = taskIds === null ? null : taskIds.filter((taskId) => shardOfId(taskId) === shard);
      if (mine?.length === 0) continue;
      count += await this.ask(shard, (queue) => queue.redrive({ taskIds: mine, type, max: max - count }));
    }
    return count;
  }

  /** The agents that hold a WebSocket to it. */
  async agents(): Promise<ConnectedAgents> {
    const [first, ...others] = await this.askAll((queue) => queue.agents());
    return { ...first, items: [first, ...others].flatMap(({ items }) => items) };
  }

  /** The WebSocket of an agent to one shard: answered 101, or 503. Throws `not_found` where there is no such shard. */
  async connect(shard: number, request: Request): Promise<Response> {
    if (shard >= this.all) throw new OrasiError('not_found', `the queue has ${this.all} shards, counted from 0`);
    return await this.parts.taskQueue(`${this.name}/${shard}`).fetch(request);
  }

  /**
   * One claim at each shard in turn, until there is enough. Where a shard fails, what others have leased already is
   * given all the same; the failure is thrown where there is nothing.
   */
  private async claimRound(request: Omit<ClaimRequest, 'waitMs'>): Promise<ClaimedTask[]> {
    const claimed: ClaimedTask[] = [];
    const failures: unknown[] = [];
    for (const shard of this.inTurn()) {
      const max = request.max - claimed.length;
      if (max <= 0) break;
      let items: readonly ClaimedTask[];
      try {
        items = await this.ask(shard, (queue) => queue.claim({ ...request, max, waitMs: 0 }));
      } catch (error) {
        failures.push(error);
        continue;
      }
      if (items.length === 0 && shard >= this.shards)
        this.idleUntilMs.set(`${this.name}/${shard}`, this.parts.clock.now() + OLD_SHARD_IDLE_MS);
      claimed.push(...items);
    }
    if (claimed.length === 0 && failures.length > 0) throw failures[0];
    return claimed;
  }

  /** Until a shard has something to give, or the time is over. Takes nothing, since two might answer at once. */
  private async awaitWork(request: Omit<ClaimRequest, 'waitMs'>, waitMs: number): Promise<void> {
    await Promise.race(
      this.inTurn().map((shard) => this.ask(shard, (queue) => queue.awaitWork({ ...request, waitMs }))),
    );
  }

  /** Old shards first, so that they get empty; then the others, another one first each time. */
  private inTurn(): number[] {
    const nowMs = this.parts.clock.now();
    const old = Array.from({ length: this.all - this.shards }, (_, i) => this.shards + i);
    const present = Array.from({ length: this.shards }, (_, i) => (this.turn + i) % this.shards);
    return [...old.filter((shard) => (this.idleUntilMs.get(`${this.name}/${shard}`) ?? 0) <= nowMs), ...present];
  }

  /** Calls shards each with its part of a batch; the answers are in the order of the batch. */
  private async spread<Item, Answer>(
    items: readonly Item[],
    shardOfItem: (item: Item) => number,
    call: (shard: number, mine: readonly Item[]) => Promise<readonly Answer[]>,
  ): Promise<Answer[]> {
    const places = new Map<number, number[]>();
    for (const [i, item] of items.entries()) {
      const shard = shardOfItem(item);
      const mine = places.get(shard) ?? [];
      mine.push(i);
      places.set(shard, mine);
    }
    const answers: Answer[] = new Array(items.length);
    await Promise.all(
      [...places].map(async ([shard, mine]) => {
        const part = await call(
          shard,
          mine.map((i) => items[i]),
        );
        for (const [at, i] of mine.entries()) answers[i] = part[at];
      }),
    );
    return answers;
  }

  private async askAll<T>(call: (queue: TaskQueueCalls, name: string) => Promise<TaskAnswer<T>>): Promise<[T, ...T[]]> {
    const first = await this.ask(0, call);
    const others = Array.from({ length: this.all - 1 }, async (_, i) => await this.ask(i + 1, call));
    return [first, ...(await Promise.all(others))];
  }

  private async ask<T>(
    shard: number,
    call: (queue: TaskQueueCalls, name: string) => Promise<TaskAnswer<T>>,
  ): Promise<T> {
    const name = `${this.name}/${shard}`;
    const answer = await call(this.parts.taskQueue(name), name);
    if (answer.ok) return answer.value;
    throw new OrasiError(answer.code, answer.message, { errors: [...answer.errors] });
  }
}

/** A shard's own cursor after the shard's number; of the first shard bare. */
function cursorText(shard: number, inner: string): string {
  return shard === 0 ? inner : `${shard}:${inner}`;
}

function cursorParts(cursor: string | undefined): { shard: number; inner: string | undefined } {
  const parts = /^(\d{1,2}):(.*)$/.exec(cursor ?? '');
  if (parts === null) return { shard: 0, inner: cursor };
  return { shard: Number(parts[1]), inner: parts[2] === '' ? undefined : parts[2] };
}
