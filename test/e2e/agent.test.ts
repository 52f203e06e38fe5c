import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Client, createClient } from '../../agent/client/client.ts';
import { ConnectionError } from '../../agent/client/errors.ts';
import { type RunningAgent, startAgent } from '../../agent/process/agent.ts';
import { readAgentConfig } from '../../agent/process/config.ts';
import { taskTypesOf } from '../../agent/process/task-types.ts';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { TcpProxy } from '../discovery/tcp-proxy.ts';
import { ORASI } from './orasi-command.ts';

let instance: Instance;
let folder: string;
let token: string;
const agents: (() => unknown)[] = [];
const proxies: TcpProxy[] = [];
beforeAll(async () => {
  instance = await launch();
  folder = mkdtempSync(join(tmpdir(), 'orasi-agent-'));
  mkdirSync(join(folder, 'plugins'));
  plugin(
    'wait',
    `({ payload, progress, signal }) => {
      progress({ waiting: payload.ms });
      return new Promise((resolve) => {
        setTimeout(() => resolve({ waited: payload.ms }), payload.ms);
        signal.addEventListener('abort', () => resolve());
      });
    }`,
  );
  const key = await instance.fetch('/v1/namespaces/default/keys', {
    method: 'POST',
    body: JSON.stringify({ role: 'agent' }),
  });
  token = ((await key.json()) as { token: string }).token;
});
afterAll(async () => {
  await Promise.all(agents.map((end) => end()));
  await Promise.all(proxies.map((proxy) => proxy.close()));
  rmSync(folder, { recursive: true, force: true });
  await instance?.stop();
});

function plugin(name: string, run: string): void {
  writeFileSync(join(folder, 'plugins', `${name}.mjs`), `export const taskType = { name: '${name}', run: ${run} };`);
}

/** An agent in this process, of a queue and a cluster of its own. */
async function agentOf(queue: string, fields: Record<string, string> = {}, client = clientOf()): Promise<RunningAgent> {
  const all: Record<string, string> = {
    ...{ queue, cluster: queue, 'agent-id': `of-${queue}`, port: '0', plugins: join(folder, 'plugins') },
    ...{ 'lease-seconds': '3', 'heartbeat-seconds': '1', 'state-folder': join(folder, 'state'), ...fields },
  };
  const config = await readAgentConfig(undefined, {}, (name) => (all[name] === undefined ? [] : [all[name]]));
  const types = await taskTypesOf(config);
  const agent = await startAgent({ client, namespace: 'default', config, types, log: () => {} });
  agents.push(() => agent.stop());
  return agent;
}

async function openProxy(): Promise<TcpProxy> {
  const proxy = await TcpProxy.open(Number(new URL(instance.url).port));
  proxies.push(proxy);
  return proxy;
}

const clientOf = (url = instance.url): Client => createClient({ url, token });

interface AgentProcess {
  readonly url: string;
  readonly ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

/** The oldest Node that has to do, where there is one. */
const OLDER_NODE = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((at) => join(at, 'node'))
  .find((node) => /^v20\./.test(spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout ?? ''));

/** An agent as a process of Node 20, when it is ready. */
async function agentProcess(args: readonly string[], url = instance.url): Promise<AgentProcess> {
  if (OLDER_NODE === undefined) console.warn('there is no Node 20 on the PATH: it is asked of this one');
  const child = spawn(OLDER_NODE ?? process.execPath, [ORASI, 'agent', '--port', '0', ...args], {
    env: {
      PATH: process.env['PATH'],
      HOME: folder,
      ORASI_URL: url,
      ORASI_TOKEN: token,
    } as unknown as NodeJS.ProcessEnv,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  agents.push(() => child.kill('SIGKILL'));
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const ready = new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      const line = text.split('\n').find((each) => each.includes('"ready"') && each.endsWith('}'));
      if (line !== undefined) resolve((JSON.parse(line) as { url: string }).url);
    });
    void ended.then((code) => reject(new Error(`the agent ended with ${code}: ${text}`)));
  });
  return { url: await ready, ended, kill: (signal) => child.kill(signal) };
}

