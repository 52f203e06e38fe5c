import { OrasiError } from '../core/errors.ts';
import type { QueueConfiguration, QueueSettings } from '../core/protocol/queue-settings.ts';
import type { ScalingSignals } from '../core/protocol/scaling.ts';
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
  TaskFence,
  TaskFilter,
  TaskPage,
  TaskReason,
  TaskRecord,
  TaskReport,
} from '../core/protocol/tasks.ts';
import { leaseTasks, nextClaimAtMs, type Takers, takerOf } from './claims.ts';
import { settleLapsed } from './endings.ts';
import { checkFence } from './fence.ts';
import { giveBack } from './give-back.ts';
import { redriveTasks, submitTask } from './intake.ts';
import { extendLease, reportLease } from './leases.ts';
import { listTasks } from './list.ts';
import { cancelTask, look } from './look.ts';
import { Purge } from './purge.ts';
import { QueueMemory, type TaskQueueParts } from './queue-memory.ts';
import { whyNotRunning } from './reasons.ts';
import { signalsOf } from './signals.ts';
import { statsOf } from './stats.ts';
import type { TaskKey } from './task-rows.ts';
import { AHEAD } from './task-store.ts';

/**
 * One shard of a queue: takes tasks, leases them, takes their results. Every call is one transaction and decides by
 * what is stored and the time alone; what is in memory only makes it quick, and can vanish between any two calls.
 *
 * Who goes first: of all due tasks an agent may have, the one with the least `due + starvation × (levels below
 * Critical)`. So priorities go in order, except that a task goes before one a level above that came `starvation`
 * later; none waits for ever, and a flood of urgent tasks takes no share away by itself.
 *
 * Each method is in a file of its idea: what comes in is in intake.ts, what goes out in claims.ts, what holders of
 * leases say in leases.ts, how tasks end in endings.ts; what these share is in queue-memory.ts.
 */
export class TaskQueueMachine {
  private readonly memory: QueueMemory;
  private readonly upkeep: Purge;

  constructor(parts: TaskQueueParts) {
    this.memory = new QueueMemory(parts);
    this.upkeep = new Purge(this.memory);
  }

  /** Brings the tables up to date. `alarmAtMs`: when the object's alarm is set to ring, which an earlier life knew. */
  start(alarmAtMs: number | null): void {
    this.memory.start(alarmAtMs);
  }

  /** What is in force. */
  get settings(): QueueSettings {
    return this.memory.settings;
  }

  /** This one, and how many the queue has: those included that only give out what they hold. */
  get place(): { readonly shard: number; readonly shards: number } {
    const { shard, shards } = this.memory;
    return { shard, shards };
  }

  /** Takes over what is declared of the queue. */
  configure(configuration: QueueConfiguration): void {
    this.memory.configure(configuration);
  }

  /** See `checkFence`. To be called before what it guards, without a wait between the two. */
  checkFence(fence: TaskFence | undefined): void {
    if (fence !== undefined) checkFence(this.memory.store, fence);
  }

  /** Takes tasks in. Throws `conflict` while the queue is draining. */
  submit(tasks: readonly NewTask[]): SubmittedTask[] {
    const { memory } = this;
    if (memory.state === 'Draining')
      throw new OrasiError('conflict', 'the queue is draining: it takes no tasks until it is resumed');
    return this.change((nowMs) => {
      const answers = tasks.map((task) => submitTask(memory, task, nowMs));
      memory.submitted.add(nowMs, answers.filter(({ duplicate }) => !duplicate).length);
      return answers;
    });
  }

  /** Leases up to `max` due tasks to one agent, most urgent first. */
  claim(request: Omit<ClaimRequest, 'waitMs'>): ClaimedTask[] {
    this.saw(request.agentId, request.types, request.capabilities);
    return this.giveOut(takerOf(request), request.max);
  }

  /** Leases up to `max` due tasks to whom `takers` choose, most urgent first. */
  giveOut(takers: Takers, max: number): ClaimedTask[] {
    return this.change((nowMs) => leaseTasks(this.memory, takers, max, nowMs));
  }

  /** An agent is there, and takes this: the tasks it might have do not wait for want of one. */
  saw(agentId: string, types: readonly string[] | null, capabilities: readonly string[]): void {
    this.memory.agents.saw(agentId, types, capabilities, this.memory.clock.now());
  }

  /** Takes leases back from an agent that cannot have begun with their tasks. */
  giveBack(leases: readonly { readonly taskId: string; readonly leaseToken: string }[]): void {
    this.change((nowMs) => {
      for (const lease of leases) giveBack(this.memory, lease, nowMs);
    });
  }

