import type { Random } from '../../src/core/random.ts';
import { type Backoff, pause, pauseMs } from '../client/backoff.ts';
import { isTransient } from '../client/errors.ts';
import type { Changes } from './changes.ts';
import type { AgentConfig } from './config.ts';
import type { Log } from './log.ts';
import type { Outbox } from './outbox.ts';
import type { ClaimedTask, QueueCalls, Report } from './queue-calls.ts';
import type { Runner } from './runner.ts';
import type { TaskType } from './task-type.ts';

export interface ClaimingParts {
  readonly calls: QueueCalls;
  /** Whether tasks are to be asked for: they do not come by themselves. */
  readonly isAsked: () => boolean;
  readonly config: () => AgentConfig;
  readonly types: () => ReadonlyMap<string, TaskType>;
  /** How many more tasks there is room for; null: none any more. */
  readonly slots: () => number | null;
  /** Told how many tasks a claim may bring, while it waits. */
  readonly reserve: (places: number) => void;
  readonly runner: Runner;
  readonly outbox: Outbox;
  readonly changes: Changes;
  readonly random: Random;
  readonly log: Log;
}

/**
 * A claim waits so long for a first task, as the queue does at a time. It is never given up: what it has been given by
 * then would be nobody's until its lease lapses. An agent that stops waits for its last one to be answered.
 */
const WAIT_SECONDS = 5;
/** The lease of a claim, whose answer may be lost on the way; the first heartbeat asks for the configured one. */
const CLAIM_LEASE_SECONDS = 10;
const BACKOFF: Backoff = { firstMs: 250, capMs: 15_000 };

/** Asks for tasks while there is room and need, until the signal aborts. */
export async function claimTasks(parts: ClaimingParts, signal: AbortSignal): Promise<void> {
  const { calls, isAsked, config, types, slots, reserve, outbox, runner, changes, random, log } = parts;
  for (let failures = 0; !signal.aborted; ) {
    const { agentId, capabilities, leaseSeconds } = config();
    const max = slots() ?? 0;
    if (max === 0 || !isAsked()) {
      await changes.next(60_000, signal);
      continue;
    }
    try {
      const claim = {
        agentId,
        max,
        types: [...types().keys()],
        capabilities,
        leaseSeconds: Math.min(leaseSeconds, CLAIM_LEASE_SECONDS),
        waitSeconds: WAIT_SECONDS,
      };
      reserve(max);
      const tasks = await calls.claim(claim).finally(() => reserve(0));
      for (const task of tasks) {
        if (signal.aborted) await outbox.add(handedBack(task));
        else runner.begin(task);
      }
      failures = 0;
    } catch (error) {
      if (!isTransient(error)) log('claims are refused', { error: String(error) });
      else if (failures === 0) log('the queue is out of reach', { error: String(error) });
      await pause(pauseMs(BACKOFF, ++failures, random), signal);
    }
  }
}

/** For a task that came when the agent had begun to stop. */
function handedBack({ taskId, leaseToken }: ClaimedTask): Report {
  return { taskId, leaseToken, success: false, error: 'the agent stops', processingTimeMs: 0 };
}
