import { randomUUID } from 'node:crypto';
import type { MemberLoad } from '../../src/core/protocol/cluster.ts';
import type { Random } from '../../src/core/random.ts';
import { type Backoff, pause, pauseMs } from '../client/backoff.ts';
import { type Client, pathOf } from '../client/client.ts';
import { ApiError, ConnectionError } from '../client/errors.ts';
import type { Socket } from '../client/socket.ts';
import type { Changes } from './changes.ts';
import type { AgentConfig } from './config.ts';
import type { Log } from './log.ts';
import type { ClaimedTask, LeaseAnswer, QueueCalls, Report, ReportOutcome } from './queue-calls.ts';
import type { Runner } from './runner.ts';

/** The WebSocket an agent holds with a shard of its queue: tasks come over it unasked, results and heartbeats go over it. */
export interface QueueSocket {
  /** `open`: tasks come over it. `failing`: it could not be had at the last try; until one has failed it is `trying`. */
  readonly state: 'open' | 'trying' | 'failing';
  /** As over HTTP. Throws ConnectionError where it is not open, or closes before the answer. */
  readonly calls: Pick<QueueCalls, 'report' | 'heartbeat'>;
  /** Resolves when it is over, after the signal aborted. */
  readonly over: Promise<void>;
}

export interface QueueSocketParts {
  readonly client: Client;
  readonly namespace: string;
  readonly config: () => AgentConfig;
  readonly types: () => readonly string[];
  readonly load: () => MemberLoad | null;
  readonly shard: number;
  /** Told how many shards the queue has. */
  readonly counted: (shards: number) => void;
  /** How many more tasks it takes of this shard; null: none any more, and what comes all the same is left to the queue. */
  readonly slots: () => number | null;
  readonly runner: Runner;
  readonly changes: Changes;
  readonly random: Random;
  readonly log: Log;
}

const BACKOFF: Backoff = { firstMs: 250, capMs: 60_000 };
const PING_MS = 10_000;
const ANSWER_MS = 5_000;
const SESSION_HEARTBEATS = 3;
/** So much more or less of the processors in use is told though nothing else has changed: one taken for busy gets no tasks. */
const CPU_NEWS_PERCENT = 10;
/** What the queue closes a WebSocket with that another one of the same agent has taken the place of. */
const REPLACED = 4001;

/** What the queue says; the rest of its messages concerns nobody here. */
type QueueMessage =
  | { readonly type: 'welcome' | 'shards'; readonly shards: number }
  | { readonly type: 'tasks'; readonly push: number; readonly items: readonly ClaimedTask[] }
  | { readonly type: 'outcomes'; readonly id: string; readonly outcomes: readonly unknown[] }
  | { readonly type: 'heartbeats'; readonly id: string; readonly leases: readonly unknown[] }
  | { readonly type: 'cancelled'; readonly taskIds: readonly string[] }
  | { readonly type: 'error'; readonly code: string; readonly message: string; readonly id?: string };

