import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import type {
  ClusterEvent,
  ClusterView,
  ElectionView,
  JoinAnswer,
  LeaderView,
} from '../../src/core/protocol/cluster.ts';

let instance: Instance;
beforeAll(async () => {
  instance = await launch();
});
afterAll(async () => {
  await instance.stop();
  // After a kill the folder was given to the next instance, which therefore leaves it.
  await rm(instance.stateDir, { recursive: true, force: true });
});

const path = (cluster: string, rest: string) => `/v1/namespaces/default/clusters/${cluster}/${rest}`;

async function call<T>(method: string, cluster: string, rest: string, body?: unknown): Promise<T> {
  const response = await instance.fetch(path(cluster, rest), {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!response.ok) throw new Error(`${method} ${rest}: ${response.status} ${await response.text()}`);
  return (response.status === 204 ? undefined : await response.json()) as T;
}
const leaderOf = (cluster: string) => call<LeaderView>('GET', cluster, 'leader');
const beat = (cluster: string, memberId: string, more: object = {}) =>
  call<JoinAnswer>('PUT', cluster, `members/${memberId}`, { status: 'Running', ...more });

async function eventually<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean, withinMs = 10_000): Promise<T> {
  const deadlineMs = Date.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (Date.now() > deadlineMs) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** A member that holds a WebSocket. Node's client takes headers beside the protocols. */
async function connect(cluster: string, memberId: string, more: object = {}) {
  const url = instance.url.replace('http', 'ws') + path(cluster, 'connect');
  const headers = { authorization: `Bearer ${instance.adminToken}` };
  const socket = new WebSocket(url, { headers } as never);
  const messages: Record<string, unknown>[] = [];
  const texts: string[] = [];
  socket.addEventListener('message', ({ data }) => {
    texts.push(String(data));
    if (String(data).startsWith('{')) messages.push(JSON.parse(String(data)));
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'join', memberId, status: 'Running', ...more }));
  const next = (type: string, matches: (message: Record<string, unknown>) => boolean = () => true) =>
    eventually(
      async () => messages.find((message) => message['type'] === type && matches(message)),
      (message) => message !== undefined,
    ) as Promise<Record<string, unknown>>;
  await next('joined');
  return { socket, messages, texts, next };
}

test('of two members that hold sockets one leads; its process is killed, and the other leads within a second', async () => {
  const url = instance.url.replace('http', 'ws') + path('pair', 'connect');
  const process = spawn(
    globalThis.process.execPath,
    [
      '-e',
      `const socket = new WebSocket(${JSON.stringify(url)}, { headers: { authorization: 'Bearer ' + process.env.TOKEN } });
       socket.onopen = () => socket.send(JSON.stringify({ type: 'join', memberId: 'first', status: 'Running' }));
       socket.onmessage = ({ data }) => console.log(data);`,
    ],
    { env: { ...globalThis.process.env, TOKEN: instance.adminToken }, stdio: ['ignore', 'pipe', 'inherit'] },
  );
  try {
    await once(process.stdout, 'data');
    const second = await connect('pair', 'second');
    const before = await leaderOf('pair');
    expect(before).toMatchObject({ memberId: 'first', state: 'Elected' });
    const killedMs = performance.now();
    process.kill('SIGKILL');
    const told = await second.next('leader', (message) => message['memberId'] === 'second');
    const elapsedMs = performance.now() - killedMs;
    expect(elapsedMs).toBeLessThan(1_000);
    console.log(`fail-over with a held socket: ${elapsedMs.toFixed(1)} ms`);
    expect(told['epoch']).toBeGreaterThan(before.epoch);
    expect(await leaderOf('pair')).toMatchObject({ memberId: 'second', epoch: told['epoch'] });
    second.socket.close();
  } finally {
    process.kill('SIGKILL');
  }
});

test('a member without a socket is Unhealthy, then gone, and leads no longer', async () => {
  await beat('beats', 'silent', { sessionTtlSeconds: 1.5 });
  const { epoch } = await beat('beats', 'alive', { sessionTtlSeconds: 60 });
  expect(await leaderOf('beats')).toMatchObject({ memberId: 'silent' });
  const startMs = performance.now();
  const next = await eventually(
    () => leaderOf('beats'),
    (leader) => leader.memberId === 'alive',
    5_000,
  );
  console.log(`fail-over by silence, lease 1000 ms: ${(performance.now() - startMs).toFixed(0)} ms`);
  expect(next.epoch).toBeGreaterThan(epoch);
  const { members } = await eventually(
    () => call<ClusterView>('GET', 'beats', 'state'),
    (state) => state.members.length === 1,
    5_000,
  );
  expect(members[0].memberId).toBe('alive');
});

