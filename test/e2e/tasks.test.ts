import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { sized } from '../scale.ts';
import { type ConnectedAgent, connectAgent, work } from './connected-agent.ts';
import { KillMoments, MOMENTS } from './kill-moments.ts';

const stateDir = mkdtempSync(join(tmpdir(), 'orasi-tasks-'));
/** Webhooks go to this machine. */
const VARS = { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8' };
let instance: Instance;
beforeAll(async () => {
  instance = await launch({ stateDir, vars: VARS });
});
afterAll(async () => {
  await instance.stop();
  await rm(stateDir, { recursive: true, force: true });
});

interface Claimed {
  readonly taskId: string;
  readonly leaseToken: string;
  readonly attempt: number;
  readonly payload: { readonly n?: number };
  readonly leaseRemainingMs: number;
}

async function send(method: string, path: string, body?: unknown, token?: string) {
  const response = await instance.fetch(`/v1/namespaces/default/queues/${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: JSON.parse((await response.text()) || '{}') };
}

const claim = async (queue: string, more: object = {}): Promise<Claimed[]> =>
  (await send('POST', `${queue}/claims`, { agentId: 'a', ...more })).json.items;
const report = async (queue: string, ...results: object[]): Promise<string[]> =>
  (await send('POST', `${queue}/results`, { results })).json.items.map(({ outcome }: { outcome: string }) => outcome);

test('a task goes from its submit over a claim and a heartbeat to its result', async () => {
  const submitted = await send('POST', 'life/tasks', {
    type: 'work',
    payload: { n: 1 },
    priority: 'High',
    metadata: { a: 'b' },
  });
  expect(submitted).toMatchObject({ status: 202, json: { items: [{ status: 'Pending' }] } });
  const [{ taskId }] = submitted.json.items;
  const [claimed, ...none] = await claim('life', { max: 5, leaseSeconds: 30 });
  expect([claimed, none]).toMatchObject([{ taskId, payload: { n: 1 }, attempt: 1, priority: 'High' }, []]);
  expect(claimed.leaseRemainingMs).toBeGreaterThan(29_000);
  const { leaseToken } = claimed;
  const beat = await send('POST', 'life/heartbeats', { leases: [{ taskId, leaseToken, progress: { done: 0.5 } }] });
  expect(beat.json.items).toMatchObject([{ taskId, outcome: 'extended', cancelled: false }]);
  expect((await send('GET', `life/tasks/${taskId}`)).json).toMatchObject({
    status: 'Running',
    progress: { done: 0.5 },
  });
  const result = { taskId, leaseToken, success: true, data: { rows: 3 }, processingTimeMs: 12 };
  expect(await report('life', result)).toEqual(['accepted']);
  expect(await report('life', result, { ...result, leaseToken: 'x' }, { ...result, taskId: 'y' })).toEqual([
    'duplicate',
    'stale',
    'unknown',
  ]);
  expect((await send('GET', `life/tasks/${taskId}`)).json).toMatchObject({
    status: 'Completed',
    attempts: 1,
    metadata: { a: 'b' },
    result: { success: true, data: { rows: 3 }, processingTimeMs: 12 },
    history: [{ attempt: 1, agentId: 'a', outcome: 'succeeded' }],
  });
  expect((await send('GET', 'life')).json).toMatchObject({ state: 'Active', depth: { Completed: { High: 1 } } });
});

test('a claim that waits is answered by the submit, by the end of a delay, and by the end of its wait', async () => {
  // The alarm of a new object, which looks after those who wait as well, has rung.
  await send('GET', 'wait');
  await new Promise((resolve) => setTimeout(resolve, 500));
  const waiting = claim('wait', { waitSeconds: 20 });
  await new Promise((resolve) => setTimeout(resolve, 200));
  const submittedMs = Date.now();
  await send('POST', 'wait/tasks', { type: 'work' });
  expect(await waiting).toHaveLength(1);
  expect(Date.now() - submittedMs).toBeLessThan(2_000);
  await send('POST', 'wait/tasks', { type: 'work', delaySeconds: 1 });
  const delayedMs = Date.now();
  expect(await claim('wait', { waitSeconds: 20 })).toHaveLength(1);
  expect(Date.now() - delayedMs).toBeGreaterThanOrEqual(950);
  expect(Date.now() - delayedMs).toBeLessThan(3_000);
  expect(await claim('wait', { waitSeconds: 0.3 })).toEqual([]);
});

test('failed tasks are looked at, redriven, paused, drained and cancelled over HTTP', async () => {
  const { json } = await send('POST', 'dead/tasks', {
    tasks: [
      { type: 'a', maxRetries: 0 },
      { type: 'b', maxRetries: 0 },
    ],
  });
  for (const task of await claim('dead', { max: 2 }))
    await report('dead', { ...pick(task), success: false, error: 'no' });
  const dead = await send('GET', 'dead/dead?type=a');
  expect(dead.json.items).toMatchObject([{ taskId: json.items[0].taskId, status: 'Failed', lastError: 'no' }]);
  expect((await send('POST', 'dead/dead/redrive', { type: 'a' })).json).toEqual({ redriven: 1 });
  expect((await send('POST', 'dead/pause')).json.state).toBe('Paused');
  expect(await claim('dead')).toEqual([]);
  expect((await send('GET', `dead/tasks/${json.items[0].taskId}/why`)).json.items[0].code).toBe('paused');
  expect((await send('POST', 'dead/drain')).json.state).toBe('Draining');
  expect(await send('POST', 'dead/tasks', { type: 'a' })).toMatchObject({ status: 409, json: { code: 'conflict' } });
  expect((await send('POST', 'dead/resume')).json.state).toBe('Active');
  expect((await send('DELETE', `dead/tasks/${json.items[0].taskId}`)).json.status).toBe('Cancelled');
  expect((await send('DELETE', `dead/tasks/${json.items[1].taskId}`)).status).toBe(409);
  expect((await send('GET', 'dead/tasks/nothing')).status).toBe(404);
});

test('what is not valid is refused with the path of the field', async () => {
  const paths = async (path: string, body: unknown) => {
    const { status, json } = await send('POST', path, body);
    return [status, ...(json.errors ?? []).map((error: { path: string }) => error.path)];
  };
  expect(await paths('q/tasks', { type: 'a', priority: 'Urgent' })).toEqual([400, 'priority']);
  expect(await paths('q/tasks', { tasks: [{ type: 'a' }, { type: '' }] })).toEqual([400, 'tasks.1.type']);
  expect(await paths('q/tasks', { type: 'a', runAt: 'soon' })).toEqual([400, 'runAt']);
  expect(await paths('q/tasks', { type: 'a', payload: 'x'.repeat(140_000) })).toEqual([400, 'payload']);
  expect(await paths('q/claims', { max: 1 })).toEqual([400, 'agentId']);
  expect(await paths('q/results', { results: [{ taskId: 'a' }] })).toEqual([
    400,
    'results.0.leaseToken',
    'results.0.success',
  ]);
  expect(await paths(`${'q'.repeat(64)}/tasks`, { type: 'a' })).toEqual([400, 'queue']);
});

test('an agent claims, an ingester submits, a reader reads, and no more', async () => {
  const roles = ['agent', 'ingester', 'reader'] as const;
  const tokens = await Promise.all(
    roles.map(async (role) => {
      const response = await instance.fetch('/v1/namespaces/default/keys', {
        method: 'POST',
        body: JSON.stringify({ role }),
        headers: { 'content-type': 'application/json' },
      });
      return ((await response.json()) as { token: string }).token;
    }),
  );
  const statuses = async (method: string, path: string, body?: object) =>
    await Promise.all(tokens.map(async (token) => (await send(method, path, body, token)).status));
  expect(await statuses('POST', 'roles/tasks', { type: 'a' })).toEqual([202, 202, 403]);
  expect(await statuses('GET', 'roles/tasks')).toEqual([200, 200, 200]);
  expect(await statuses('GET', 'roles')).toEqual([200, 200, 200]);
  expect(await statuses('POST', 'roles/claims', { agentId: 'a' })).toEqual([200, 403, 403]);
  expect(await statuses('POST', 'roles/pause')).toEqual([403, 403, 403]);
  // 400: the agent may, and asked for no upgrade.
  expect(await statuses('GET', 'roles/connect')).toEqual([400, 403, 403]);
  expect(await statuses('GET', 'roles/agents')).toEqual([200, 200, 200]);
});

describe('a declared queue', () => {
  const declare = async (name: string, spec: object) => {
    const response = await instance.fetch('/apis/orasi.io/v1alpha1/namespaces/default/taskqueues', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ apiVersion: 'orasi.io/v1alpha1', kind: 'TaskQueue', metadata: { name }, spec }),
    });
    expect(response.status).toBe(201);
  };
  const change = async (name: string, spec: object) => {
    const response = await instance.fetch(`/apis/orasi.io/v1alpha1/namespaces/default/taskqueues/${name}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ spec }),
    });
    expect(response.status).toBe(200);
  };

  test('has its limits, says what holds a task back, and takes a change up while a claim waits', async () => {
    await declare('limited', { limits: { queue: { concurrency: 1 } } });
    const submitted = await send('POST', 'limited/tasks', { tasks: Array(3).fill({ type: 'work', groupKey: 'g' }) });
    const [first, ...more] = await claim('limited', { max: 3 });
    expect(more).toEqual([]);
    const waiting = submitted.json.items.find(({ taskId }: { taskId: string }) => taskId !== first.taskId);
    const why = (await send('GET', `limited/tasks/${waiting.taskId}/why`)).json.items;
    expect(why[0]).toEqual({ code: 'limited', message: 'limit of the queue: 1 of 1 at a time run' });
    expect((await send('GET', 'limited')).json.limits).toMatchObject({ shards: 1, queue: { concurrency: 1 } });
    const next = claim('limited', { waitSeconds: 20 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const changedMs = Date.now();
    await change('limited', { limits: { queue: { concurrency: 2 } } });
    expect(await next).toHaveLength(1);
    expect(Date.now() - changedMs).toBeLessThan(3_000);
    const refused = await instance.fetch('/apis/orasi.io/v1alpha1/namespaces/default/taskqueues', {
      method: 'POST',
      body: JSON.stringify({ metadata: { name: 'bad' }, spec: { limits: { queue: { concurrency: 0 } } } }),
      headers: { 'content-type': 'application/json' },
    });
    expect(JSON.stringify(await refused.json())).toContain('spec.limits.queue.concurrency');
  });

  test('of several shards is one queue: claims that wait, pauses and results find theirs', async () => {
    await declare('wide', { shards: 3 });
    const waiting = claim('wide', { waitSeconds: 20, max: 5 });
    await new Promise((resolve) => setTimeout(resolve, 100));
    const tasks = Array.from({ length: 12 }, (_, i) => ({ type: 'work', groupKey: `g${i}` }));
    const { json } = await send('POST', 'wide/tasks', { tasks });
    const shards = new Set(json.items.map(({ taskId }: { taskId: string }) => taskId.split('-')[0]));
    expect(shards.size).toBe(3);
    const claimed = await waiting;
    expect(claimed.length).toBeGreaterThan(0);
    expect((await send('POST', 'wide/pause')).json.state).toBe('Paused');
    expect(await claim('wide', { max: 99 })).toEqual([]);
    // A shard that comes later is paused as the others are.
    await change('wide', { shards: 6 });
    const later = Array.from({ length: 40 }, (_, i) => ({ type: 'work', dedupeKey: `k${i}` }));
    const ids: { taskId: string }[] = [];
    for (const untilMs = Date.now() + 5_000; Date.now() < untilMs && !ids.some(({ taskId }) => taskId > '3'); )
      ids.push(...(await send('POST', 'wide/tasks', { tasks: later })).json.items);
    const sixth = ids.some(
      ({ taskId }) => taskId.startsWith('5-') || taskId.startsWith('4-') || taskId.startsWith('3-'),
    );
    expect(sixth).toBe(true);
    expect(await claim('wide', { max: 99 })).toEqual([]);
    await send('POST', 'wide/resume');
    while (claimed.length < 52) claimed.push(...(await claim('wide', { max: 99, waitSeconds: 5 })));
    const outcomes = await report('wide', ...claimed.map((task) => ({ ...pick(task), success: true })));
    expect(new Set(outcomes)).toEqual(new Set(['accepted']));
    expect((await send('GET', 'wide')).json.depth.Completed).toMatchObject({ Normal: claimed.length });
  });

  test('sends connected agents the tasks of their shard, and tells them when it has more shards', async () => {
    await declare('sent', { shards: 2, balance: { strategy: 'RoundRobin' } });
    const agents = await Promise.all([0, 1].map(async (shard) => await connectAgent(instance, 'sent', shard)));
    for (const [shard, agent] of agents.entries())
      expect(await agent.hello('a', { slots: 12 })).toMatchObject({ shard, shards: 2 });
    const tasks = Array.from({ length: 12 }, (_, i) => ({ type: 'work', groupKey: `g${i}` }));
    await send('POST', 'sent/tasks', { tasks });
    for (const agent of agents) await agent.next(({ type }) => type === 'tasks');
    expect(agents.flatMap(({ tasks: pushed }) => pushed)).toHaveLength(12);
    for (const [shard, agent] of agents.entries())
      expect(new Set(agent.tasks.map(({ taskId }) => taskId.split('-')[0]))).toEqual(new Set([String(shard)]));
    expect((await send('GET', 'sent/agents')).json).toMatchObject({
      strategy: 'RoundRobin',
      items: [{ shard: 0 }, { shard: 1 }],
    });
    await change('sent', { shards: 3 });
    for (const agent of agents)
      expect(await agent.next(({ type }) => type === 'shards')).toEqual({ type: 'shards', shards: 3 });
    for (const agent of agents) agent.close();
  });
});

