import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { createConnection, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import type {
  ClusterBackup,
  ClusterEvent,
  ClusterRestored,
  ClusterView,
  ElectionView,
  JoinAnswer,
  LeaderView,
  WatchMessage,
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

/** A watch of events over WebSocket. */
async function follow(cluster: string, revision: number | null) {
  const query = revision === null ? '' : `?revision=${revision}`;
  const url = instance.url.replace('http', 'ws') + path(cluster, `watch${query}`);
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${instance.adminToken}` } } as never);
  const revisions: number[] = [];
  const kinds: string[] = [];
  let reached = -1;
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as WatchMessage;
    reached = message.type === 'gone' ? Number.POSITIVE_INFINITY : message.revision;
    if (message.type !== 'event') return;
    revisions.push(message.revision);
    kinds.push(message.kind);
  });
  await once(socket, 'open');
  const until = (last: number) =>
    eventually(
      async () => reached,
      (revision) => revision >= last,
    );
  await until(0);
  return { socket, revisions, kinds, until };
}

/** What a request for a WebSocket is answered with where it is refused: Node's client does not tell. */
async function rawUpgrade(path: string, token = instance.adminToken): Promise<string> {
  const { hostname, port } = new URL(instance.url);
  const socket = createConnection(Number(port), hostname);
  const key = 'dGhlIHNhbXBsZSBub25jZQ==';
  const headers = [
    `Host: ${hostname}`,
    `Authorization: Bearer ${token}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
  ];
  socket.write([`GET ${path} HTTP/1.1`, ...headers, '', ''].join('\r\n'));
  let text = '';
  for await (const chunk of socket) {
    text += chunk;
    if (text.includes('requestId') || text.startsWith('HTTP/1.1 101')) break;
  }
  return text;
}

/** A member whose client says nothing more once it has joined, and does not take part in a close. */
async function memberThatAnswersNoClose(cluster: string, memberId: string, token: string): Promise<Socket> {
  const { hostname, port } = new URL(instance.url);
  const socket = createConnection(Number(port), hostname);
  const head = [
    `GET ${path(cluster, 'connect')} HTTP/1.1`,
    `Host: ${hostname}`,
    `Authorization: Bearer ${token}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
  ];
  socket.write([...head, '', ''].join('\r\n'));
  await once(socket, 'data');
  const text = Buffer.from(JSON.stringify({ type: 'join', memberId, status: 'Running' }));
  // One frame of text under a mask of zeros (RFC 6455, section 5.2).
  socket.write(Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), text]));
  return socket;
}

const CLUSTERS = '/apis/orasi.io/v1alpha1/namespaces/default/clusters';

/** Declares a cluster, or declares it anew. */
async function declare(name: string, spec: object): Promise<void> {
  const resource = { apiVersion: 'orasi.io/v1alpha1', kind: 'Cluster', metadata: { name }, spec };
  const present = await instance.fetch(`${CLUSTERS}/${name}`);
  const { metadata } = (await present.json()) as { metadata: object };
  const response = await instance.fetch(present.ok ? `${CLUSTERS}/${name}` : CLUSTERS, {
    method: present.ok ? 'PUT' : 'POST',
    body: JSON.stringify(present.ok ? { ...resource, metadata } : resource),
    headers: { 'content-type': 'application/json' },
  });
  if (!response.ok) throw new Error(`${name}: ${response.status} ${await response.text()}`);
}

/** The name of a cluster's object. */
async function clusterName(cluster: string): Promise<string> {
  const response = await instance.fetch('/api/v1/namespaces/default');
  const { metadata } = (await response.json()) as { metadata: { uid: string } };
  return `${metadata.uid}/${cluster}`;
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

test('pings keep a member, without them an open socket is half-open and closed; nonsense is refused in words', async () => {
  const halfOpen = await connect('pings', 'half-open', { sessionTtlSeconds: 1 });
  const cutOff = once(halfOpen.socket, 'close');
  const member = await connect('pings', 'a', { sessionTtlSeconds: 1 });
  for (let beat = 0; beat < 6; beat++) {
    member.socket.send('ping');
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
  expect(member.texts.filter((text) => text === 'pong')).toHaveLength(6);
  expect(await call('GET', 'pings', 'members')).toMatchObject({
    items: [{ memberId: 'a', health: 'Active', connected: true }],
  });
  expect((await cutOff)[0]).toMatchObject({ code: 4002 });
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

test('by declared majority the live members vote, over HTTP and WebSocket; what is declared otherwise is taken up', async () => {
  const spec = { election: { policy: 'majority', automatic: false, preferredMembers: ['b'] } };
  await declare('council', spec);
  const [a, b] = [await connect('council', 'a'), await connect('council', 'b')];
  await beat('council', 'c', { sessionTtlSeconds: 60 });
  const vote = (memberId: string, candidateId: string, term: number) =>
    instance.fetch(path('council', 'election/vote'), {
      method: 'POST',
      body: JSON.stringify({ memberId, candidateId, term }),
    });
  await call('POST', 'council', 'election/campaign', { memberId: 'a' });
  b.socket.send(JSON.stringify({ type: 'campaign' }));
  expect(await b.next('ballot', ({ candidates }) => String(candidates) === 'a,b')).toMatchObject({
    term: 1,
    votesNeeded: 2,
  });
  // One each of a, b and c, who stands as well: a tie, after which the preferred of the first stands alone.
  await call('POST', 'council', 'election/campaign', { memberId: 'c' });
  expect(await a.next('ballot', ({ term }) => term === 2)).toMatchObject({ candidates: ['b'], votes: { b: 'b' } });
  expect((await vote('c', 'b', 1)).status).toBe(409);
  a.socket.send(JSON.stringify({ type: 'vote', candidateId: 'b', term: 2 }));
  const { epoch } = await a.next('leader', ({ memberId }) => memberId === 'b');
  expect((await vote('c', 'b', 2)).status).toBe(200);
  expect(await call('GET', 'council', 'election')).toMatchObject({
    policy: 'majority',
    leader: { memberId: 'b', epoch },
    history: [
      { outcome: 'elected', reason: '2 of 3 votes' },
      { outcome: 'failed', reason: 'tie' },
    ],
  });
  // Nobody campaigns, so nobody leads, until the declaration says that somebody is to.
  b.socket.send(JSON.stringify({ type: 'resign' }));
  await a.next('leader', ({ memberId }) => memberId === null);
  await declare('council', { election: { policy: 'lease', preferredMembers: ['c'] } });
  const startMs = performance.now();
  expect(
    await eventually(
      () => leaderOf('council'),
      ({ memberId }) => memberId !== null,
    ),
  ).toMatchObject({
    memberId: 'c',
  });
  expect(performance.now() - startMs).toBeLessThan(5_000);
  for (const { socket } of [a, b]) socket.close();
});

test('a watch over WebSocket has every change once while the object sleeps and wakes, and is told where history is gone', async () => {
  const uid = await clusterName('sleepy');
  const member = await connect('sleepy', 'held', { sessionTtlSeconds: 3_600 });
  const watch = await follow('sleepy', 0);
  for (let turn = 0; turn < 3; turn++) {
    await beat('sleepy', `m${turn}`);
    await instance.evict('Cluster', uid);
    await call('DELETE', 'sleepy', `members/m${turn}`);
    await instance.evict('Cluster', uid);
  }
  await watch.until(8);
  expect(watch.revisions).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  // The one that leads held its socket all the while.
  expect(await leaderOf('sleepy')).toMatchObject({ memberId: 'held' });
  expect(watch.kinds.filter((kind) => kind === 'leader')).toHaveLength(1);
  watch.socket.send('where am I?');
  await watch.until(8);
  member.socket.close();
  const refused = await rawUpgrade(path('sleepy', 'watch?revision=99'));
  expect(refused).toMatch(/^HTTP\/1\.1 410 [\s\S]*"compactedRevision":0[\s\S]*"code":"gone"/);
});

test('a backup holds the whole cluster, and a restore puts it back under epochs and revisions never seen before', async () => {
  await beat('kept', 'a');
  await call('PUT', 'kept', 'kv/mode', { value: 'good' });
  await call('POST', 'kept', 'election/resign', { memberId: 'a' });
  const backup = await call<ClusterBackup>('POST', 'kept', 'backups');
  const { items } = await call<{ items: ClusterBackup[] }>('GET', 'kept', 'backups');
  expect(items).toMatchObject([{ backupId: backup.backupId, sizeBytes: backup.sizeBytes }]);
  await call('PUT', 'kept', 'kv/mode', { value: 'bad' });
  await call('POST', 'kept', 'election/campaign', { memberId: 'a' });
  const member = await connect('kept', 'b');
  const before = await leaderOf('kept');
  const watch = await follow('kept', null);
  const closed = once(member.socket, 'close');

  const restored = await call<ClusterRestored>('POST', 'kept', 'restore', { backupId: backup.backupId });
  expect((await closed)[0]).toMatchObject({ code: 4003 });
  await watch.until(Number.POSITIVE_INFINITY);
  expect(restored.epoch).toBeGreaterThan(before.epoch);
  expect(await call('GET', 'kept', 'kv/mode')).toMatchObject({ value: 'good', revision: backup.revision });
  expect(await call('GET', 'kept', 'members')).toEqual({ items: [] });
  await beat('kept', 'a');
  expect(await leaderOf('kept')).toMatchObject({ memberId: null });
  const watched = await instance.fetch(path('kept', `watch/kv?revision=${backup.revision + 1}`));
  expect([watched.status, await watched.json()]).toMatchObject([410, { compactedRevision: restored.revision }]);
  // A leader of before is fenced off, though its term may come again.
  const stale = { method: 'PUT', body: '{"value":"old"}', headers: { 'if-epoch': String(before.epoch) } };
  expect((await instance.fetch(path('kept', 'kv/mode'), stale)).status).toBe(412);

  // Another cluster becomes what this one was; what is no backup changes nothing.
  await call('POST', 'twin', 'restore', { backupId: backup.backupId, cluster: 'kept' });
  expect(await call('GET', 'twin', 'kv/mode')).toMatchObject({ value: 'good' });
  const missing = { method: 'POST', body: JSON.stringify({ backupId: backup.backupId }) };
  expect((await instance.fetch(path('twin', 'restore'), missing)).status).toBe(404);
  await call('DELETE', 'kept', `backups/${backup.backupId}`);
  expect(await call('GET', 'kept', 'backups')).toEqual({ items: [] });
});

test('a cluster declared in a jurisdiction is another object than one outside of it, and stays where its data are', async () => {
  await declare('homely', { jurisdiction: 'eu' });
  await call('PUT', 'homely', 'kv/a', { value: '1' });
  const rows = await instance.bindings.CATALOG.prepare(
    "SELECT name FROM cluster_incarnations WHERE name LIKE '%/homely%'",
  ).all();
  expect(rows.results).toEqual([{ name: expect.stringMatching(/\/homely@eu$/) }]);
  await instance.fetch(`${CLUSTERS}/homely`, { method: 'DELETE' });
  await declare('homely', { jurisdiction: 'us' });
  await eventually(
    async () => JSON.stringify(await (await instance.fetch(`${CLUSTERS}/homely`)).json()),
    (resource) => resource.includes('HasData'),
  );
  expect(await call('GET', 'homely', 'kv/a')).toMatchObject({ value: '1' });
});

test('a connection without a token or without an upgrade is refused', async () => {
  expect((await instance.fetch(path('closed', 'connect'), { headers: { authorization: '' } })).status).toBe(401);
  expect((await instance.fetch(path('closed', 'connect'))).status).toBe(400);
});

test('epochs grow through kill -9 of the runtime, and through a storage that went back in time', async () => {
  await beat('deep', 'a');
  await beat('deep', 'b');
  const held = await connect('deep', 'c');
  const watch = await follow('deep', 0);
  await call('DELETE', 'deep', 'members/a');
  const before = await leaderOf('deep');
  await watch.until(6);
  held.socket.close();
  await declare('voters', { election: { policy: 'majority' } });
  for (const name of ['a', 'b', 'c', 'd', 'e']) await beat('voters', name, { sessionTtlSeconds: 3_600 });
  await call('POST', 'voters', 'election/resign', { memberId: 'a' });
  const { ballot } = await call<ElectionView>('GET', 'voters', 'election');
  await call('POST', 'voters', 'election/vote', { memberId: 'c', candidateId: 'b', term: ballot?.term });
  await instance.kill9();
  instance = await launch({ stateDir: instance.stateDir });
  expect(await leaderOf('deep')).toMatchObject({ memberId: before.memberId, epoch: before.epoch });
  // The vote was written down before it was answered, and is the one of its term.
  expect((await call<ElectionView>('GET', 'voters', 'election')).ballot).toMatchObject({ votes: { b: 'b', c: 'b' } });
  const resumed = await follow('deep', watch.revisions.at(-1) ?? 0);
  await beat('deep', 'late');
  await resumed.until((await call<ClusterView>('GET', 'deep', 'state')).revision);
  const all = [...watch.revisions, ...resumed.revisions];
  expect(all).toEqual(all.map((_, at) => at + 1));
  expect(all.length).toBeGreaterThan(7);
  await call('DELETE', 'deep', `members/${before.memberId}`);
  const next = await leaderOf('deep');
  expect(next.epoch).toBeGreaterThan(before.epoch);
  // What a restore of the object's storage comes to: the incarnation outside is not the one inside.
  await instance.bindings.CATALOG.prepare('UPDATE cluster_incarnations SET incarnation = incarnation + 1').run();
  await instance.kill9();
  instance = await launch({ stateDir: instance.stateDir });
  expect((await leaderOf('deep')).epoch).toBeGreaterThan(next.epoch + 2 ** 32);
});

test('a revoked key ends the sockets and streams it opened, sockets at once, and no others; it opens no more', {
  timeout: 60_000,
}, async () => {
  const issued = await instance.fetch('/v1/namespaces/default/keys', {
    method: 'POST',
    body: JSON.stringify({ role: 'admin' }),
  });
  const { keyId, token } = (await issued.json()) as { keyId: string; token: string };
  const open = async (rest: string, bearer: string) => {
    const url = `${instance.url.replace('http', 'ws')}/v1/namespaces/default/${rest}`;
    // What the client says of whose it is counts for nothing.
    const headers = { authorization: `Bearer ${bearer}`, 'x-orasi-subject': 'key:another' };
    const socket = new WebSocket(url, { headers } as never);
    const closed = once(socket, 'close', { signal: AbortSignal.timeout(5_000) });
    closed.catch(() => {});
    await once(socket, 'open');
    return { socket, closed };
  };
  const paths = [
    'clusters/keys/connect',
    'clusters/keys/watch',
    'clusters/keys/watch/kv',
    'clusters/only-watched/watch',
    'queues/keys/connect',
  ];
  const silent = await Promise.all(paths.map((rest) => open(rest, token)));
  const speaking = await Promise.all(paths.map((rest) => open(rest, token)));
  const kept = await Promise.all(paths.map((rest) => open(rest, instance.adminToken)));
  const headers = { authorization: `Bearer ${token}`, accept: 'text/event-stream' };
  const streams = await Promise.all(
    paths.slice(1, 3).map((rest) => instance.fetch(`/v1/namespaces/default/${rest}`, { headers })),
  );
  const kinds = await instance.fetch('/api/v1/namespaces/default/secrets?watch=true', {
    headers: { authorization: `Bearer ${token}` },
  });
  const etcd = await instance.fetch(path('keys', 'v3/watch'), {
    method: 'POST',
    headers: { authorization: token },
    body: JSON.stringify({ create_request: { key: 'AA==', range_end: 'AA==' } }),
  });
  streams.push(kinds, etcd);
  expect(streams.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  for (const { socket } of speaking) socket.send('{}');
  const member = await memberThatAnswersNoClose('keys', 'm', token);
  await eventually(
    () => leaderOf('keys'),
    ({ memberId }) => memberId === 'm',
  );

  const revokedMs = Date.now();
  const ends = Promise.all(streams.map((stream) => stream.text())).then(() => Date.now() - revokedMs);
  expect((await instance.fetch(`/v1/namespaces/default/keys/${keyId}`, { method: 'DELETE' })).status).toBe(204);
  // The door may take the key for some seconds yet; a socket would outlive them.
  for (const rest of paths) expect(await rawUpgrade(`/v1/namespaces/default/${rest}`, token)).toMatch(/^HTTP\/1.1 401/);
  for (const { closed } of speaking) expect(((await closed)[0] as CloseEvent).code).toBe(4006);
  // Of one that never said anything the runtime frees the connection when the object sleeps: it is only told of the end.
  await eventually(
    async () => silent.map(({ socket }) => socket.readyState),
    (states) => states.every((state) => state !== WebSocket.OPEN),
    1_000,
  );
  expect((await leaderOf('keys')).memberId).toBeNull();
  expect(Date.now() - revokedMs).toBeLessThan(3_000);
  expect(kept.map(({ socket }) => socket.readyState)).toEqual(kept.map(() => WebSocket.OPEN));
  for (const { socket } of kept) socket.close();
  member.destroy();

  // Nothing happens that they could tell of.
  expect(await ends).toBeLessThan(10_000);
});
