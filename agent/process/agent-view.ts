import type { MemberLoad } from '../../src/core/protocol/cluster.ts';
import type { Registered } from './registering.ts';
import type { RunCounts } from './runner.ts';

/** What an agent shows of itself. */
export interface AgentView {
  /** True, or why it is not. */
  readonly ready: true | string;
  readonly info: {
    readonly agentId: string;
    readonly cluster: string;
    readonly queue: string;
    readonly namespace: string;
    readonly zone: string | null;
    readonly types: readonly string[];
    readonly capabilities: readonly string[];
    readonly concurrency: number;
    readonly node: string;
    readonly startedAt: string;
  };
  readonly status: {
    readonly status: 'Running' | 'Stopping';
    /** Whether the cluster was heard of within the session, and how. */
    readonly joined: boolean;
    readonly link: 'socket' | 'polling' | 'none';
    /** How tasks come, or would. */
    readonly tasksBy: 'socket' | 'polling';
    readonly leader: string | null;
    readonly isLeader: boolean;
    readonly epoch: number;
    /** As last reported; null before. */
    readonly load: MemberLoad | null;
    readonly registered: Registered | null;
    readonly configuration: {
      readonly loadedAt: string;
      /** What the last attempt to reload it came to, where it was refused. */
      readonly refused: string | null;
      /** Fields whose change a restart takes up. */
      readonly restartFor: readonly string[];
    };
  };
  readonly tasks: {
    readonly running: readonly { taskId: string; type: string; attempt: number; runningMs: number }[];
    /** Results that the queue has not answered yet. */
    readonly unreported: number;
    readonly counts: RunCounts;
    /** Reports by what the queue made of them. */
    readonly outcomes: Readonly<Record<string, number>>;
  };
}
