import { DEFAULT_QUEUE_SETTINGS } from '../../src/core/protocol/queue-settings.ts';
import type { ClaimedTask, ReportOutcome, TaskPriority } from '../../src/core/protocol/tasks.ts';
import { TASK_PRIORITIES } from '../../src/core/protocol/tasks.ts';
import { seededRandom } from '../../src/core/random.ts';
import { newTask, queueFixture } from './queue-fixture.ts';

/** What a run has done, so that a test can see that it tried something. */
export interface SimulationCounts {
  submitted: number;
  accepted: number;
  duplicates: number;
  stale: number;
  lapsed: number;
  retries: number;
  restarts: number;
  faults: number;
  overtaken: number;
}

/** A task as those who submitted it know it. */
interface Known {
  readonly taskId: string;
  readonly level: number;
  readonly maxRetries: number;
  /** Not before this may it be claimed: its own time, or the end of a failed attempt and the wait after it. */
  dueAtMs: number;
  attempts: number;
  /** The lease that holds it, by what its claim said. */
  held: { token: string; untilMs: number } | null;
  successes: number;
  over: boolean;
  cancelWanted: boolean;
}

/** An agent: what it holds, what it thinks the time is, and reports whose answer it did not get. */
interface Agent {
  readonly name: string;
  /** Wrong by hours; it gives up what it holds when its own clock says that the lease is over, and not before. */
  readonly clockErrorMs: number;
  holds: { task: ClaimedTask; doneAtMs: number; success: boolean }[];
  unanswered: { task: ClaimedTask; success: boolean }[];
}

const HOUR_MS = 3_600_000;

/**
 * A queue with submitters and agents on a virtual clock, everything drawn from the seed: agents crash, vanish, report
 * late and twice; answers get lost; memory is dropped; alarms ring late, twice or never; transactions fail. Throws at
 * the first broken promise, naming it. Ends when every acknowledged task has.
 */
