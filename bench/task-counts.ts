/** What a task costs a queue that holds a thousand, a hundred thousand and a million others: rows, requests, time. */
import type { Instance } from '../scripts/launcher.ts';
import { type BenchRow, type BenchSection, median } from './harness.ts';
import { HttpClient, inFlight } from './peers/http-client.ts';

const SIZE = Number(process.env['SIZE'] ?? 1);
const DEPTHS = [1_000, 100_000, 1_000_000].map((depth) => Math.max(1_000, Math.round(depth * SIZE)));
const ROUNDS = 9;
const BATCH = 1_000;
/** Tasks taken a round, a hundred a claim. */
const TAKEN = Math.max(200, Math.round(1_000 * SIZE));
const CLAIM = 100;
const SINGLES = Math.max(20, Math.round(200 * SIZE));

/** What a task takes, of a queue that holds so many. */
export interface TaskCost {
  readonly depth: number;
  readonly rowsWritten: number;
  /** Requests of submit, claim and report, a thousand, a hundred and a hundred at a time; and one at a time. */
  readonly requestsBatched: number;
  readonly requestsSingle: number;
  readonly claimUs: number;
  readonly claimSingleUs: number;
}

interface Claimed {
  readonly taskId: string;
  readonly leaseToken: string;
}

export async function countTasks(instance: Instance): Promise<readonly TaskCost[]> {
  const client = new HttpClient(instance.url, 4, { authorization: `Bearer ${instance.adminToken}` });
  const call = <T>(method: string, path: string, body?: unknown) =>
    client.json<T>(method, `/v1/namespaces/default/queues/${path}`, body);
  const task = { type: 'work', payload: { pad: 'x'.repeat(100) }, resultRetentionSeconds: 0 };
  const submit = (queue: string, count: number) =>
    inFlight(Math.ceil(count / BATCH), 2, (i) =>
      call('POST', `${queue}/tasks`, { tasks: Array(Math.min(BATCH, count - i * BATCH)).fill(task) }),
    );
  const claim = async (queue: string, max: number) =>
    (await call<{ items: Claimed[] }>('POST', `${queue}/claims`, { agentId: 'bench', max })).items;
  const complete = (queue: string, tasks: readonly Claimed[]) =>
    call('POST', `${queue}/results`, {
      results: tasks.map(({ taskId, leaseToken }) => ({ taskId, leaseToken, success: true })),
    });
  const rowsOf = async (queue: string) => (await call<{ rowsWritten: number }>('GET', queue)).rowsWritten;

  const queues = DEPTHS.map((depth) => ({
    queue: `depth-${depth}`,
    depth,
    batched: [] as number[],
    single: [] as number[],
    rows: [] as number[],
  }));
  // With what a round takes, so that never fewer are queued.
  for (const { queue, depth } of queues) await submit(queue, depth + TAKEN + SINGLES);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const { queue, batched, single, rows } of queues) {
      const before = await rowsOf(queue);
      let began = performance.now();
      const taken: Claimed[] = [];
      for (let count = 0; count < TAKEN; count += CLAIM) {
        const claimed = await claim(queue, CLAIM);
        await complete(queue, claimed);
        taken.push(...claimed);
      }
      const batchedUs = ((performance.now() - began) * 1_000) / taken.length;
      began = performance.now();
      for (let count = 0; count < SINGLES; count++) await complete(queue, await claim(queue, 1));
      const singleUs = ((performance.now() - began) * 1_000) / SINGLES;
      await submit(queue, taken.length + SINGLES);
      if (round === 0) continue;
      batched.push(batchedUs);
      single.push(singleUs);
      rows.push(((await rowsOf(queue)) - before) / (taken.length + SINGLES));
    }
  }
  client.close();
  return queues.map(({ depth, batched, single, rows }) => ({
    depth,
    rowsWritten: median(rows),
    requestsBatched: 1 / BATCH + 2 / CLAIM,
    requestsSingle: 3,
    claimUs: median(batched),
    claimSingleUs: median(single),
  }));
}

export async function depthSection(instance: Instance): Promise<BenchSection> {
  const costs = await countTasks(instance);
  const [least] = costs;
  const row = (what: string, of: (cost: TaskCost) => number, text: (value: number) => string): BenchRow[] =>
    costs.map((cost) => ({
      what: `${what}, ${cost.depth.toLocaleString('en')} queued`,
      ours: text(of(cost)),
      peer: text(of(least)),
      ratio: of(cost) / of(least),
      note: `against ${least.depth.toLocaleString('en')} queued`,
    }));
  return {
    title: 'Tasks behind many others',
    setting: [
      'One shard on workerd, the queues measured in turn and filled up again after each round; the peer is the queue that holds least.',
      'Rows written are the platform’s count, for submit, claim and report with no result kept; each ten thousand tasks write one more, for their numbers.',
      `Claims are made one after the other, ${CLAIM} tasks or one at a time, each batch reported before the next. Medians of ${ROUNDS} rounds.`,
    ].join(' '),
    rows: [
      ...row(
        'rows written a task',
        (cost) => cost.rowsWritten,
        (value) => value.toFixed(3),
      ),
      ...row(
        'claim and report, 100 at a time',
        (cost) => cost.claimUs,
        (value) => `${Math.round(value)} µs a task`,
      ),
      ...row(
        'claim and report, one at a time',
        (cost) => cost.claimSingleUs,
        (value) => `${Math.round(value)} µs`,
      ),
      {
        what: 'requests a task: submit 1000, claim and report 100 at a time',
        ours: least.requestsBatched.toFixed(3),
        peer: '',
        ratio: null,
        note: `${least.requestsSingle} where each is a request of its own`,
      },
    ],
  };
}