  /** Takes results, each by itself. */
  report(reports: readonly TaskReport[]): ReportOutcome[] {
    return this.change((nowMs) => this.eachOf(reports, (report) => reportLease(this.memory, report, nowMs)));
  }

  /** Extends leases, keeps progress, and tells which tasks are to be stopped. */
  heartbeat({ leases, leaseSeconds }: HeartbeatRequest): HeartbeatAnswer[] {
    return this.change((nowMs) => this.eachOf(leases, (lease) => extendLease(this.memory, lease, leaseSeconds, nowMs)));
  }

  get(taskId: string): TaskRecord | null {
    return this.change((nowMs) => look(this.memory, taskId, nowMs));
  }

  /** See `cancelTask`. */
  cancel(taskId: string): TaskRecord | null {
    return this.change((nowMs) => cancelTask(this.memory, taskId, nowMs));
  }

  /** See `listTasks`. */
  list(filter: TaskFilter, limit: number, cursor: string | undefined): TaskPage {
    return this.change((nowMs) => {
      settleLapsed(this.memory, nowMs);
      return listTasks(this.memory, filter, limit, cursor, nowMs);
    });
  }

  stats(): Omit<QueueStats, 'waitingClaims' | 'rowsWritten'> {
    return this.change((nowMs) => statsOf(this.memory, nowMs));
  }

  /** What the number of agents is made from. */
  signals(): ScalingSignals {
    return this.change((nowMs) => signalsOf(this.memory, nowMs));
  }

  setState(state: QueueState): void {
    const { memory } = this;
    if (state === memory.state) return;
    memory.store.setFact('state', state);
    memory.state = state;
  }

  /** As a call left it, whatever is declared. */
  get state(): QueueState {
    return this.memory.state;
  }

  /** Whether this shard was ever told a state. */
  get knowsState(): boolean {
    return this.memory.store.fact('state') !== null;
  }

  /** Takes over the state of the queue's other shards, unless it was told one. */
  adoptState(state: QueueState): void {
    if (this.knowsState) return;
    this.memory.store.setFact('state', state);
    this.memory.state = state;
  }

  /** Puts failed tasks back, due now and with all their attempts before them; answers how many. */
  redrive(request: RedriveRequest): number {
    return this.change((nowMs) => redriveTasks(this.memory, request, nowMs));
  }

  /** Why a task is not running, all that holds; null where there is no such task. */
  why(taskId: string): TaskReason[] | null {
    return this.change((nowMs) => whyNotRunning(this.memory, taskId, nowMs));
  }

  /** When a claim of these types and capabilities may find something, with what is known now; null for never. */
  nextClaimAtMs(request: Pick<ClaimRequest, 'types' | 'capabilities'>): number | null {
    return this.nextGiveOutAtMs(takerOf({ agentId: '', ...request }));
  }

  /** When these takers may find something, with what is known now; null for never. */
  nextGiveOutAtMs(takers: Pick<Takers, 'suits'>): number | null {
    // Most queues have nothing for most of those who ask, and a transaction is a part of what a call costs.
    if (![...this.memory.lanes.tracks()].some((track) => takers.suits(track))) return null;
    return this.change((nowMs) => nextClaimAtMs(this.memory, takers, nowMs));
  }

  /** When the alarm is to ring: only to throw away what is over. Null for never. */
  nextWorkAtMs(): number | null {
    return this.upkeep.nextAtMs();
  }

  /** What the alarm does. Early, late or twice, it is the same. */
  purge(): void {
    this.change((nowMs) => this.upkeep.run(nowMs));
  }

  /** Answers each item in turn, with the tasks that the next ones name read ahead. */
  private eachOf<Item extends { readonly taskId: string }, Answer>(
    items: readonly Item[],
    answer: (item: Item) => Answer,
  ): Answer[] {
    const { store } = this.memory;
    return items.map((item, i) => {
      if (i % AHEAD === 0) store.readAhead(items.slice(i, i + AHEAD).flatMap(({ taskId }) => this.firstKey(taskId)));
      return answer(item);
    });
  }

  /** Where the row of a task is unless a retry has moved it; nothing where there can be none. */
  private firstKey(taskId: string): TaskKey[] {
    const place = this.memory.placeHere(taskId);
    return place === null ? [] : [{ lane: place.lane, dueAtMs: place.firstDueAtMs, sequence: place.sequence }];
  }

  private change<T>(work: (nowMs: number) => T): T {
    const nowMs = this.memory.clock.now();
    return this.memory.change(() => work(nowMs));
  }
}
