import { describe, expect, test } from 'vitest';
import { type BalanceSettings, DEFAULT_BALANCE } from '../../src/core/protocol/balance-settings.ts';
import type { AgentHello } from '../../src/core/protocol/queue-connection.ts';
import type { ClaimedTask, ReportOutcome } from '../../src/core/protocol/tasks.ts';
import { seededRandom } from '../../src/core/random.ts';
import { Connections } from '../../src/tasks/connections.ts';
import { seedCount } from '../scale.ts';
import { newTask, queueFixture } from './queue-fixture.ts';

const hello = (agentId: string, more: Partial<AgentHello> = {}): AgentHello => ({
  agentId,
  types: null,
  capabilities: [],
  slots: 1,
  ...more,
});
const cpu = (cpuPercent: number) => ({ cpuPercent, memoryBytes: 0, diskBytes: 0, activeTasks: 0, queueLength: 0 });

/** A queue with connected agents, whose sockets are names. */
function fixture(balance: Partial<BalanceSettings> = {}) {
  const queue = queueFixture();
  const pings = new Map<string, number>();
  const open = () =>
    new Connections<string>({
      balance: () => ({ ...DEFAULT_BALANCE, ...balance }),
      pingedAtMs: (socket) => pings.get(socket) ?? null,
    });
  const fixed = {
    queue,
    pings,
    agents: open(),
    now: () => queue.clock.now(),
    join: (socket: string, said: AgentHello) => fixed.agents.hello(socket, said, fixed.now()),
    tell: (socket: string, state: Parameters<Connections<string>['tell']>[1], ...named: ClaimedTask[]) =>
      fixed.agents.tell(
        socket,
        state,
        named.map(({ leaseToken }) => leaseToken),
        fixed.now(),
      ),
    submit: (count: number, task: Parameters<typeof newTask>[0] = {}) =>
      queue.queue.submit(Array.from({ length: count }, () => newTask(task))),
    pushes() {
      const round = fixed.agents.round(fixed.now());
      return round.isFull ? [] : fixed.agents.pushed(round, queue.queue.giveOut(round, 500));
    },
    /** How many tasks each socket is sent. */
    counts: () => Object.fromEntries(fixed.pushes().map(({ socket, tasks }) => [socket, tasks.length])),
    room: () => Object.fromEntries(fixed.agents.view(fixed.now()).map(({ agentId, slots }) => [agentId, slots])),
    close: (socket: string) => queue.queue.giveBack(fixed.agents.close(socket)),
    /** What an eviction leaves: the sockets and what is kept with them. */
    wake(...sockets: string[]) {
      const kept = sockets.map((socket) => fixed.agents.saved(socket));
      fixed.agents = open();
      for (const [i, saved] of kept.entries()) if (saved !== null) fixed.agents.restore(sockets[i], saved);
    },
  };
  return fixed;
}

describe('who is sent what', () => {
  test('tasks go to those that take their type and have what they require, as many as have room', () => {
    const { join, submit, counts, queue } = fixture();
    join('s1', hello('any', { slots: 2 }));
    join('s2', hello('reader', { types: ['read'], slots: 5 }));
    join('s3', hello('gpu', { types: ['train'], capabilities: ['gpu'], slots: 1 }));
    submit(4, { type: 'read' });
    submit(3, { type: 'train', requires: ['gpu'] });
    expect(counts()).toEqual({ s1: 2, s2: 2, s3: 1 });
    expect(counts()).toEqual({});
    expect(queue.queue.stats().depth.Pending.Normal).toBe(2);
  });

  test('a lane whose agents are full does not hold up the others', () => {
    const { join, submit, counts } = fixture();
    join('s1', hello('a', { types: ['one'], slots: 1 }));
    join('s2', hello('b', { types: ['two'], slots: 1 }));
    submit(3, { type: 'one', priority: 'Critical' });
    submit(1, { type: 'two', priority: 'Low' });
    expect(counts()).toEqual({ s1: 1, s2: 1 });
  });

  test('a degraded agent is sent what the others have no room for', () => {
    const { join, submit, counts, agents } = fixture();
    join('s1', hello('hot', { slots: 5, load: cpu(81) }));
    join('s2', hello('cool', { slots: 2, load: cpu(80) }));
    submit(3);
    expect(counts()).toEqual({ s1: 1, s2: 2 });
    expect(agents.view(0).map(({ agentId, chosen }) => [agentId, chosen])).toEqual([
      ['hot', { Fallback: 1 }],
      ['cool', { Hybrid: 2 }],
    ]);
  });

  test('a lease is as long as the agent asks', () => {
    const { join, submit, pushes } = fixture();
    join('s1', hello('brief', { leaseSeconds: 7 }));
    submit(1);
    expect(pushes()[0].tasks[0].leaseRemainingMs).toBe(7_000);
  });

  test('of a round whose transaction fails nothing stays', () => {
    const { join, submit, agents, now, room } = fixture();
    join('s1', hello('a', { slots: 1 }));
    submit(1);
    const round = agents.round(now());
    expect(round.choose({ lane: { suits: () => true } as never, groupKey: undefined })).toMatchObject({ agentId: 'a' });
    expect(round.isFull).toBe(true);
    expect(room()).toEqual({ a: 1 });
  });
});