test('what a leader that was replaced submits, claims or reports is refused', async () => {
  const cluster = async (method: string, path: string, body?: object) => {
    const response = await instance.fetch(`/v1/namespaces/default/clusters/fence/${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return (await response.json()) as { epoch: number };
  };
  const fenced = async (epoch: number, path: string, body: object) => {
    const response = await instance.fetch(`/v1/namespaces/default/queues/fenced/${path}?cluster=fence`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'if-epoch': String(epoch) },
      body: JSON.stringify(body),
    });
    return { status: response.status, json: JSON.parse(await response.text()) };
  };
  const load = { cpuPercent: 1, memoryBytes: 1, diskBytes: 1, activeTasks: 0, queueLength: 0 };
  await cluster('PUT', 'members/a', { status: 'Running', load });
  await cluster('PUT', 'members/b', { status: 'Running', load });
  const { epoch } = await cluster('GET', 'leader');
  expect((await fenced(epoch, 'tasks', { type: 'work' })).status).toBe(202);
  const claimed = await fenced(epoch, 'claims', { agentId: 'a' });
  expect(claimed.json.items).toHaveLength(1);
  await cluster('POST', 'election/resign', { memberId: 'a' });
  const next = await cluster('GET', 'leader');
  expect(next.epoch).toBeGreaterThan(epoch);
  const result = { results: [{ ...pick(claimed.json.items[0]), success: true }] };
  for (const [path, body] of [
    ['tasks', { type: 'work' }],
    ['claims', { agentId: 'a', waitSeconds: 5 }],
    ['results', result],
    ['heartbeats', { leases: [pick(claimed.json.items[0])] }],
  ] as const)
    expect(await fenced(epoch, path, body)).toMatchObject({ status: 412, json: { code: 'precondition_failed' } });
  expect((await fenced(next.epoch + 1, 'tasks', { type: 'work' })).status).toBe(412);
  expect((await fenced(next.epoch, 'results', result)).json.items[0].outcome).toBe('accepted');
});

/** A task once it has ended. */
async function ended(queue: string, taskId: string) {
  for (const deadlineMs = Date.now() + 30_000; ; ) {
    const { json } = await send('GET', `${queue}/tasks/${taskId}`);
    if (json.finishedAt !== undefined || Date.now() > deadlineMs) return json;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

describe('the platform', () => {
  const call = async (method: string, path: string, body?: unknown) =>
    await instance.fetch(path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const run = async (type: string, payload: object) =>
    await ended('own', (await send('POST', 'own/tasks', { type, payload })).json.items[0].taskId);

  test('runs tasks of its own types by itself, and shows what they came to', async () => {
    const taken = await run('Ingestion', { dataset: 'own', records: [{ n: 1 }, { n: 2 }] });
    expect(taken).toMatchObject({ status: 'Completed', result: { data: { rowsCommitted: 2 } } });
    const small = await run('Query', { sql: 'SELECT sum(n) AS s FROM own' });
    expect(small.result).toMatchObject({ success: true, data: { rows: [[3]] } });
    const csv = await run('Query', { sql: 'SELECT n FROM own ORDER BY n', format: 'csv' });
    const answer = await instance.fetch(`/v1/namespaces/default/queues/own/tasks/${csv.taskId}/result`);
    expect([answer.headers.get('content-type'), await answer.text()]).toEqual(['text/csv', 'n\r\n1\r\n2\r\n']);
    const copied = await run('Processing', { sql: 'SELECT n * 10 AS n FROM own', into: 'own_copy' });
    expect(copied.result.data).toMatchObject({ dataset: 'own_copy', rowsCommitted: 2 });
    const backup = await run('Maintenance', { operation: 'backup', datasets: ['own_copy'] });
    const { backupId } = backup.result.data;
    const restored = await run('Maintenance', {
      operation: 'restore',
      backup: backupId,
      dataset: 'own_copy',
      into: 'again',
    });
    expect(restored.result.data).toMatchObject({ dataset: 'again', rows: 2 });
    expect((await run('Maintenance', { operation: 'health_check' })).result.data).toMatchObject({ healthy: true });
    expect(await run('Query', { sql: 'SELECT sum(n) AS s FROM again' })).toMatchObject({
      history: [{ agentId: 'platform' }],
      result: { data: { rows: [[30]] } },
    });
  });

  test('runs the task of a schedule when it is asked to, and says when it will by itself', async () => {
    const path = '/apis/orasi.io/v1alpha1/namespaces/default/taskschedules';
    const created = await call('POST', path, {
      apiVersion: 'orasi.io/v1alpha1',
      kind: 'TaskSchedule',
      metadata: { name: 'nightly', annotations: { 'orasi.io/run': 'first' } },
      spec: {
        queue: 'own',
        schedule: '30 3 * * *',
        timeZone: 'Europe/Berlin',
        template: { type: 'Query', payload: { sql: 'SELECT 7 AS seven' } },
      },
    });
    expect(created.status).toBe(201);
    let status: { nextScheduleTime?: string; active?: { taskId?: string }[] } = {};
    while (status.active?.[0]?.taskId === undefined) {
      await new Promise((resolve) => setTimeout(resolve, 50));
      ({ status = {} } = (await (await call('GET', `${path}/nightly`)).json()) as { status?: typeof status });
    }
    expect(status.nextScheduleTime).toMatch(/T0[12]:30:00.000Z$/);
    const task = await ended('own', status.active[0].taskId);
    expect(task).toMatchObject({ metadata: { schedule: 'nightly' }, result: { data: { rows: [[7]] } } });
  });
});

test('a task of a built-in type is checked field by field, and does no more than its submitter may', async () => {
  const paths = async (body: unknown) => {
    const { status, json } = await send('POST', 'own/tasks', body);
    return [status, ...(json.errors ?? []).map((error: { path: string }) => error.path)];
  };
  expect(await paths({ type: 'Query', payload: { sql: '' } })).toEqual([400, 'payload.sql']);
  expect(await paths({ type: 'Ingestion', payload: {} })).toEqual([400, 'payload.location']);
  expect(await paths({ type: 'Processing', payload: { sql: 'x', into: 'Bad' } })).toEqual([400, 'payload.into']);
  expect(await paths({ type: 'Maintenance', payload: { operation: 'tidy' } })).toEqual([400, 'payload.operation']);
  expect(await paths({ type: 'Query', payload: { sql: 'SELECT 1' }, requires: ['gpu'] })).toEqual([400, 'requires']);
  expect((await send('POST', 'own/claims', { agentId: 'a', types: ['Query'] })).json.errors[0].path).toBe('types.0');
  const response = await instance.fetch('/v1/namespaces/default/keys', {
    method: 'POST',
    body: JSON.stringify({ role: 'ingester' }),
    headers: { 'content-type': 'application/json' },
  });
  const { token } = (await response.json()) as { token: string };
  const statusOf = async (type: string, payload: object) =>
    (await send('POST', 'own/tasks', { type, payload }, token)).status;
  expect(await statusOf('Ingestion', { dataset: 'own', records: [{ n: 3 }] })).toBe(202);
  expect(await statusOf('Query', { sql: 'SELECT 1' })).toBe(403);
  expect(await statusOf('Processing', { sql: 'SELECT 1', into: 'own' })).toBe(403);
  expect(await statusOf('Maintenance', { operation: 'cleanup' })).toBe(403);
});

describe('what it costs', () => {
  test('a submit, a claim and an acknowledgement write three rows, by the count of the platform', async () => {
    const count = 100;
    const task = { type: 'work', resultRetentionSeconds: 0 };
    await send('POST', 'cost/tasks', task);
    for (const claimed of await claim('cost')) await report('cost', { ...pick(claimed), success: true });
    const before = (await send('GET', 'cost')).json.rowsWritten;
    await send('POST', 'cost/tasks', { tasks: Array(count).fill(task) });
    const claimed = await claim('cost', { max: count });
    await report('cost', ...claimed.map((each) => ({ ...pick(each), success: true })));
    expect(((await send('GET', 'cost')).json.rowsWritten - before) / count).toBe(3);
  });
});

test('a queue goes with its namespace, and the sweep finds the queues that are there', async () => {
  const call = async (method: string, path: string, body?: object) =>
    await instance.fetch(path, {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  const watched = async () => {
    const { results } = await instance.bindings.CATALOG.prepare('SELECT name FROM watched_objects').all();
    return results.map(({ name }) => String(name));
  };
  const made = (await (await call('POST', '/api/v1/namespaces', { metadata: { name: 'crew' } })).json()) as {
    metadata: { uid: string };
  };
  const name = `${made.metadata.uid}/q/0`;
  expect((await call('POST', '/v1/namespaces/crew/queues/q/tasks', { type: 'a' })).status).toBe(202);
  expect(await watched()).toContain(name);
  await instance.runScheduled();
  const object = instance.bindings.TASK_QUEUE.getByName(name);
  expect(await object.stats()).toMatchObject({ value: { depth: { Pending: { Normal: 1 } } } });
  await call('DELETE', '/api/v1/namespaces/crew');
  const deadlineMs = Date.now() + 20_000;
  while ((await watched()).includes(name) && Date.now() < deadlineMs)
    await new Promise((next) => setTimeout(next, 100));
  expect(await watched()).not.toContain(name);
  expect(await object.stats()).toMatchObject({ value: { depth: { Pending: { Normal: 0 } } } });
});

describe('agents that hold a WebSocket', () => {
  const connected: ConnectedAgent[] = [];
  const connect = async (queue: string) => {
    const agent = await connectAgent(instance, queue);
    connected.push(agent);
    return agent;
  };
  afterAll(() => {
    for (const agent of connected) agent.close();
  });
  const submit = async (queue: string, count: number, task: object = {}): Promise<string[]> => {
    const tasks = Array.from({ length: count }, () => ({ type: 'work', ...task }));
    const { json } = await send('POST', `${queue}/tasks`, { tasks });
    return json.items.map(({ taskId }: { taskId: string }) => taskId);
  };
  const agents = async (queue: string) => (await send('GET', `${queue}/agents`)).json;

  test('of two that are connected and one that polls each does some, and each of 500 tasks is done once', async () => {
    const outcomes = new Map<string, string[]>();
    for (const agentId of ['one', 'two']) {
      const agent = await connect('crew');
      work(agent, 20, outcomes);
      expect(await agent.hello(agentId, { slots: 20 })).toMatchObject({ leaseSeconds: 300, sessionTtlSeconds: 90 });
    }
    const polled = new Map<string, string>();
    let polling = true;
    const poller = (async () => {
      while (polling) {
        const claimed = await claim('crew', { agentId: 'poller', max: 20, waitSeconds: 1 });
        if (claimed.length === 0) continue;
        const answers = await report('crew', ...claimed.map((task) => ({ ...pick(task), success: true })));
        for (const [i, { taskId }] of claimed.entries()) polled.set(taskId, answers[i]);
      }
    })();
    const taskIds: string[] = [];
    for (let batch = 0; batch < 5; batch++) taskIds.push(...(await submit('crew', 100)));
    const done = () => taskIds.filter((taskId) => outcomes.has(taskId) || polled.has(taskId));
    const deadlineMs = Date.now() + 20_000;
    while (done().length < 500 && Date.now() < deadlineMs) await new Promise((next) => setTimeout(next, 20));
    polling = false;
    await poller;
    expect(done()).toHaveLength(500);
    expect([...outcomes.values()].filter((each) => each.join() !== 'accepted')).toEqual([]);
    expect([...polled].filter(([taskId, outcome]) => outcome !== 'accepted' || outcomes.has(taskId))).toEqual([]);
    expect(polled.size).toBeGreaterThan(0);
    const { strategy, items } = await agents('crew');
    expect(strategy).toBe('Hybrid');
    for (const { chosen, slots } of items) {
      expect(slots).toBe(20);
      expect((chosen.Hybrid ?? 0) + (chosen.Only ?? 0)).toBeGreaterThan(50);
    }
    expect((await send('GET', 'crew')).json.depth).toMatchObject({
      Completed: { Normal: 500 },
      Running: { Normal: 0 },
    });
  });

  test('a task is with its agent as soon as it is submitted, a delayed one when it is due, and what fails again', async () => {
    const agent = await connect('quick');
    await agent.hello('a', { slots: 100 });
    const pushedMs: number[] = [];
    for (let i = 0; i < 10; i++) {
      const startMs = performance.now();
      const arrived = agent.next(({ push }) => push === i + 1);
      await submit('quick', 1);
      await arrived;
      pushedMs.push(performance.now() - startMs);
    }
    // A timer that looks now and then would show: no wait in here is longer than a request.
    expect(pushedMs.sort((a, b) => a - b)[5]).toBeLessThan(200);
    const delayedMs = Date.now();
    const [taskId] = await submit('quick', 1, { delaySeconds: 0.7, retryDelaySeconds: 0.3 });
    await agent.next(({ push }) => push === 11);
    expect(Date.now() - delayedMs).toBeGreaterThanOrEqual(690);
    expect(Date.now() - delayedMs).toBeLessThan(2_000);
    const { leaseToken } = agent.tasks[10];
    agent.say({ type: 'results', id: 'r', results: [{ taskId, leaseToken, success: false, error: 'no' }], push: 11 });
    expect(await agent.next(({ id }) => id === 'r')).toMatchObject({ outcomes: [{ taskId, outcome: 'accepted' }] });
    await agent.next(({ push }) => push === 12);
    expect(agent.tasks[11]).toMatchObject({ taskId, attempt: 2 });
    agent.say('ping');
    await agent.next(({ type }) => type === 'pong');
  });

  test('an agent that is gone leaves what it never acknowledged at once, and the rest when its lease runs out', async () => {
    const [gone, other] = [await connect('left'), await connect('left')];
    const outcomes = new Map<string, string[]>();
    await gone.hello('gone', { slots: 4, leaseSeconds: 1 });
    await submit('left', 2, { retryDelaySeconds: 0.1 });
    await gone.next(({ push }) => push === 1);
    gone.say({ type: 'slots', slots: 2, push: 1 });
    const begun = gone.tasks.map(({ taskId }) => taskId);
    const unread = await submit('left', 2);
    await gone.next(({ push }) => push === 2);
    work(other, 9, outcomes);
    await other.hello('other', { slots: 9 });
    const closed = once(gone.socket, 'close', { signal: AbortSignal.timeout(1_000) });
    gone.close();
    await other.next(({ push }) => push === 1, 1_000);
    await closed;
    expect(other.tasks.map(({ taskId, attempt }) => [taskId, attempt])).toEqual(unread.map((taskId) => [taskId, 1]));
    await other.next(() => begun.every((taskId) => outcomes.has(taskId)), 5_000);
    expect(other.tasks.filter(({ taskId }) => begun.includes(taskId)).map(({ attempt }) => attempt)).toEqual([2, 2]);
    const { json } = await send('GET', `left/tasks/${begun[0]}`);
    expect(json.history).toMatchObject([
      { agentId: 'gone', outcome: 'lapsed' },
      { agentId: 'other', outcome: 'succeeded' },
    ]);
  });

  test('a cancellation reaches the agent that runs the task within a second', async () => {
    const agent = await connect('stop');
    await agent.hello('a', { slots: 1 });
    const [taskId] = await submit('stop', 1);
    await agent.next(({ type }) => type === 'tasks');
    expect((await send('DELETE', `stop/tasks/${taskId}`)).json).toMatchObject({ cancelRequested: true });
    expect(await agent.next(({ type }) => type === 'cancelled', 1_000)).toMatchObject({ taskIds: [taskId] });
    const [{ leaseToken }] = agent.tasks;
    agent.say({ type: 'heartbeats', id: 'h', leases: [{ taskId, leaseToken }], leaseSeconds: 60 });
    const { leases } = await agent.next(({ id }) => id === 'h');
    expect(leases).toMatchObject([
      { taskId, outcome: 'extended', cancelled: true, leaseExpiresAt: expect.any(String) },
    ]);
  });

  test('what an agent should not say is answered by the field, and another connection takes its place', async () => {
    const agent = await connect('strict');
    const errors = async () => {
      const message = await agent.next(({ type }) => type === 'error');
      agent.messages.length = 0;
      return [message['code'], ...(message['errors'] as { path: string }[]).map(({ path }) => path)];
    };
    const cases: [unknown, string[]][] = [
      ['nothing', ['bad_request', '(message)']],
      [{ type: 'slots', slots: 1 }, ['conflict']],
      [{ type: 'hello', slots: -1 }, ['bad_request', 'agentId', 'slots']],
      [{ type: 'hello', agentId: 'a', slots: 1_001 }, ['bad_request', 'slots']],
      [
        { type: 'hello', agentId: 'a', slots: 1, capabilities: Array(99).fill('c'.repeat(99)) },
        ['bad_request', 'capabilities'],
      ],
      [
        { type: 'results', id: 'x', results: [{ taskId: 'a' }] },
        ['bad_request', 'results.0.leaseToken', 'results.0.success'],
      ],
      [`"${'x'.repeat(1_000_001)}"`, ['bad_request', '(message)']],
      [{ type: 'wish' }, ['bad_request', 'type']],
    ];
    for (const [said, expected] of cases) {
      agent.say(said as object);
      expect(await errors()).toEqual(expected);
    }
    const capabilities = Array(80).fill('c'.repeat(99));
    await agent.hello('a', { slots: 1, capabilities });
    agent.say({ type: 'hello', agentId: 'b', slots: 1 });
    expect(await errors()).toEqual(['conflict']);
    const closed = new Promise<number>((resolve) =>
      agent.socket.addEventListener('close', ({ code }) => resolve(code)),
    );
    const next = await connect('strict');
    await next.hello('a', { slots: 1 });
    expect(await closed).toBe(4001);
    expect((await agents('strict')).items).toMatchObject([{ agentId: 'a', capabilities: [], health: 'Healthy' }]);
    expect((await send('GET', 'strict/connect')).status).toBe(400);
    expect((await send('GET', 'strict/connect', undefined, 'orasi_no_key')).status).toBe(401);
  });
});

test('a queue says how many agents it wants, and tells a webhook, signed, until it listens', async () => {
  const heard: { headers: IncomingHttpHeaders; body: string }[] = [];
  const receiver = createServer((request, response) => {
    let body = '';
    request.on('data', (chunk) => {
      body += chunk;
    });
    request.on('end', () => {
      heard.push({ headers: request.headers, body });
      response.writeHead(heard.length === 1 ? 500 : 204).end();
    });
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  const declare = (method: string, path: string, body: object) =>
    instance.fetch(path, { method, body: JSON.stringify(body), headers: { 'content-type': 'application/json' } });
  const scaling = async () => (await send('GET', 'scaled/scaling')).json;
  try {
    await declare('POST', '/api/v1/namespaces/default/secrets', {
      metadata: { name: 'hook' },
      stringData: { key: 'a secret that both know' },
    });
    const queues = '/apis/orasi.io/v1alpha1/namespaces/default/taskqueues';
    const webhook = { url: `http://127.0.0.1:${port}/scale`, secretName: 'hook' };
    const declared = await declare('POST', queues, {
      apiVersion: 'orasi.io/v1alpha1',
      kind: 'TaskQueue',
      metadata: { name: 'scaled' },
      spec: { scaling: { maxAgents: 2, webhook } },
    });
    expect(declared.status).toBe(201);
    await send('POST', 'scaled/tasks', { tasks: Array(3).fill({ type: 'work' }) });
    const told = async () => {
      const view = await scaling();
      return view.webhook?.toldAgents === 2 ? view : null;
    };
    let view = await told();
    for (const deadlineMs = Date.now() + 10_000; view === null && Date.now() < deadlineMs; view = await told())
      await new Promise((next) => setTimeout(next, 50));
    expect(view).toMatchObject({ desiredAgents: 2, wantedAgents: 3, heldBy: 'maxAgents', backlog: 3, running: 0 });
    expect(view.webhook).toMatchObject({ failures: 0, nextAttemptAt: null, lastError: null });
    expect(heard.length).toBeGreaterThanOrEqual(2);
    const { headers, body } = heard[heard.length - 1];
    const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
    const signature = createHmac('sha256', 'a secret that both know').update(signed).digest('base64');
    expect(headers['webhook-signature']).toBe(`v1,${signature}`);
    expect(JSON.parse(body)).toMatchObject({
      type: 'queue.scaling',
      data: { namespace: 'default', queue: 'scaled', desiredAgents: 2, previousAgents: null, signals: { backlog: 3 } },
    });
    const metric = '/apis/external.metrics.k8s.io/v1beta1/namespaces/default/orasi-queue-desired-agents';
    const external = await instance.fetch(`${metric}?labelSelector=queue%3Dscaled`);
    expect(await external.json()).toMatchObject({ items: [{ metricLabels: { queue: 'scaled' }, value: '2' }] });
  } finally {
    receiver.close();
  }
});

test('a webhook hears how many agents an idle queue wants as soon as that is declared, from one of its shards', async () => {
  const heard: string[] = [];
  const receiver = createServer(async (request, response) => {
    heard.push(Buffer.concat(await request.toArray()).toString());
    response.writeHead(204).end();
  }).listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const { port } = receiver.address() as AddressInfo;
  const declare = (path: string, body: object) =>
    instance.fetch(path, {
      method: 'POST',
      body: JSON.stringify(body),
      headers: { 'content-type': 'application/json' },
    });
  try {
    await send('GET', 'untouched');
    // The alarm of its first life, which looks at everything, has rung.
    await new Promise((next) => setTimeout(next, 500));
    await declare('/api/v1/namespaces/default/secrets', { metadata: { name: 'knock' }, stringData: { key: 'a' } });
    await declare('/apis/orasi.io/v1alpha1/namespaces/default/taskqueues', {
      apiVersion: 'orasi.io/v1alpha1',
      kind: 'TaskQueue',
      metadata: { name: 'untouched' },
      spec: {
        shards: 2,
        scaling: { minAgents: 1, webhook: { url: `http://127.0.0.1:${port}/`, secretName: 'knock' } },
      },
    });
    for (const deadlineMs = Date.now() + 10_000; heard.length === 0 && Date.now() < deadlineMs; )
      await new Promise((next) => setTimeout(next, 50));
    // The first alarm of the second shard has rung, too.
    await new Promise((next) => setTimeout(next, 500));
    expect(heard.map((body) => JSON.parse(body))).toMatchObject([{ data: { queue: 'untouched', desiredAgents: 1 } }]);
  } finally {
    receiver.close();
  }
});

test('tasks handed out to clients that vanish in the middle of their claims are each done once', async () => {
  const count = sized(400);
  const accepted = new Map<string, number>();
  let vanished = 0;
  for (let at = 0; at < count; at += 100) {
    const tasks = Array(100).fill({ type: 'work', maxRetries: 100, retryDelaySeconds: 0.1, resultRetentionSeconds: 0 });
    expect((await send('POST', 'vanish/tasks', { tasks })).status).toBe(202);
  }
  const vanishing = async () => {
    for (let at = 0; at < sized(15); at++) {
      const leaving = new AbortController();
      setTimeout(() => leaving.abort(), Math.random() * 15);
      const claimed = instance.fetch('/v1/namespaces/default/queues/vanish/claims', {
        method: 'POST',
        body: JSON.stringify({ agentId: 'gone', max: 20, leaseSeconds: 1, waitSeconds: 5 }),
        headers: { 'content-type': 'application/json' },
        signal: leaving.signal,
      });
      await claimed.then(
        async (response) => await response.body?.cancel(),
        () => undefined,
      );
      vanished += 1;
    }
  };
  const steady = async () => {
    const deadlineMs = Date.now() + 60_000;
    while (accepted.size < count && Date.now() < deadlineMs) {
      const claimed = await claim('vanish', { max: 20, leaseSeconds: 30, waitSeconds: 1 });
      if (claimed.length === 0) continue;
      const outcomes = await report('vanish', ...claimed.map((task) => ({ ...pick(task), success: true })));
      for (const [at, { taskId }] of claimed.entries())
        if (outcomes[at] === 'accepted') accepted.set(taskId, (accepted.get(taskId) ?? 0) + 1);
    }
  };
  await Promise.all([vanishing(), vanishing(), steady(), steady()]);
  console.info(`${count} tasks handed out, past ${vanished} claims of clients that vanished`);
  expect(vanished).toBeGreaterThan(10);
  expect(accepted.size).toBe(count);
  expect(new Set(accepted.values())).toEqual(new Set([1]));
  const { depth } = (await send('GET', 'vanish')).json;
  expect([depth.Pending.Normal, depth.Running.Normal, depth.Retrying.Normal]).toEqual([0, 0, 0]);
});

/** Last, since the instance is another one afterwards. */
test('no acknowledged task is lost when the platform is killed under its clients, and none is done twice at once', async () => {
  const acknowledged = new Set<number>();
  const accepted = new Set<number>();
  const kills = new KillMoments();
  let number = 0;
  let running = true;
  const submitter = async () => {
    while (running) {
      const batch = Array.from({ length: 5 }, () => {
        const n = number++;
        return { type: 'work', payload: { n }, metadata: { n: String(n) }, retryDelaySeconds: 0.1 };
      });
      const answer = await kills.during('submit', send('POST', 'kill/tasks', { tasks: batch })).catch(() => null);
      if (answer?.status === 202) for (const { payload } of batch) acknowledged.add(payload.n);
      else await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const agent = async () => {
    while (running) {
      const claimed = await kills.during('claim', claim('kill', { max: 3, leaseSeconds: 2 })).catch(() => []);
      for (const task of claimed ?? []) {
        await kills.during('heartbeat', send('POST', 'kill/heartbeats', { leases: [pick(task)] })).catch(() => null);
        const reported = report('kill', { ...pick(task), success: true });
        const [outcome] = await kills.during('result', reported).catch(() => ['lost']);
        if (outcome !== 'accepted' || task.payload.n === undefined) continue;
        expect(accepted).not.toContain(task.payload.n);
        accepted.add(task.payload.n);
      }
      if (!claimed?.length) await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  const holder = await connectAgent(instance, 'held');
  await holder.hello('holder', { slots: 1 });
  await send('POST', 'held/tasks', { type: 'work' });
  await holder.next(({ type }) => type === 'tasks');
  holder.say({ type: 'slots', slots: 0, push: 1 });
  const clients = [submitter(), submitter(), agent(), agent()];
  for (let kill = 0; kill < sized(2); kill++) {
    await new Promise((resolve) => setTimeout(resolve, 400));
    await kills.next(MOMENTS[kill % MOMENTS.length]);
    await instance.kill9();
    instance = await launch({ stateDir, vars: VARS });
  }
  await new Promise((resolve) => setTimeout(resolve, 500));
  running = false;
  await Promise.all(clients);

  console.info(`killed at: ${[...kills.counts].map(([moment, count]) => `${moment} ${count}`).join(', ')}`);
  console.info(`${acknowledged.size} tasks acknowledged, ${accepted.size} results taken meanwhile`);
  expect(acknowledged.size).toBeGreaterThan(50);
  for (let idle = 0; idle < 4; ) {
    const claimed = await claim('kill', { max: 500, waitSeconds: 1 });
    idle = claimed.length === 0 ? idle + 1 : 0;
    if (claimed.length > 0) await report('kill', ...claimed.map((task) => ({ ...pick(task), success: true })));
  }
  const completed = new Set<number>();
  for (let cursor = ''; ; ) {
    const { json } = await send('GET', `kill/tasks?limit=1000${cursor}`);
    for (const { status, metadata, history } of json.items) {
      expect(status).toBe('Completed');
      expect(history.filter((each: { outcome: string }) => each.outcome === 'succeeded')).toHaveLength(1);
      completed.add(Number(metadata.n));
    }
    if (json.nextCursor === undefined) break;
    cursor = `&cursor=${json.nextCursor}`;
  }
  expect([...acknowledged].filter((n) => !completed.has(n))).toEqual([]);
  expect([...accepted].filter((n) => !completed.has(n))).toEqual([]);

  // An agent that comes back still has its leases.
  const back = await connectAgent(instance, 'held');
  await back.hello('holder', { slots: 1 });
  const results = [{ ...pick(holder.tasks[0]), success: true }];
  back.say({ type: 'results', id: 'kept', results, slots: 1 });
  expect(await back.next(({ id }) => id === 'kept')).toMatchObject({ outcomes: [{ outcome: 'accepted' }] });
  await send('POST', 'held/tasks', { type: 'work' });
  await back.next(({ type }) => type === 'tasks');
  back.close();
});

function pick({ taskId, leaseToken }: Pick<Claimed, 'taskId' | 'leaseToken'>) {
  return { taskId, leaseToken };
}