export function simulate(seed: number): SimulationCounts {
  const random = seededRandom(seed);
  const chance = (part: number) => random.next() < part;
  const below = (count: number) => Math.floor(random.next() * count);
  const queue = queueFixture({}, seededRandom(seed + 1));
  const { clock } = queue;
  const tasks = new Map<string, Known>();
  const agents: Agent[] = Array.from({ length: 4 }, (_, i) => ({
    name: `agent-${i}`,
    clockErrorMs: i === 0 ? 0 : Math.floor((random.next() - 0.5) * 10 * HOUR_MS),
    holds: [],
    unanswered: [],
  }));
  const counts: SimulationCounts = {
    submitted: 0,
    accepted: 0,
    duplicates: 0,
    stale: 0,
    lapsed: 0,
    retries: 0,
    restarts: 0,
    faults: 0,
    overtaken: 0,
  };
  const fail = (rule: string, taskId: string): never => {
    throw new Error(`seed ${seed}: ${rule} (task ${taskId}, at ${clock.now()})`);
  };
  const known = (taskId: string): Known => tasks.get(taskId) ?? fail('a task nobody submitted', taskId);

  /** What time alone has done: leases that ran out are failed attempts. */
  const settle = () => {
    for (const task of tasks.values()) {
      if (task.held === null || task.held.untilMs > clock.now()) continue;
      counts.lapsed += 1;
      endAttempt(task, task.held.untilMs);
    }
  };
  const endAttempt = (task: Known, atMs: number, retryable = true) => {
    task.held = null;
    task.over = !retryable || task.attempts > task.maxRetries || task.cancelWanted;
    task.dueAtMs = atMs + Math.min(250_000, 1_000 * 2 ** (task.attempts - 1));
  };

  const submit = () => {
    const batch = Array.from({ length: 1 + below(4) }, () => {
      const priority: TaskPriority = TASK_PRIORITIES[below(4)];
      return newTask({
        type: `t${below(3)}`,
        priority,
        delayMs: chance(0.3) ? below(120_000) : undefined,
        options: { maxRetries: below(4), resultRetentionSeconds: chance(0.5) ? 30 * 86_400 : 86_400 },
      });
    });
    for (const [i, { taskId }] of queue.queue.submit(batch).entries()) {
      if (tasks.has(taskId)) fail('an id given twice', taskId);
      const { priority, delayMs = 0, options } = batch[i];
      tasks.set(taskId, {
        taskId,
        level: TASK_PRIORITIES.indexOf(priority),
        maxRetries: options.maxRetries ?? 0,
        dueAtMs: clock.now() + delayMs,
        attempts: 0,
        held: null,
        successes: 0,
        over: false,
        cancelWanted: false,
      });
      counts.submitted += 1;
    }
  };

  const claim = (agent: Agent) => {
    const types = chance(0.5) ? null : [`t${below(3)}`];
    const claimed = queue.queue.claim({
      agentId: agent.name,
      max: 1 + below(4),
      types,
      capabilities: [],
      leaseSeconds: 5 + below(30),
    });
    for (const task of claimed) {
      const mine = known(task.taskId);
      if (mine.over) fail('a task that has ended runs again', task.taskId);
      if (mine.held !== null) fail('two live leases on one task', task.taskId);
      if (mine.dueAtMs > clock.now()) fail('a task before its time, or a retry early', task.taskId);
      if (task.attempt !== mine.attempts + 1) fail('an attempt not counted', task.taskId);
      if (task.attempt > mine.maxRetries + 1) fail('more attempts than allowed', task.taskId);
      if (task.attempt > 1) counts.retries += 1;
      // The order is exact where the queue's own times are known: among tasks that were never tried.
      if (mine.attempts === 0) {
        for (const other of tasks.values()) {
          if (other.held !== null || other.over || other.attempts > 0 || other.level <= mine.level) continue;
          if (types !== null && !types.includes(typeOf(other.taskId))) continue;
          if (claimed.some(({ taskId }) => taskId === other.taskId)) continue;
          if (other.dueAtMs > clock.now()) continue;
          const boundMs = DEFAULT_QUEUE_SETTINGS.starvationSeconds * 1_000 * (other.level - mine.level);
          if (other.dueAtMs - mine.dueAtMs < boundMs) fail('a priority inversion beyond the bound', task.taskId);
          counts.overtaken += 1;
        }
      }
    }
    for (const task of claimed) {
      const mine = known(task.taskId);
      mine.attempts += 1;
      mine.held = { token: task.leaseToken, untilMs: task.leaseExpiresAtMs };
      // The answer may be lost, and the agent never know.
      if (chance(0.1)) continue;
      agent.holds.push({ task, doneAtMs: clock.now() + below(40_000), success: chance(0.7) });
    }
  };
  const typeOf = (taskId: string) => queue.queue.get(taskId)?.type ?? '';

  const report = (agent: Agent, task: ClaimedTask, success: boolean) => {
    const mine = known(task.taskId);
    const retryable = chance(0.9);
    const [outcome] = queue.queue.report([{ taskId: task.taskId, leaseToken: task.leaseToken, success, retryable }]);
    const live = mine.held !== null && mine.held.token === task.leaseToken;
    if (live !== (outcome === 'accepted'))
      fail(live ? 'a live lease was not believed' : 'a lease that is over was believed', task.taskId);
    count(outcome);
    if (outcome === 'accepted') {
      if (success) {
        mine.successes += 1;
        mine.held = null;
        mine.over = true;
        if (mine.successes > 1) fail('a result taken twice', task.taskId);
      } else endAttempt(mine, clock.now(), retryable);
    }
    if (chance(0.2)) agent.unanswered.push({ task, success });
  };
  const count = (outcome: ReportOutcome) => {
    if (outcome === 'accepted') counts.accepted += 1;
    else if (outcome === 'duplicate') counts.duplicates += 1;
    else if (outcome === 'stale') counts.stale += 1;
  };

  const beat = (agent: Agent) => {
    for (const { task } of agent.holds) {
      const mine = known(task.taskId);
      const [answer] = queue.queue.heartbeat({ leases: [{ taskId: task.taskId, leaseToken: task.leaseToken }] });
      const live = mine.held !== null && mine.held.token === task.leaseToken;
      if (live !== (answer.outcome === 'extended'))
        fail('a heartbeat of a lease that is over, or not of one', task.taskId);
      if (answer.outcome !== 'extended') continue;
      if (answer.cancelled !== mine.cancelWanted) fail('a cancellation that does not reach its agent', task.taskId);
      if (mine.held !== null) mine.held.untilMs = answer.leaseExpiresAtMs;
    }
  };

  const cancel = () => {
    const open = [...tasks.values()].filter(({ over }) => !over);
    if (open.length === 0) return;
    const mine = open[below(open.length)];
    queue.queue.cancel(mine.taskId);
    mine.cancelWanted = true;
    if (mine.held === null) mine.over = true;
  };

  /** A submit whose transaction fails half way: it was not acknowledged, and nothing of it may be there. */
  const failingSubmit = () => {
    counts.faults += 1;
    const unbindable = newTask({ payload: Symbol('unbindable') as unknown as string });
    try {
      queue.queue.submit([newTask({ type: `t${below(3)}` }), newTask({ type: `new${below(3)}` }), unbindable]);
    } catch {
      return;
    }
    fail('a submit that cannot be stored was acknowledged', '');
  };

  const agentTurn = () => {
    const agent = agents[below(agents.length)];
    const done = agent.holds.filter(({ doneAtMs }) => doneAtMs <= clock.now());
    if (chance(0.2)) {
      const believedMs = clock.now() + agent.clockErrorMs;
      agent.holds = agent.holds.filter(({ task }) => task.leaseExpiresAtMs > believedMs);
    }
    if (chance(0.03)) agent.holds = [];
    else if (done.length > 0 && chance(0.8)) {
      agent.holds = agent.holds.filter((held) => !done.includes(held));
      for (const { task, success } of done) report(agent, task, success);
    } else if (agent.unanswered.length > 0 && chance(0.5)) {
      const [again] = agent.unanswered.splice(below(agent.unanswered.length), 1);
      report(agent, again.task, again.success);
    } else if (chance(0.4)) beat(agent);
    else claim(agent);
  };

  for (let step = 0; step < 400; step++) {
    clock.advance(chance(0.02) ? below(400_000) : below(2_500));
    settle();
    const turn = random.next();
    if (turn < 0.18) submit();
    else if (turn < 0.22) cancel();
    else if (turn < 0.24) failingSubmit();
    else if (turn < 0.28) {
      counts.restarts += 1;
      queue.restart();
    } else if (turn < 0.32) queue.queue.purge();
    else if (turn < 0.34) queue.queue.stats();
    else agentTurn();
  }

  // Nothing is lost: agents that do their work bring every task to its end, without a single alarm.
  for (const agent of agents) agent.holds = [];
  for (let round = 0; [...tasks.values()].some(({ over }) => !over); round++) {
    if (round > 200) fail('an acknowledged task was lost', [...tasks.values()].find(({ over }) => !over)?.taskId ?? '');
    clock.advance(60_000);
    settle();
    claim(agents[0]);
    for (const { task } of agents[0].holds.splice(0)) report(agents[0], task, true);
  }
  for (const { taskId, successes } of tasks.values()) {
    const record = queue.queue.get(taskId) ?? fail('the result of a task was lost', taskId);
    if (record.finished === null) fail('a task that has ended is still there', taskId);
    if ((record.status === 'Completed') !== (successes === 1)) fail('a result that is not what was reported', taskId);
  }
  queue.restart();
  const left = queue.queue.stats().depth;
  for (const status of ['Pending', 'Running', 'Retrying'] as const)
    for (const priority of TASK_PRIORITIES) if (left[status][priority] !== 0) fail(`${status} tasks are left`, '');
  return counts;
}