describe('slots', () => {
  test('count beyond what is acknowledged, so that a word that crosses a push asks for nothing twice', () => {
    const { join, submit, counts, tell, room } = fixture();
    join('s1', hello('a', { slots: 2 }));
    submit(10);
    expect(counts()).toEqual({ s1: 2 });
    tell('s1', { slots: 2, push: 0 });
    expect(room()).toEqual({ a: 0 });
    tell('s1', { slots: 1, push: 1 });
    expect(counts()).toEqual({ s1: 1 });
    tell('s1', { slots: 5 });
    expect(room()).toEqual({ a: 4 });
  });

  test('do not come back by a result that says nothing of them', () => {
    const { join, submit, pushes, tell, room } = fixture();
    join('s1', hello('a', { slots: 2 }));
    submit(10);
    const [{ tasks }] = pushes();
    tell('s1', {}, tasks[0]);
    expect(room()).toEqual({ a: 0 });
    tell('s1', { slots: 1 }, tasks[0]);
    expect(room()).toEqual({ a: 0 });
    tell('s1', { slots: 1 }, tasks[1]);
    expect(room()).toEqual({ a: 1 });
  });

  test('are what they were when the object wakes up', () => {
    const { join, submit, counts, wake, room, tell, agents, now } = fixture();
    join('s1', hello('a', { slots: 3, types: ['work'], leaseSeconds: 9 }));
    submit(2);
    expect(counts()).toEqual({ s1: 2 });
    const before = agents.view(now());
    wake('s1', 'nobody');
    expect(room()).toEqual({ a: 1 });
    tell('s1', { slots: 3, push: 0 });
    expect(room()).toEqual({ a: 1 });
    tell('s1', { slots: 3, push: 1 });
    expect(room()).toEqual({ a: 3 });
    wake('s1');
    expect(room()).toEqual({ a: 3 });
    expect(before[0]).toMatchObject({ types: ['work'], chosen: { Only: 2 } });
  });
});

describe('a connection that ends', () => {
  test('returns what was not acknowledged at once, no attempt counted, and its token is stale', () => {
    const { join, submit, pushes, tell, close, counts, queue } = fixture();
    join('s1', hello('a', { slots: 2 }));
    submit(1);
    const [first] = pushes();
    tell('s1', { slots: 1, push: first.push });
    submit(1, { priority: 'High' });
    const [second] = pushes();
    const [{ taskId, leaseToken }] = second.tasks;
    close('s1');
    expect(queue.queue.get(taskId)).toMatchObject({ status: 'Pending', attempts: 0, history: [] });
    expect(queue.queue.get(first.tasks[0].taskId)).toMatchObject({ status: 'Running', attempts: 1 });
    expect(queue.report({ taskId, leaseToken })).toBe('stale');
    join('s2', hello('b', { slots: 9 }));
    expect(counts()).toEqual({ s2: 1 });
    expect(queue.queue.get(taskId)).toMatchObject({ status: 'Running', attempts: 1 });
  });

  test('is not the end of the agent where a newer one took its place', () => {
    const { join, submit, counts, close } = fixture();
    join('old', hello('a', { slots: 1 }));
    submit(2);
    expect(counts()).toEqual({ old: 1 });
    expect(join('new', hello('a', { slots: 5 }))).toBe('old');
    close('old');
    expect(counts()).toEqual({ new: 2 });
  });

  test('a task that was to be cancelled is, when it is given back', () => {
    const { join, submit, pushes, close, queue } = fixture();
    join('s1', hello('a'));
    submit(1);
    const [{ tasks }] = pushes();
    queue.queue.cancel(tasks[0].taskId);
    close('s1');
    expect(queue.queue.get(tasks[0].taskId)?.status).toBe('Cancelled');
  });
});

describe('an agent that is silent', () => {
  test('gets nothing after two thirds of its session, something when it pings, and is over after the whole', () => {
    const { join, submit, counts, queue, agents, pings, now } = fixture();
    join('s1', hello('a', { slots: 9 }));
    join('s2', hello('b', { slots: 9, sessionTtlSeconds: 300 }));
    queue.clock.advance(60_000);
    submit(2);
    expect(counts()).toEqual({ s2: 2 });
    expect(agents.nextLookMs(now())).toBe(now() + 5_000);
    pings.set('s1', now() - 1_000);
    submit(2);
    expect(counts()).toHaveProperty('s1');
    queue.clock.advance(88_999);
    expect(agents.lapsed(now())).toEqual([]);
    queue.clock.advance(1);
    expect(agents.lapsed(now())).toEqual(['s1']);
    expect(agents.view(now()).map(({ health }) => health)).toEqual(['Unhealthy', 'Healthy']);
  });
});

