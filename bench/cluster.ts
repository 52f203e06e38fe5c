/** Clusters on workerd against etcd: writes of their state, and how soon a lost leader is replaced. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Instance } from '../scripts/launcher.ts';
import { type BenchRow, type BenchSection, median } from './harness.ts';
import { base64, type Etcd, type EtcdNode, etcdCall, startEtcd } from './peers/etcd.ts';
import { HttpClient, inFlight } from './peers/http-client.ts';
import { findProgram, type Program } from './peers/programs.ts';
import { interleaved, quantile, type RoundsContender } from './rounds.ts';

const SIZE = Number(process.env['SIZE'] ?? 1);
const ROUNDS = 5;
const WINDOWS = [1, 16, 64] as const;
/** Writes of a round with one in flight; more where more are. */
const PUTS = Math.max(50, Math.round(300 * SIZE));
const KEYS = 1_000;
const VALUE = 'v'.repeat(256);
const FAILOVERS = Math.max(2, Math.round(7 * SIZE));
/** Leases last as long as etcd lets them at the least. */
const LEASE_SECONDS = 2;

type Measure = `${'us' | 'p50' | 'p99'}${(typeof WINDOWS)[number]}`;

/** A way to write a key. */
function writer(name: string, put: (key: string) => Promise<unknown>): RoundsContender<Measure> {
  return {
    name,
    async round() {
      const measured: Partial<Record<Measure, number>> = {};
      for (const window of WINDOWS) {
        const count = window === 1 ? PUTS : 4 * PUTS;
        const times: number[] = [];
        const began = performance.now();
        await inFlight(count, window, async (i) => {
          const sentAt = performance.now();
          await put(`key-${i % KEYS}`);
          times.push(performance.now() - sentAt);
        });
        measured[`us${window}`] = ((performance.now() - began) * 1_000) / count;
        measured[`p50${window}`] = quantile(times, 0.5);
        measured[`p99${window}`] = quantile(times, 0.99);
      }
      return measured as Record<Measure, number>;
    },
  };
}

export async function stateSection(instance: Instance): Promise<BenchSection> {
  const program = findProgram('etcd', 'etcd-server');
  const etcd = program === null ? null : await startEtcd(program, 1);
  const ours = new HttpClient(instance.url, 64, { authorization: `Bearer ${instance.adminToken}` });
  const theirs = etcd === null ? null : new HttpClient(etcd.nodes[0].url, 64);
  const cluster = '/v1/namespaces/default/clusters/bench';
  const value = base64(VALUE);
  const contenders = [
    writer('native', (key) => ours.json('PUT', `${cluster}/kv/${key}`, { value: VALUE })),
    writer("etcd's API", (key) => ours.json('POST', `${cluster}/v3/kv/put`, { key: base64(key), value })),
    ...(theirs === null
      ? []
      : [writer('etcd', (key) => theirs.json('POST', '/v3/kv/put', { key: base64(key), value }))]),
  ];
  try {
    const medians = await interleaved(contenders, ROUNDS);
    const peer = medians.get('etcd');
    const rows = WINDOWS.flatMap((window) =>
      ['native', "etcd's API"].map((name): BenchRow => {
        const own = medians.get(name);
        if (own === undefined) throw new Error(`${name} was measured`);
        const told = (values: Readonly<Record<Measure, number>>) =>
          `${Math.round(1e6 / values[`us${window}`]).toLocaleString('en')}/s, p50 ${values[`p50${window}`].toFixed(2)} ms, p99 ${values[`p99${window}`].toFixed(1)} ms`;
        return {
          what: `put, ${window} in flight, ${name}`,
          ours: told(own),
          peer: peer === undefined ? '' : told(peer),
          ratio: peer === undefined ? null : own[`us${window}`] / peer[`us${window}`],
          note: peer === undefined ? 'no etcd was to be had' : 'etcd, one node, JSON over HTTP',
        };
      }),
    );
    return {
      title: 'State of a cluster',
      setting: [
        `Values of ${VALUE.length} bytes under ${KEYS.toLocaleString('en')} keys, by the same HTTP client on both sides; ours by its own routes (which answer with the whole record) and by etcd's JSON API, on workerd.`,
        `Ratios are of times: below 1 we are faster. Medians of ${ROUNDS} interleaved rounds.`,
      ].join(' '),
      rows,
    };
  } finally {
    ours.close();
    theirs?.close();
    await etcd?.stop();
  }
}