test('pings are answered and keep a member; a heartbeat of nobody, and nonsense, are refused in words', async () => {
  const member = await connect('pings', 'a', { sessionTtlSeconds: 1 });
  for (let beat = 0; beat < 6; beat++) {
    member.socket.send('ping');
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(member.texts.filter((text) => text === 'pong')).toHaveLength(6);
  expect(await call('GET', 'pings', 'members/a')).toMatchObject({ health: 'Active', connected: true });
  member.socket.send('nonsense');
  expect(await member.next('error')).toMatchObject({ code: 'bad_request' });
  member.socket.send(JSON.stringify({ type: 'leave' }));
  await once(member.socket, 'close');
  expect(await call('GET', 'pings', 'members')).toEqual({ items: [] });
});

test('a watch tells every change in order, resumes by revision, and is refused where history is not known', async () => {
  const events: ClusterEvent[] = [];
  const follow = async (revision: number, enough: number) => {
    const abort = new AbortController();
    const response = await instance.fetch(path('watched', `watch?revision=${revision}`), { signal: abort.signal });
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    let text = '';
    for await (const chunk of response.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      text += chunk;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const data = JSON.parse(text.slice(text.indexOf('data: ') + 6, end));
        if (data.type === 'event') events.push(data);
        text = text.slice(end + 2);
      }
      if (events.length >= enough) break;
    }
    abort.abort();
  };
  const first = follow(0, 3);
  await beat('watched', 'a');
  await beat('watched', 'b');
  await first;
  await call('DELETE', 'watched', 'members/a');
  await follow(events.at(-1)?.revision ?? 0, 6);
  expect(events.map((event) => (event.kind === 'member' ? event.change : event.kind))).toEqual([
    'joined',
    'leader',
    'joined',
    'left',
    'leader',
    'leader',
  ]);
  expect(events.map(({ revision }) => revision)).toEqual([1, 2, 3, 4, 5, 6]);
  const refused = await instance.fetch(path('watched', 'watch?revision=99'));
  expect([refused.status, await refused.json()]).toMatchObject([410, { code: 'gone', compactedRevision: 0 }]);
});

test('who resigns leads again only after a campaign; the history says why', async () => {
  await beat('hands', 'a');
  await call('POST', 'hands', 'election/resign', { memberId: 'a' });
  expect(await leaderOf('hands')).toMatchObject({ memberId: null, state: 'Idle' });
  const election = await call<ElectionView>('POST', 'hands', 'election/campaign', { memberId: 'a' });
  expect(election.history.map(({ outcome, reason }) => `${outcome}: ${reason}`)).toEqual([
    'elected: campaign',
    'ended: resigned',
    'elected: automatic',
  ]);
  const vote = { memberId: 'a', candidateId: 'a', term: 1 };
  expect(
    (await instance.fetch(path('hands', 'election/vote'), { method: 'POST', body: JSON.stringify(vote) })).status,
  ).toBe(409);
});

test('a connection without a token or without an upgrade is refused', async () => {
  expect((await instance.fetch(path('closed', 'connect'), { headers: { authorization: '' } })).status).toBe(401);
  expect((await instance.fetch(path('closed', 'connect'))).status).toBe(400);
});

test('epochs grow through kill -9 of the runtime, and through a storage that went back in time', async () => {
  await beat('deep', 'a');
  await beat('deep', 'b');
  const held = await connect('deep', 'c');
  await call('DELETE', 'deep', 'members/a');
  const before = await leaderOf('deep');
  held.socket.close();
  await instance.kill9();
  instance = await launch({ stateDir: instance.stateDir });
  expect(await leaderOf('deep')).toMatchObject({ memberId: before.memberId, epoch: before.epoch });
  await call('DELETE', 'deep', `members/${before.memberId}`);
  const next = await leaderOf('deep');
  expect(next.epoch).toBeGreaterThan(before.epoch);
  // What a restore of the object's storage comes to: the incarnation outside is not the one inside.
  await instance.bindings.CATALOG.prepare('UPDATE cluster_incarnations SET incarnation = incarnation + 1').run();
  await instance.kill9();
  instance = await launch({ stateDir: instance.stateDir });
  expect((await leaderOf('deep')).epoch).toBeGreaterThan(next.epoch + 2 ** 32);
});
