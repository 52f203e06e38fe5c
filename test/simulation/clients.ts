import type {
  ClusterAnswer,
  ElectionView,
  JoinAnswer,
  LeaderView,
  MemberReport,
  Vote,
} from '../../src/core/protocol/cluster.ts';
import type { KvAnswer, KvCall } from '../../src/core/protocol/cluster-kv.ts';
import type {
  ClaimedTask,
  ClaimRequest,
  HeartbeatAnswer,
  HeartbeatRequest,
  NewTask,
  QueueState,
  ReportOutcome,
  SubmittedTask,
  TaskAnswer,
  TaskFence,
  TaskRecord,
  TaskReport,
} from '../../src/core/protocol/tasks.ts';
import { type Network, NoAnswer } from './network.ts';
import type { ObjectHost } from './platform/object-host.ts';

/** A queue as a process sees it over the network. Every call throws `NoAnswer` where none came, null is a refusal. */
export class QueueClient {
  private readonly network: Network;
  private readonly host: ObjectHost;
  private readonly from: string;

  constructor(network: Network, host: ObjectHost, from: string) {
    this.network = network;
    this.host = host;
    this.from = from;
  }

  submit(tasks: readonly NewTask[], fence?: TaskFence): Promise<readonly SubmittedTask[] | null> {
    return this.ask('submit', [this.host.name, tasks, fence]);
  }

  claim(request: ClaimRequest): Promise<readonly ClaimedTask[] | null> {
    return this.ask('claim', [request], request.waitMs);
  }

  report(reports: readonly TaskReport[]): Promise<readonly ReportOutcome[] | null> {
    return this.ask('report', [reports]);
  }

  heartbeat(request: HeartbeatRequest): Promise<readonly HeartbeatAnswer[] | null> {
    return this.ask('heartbeat', [request]);
  }

  get(taskId: string): Promise<TaskRecord | null> {
    return this.ask('get', [taskId]);
  }

  cancel(taskId: string): Promise<TaskRecord | null> {
    return this.ask('cancel', [taskId]);
  }

  redrive(taskIds: readonly string[]): Promise<number | null> {
    return this.ask('redrive', [{ taskIds, max: taskIds.length }]);
  }

  setState(state: QueueState): Promise<unknown> {
    return this.ask('setState', [this.host.name, state]);
  }

  stats(): Promise<unknown> {
    return this.ask('stats', []);
  }

  private async ask<T>(method: string, args: readonly unknown[], waitMs = 0): Promise<T | null> {
    const answer = await this.network.call<TaskAnswer<T>>(this.from, this.host, method, args, waitMs);
    return answer.ok ? answer.value : null;
  }
}

/** A cluster as a process sees it. */
export class ClusterClient {
  private readonly network: Network;
  private readonly host: ObjectHost;
  private readonly from: string;

  constructor(network: Network, host: ObjectHost, from: string) {
    this.network = network;
    this.host = host;
    this.from = from;
  }

  report(memberId: string, report: MemberReport): Promise<ClusterAnswer<JoinAnswer>> {
    return this.network.call(this.from, this.host, 'report', [memberId, report]);
  }

  leader(): Promise<LeaderView> {
    return this.network.call(this.from, this.host, 'leader', []);
  }

  election(): Promise<ElectionView> {
    return this.network.call(this.from, this.host, 'election', []);
  }

  vote(vote: Vote): Promise<ClusterAnswer<unknown>> {
    return this.network.call(this.from, this.host, 'vote', [vote]);
  }

  change(what: 'leave' | 'resign' | 'campaign', memberId: string): Promise<ClusterAnswer<unknown>> {
    return this.network.call(this.from, this.host, what, [memberId]);
  }

  kv(call: KvCall, ifEpoch: number | null): Promise<KvAnswer> {
    return this.network.call(this.from, this.host, 'kv', [call, ifEpoch]);
  }
}

/** The answer, or null where none came. */
export async function orNone<T>(work: Promise<T>): Promise<T | null> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof NoAnswer) return null;
    throw error;
  }
}