/** Connects and connects again, with back-off, until the signal aborts. */
export function startQueueSocket(parts: QueueSocketParts, signal: AbortSignal): QueueSocket {
  const { client, namespace, config, runner, changes, random, log } = parts;
  const { shard, counted } = parts;
  const path = `${pathOf('v1', 'namespaces', namespace, 'queues', config().queue, 'connect')}?shard=${shard}`;
  const waiting = new Map<string, { resolve(answer: never): void; reject(error: Error): void }>();
  let present: Socket | undefined;
  let isFailing = false;

  /** Holds one connection until it ends. Resolves to whether it was worth holding: the queue took the agent in. */
  const hold = async (): Promise<boolean> => {
    const ended = new AbortController();
    let isWelcome = false;
    let push: number | undefined;
    const socket = await client.connect(path, {
      pingMs: Math.min(PING_MS, config().heartbeatSeconds * 1000),
      onMessage: (data) => {
        const message = data as unknown as QueueMessage;
        switch (message.type) {
          case 'welcome':
            if (!isWelcome) log('tasks come over a WebSocket', { shard });
            isWelcome = true;
            isFailing = false;
            present = socket;
            counted(message.shards);
            return changes.tell();
          case 'shards':
            return counted(message.shards);
          case 'tasks':
            // Not acknowledged, it is due again when the connection ends.
            if (parts.slots() === null) return;
            push = message.push;
            for (const task of message.items) runner.begin(task);
            return changes.tell();
          case 'cancelled':
            for (const one of runner.tasks()) if (message.taskIds.includes(one.task.taskId)) runner.cancel(one);
            return;
          case 'outcomes':
            return settle(message.id)?.resolve(message.outcomes as never);
          case 'heartbeats':
            return settle(message.id)?.resolve(message.leases as never);
          case 'error': {
            log('the queue refuses', { shard, code: message.code, error: message.message });
            const status = message.code === 'bad_request' ? 400 : 503;
            settle(message.id)?.reject(new ApiError({ ...message, status }));
            if (!isWelcome) socket.close();
          }
        }
      },
    });
    void socket.closed.then(() => ended.abort());
    const helloNow = () => {
      const { agentId, capabilities, leaseSeconds, heartbeatSeconds } = config();
      const sessionTtlSeconds = SESSION_HEARTBEATS * heartbeatSeconds;
      return { type: 'hello', agentId, types: parts.types(), capabilities, leaseSeconds, sessionTtlSeconds };
    };
    let hello = '';
    let told = '';
    let toldCpuPercent = 0;
    while (!ended.signal.aborted && !signal.aborted) {
      const slots = parts.slots() ?? 0;
      const load = parts.load() ?? undefined;
      const state = { slots, load };
      const { cpuPercent = toldCpuPercent } = load ?? {};
      const who = helloNow();
      const news = JSON.stringify([slots, push]);
      const isNews = news !== told || Math.abs(cpuPercent - toldCpuPercent) >= CPU_NEWS_PERCENT;
      // Who it is goes first, and again where another configuration makes it another.
      if (JSON.stringify(who) !== hello) socket.send({ ...who, ...state });
      if (hello !== '' && isNews) socket.send({ type: 'slots', ...state, push });
      if (isNews) toldCpuPercent = cpuPercent;
      hello = JSON.stringify(who);
      told = news;
      await changes.next(config().heartbeatSeconds * 1000, ended.signal, signal);
    }
    if (present === socket) present = undefined;
    socket.close();
    const { code, reason } = await socket.closed;
    for (const id of [...waiting.keys()]) settle(id)?.reject(new ConnectionError('the WebSocket closed', null));
    if (!signal.aborted) log('the WebSocket of the queue ended', { shard, code, reason });
    changes.tell();
    // Two of one name would take it from each other for ever, at once each time.
    return isWelcome && code !== REPLACED;
  };

  const settle = (id: string | undefined) => {
    const one = id === undefined ? undefined : waiting.get(id);
    if (id !== undefined) waiting.delete(id);
    return one;
  };

  /** Sends what is answered under its id. */
  const ask = <T>(message: object): Promise<T> =>
    new Promise((resolve, reject) => {
      if (present === undefined) return reject(new ConnectionError('there is no WebSocket', null));
      const id = randomUUID();
      const timer = setTimeout(() => {
        settle(id)?.reject(new ConnectionError(`no answer within ${ANSWER_MS / 1000} s`, null));
      }, ANSWER_MS);
      waiting.set(id, {
        resolve: (answer) => {
          clearTimeout(timer);
          resolve(answer);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      });
      present.send({ ...message, id });
    });

  return {
    get state() {
      return present !== undefined ? 'open' : isFailing ? 'failing' : 'trying';
    },
    calls: {
      report: (results: readonly Report[]) =>
        ask<readonly { taskId: string; outcome: ReportOutcome }[]>({ type: 'results', results }),
      heartbeat: (leases, leaseSeconds) => ask<readonly LeaseAnswer[]>({ type: 'heartbeats', leases, leaseSeconds }),
    },
    over: (async () => {
      for (let failures = 0; !signal.aborted; ) {
        try {
          isFailing = !(await hold());
          failures = isFailing ? failures + 1 : 1;
        } catch (error) {
          if (!isFailing) log('tasks are polled: no WebSocket', { shard, error: String(error) });
          isFailing = true;
          failures++;
        }
        changes.tell();
        await pause(pauseMs(BACKOFF, failures, random), signal);
      }
    })(),
  };
}