/** A process of its own that leads, and is there to be killed. */
async function leadingProcess(code: string, env: Readonly<Record<string, string>>): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['-e', code], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  if (child.stdout === null) throw new Error('a pipe was asked for');
  await once(child.stdout, 'data');
  return child;
}

/** Kills a process with -9 and answers when that was. */
function kill(child: ChildProcess): number {
  const killedAt = performance.now();
  child.kill('SIGKILL');
  return killedAt;
}

/** A second member that holds a socket, and when it hears that it leads. */
async function successor(instance: Instance, cluster: string): Promise<{ elected: Promise<number>; close(): void }> {
  const url = `${instance.url.replace('http', 'ws')}/v1/namespaces/default/clusters/${cluster}/connect`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${instance.adminToken}` } } as never);
  let joined = () => {};
  const ready = new Promise<void>((resolve) => {
    joined = resolve;
  });
  const elected = new Promise<number>((resolve) => {
    socket.addEventListener('message', ({ data }) => {
      const now = performance.now();
      const message: { type: string; memberId?: string } = JSON.parse(String(data));
      if (message.type === 'joined') joined();
      if (message.type === 'leader' && message.memberId === 'second') resolve(now);
    });
  });
  await once(socket, 'open');
  socket.send(JSON.stringify({ type: 'join', memberId: 'second', status: 'Running', sessionTtlSeconds: 60 }));
  await ready;
  return { elected, close: () => socket.close() };
}

const HOLDS_SOCKET = `
  const socket = new WebSocket(process.env.URL, { headers: { authorization: 'Bearer ' + process.env.TOKEN } });
  socket.onopen = () => socket.send(JSON.stringify({ type: 'join', memberId: 'first', status: 'Running' }));
  socket.onmessage = ({ data }) => { if (JSON.parse(data).type === 'leader') console.log('leads'); };`;

const BEATS = `
  const beat = () => fetch(process.env.URL, { method: 'PUT', headers: { authorization: 'Bearer ' + process.env.TOKEN },
    body: JSON.stringify({ status: 'Running', sessionTtlSeconds: Number(process.env.TTL) }) });
  beat().then(() => { console.log('leads'); setInterval(beat, Number(process.env.TTL) * 1000 / 3); });`;

async function ownFailover(instance: Instance, cluster: string, kind: 'socket' | 'heartbeat'): Promise<number> {
  const path = `/v1/namespaces/default/clusters/${cluster}`;
  const url = `${instance.url}${path}`;
  const env = { TOKEN: instance.adminToken, TTL: String(LEASE_SECONDS) };
  const leader =
    kind === 'socket'
      ? await leadingProcess(HOLDS_SOCKET, { ...env, URL: `${url.replace('http', 'ws')}/connect` })
      : await leadingProcess(BEATS, { ...env, URL: `${url}/members/first` });
  try {
    const second = await successor(instance, cluster);
    const before = (await (await instance.fetch(`${path}/leader`)).json()) as { memberId: string };
    if (before.memberId !== 'first') throw new Error('the first member leads');
    // Past a heartbeat, at no fixed moment between two.
    if (kind === 'heartbeat') await new Promise((resolve) => setTimeout(resolve, 700 + 600 * Math.random()));
    const killedAt = kill(leader);
    const electedAt = await second.elected;
    second.close();
    return electedAt - killedAt;
  } finally {
    leader.kill('SIGKILL');
  }
}

/** Kills the leader of three nodes, and writes by another until that goes. */
async function etcdFailover(program: Program): Promise<number> {
  const etcd = await startEtcd(program, 3);
  try {
    const leader = await leaderOf(etcd);
    const survivor = etcd.nodes.find((node) => node !== leader);
    if (survivor === undefined) throw new Error('of three nodes two are left');
    const put = { key: base64('k'), value: base64('v') };
    await etcdCall(survivor.url, 'kv/put', put);
    const killedAt = performance.now();
    await leader.server.kill();
    const wrote = new Promise<number>((resolve) => {
      // Several at a time: an attempt that began without a leader would hide that there is one.
      const attempt = async () => {
        await etcdCall(survivor.url, 'kv/put', put, 10_000);
        resolve(performance.now());
        clearInterval(timer);
      };
      const timer = setInterval(() => void attempt().catch(() => undefined), 20);
    });
    return (await wrote) - killedAt;
  } finally {
    await etcd.stop();
  }
}

async function leaderOf(etcd: Etcd): Promise<EtcdNode> {
  for (const node of etcd.nodes) {
    const status = await etcdCall<{ leader: string; header: { member_id: string } }>(
      node.url,
      'maintenance/status',
      {},
    );
    if (status.leader === status.header.member_id) return node;
  }
  throw new Error('an etcd of three nodes has a leader');
}

const HOLDS_LEASE = `
  const call = (path, body) => fetch(process.env.URL + '/v3/' + path, { method: 'POST', body: JSON.stringify(body) }).then((answer) => answer.json());
  (async () => {
    const { ID } = await call('lease/grant', { TTL: process.env.TTL });
    await call('kv/put', { key: process.env.KEY, value: process.env.KEY, lease: ID });
    console.log('leads');
    setInterval(() => call('lease/keepalive', { ID }), Number(process.env.TTL) * 1000 / 3);
  })();`;

/** A client that holds a key by a lease is killed; another watches the key and takes it. */
async function leaseFailover(url: string, turn: number): Promise<number> {
  const key = base64(`leader-${turn}`);
  const leader = await leadingProcess(HOLDS_LEASE, { URL: url, KEY: key, TTL: String(LEASE_SECONDS) });
  const watch = new AbortController();
  try {
    const response = await fetch(`${url}/v3/watch`, {
      method: 'POST',
      body: JSON.stringify({ create_request: { key } }),
      signal: watch.signal,
    });
    await new Promise((resolve) => setTimeout(resolve, 700 + 600 * Math.random()));
    const killedAt = kill(leader);
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) {
      text += decoder.decode(chunk, { stream: true });
      if (text.includes('"DELETE"')) break;
    }
    const absent = { key, target: 'CREATE', result: 'EQUAL', create_revision: '0' };
    const answer = await etcdCall<{ succeeded?: boolean }>(url, 'kv/txn', {
      compare: [absent],
      success: [{ request_put: { key, value: key } }],
    });
    if (answer.succeeded !== true) throw new Error('the key of a lease that ended is free');
    return performance.now() - killedAt;
  } finally {
    watch.abort();
    leader.kill('SIGKILL');
  }
}

export async function failoverSection(instance: Instance): Promise<BenchSection> {
  const program = findProgram('etcd', 'etcd-server');
  const one = program === null ? null : await startEtcd(program, 1);
  const [socket, heartbeat, raft, lease]: number[][] = [[], [], [], []];
  try {
    for (let turn = 0; turn <= FAILOVERS; turn++) {
      const measured = [
        [socket, await ownFailover(instance, `socket-${turn}`, 'socket')],
        [heartbeat, await ownFailover(instance, `heartbeat-${turn}`, 'heartbeat')],
        ...(program === null ? [] : [[raft, await etcdFailover(program)] as const]),
        ...(one === null ? [] : [[lease, await leaseFailover(one.nodes[0].url, turn)] as const]),
      ] as const;
      if (turn > 0) for (const [times, time] of measured) (times as number[]).push(time as number);
    }
  } finally {
    await one?.stop();
  }
  const row = (what: string, ours: number[], peer: number[], note: string): BenchRow => ({
    what,
    ours: spread(ours),
    peer: peer.length === 0 ? '' : spread(peer),
    ratio: peer.length === 0 ? null : median(ours) / median(peer),
    note: peer.length === 0 ? 'no etcd was to be had' : note,
  });
  return {
    title: 'Fail-over',
    setting: [
      "The leader's process is killed with SIGKILL; timed until the next one knows that it leads (etcd's own: until a write goes through a survivor, tried every 20 ms).",
      `Ours holds a WebSocket, whose end is noticed, or sends heartbeats alone with a session of ${LEASE_SECONDS} s; etcd has three nodes with the time-outs it comes with, or a client's key under a lease of ${LEASE_SECONDS} s, kept alive each third of it, and a second client that watches the key. With leases the time depends on when the last heartbeat was, which is left to chance.`,
      `${FAILOVERS} each, interleaved: median, least to most.`,
    ].join(' '),
    rows: [
      row('the leader held a socket', socket, raft, 'etcd’s own leader, three nodes'),
      row('the leader held a socket', socket, lease, `a client’s lease of ${LEASE_SECONDS} s in etcd`),
      row('the leader sent heartbeats', heartbeat, lease, `a client’s lease of ${LEASE_SECONDS} s in etcd`),
    ],
  };
}

function spread(times: readonly number[]): string {
  const [low, high] = [Math.min(...times), Math.max(...times)];
  return `${Math.round(median(times))} ms (${Math.round(low)}–${Math.round(high)})`;
}
