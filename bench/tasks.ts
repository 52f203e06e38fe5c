/** The task queue on workerd against BullMQ on Redis and graphile-worker on PostgreSQL, all in the same minutes. */
import { Queue, type QueueOptions, Worker } from 'bullmq';
import { Logger, makeWorkerUtils, run as runGraphile } from 'graphile-worker';
import type { Instance } from '../scripts/launcher.ts';
import { connectAgent } from '../test/e2e/connected-agent.ts';
import type { BenchRow, BenchSection } from './harness.ts';
import { HttpClient, inFlight } from './peers/http-client.ts';
import { startPostgres } from './peers/postgres.ts';
import { findProgram } from './peers/programs.ts';
import { startRedis } from './peers/redis.ts';
import { interleaved, quantile, type RoundsContender } from './rounds.ts';

const SIZE = Number(process.env['SIZE'] ?? 1);
const ROUNDS = 5;
/** Tasks of a round handed in a thousand at a time. */
const BATCHED = Math.max(1_000, Math.round(10_000 * SIZE));
/** Tasks of a round handed in one by one. */
const SINGLE = Math.max(100, Math.round(1_500 * SIZE));
const IN_FLIGHT = 64;
const BATCH = 1_000;
/** Tasks of one claim of ours; BullMQ takes them one by one within its concurrency, graphile-worker 500 at a time. */
const CLAIM = 250;
const AGENTS = 4;
const CONCURRENCY = 50;
/** How often a task is handed in where its start is timed, and how many. */
const PACE_MS = 5;
const PACED = Math.max(50, Math.round(400 * SIZE));

const MEASURES = [
  'submitSingle',
  'workSingle',
  'submitBatch',
  'workBatch',
  'startP50',
  'startP99',
  'pushP50',
  'pushP99',
] as const;
/** Microseconds a task; of a start milliseconds. */
type Measure = (typeof MEASURES)[number];
type Contender = RoundsContender<Measure> & { close(): Promise<void> };

interface Payload {
  readonly sentAt: number;
  readonly pad: string;
}

const payload = (): Payload => ({ sentAt: performance.now(), pad: 'x'.repeat(100) });

async function perTaskUs(count: number, work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return ((performance.now() - started) * 1_000) / count;
}

