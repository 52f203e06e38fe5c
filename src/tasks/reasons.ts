import type { TaskReason } from '../core/protocol/tasks.ts';
import { settled } from './endings.ts';
import { look } from './look.ts';
import type { QueueMemory } from './queue-memory.ts';
import type { StoredTask } from './task-store.ts';
import { overtakenBeforeMs } from './urgency.ts';

/** Tasks before another are counted up to here. */
const COUNTED = 10_000;

/** Why a task is not running, all that holds; null where there is no such task. */
export function whyNotRunning(queue: QueueMemory, taskId: string, nowMs: number): TaskReason[] | null {
  const record = look(queue, taskId, nowMs);
  if (record === null) return null;
  if (record.finished !== null) return [{ code: 'finished', message: `it has ended: ${record.status}` }];
  if (record.running !== null) return [{ code: 'running', message: `agent "${record.running.agentId}" has it` }];
  const task = settled(queue, taskId, nowMs);
  return task === null ? null : waitingReasons(queue, task, nowMs);
}

function waitingReasons(queue: QueueMemory, task: StoredTask, nowMs: number): TaskReason[] {
  const lane = queue.lanes.get(task.lane);
  const reasons: TaskReason[] = [];
  if (queue.state === 'Paused') reasons.push({ code: 'paused', message: 'the queue is paused' });
  if (task.dueAtMs > nowMs) {
    const at = new Date(task.dueAtMs).toISOString();
    if (task.attempt === 0) reasons.push({ code: 'delayed', message: `it is not to run before ${at}` });
    else reasons.push({ code: 'retry_wait', message: `attempt ${task.attempt} failed; the next may begin at ${at}` });
    return reasons;
  }
  if (!queue.agents.anyFor(lane, nowMs)) {
    const needs = lane.requires.length === 0 ? '' : ` with capabilities ${lane.requires.join(', ')}`;
    const message = `no agent that takes tasks of type "${lane.type}"${needs} has asked for work in the last five minutes`;
    reasons.push({ code: 'no_capable_agent', message });
  }
  let before = 0;
  for (const other of queue.lanes.all()) {
    const bound = overtakenBeforeMs(task.dueAtMs, lane.level, other.level, queue.starvationMs());
    const dueAtMs = Math.min(nowMs + 1, bound);
    before += queue.store.countDueBefore(other.id, dueAtMs, task.sequence, COUNTED - before);
  }
  if (before > 0) {
    const count = before >= COUNTED ? `${COUNTED} or more` : String(before);
    reasons.push({ code: 'behind', message: `${count} due tasks go before it` });
  }
  if (reasons.length === 0) reasons.push({ code: 'next', message: 'the next claim that may have it gets it' });
  return reasons;
}