interface Task {
  readonly taskId: string;
  readonly status: string;
  readonly attempts: number;
  readonly agentId?: string;
  readonly progress?: unknown;
  readonly lastError?: string;
  readonly result?: { success: boolean; data?: Record<string, unknown> };
}

const queuePath = (queue: string) => `/v1/namespaces/default/queues/${queue}`;

async function submit(queue: string, type: string, payload: unknown, more: object = {}): Promise<string> {
  const body = JSON.stringify({ type, payload, ...more });
  const response = await instance.fetch(`${queuePath(queue)}/tasks`, { method: 'POST', body });
  return ((await response.json()) as { items: Task[] }).items[0].taskId;
}

async function until<T>(read: () => T | Promise<T>, holds: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    if (Date.now() > deadline) throw new Error(`it does not come to pass: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
}

const readTask = async (queue: string, id: string) =>
  (await (await instance.fetch(`${queuePath(queue)}/tasks/${id}`)).json()) as Task;
const taskUntil = (queue: string, id: string, ...statuses: string[]) =>
  until(
    () => readTask(queue, id),
    ({ status }) => statuses.includes(status),
  );
const shown = async (agent: { url: string }, path: string) =>
  (await (await fetch(`${agent.url}${path}`)).json()) as Record<string, never>;
const statusOf = async (url: string) => (await fetch(url)).status;
const connectedTo = async (queue: string) => {
  const response = await instance.fetch(`/v1/namespaces/default/queues/${queue}/agents`);
  return ((await response.json()) as { items: { unacknowledged: number }[] }).items;
};
const membersOf = async (cluster: string) => {
  const response = await instance.fetch(`/v1/namespaces/default/clusters/${cluster}/members`);
  return ((await response.json()) as { items: Record<string, unknown>[] }).items;
};

describe.concurrent('an agent', () => {
  test('joins, runs programs, requests and plugins, is told of another configuration, and drains', async () => {
    const file = join(folder, 'agent.yaml');
    const fields = { queue: 'whole', cluster: 'whole', agentId: 'whole-1', heartbeatSeconds: 1, drainSeconds: 1 };
    const written = (more: object) =>
      writeFileSync(
        file,
        JSON.stringify({
          ...fields,
          commands: [process.execPath],
          httpHosts: [new URL(instance.url).host],
          plugins: join(folder, 'plugins'),
          ...more,
        }),
      );
    written({});
    const agent = await agentProcess(['--config', file]);
    const program = 'process.stdin.pipe(process.stdout); console.error(process.env.ORASI_TOKEN)';
    const [ran, refused, asked, waited] = await Promise.all([
      submit('whole', 'command', { command: [process.execPath, '-e', program], stdin: 'text' }),
      submit('whole', 'command', { command: ['sh', '-c', 'true'] }),
      submit('whole', 'http', { url: `${instance.url}/livez` }),
      submit('whole', 'wait', { ms: 1 }),
    ]);
    expect((await taskUntil('whole', ran, 'Completed')).result?.data).toEqual({
      exitCode: 0,
      stdout: 'text',
      stderr: 'undefined\n',
    });
    expect((await taskUntil('whole', asked, 'Completed')).result?.data).toMatchObject({ status: 200 });
    expect((await taskUntil('whole', waited, 'Completed')).result?.data).toEqual({ waited: 1 });
    expect(await taskUntil('whole', refused, 'Failed')).toMatchObject({
      attempts: 1,
      lastError: 'this agent does not run "sh"',
    });

    await until(
      () => statusOf(`${agent.url}/readyz`),
      (status) => status === 200,
    );
    expect(await statusOf(`${agent.url}/livez`)).toBe(200);
    expect(await shown(agent, '/agent/status')).toMatchObject({
      ...{ link: 'socket', tasksBy: 'socket', isLeader: true },
    });
    const [member] = await membersOf('whole');
    expect(member).toMatchObject({ memberId: 'whole-1', status: 'Running', health: 'Active', connected: true });
    const load = member['load'] as Record<string, number>;
    for (const name of ['memoryBytes', 'diskBytes']) expect(load[name]).toBeGreaterThan(1_000_000);
    const metrics = await (await fetch(`${agent.url}/metrics`)).text();
    expect(metrics).toContain('orasi_agent_results_total{outcome="accepted"} 4\n');

    // A file that cannot be changes nothing; one that can is taken up, with the plugin that is there by now.
    written({ concurrency: 0 });
    const configuration = () => shown(agent, '/agent/status').then((status) => status['configuration']);
    agent.kill('SIGHUP');
    await until(configuration, ({ refused: reason }) => String(reason).includes('concurrency: expected'));
    plugin('echo', '({ payload }) => Promise.resolve(payload)');
    written({ concurrency: 3, queue: 'other' });
    agent.kill('SIGHUP');
    await until(configuration, ({ restartFor }) => JSON.stringify(restartFor) === '["queue"]');
    expect(await shown(agent, '/agent/info')).toMatchObject({ concurrency: 3, queue: 'whole' });
    const echoed = await submit('whole', 'echo', { a: 1 });
    expect((await taskUntil('whole', echoed, 'Completed')).result?.data).toEqual({ a: 1 });
    // Nobody says so the next time.
    written({ concurrency: 4 });
    await until(
      () => shown(agent, '/agent/info'),
      ({ concurrency }) => concurrency === 4,
    );

    const short = await submit('whole', 'wait', { ms: 700 });
    const endless = await submit('whole', 'wait', { ms: 1_000_000 });
    for (const id of [short, endless]) await taskUntil('whole', id, 'Running');
    agent.kill('SIGTERM');
    expect(await agent.ended).toBe(0);
    expect(await readTask('whole', short)).toMatchObject({ status: 'Completed' });
    expect(await readTask('whole', endless)).toMatchObject({ status: 'Retrying', lastError: 'the agent stops' });
    expect(await membersOf('whole')).toEqual([]);
  });

  test('stops a task that is cancelled or takes too long, with all it started', async () => {
    const agent = await agentOf('stops', { commands: 'sh' });
    const marks = join(folder, 'marks');
    mkdirSync(marks);
    // Of its group, a child that outlives its parent's end for as long as nobody stops it.
    const script = `(while :; do date > ${marks}/$ORASI_TASK_ID; sleep 0.05; done) & wait`;
    const cancelled = await submit('stops', 'command', { command: ['sh', '-c', script] }, { maxRetries: 0 });
    await until(
      () => readdirSync(marks),
      (names) => names.length === 1,
    );
    await instance.fetch(`${queuePath('stops')}/tasks/${cancelled}`, { method: 'DELETE' });
    expect(await taskUntil('stops', cancelled, 'Cancelled', 'Failed')).toMatchObject({ status: 'Cancelled' });
    const late = await submit(
      'stops',
      'command',
      { command: ['sh', '-c', script] },
      { maxRetries: 0, timeoutSeconds: 1 },
    );
    expect(await taskUntil('stops', late, 'Failed')).toMatchObject({
      lastError: expect.stringContaining('took longer than'),
    });
    await until(
      () => shown(agent, '/agent/tasks'),
      ({ running }) => (running as unknown[]).length === 0,
    );
    for (const name of readdirSync(marks)) rmSync(join(marks, name));
    await new Promise((resolve) => setTimeout(resolve, 150));
    expect(readdirSync(marks)).toEqual([]);
  });

  test('keeps the lease of a long task and shows its progress', async () => {
    await agentOf('long');
    const id = await submit('long', 'wait', { ms: 3_500 });
    const running = await until(
      () => readTask('long', id),
      ({ progress }) => progress !== undefined,
    );
    expect(running).toMatchObject({ status: 'Running', progress: { waiting: 3_500 }, agentId: 'of-long' });
    expect(await taskUntil('long', id, 'Completed', 'Retrying')).toMatchObject({ status: 'Completed', attempts: 1 });
  });

  test('tells a result again whose answer was lost, and the queue knows it', async () => {
    const client = clientOf();
    let lost = 0;
    const lossy: Client = {
      ...client,
      connect: () => Promise.reject(new ConnectionError('a proxy takes none', null)),
      async json<T>(request: Parameters<Client['json']>[0]) {
        const answer = await client.json<T>(request);
        if (request.path.endsWith('/results') && lost++ === 0) throw new ConnectionError('it is lost', null);
        return answer;
      },
    };
    const agent = await agentOf('lossy', {}, lossy);
    const id = await submit('lossy', 'wait', { ms: 1 });
    await taskUntil('lossy', id, 'Completed');
    const { outcomes } = await until(
      () => agent.view().tasks,
      (tasks) => Object.keys(tasks.outcomes).length > 0 && tasks.unreported === 0,
    );
    expect(outcomes).toEqual({ duplicate: 1 });
  });

  test('keeps results while the platform is out of reach, and through its own end by kill -9', async () => {
    const proxy = await openProxy();
    const args = ['--queue', 'offline', '--cluster', 'offline', '--agent-id', 'offline-1'];
    args.push('--plugins', join(folder, 'plugins'), '--state-folder', join(folder, 'state'));
    const agent = await agentProcess(args, proxy.url);
    const id = await submit('offline', 'wait', { ms: 1_000 });
    await taskUntil('offline', id, 'Running');
    // A task whose arrival it has not told yet would go back with the connection.
    await until(
      () => connectedTo('offline'),
      ([{ unacknowledged }]) => unacknowledged === 0,
    );
    await proxy.set({ type: 'refuse' });
    await until(
      () => shown(agent, '/agent/tasks'),
      ({ unreported }) => unreported === 1,
    );
    expect(await readTask('offline', id)).toMatchObject({ status: 'Running' });
    agent.kill('SIGKILL');
    await agent.ended;
    await proxy.set({ type: 'none' });
    const again = await agentProcess(args, proxy.url);
    expect(await taskUntil('offline', id, 'Completed')).toMatchObject({ attempts: 1 });
    await until(
      () => shown(again, '/agent/tasks'),
      ({ unreported }) => unreported === 0,
    );
    again.kill('SIGKILL');
  });

  test('comes back to its cluster by itself, over HTTP where no WebSocket is to be had', async () => {
    const proxy = await openProxy();
    const client = clientOf(proxy.url);
    let sockets = true;
    let heartbeats = 0;
    const choosing: Client = {
      ...client,
      json: (request) => {
        if (request.method === 'PUT') heartbeats++;
        return client.json(request);
      },
      connect: (...args) =>
        sockets ? client.connect(...args) : Promise.reject(new ConnectionError('a proxy takes none', null)),
    };
    const agent = await agentOf('links', {}, choosing);
    const link = (wanted: string) =>
      until(
        () => agent.view().status,
        (status) => status.link === wanted,
      );
    expect(await link('socket')).toMatchObject({ joined: true, leader: 'of-links' });
    sockets = false;
    proxy.drop();
    await link('polling');
    await until(
      () => heartbeats,
      (count) => count >= 2,
    );
    expect(await membersOf('links')).toMatchObject([{ memberId: 'of-links', connected: false }]);
    sockets = true;
    await link('socket');
    // Nothing comes, and nothing says so: its pings go without an answer.
    await proxy.set({ type: 'halfOpen' });
    await link('none');
    await proxy.set({ type: 'none' });
    await link('socket');
    expect(await membersOf('links')).toMatchObject([{ memberId: 'of-links', connected: true }]);
  });

  test('gives way to another of its name', async () => {
    const first = await agentOf('twins');
    await until(
      () => first.view().status,
      ({ link }) => link === 'socket',
    );
    const second = await agentOf('twins');
    expect(await first.failed).toBe('another process has joined as "of-twins"');
    expect(second.view().status.joined).toBe(true);
  });
});
