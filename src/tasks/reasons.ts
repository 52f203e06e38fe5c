import { isBuiltInType } from '../core/protocol/built-in-tasks.ts';
import type { TaskReason } from '../core/protocol/tasks.ts';
import { settled } from './endings.ts';
import { look } from './look.ts';
import { nextLane } from './next-lane.ts';
import type { QueueMemory } from './queue-memory.ts';
import type { StoredTask } from './task-rows.ts';
import { overtakenBeforeMs } from './urgency.ts';

/** Tasks before another are counted up to here, in this many lanes. */
const COUNTED = 10_000;
const LANES_COUNTED = 1_000;

/** Why a task is not running, all that holds; null where there is no such task. */
export function whyNotRunning(queue: QueueMemory, taskId: string, nowMs: number): TaskReason[] | null {
  const record = look(queue, taskId, nowMs);
  if (record === null) return null;
  if (record.finished !== null) return [{ code: 'finished', message: `it has ended: ${record.status}` }];
  if (record.running !== null) return [{ code: 'running', message: `agent "${record.running.agentId}" has it` }];
  const task = settled(queue, taskId, nowMs);
  if (task === null) return null;
  const reasons = [...ofTheQueue(queue), ...ofTime(task, nowMs)];
  if (task.dueAtMs > nowMs) return reasons;
  queue.ready(nowMs);
  reasons.push(...ofAgents(queue, task, nowMs), ...ofLimits(queue, task, nowMs), ...ofOthers(queue, task, nowMs));
  return reasons.length > 0 ? reasons : [{ code: 'next', message: 'the next claim that may have it gets it' }];
}

function ofTheQueue({ state, settings }: QueueMemory): TaskReason[] {
  const reasons: TaskReason[] = [];
  if (state === 'Paused') reasons.push({ code: 'paused', message: 'the queue is paused' });
  if (settings.paused) reasons.push({ code: 'paused', message: 'the queue is declared paused (spec.paused)' });
  if (state === 'Draining')
    reasons.push({ code: 'draining', message: 'the queue is draining: it gives out what it has and takes nothing in' });
  return reasons;
}

function ofTime(task: StoredTask, nowMs: number): TaskReason[] {
  if (task.dueAtMs <= nowMs) return [];
  const at = new Date(task.dueAtMs).toISOString();
  return task.attempt === 0
    ? [{ code: 'delayed', message: `it is not to run before ${at}` }]
    : [{ code: 'retry_wait', message: `attempt ${task.attempt} failed; the next may begin at ${at}` }];
}

function ofAgents(queue: QueueMemory, task: StoredTask, nowMs: number): TaskReason[] {
  const { track } = queue.lanes.get(task.lane);
  if (isBuiltInType(track.type) || queue.agents.anyFor(track, nowMs)) return [];
  const needs = track.requires.length === 0 ? '' : ` with capabilities ${track.requires.join(', ')}`;
  const message = `no agent that takes tasks of type "${track.type}"${needs} has asked for work in the last five minutes`;
  return [{ code: 'no_capable_agent', message }];
}

function ofLimits(queue: QueueMemory, task: StoredTask, nowMs: number): TaskReason[] {
  const { type, group } = queue.lanes.get(task.lane);
  const { limiter } = queue;
  const gates = [
    { of: 'the queue', gate: limiter.queueGate() },
    { of: `type "${type}"`, gate: limiter.typeGate(type) },
    { of: `group "${group.key}"`, gate: limiter.groupGate(group.key) },
  ];
  return gates.flatMap(({ of, gate }) =>
    gate === null || gate.opensAtMs(nowMs) <= nowMs
      ? []
      : [{ code: 'limited' as const, message: `limit of ${of}: ${gate.reason(nowMs)}` }],
  );
}

/** Tasks that urgency puts before it: of its own group, and of other priorities; and groups it takes turns with. */
function ofOthers(queue: QueueMemory, task: StoredTask, nowMs: number): TaskReason[] {
  const { level, group, turn } = queue.lanes.get(task.lane);
  const next = nextLane(queue, [...queue.lanes.tracks()], nowMs);
  if (next !== null && next.lane.id === task.lane && next.lane.ahead[0].sequence === task.sequence) return [];
  const rivals = [...queue.lanes.all()].filter((lane) => lane.group === group || lane.level !== level);
  let before = 0;
  for (const other of rivals.slice(0, LANES_COUNTED)) {
    const bound = overtakenBeforeMs(task.dueAtMs, level, other.level, queue.starvationMs());
    const dueAtMs = Math.min(nowMs + 1, bound);
    before += queue.store.countDueBefore(other.id, dueAtMs, task.sequence, COUNTED - before);
  }
  const reasons: TaskReason[] = [];
  if (before > 0) {
    const count = before >= COUNTED || rivals.length > LANES_COUNTED ? `${before} or more` : String(before);
    reasons.push({
      code: 'behind',
      message: count === '1' ? '1 due task goes before it' : `${count} due tasks go before it`,
    });
  }
  const groups = queue.lanes.groupsInTurn(level) - (turn.lanes.size > 0 ? 1 : 0);
  if (groups > 0) {
    const those =
      groups === 1
        ? '1 other group with due tasks of its priority takes'
        : `${groups} other groups with due tasks of its priority take`;
    const message = `${those} turns with its own`;
    reasons.push({ code: 'behind', message });
  }
  return reasons;
}