/** An agent at the other end of a socket, whose messages arrive in order and late. */
interface Peer {
  readonly agentId: string;
  readonly capacity: number;
  /** Whether it says which push it has taken in. */
  readonly says: boolean;
  socket: string;
  held: ClaimedTask[];
  push: number;
  inbox: { readonly push: number; readonly tasks: readonly ClaimedTask[] }[];
  outbox: (() => void)[];
  /** Done, and the queue has not answered: said again after a break. */
  unanswered: ClaimedTask[];
}

test('no agent is sent more than it takes, whatever crosses, breaks and sleeps, and each task is done once', () => {
  let refused = 0;
  for (let seed = 0; seed < seedCount(4); seed++) {
    const random = seededRandom(seed);
    const below = (count: number) => Math.floor(random.next() * count);
    const world = fixture({ strategy: (['RoundRobin', 'Hybrid', 'LoadBased'] as const)[seed % 3] });
    const accepted = new Map<string, number>();
    // After a sleep an agent that names no push is taken at its word, which may have crossed one.
    const sleeps = seed % 2 === 1;
    let sockets = 0;
    const peers = Array.from(
      { length: 4 },
      (_, i): Peer => ({
        agentId: `agent-${i}`,
        capacity: 1 + below(4),
        says: sleeps || i % 2 === 0,
        socket: '',
        held: [],
        push: 0,
        inbox: [],
        outbox: [],
        unanswered: [],
      }),
    );
    const stateOf = (peer: Peer) => ({
      slots: peer.capacity - peer.held.length,
      ...(peer.says ? { push: peer.push } : {}),
    });
    const connect = (peer: Peer) => {
      peer.socket = `${peer.agentId}/${sockets++}`;
      Object.assign(peer, { inbox: [], outbox: [], push: 0 });
      const { slots } = stateOf(peer);
      const { socket } = peer;
      peer.outbox.push(() => void world.join(socket, hello(peer.agentId, { slots })));
      for (const task of peer.unanswered) reportOf(peer, task);
    };
    const say = (peer: Peer, named: readonly ClaimedTask[], handle: () => void = () => undefined) => {
      const state = stateOf(peer);
      const { socket } = peer;
      peer.outbox.push(() => {
        handle();
        world.tell(socket, state, ...named);
      });
    };
    const reportOf = (peer: Peer, task: ClaimedTask) =>
      say(peer, [task], () => {
        peer.unanswered = peer.unanswered.filter((each) => each !== task);
        const outcome: ReportOutcome = world.queue.report(task);
        if (outcome === 'accepted') accepted.set(task.taskId, (accepted.get(task.taskId) ?? 0) + 1);
        else refused += 1;
      });
    const finish = (peer: Peer) => {
      if (peer.held.length === 0) return;
      const [task] = peer.held.splice(below(peer.held.length), 1);
      peer.unanswered.push(task);
      reportOf(peer, task);
    };
    const deliver = () => {
      for (const push of world.pushes())
        peers.find(({ socket }) => socket === push.socket)?.inbox.push({ push: push.push, tasks: push.tasks });
    };
    const take = (peer: Peer) => {
      const message = peer.inbox.shift();
      if (message === undefined) return;
      peer.held.push(...message.tasks);
      if (peer.held.length > peer.capacity) throw new Error(`seed ${seed}: ${peer.agentId} has no room`);
      peer.push = message.push;
      if (random.next() < 0.5) say(peer, []);
    };
    const step = (peer: Peer) => {
      peer.outbox.shift()?.();
      deliver();
    };
    const cut = (peer: Peer) => {
      world.close(peer.socket);
      connect(peer);
    };

    for (const peer of peers) connect(peer);
    const taskIds: string[] = [];
    for (let turn = 0; turn < 1_500 || accepted.size < taskIds.length; turn++) {
      if (turn > 20_000) throw new Error(`seed ${seed}: it does not end`);
      const peer = peers[below(peers.length)];
      const draw = random.next();
      if (turn < 1_000 && draw < 0.15) taskIds.push(...world.submit(1 + below(3)).map(({ taskId }) => taskId));
      else if (draw < 0.45) step(peer);
      else if (draw < 0.7) take(peer);
      else if (draw < 0.9) finish(peer);
      else if (draw < 0.95) say(peer, [...peer.held]);
      else if (turn < 1_000 && draw < 0.97) cut(peer);
      else if (sleeps && draw < 0.98) world.wake(...peers.map(({ socket }) => socket));
      world.queue.clock.advance(below(40));
      // Everybody lives: messages count as signs of life, and pings do.
      for (const { socket } of peers) world.pings.set(socket, world.now());
    }
    expect([...accepted.values()].filter((times) => times !== 1)).toEqual([]);
    expect(accepted.size).toBe(taskIds.length);
  }
  expect(refused).toBeGreaterThan(0);
});