/** Hands tasks in at a steady pace and waits until each has been started. */
async function startTimes(submit: () => Promise<unknown>, started: { readonly times: number[] }): Promise<Starts> {
  const submits: Promise<unknown>[] = [];
  const beganAt = performance.now();
  for (let i = 0; i < PACED; i++) {
    const waitMs = beganAt + i * PACE_MS - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    submits.push(submit());
  }
  await Promise.all(submits);
  const deadline = performance.now() + 30_000;
  while (started.times.length < PACED) {
    if (performance.now() > deadline) throw new Error(`${started.times.length} of ${PACED} tasks were started`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return { startP50: quantile(started.times, 0.5), startP99: quantile(started.times, 0.99) };
}
interface Starts {
  readonly startP50: number;
  readonly startP99: number;
}

/** The peers have one way to start a task; it stands beside both of ours. */
function bothWays(starts: Starts): Starts & { pushP50: number; pushP99: number } {
  return { ...starts, pushP50: starts.startP50, pushP99: starts.startP99 };
}

interface Claimed {
  readonly taskId: string;
  readonly leaseToken: string;
  readonly payload: Payload;
}

/** Ours, over HTTP. Results are not kept, as the peers are told to keep none. */
function orasi(instance: Instance): Contender {
  const client = new HttpClient(instance.url, IN_FLIGHT + AGENTS, { authorization: `Bearer ${instance.adminToken}` });
  const post = <T>(path: string, body: unknown) =>
    client.json<T>('POST', `/v1/namespaces/default/queues/${path}`, body);
  const task = () => ({ type: 'work', payload: payload(), resultRetentionSeconds: 0 });
  const claim = async (queue: string, max: number, waitSeconds = 0) =>
    (await post<{ items: Claimed[] }>(`${queue}/claims`, { agentId: 'bench', max, waitSeconds })).items;
  const complete = (queue: string, tasks: readonly Claimed[]) =>
    post(`${queue}/results`, {
      results: tasks.map(({ taskId, leaseToken }) => ({ taskId, leaseToken, success: true })),
    });
  let turn = 0;

  const workOff = async (queue: string, count: number, agents: number, max: number) => {
    let done = 0;
    await Promise.all(
      Array.from({ length: agents }, async () => {
        while (done < count) {
          const claimed = await claim(queue, max);
          if (claimed.length === 0) return;
          done += claimed.length;
          await complete(queue, claimed);
        }
      }),
    );
    if (done !== count) throw new Error(`${done} of ${count} tasks were worked off`);
  };
  const timedPushes = async (queue: string) => {
    const agent = await connectAgent(instance, queue);
    const times: number[] = [];
    agent.onMessage((message) => {
      if (message.type !== 'tasks') return;
      const now = performance.now();
      const tasks = message['items'] as Claimed[];
      for (const each of tasks) times.push(now - each.payload.sentAt);
      const results = tasks.map(({ taskId, leaseToken }) => ({ taskId, leaseToken, success: true }));
      const push = message['push'];
      agent.say({ type: 'results', id: String(push), results, slots: CONCURRENCY, push });
    });
    await agent.hello('bench', { slots: CONCURRENCY });
    const { startP50, startP99 } = await startTimes(() => post(`${queue}/tasks`, task()), { times });
    agent.close();
    return { pushP50: startP50, pushP99: startP99 };
  };
  const timedStarts = async (queue: string) => {
    const times: number[] = [];
    const agents = Array.from({ length: AGENTS }, async () => {
      while (times.length < PACED) {
        const claimed = await claim(queue, 10, 2);
        const now = performance.now();
        for (const each of claimed) times.push(now - each.payload.sentAt);
        if (claimed.length > 0) await complete(queue, claimed);
      }
    });
    const starts = await startTimes(() => post(`${queue}/tasks`, task()), { times });
    await Promise.all(agents);
    return starts;
  };

  return {
    name: 'ours',
    async round() {
      const queue = `bench-${turn++}`;
      // The first task of a queue enters its object in the registry of the sweep.
      await post(`${queue}/tasks`, task());
      await workOff(queue, 1, 1, 1);
      const submitSingle = await perTaskUs(SINGLE, () =>
        inFlight(SINGLE, IN_FLIGHT, () => post(`${queue}/tasks`, task())),
      );
      const workSingle = await perTaskUs(SINGLE, () => workOff(queue, SINGLE, IN_FLIGHT, 1));
      const submitBatch = await perTaskUs(BATCHED, () =>
        inFlight(BATCHED / BATCH, AGENTS, () => post(`${queue}/tasks`, { tasks: Array.from({ length: BATCH }, task) })),
      );
      const workBatch = await perTaskUs(BATCHED, () => workOff(queue, BATCHED, AGENTS, CLAIM));
      const starts = await timedStarts(queue);
      return { submitSingle, workSingle, submitBatch, workBatch, ...starts, ...(await timedPushes(queue)) };
    },
    async close() {
      client.close();
    },
  };
}

async function bullmq(fsync: 'everysec' | 'always'): Promise<Contender | null> {
  const program = findProgram('redis-server', 'redis-server');
  if (program === null) return null;
  const redis = await startRedis(program, fsync);
  const connection: QueueOptions['connection'] = {
    host: '127.0.0.1',
    port: redis.port,
    maxRetriesPerRequest: null,
  };
  const options = { removeOnComplete: true, removeOnFail: true };
  let turn = 0;

  /** Handles everything that is in a queue; answers when `count` jobs are completed. */
  const workOff = async (name: string, count: number) => {
    const worker = new Worker(name, async () => null, { connection, concurrency: CONCURRENCY, autorun: false });
    await worker.waitUntilReady();
    let done = 0;
    const finished = new Promise<void>((resolve) => {
      worker.on('completed', () => {
        done += 1;
        if (done === count) resolve();
      });
    });
    const us = await perTaskUs(count, async () => {
      void worker.run();
      await finished;
    });
    await worker.close();
    return us;
  };
  const timedStarts = async (queue: Queue) => {
    const times: number[] = [];
    const worker = new Worker<Payload>(
      queue.name,
      async ({ data }) => {
        times.push(performance.now() - data.sentAt);
      },
      { connection, concurrency: CONCURRENCY },
    );
    await worker.waitUntilReady();
    const starts = await startTimes(() => queue.add('work', payload(), options), { times });
    await worker.close();
    return starts;
  };

  return {
    name: `BullMQ, ${fsync}`,
    async round() {
      const queue = new Queue(`bench-${turn++}`, { connection });
      await queue.waitUntilReady();
      const submitSingle = await perTaskUs(SINGLE, () =>
        inFlight(SINGLE, IN_FLIGHT, () => queue.add('work', payload(), options)),
      );
      const workSingle = await workOff(queue.name, SINGLE);
      const submitBatch = await perTaskUs(BATCHED, () =>
        inFlight(BATCHED / BATCH, AGENTS, () =>
          queue.addBulk(Array.from({ length: BATCH }, () => ({ name: 'work', data: payload(), opts: options }))),
        ),
      );
      const workBatch = await workOff(queue.name, BATCHED);
      const starts = await timedStarts(queue);
      await queue.close();
      return { submitSingle, workSingle, submitBatch, workBatch, ...bothWays(starts) };
    },
    close: () => redis.stop(),
  };
}

async function graphile(): Promise<Contender | null> {
  const program = findProgram('postgres', 'postgresql');
  if (program === null) return null;
  const postgres = await startPostgres(program);
  const shared = {
    connectionString: postgres.url,
    maxPoolSize: IN_FLIGHT,
    logger: new Logger(() => () => undefined),
  };
  const utils = await makeWorkerUtils(shared);
  await utils.migrate();

  /** Handles jobs until `count` are written back as complete. */
  const working = async (count: number, handle: (data: Payload) => void) => {
    const began = performance.now();
    const runner = await runGraphile({
      ...shared,
      noHandleSignals: true,
      taskList: { work: async (data) => handle(data as Payload) },
      preset: { worker: { concurrentJobs: CONCURRENCY, localQueue: { size: 500 }, completeJobBatchDelay: 0 } },
    });
    let done = 0;
    const finished = new Promise<void>((resolve) => {
      runner.events.on('job:complete', () => {
        done += 1;
        if (done === count) resolve();
      });
    });
    return { began, runner, finished };
  };
  const workOff = async (count: number) => {
    const { began, runner, finished } = await working(count, () => undefined);
    await finished;
    const us = ((performance.now() - began) * 1_000) / count;
    await runner.stop();
    return us;
  };
  const timedStarts = async () => {
    const times: number[] = [];
    const { runner, finished } = await working(PACED, ({ sentAt }) => times.push(performance.now() - sentAt));
    const starts = await startTimes(() => utils.addJob('work', payload()), { times });
    await finished;
    await runner.stop();
    return starts;
  };

  return {
    name: 'graphile-worker',
    async round() {
      const submitSingle = await perTaskUs(SINGLE, () =>
        inFlight(SINGLE, IN_FLIGHT, () => utils.addJob('work', payload())),
      );
      const workSingle = await workOff(SINGLE);
      const submitBatch = await perTaskUs(BATCHED, () =>
        inFlight(BATCHED / BATCH, AGENTS, () =>
          utils.addJobs(Array.from({ length: BATCH }, () => ({ identifier: 'work', payload: payload() }))),
        ),
      );
      return {
        submitSingle,
        workSingle,
        submitBatch,
        workBatch: await workOff(BATCHED),
        ...bothWays(await timedStarts()),
      };
    },
    async close() {
      await utils.release();
      await postgres.stop();
    },
  };
}

const WHAT: Readonly<Record<Measure, string>> = {
  submitSingle: `submit one by one, ${IN_FLIGHT} in flight`,
  workSingle: 'claim and complete one by one',
  submitBatch: `submit ${BATCH} at a time`,
  workBatch: 'claim and complete in batches',
  startP50: 'from the submit to the start, by a claim that waits, median',
  startP99: 'from the submit to the start, by a claim that waits, 99 of 100',
  pushP50: 'from the submit to the start, over a WebSocket, median',
  pushP99: 'from the submit to the start, over a WebSocket, 99 of 100',
};

function shown(measure: Measure, value: number): string {
  if (/^(start|push)/.test(measure)) return `${value.toFixed(2)} ms`;
  return `${Math.round(1e6 / value).toLocaleString('en')}/s`;
}

export async function taskSection(instance: Instance): Promise<BenchSection> {
  const peers = [await bullmq('everysec'), await bullmq('always'), await graphile()].filter((peer) => peer !== null);
  const ours = orasi(instance);
  try {
    const medians = await interleaved([ours, ...peers], ROUNDS);
    const own = medians.get(ours.name);
    if (own === undefined) throw new Error('ours was measured');
    const rows = MEASURES.flatMap((measure): BenchRow[] => {
      const mine = { what: WHAT[measure], ours: shown(measure, own[measure]) };
      if (peers.length === 0) return [{ ...mine, peer: '', ratio: null, note: 'no peer was to be had' }];
      return peers.map(({ name }) => {
        const theirs = medians.get(name)?.[measure] ?? Number.NaN;
        return { ...mine, peer: shown(measure, theirs), ratio: own[measure] / theirs, note: name };
      });
    });
    return {
      title: 'Tasks',
      setting: [
        'Ours over HTTP on workerd, one shard of one queue, 100 bytes of payload, no result kept; the peers over their own protocols, no result kept either.',
        `One by one means ${IN_FLIGHT} requests at a time, each of one task; BullMQ and graphile-worker handle with a concurrency of ${CONCURRENCY}, graphile-worker with a local queue of 500, ours with ${AGENTS} agents that claim ${CLAIM} at a time.`,
        `Starts are timed at ${1_000 / PACE_MS} submits a second; ours waits in ${AGENTS} claims (long poll), and then in one agent that holds a WebSocket.`,
        'Redis writes its append-only file, each second or with each write; PostgreSQL is as it comes, which syncs each commit.',
        `Ratios are of times: below 1 we are faster. Medians of ${ROUNDS} interleaved rounds; clients and servers share two cores.`,
      ].join(' '),
      rows,
    };
  } finally {
    await Promise.all([ours, ...peers].map((each) => each.close()));
  }
}
