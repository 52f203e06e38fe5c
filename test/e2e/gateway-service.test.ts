import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { seededRandom } from '../../src/core/random.ts';
import { findProgram, freePorts } from '../discovery/process.ts';
import { until } from '../discovery/until.ts';
import { sized } from '../scale.ts';
import { type CheckedRequest, check, type Ended } from './checking-client.ts';
import { applyAll, createNamespace, type Manifest, routeTo, upstreamOf } from './gateway-resources.ts';
import { LIES, type Lie, LyingBackend } from './lying-backend.ts';

/** Each fault once by default, and for a minute in the full suite. */
const SECONDS = sized(1) > 1 ? 60 : 5;
const TENANTS = ['north', 'south'];
const hostsOf = (tenant: string) => [`a.${tenant}.example.com`, `b.${tenant}.example.com`];
/** To the head of an answer, repetitions included, and then between two pieces of its body. */
const REQUEST_MS = 1_500;
const IDLE_MS = 1_000;
/** Longer than any of those: what has not ended then hangs. */
const HANGING_MS = 6_000;
/** A change of configuration is in force after this, from the write's answer on, while there is a runtime. */
const IN_FORCE_MS = 5_000;

/**
 * Of each tenant: `sturdy` has three endpoints, one of which is at fault at a time, and repeats what failed; `bare` has
 * one and repeats nothing; `odd` and `even` take the requests of the versions that are.
 */
const backends: LyingBackend[] = [];
const of = (tenant: string, upstream: string) =>
  backends.filter((backend) => backend.tenant === tenant && backend.upstream === upstream);

const stateDir = mkdtempSync(join(tmpdir(), 'orasi-service-'));
const hey = findProgram('hey');
let port: number;
let instance: Instance;
const start = () =>
  launch({
    stateDir,
    port,
    vars: { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8', LOG_LEVEL: 'error', METRICS_FLUSH_MS: '500' },
  });

beforeAll(async () => {
  [port] = await freePorts(1);
  for (const tenant of TENANTS) {
    const isOwn = (host: string) => hostsOf(tenant).includes(host);
    for (const upstream of ['sturdy', 'sturdy', 'sturdy', 'bare', 'odd', 'even']) {
      backends.push(new LyingBackend(tenant, upstream, isOwn));
    }
  }
  await Promise.all(backends.map((backend) => backend.start()));
  instance = await start();
  for (const tenant of TENANTS) {
    await createNamespace(instance, tenant);
    await applyAll(instance, tenant, resourcesOf(tenant));
  }
  for (const tenant of TENANTS) {
    for (const host of hostsOf(tenant)) {
      for (const path of ['/', '/bare', '/versioned']) {
        await until(
          `${host}${path} is served`,
          async () => (await request({ host, path, method: 'GET', id: 'x' })).type === 'answered',
        );
      }
    }
  }
});
afterAll(async () => {
  await instance?.stop();
  await Promise.all(backends.map((backend) => backend.kill()));
  agent.destroy();
  await rm(stateDir, { recursive: true, force: true });
});

function resourcesOf(tenant: string): Manifest[] {
  const timeouts = { requestSeconds: REQUEST_MS / 1_000, idleSeconds: IDLE_MS / 1_000 };
  const addresses = (upstream: string) => of(tenant, upstream).map(({ address }) => address);
  const sturdy = {
    timeouts: { ...timeouts, trySeconds: 0.4 },
    retry: { attempts: 2, on: ['ConnectFailure', 'Timeout', 'GatewayError'] },
    outlierDetection: { consecutiveGatewayErrors: 3 },
  };
  const match = (value: string) => ({ matches: [{ path: { type: 'PathPrefix', value } }] });
  return [
    upstreamOf('sturdy', addresses('sturdy'), sturdy),
    ...['bare', 'odd', 'even'].map((name) => upstreamOf(name, addresses(name), { timeouts })),
    routeTo('sturdy', 'sturdy', hostsOf(tenant), match('/')),
    routeTo('bare', 'bare', hostsOf(tenant), match('/bare')),
    versioned(tenant, 0),
  ];
}

/** A rule whose header says which version it is, and whose backend is the one for such versions: half of it would show. */
function versioned(tenant: string, version: number): Manifest {
  return routeTo(version % 2 === 0 ? 'even' : 'odd', 'versioned', hostsOf(tenant), {
    matches: [{ path: { type: 'PathPrefix', value: '/versioned' } }],
    filters: [
      {
        type: 'RequestHeaderModifier',
        requestHeaderModifier: { set: [{ name: 'x-version', value: String(version) }] },
      },
    ],
  });
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
const request = (checked: CheckedRequest): Promise<Ended> =>
  check(`http://127.0.0.1:${port}`, agent, checked, HANGING_MS);

/** What the checking client saw. */
class Observed {
  readonly violations: string[] = [];
  /** By method and path: how requests ended, outside of the time in which the runtime was down. */
  readonly counts = new Map<string, Map<string, number>>();
  slowestMs = 0;
  readonly down = { is: false, fromMs: 0, toMs: 0 };
  readonly #written = new Map<string, { readonly version: number; readonly atMs: number }[]>();

  /** A version was taken by the control plane. */
  wrote(tenant: string, version: number): void {
    const versions = this.#written.get(tenant) ?? [];
    versions.push({ version, atMs: Date.now() });
    this.#written.set(tenant, versions);
  }

  ended(checked: CheckedRequest, sentMs: number, ended: Ended, isDown: boolean): void {
    const { host, path, method, id } = checked;
    const tenant = host.split('.')[1];
    const upstream = UPSTREAM_OF[path];
    const bad = (what: string) => this.violations.push(`${method} ${host}${path}: ${what}`);
    // While the runtime begins, connections wait for it.
    if (ended.type === 'hanging' && !isDown) bad(`hangs after ${HANGING_MS} ms`);
    if (ended.type === 'nonsense') bad(`answered ${ended.status} ${ended.body}`);
    if (ended.type === 'refused' && !REFUSALS.has(ended.code)) bad(`refused by ${ended.status} ${ended.code}`);
    if (ended.type === 'answered') {
      const { identity } = ended;
      if (identity.tenant !== tenant) bad(`answered by tenant ${identity.tenant}`);
      if (identity.echo !== id) bad(`has the answer of ${identity.echo}`);
      if (upstream === 'versioned') this.#checkVersion(tenant, sentMs, identity, bad);
      else if (identity.upstream !== upstream) bad(`answered by upstream ${identity.upstream}`);
    }
    if (isDown) return;
    this.slowestMs = Math.max(this.slowestMs, Date.now() - sentMs);
    const key = `${method} ${path}`;
    const counts = this.counts.get(key) ?? new Map<string, number>();
    const what = ended.type === 'refused' ? `${ended.status}` : ended.type;
    counts.set(what, (counts.get(what) ?? 0) + 1);
    this.counts.set(key, counts);
  }

  #checkVersion(
    tenant: string,
    sentMs: number,
    { version, upstream }: { version: string | null; upstream: string },
    bad: (what: string) => void,
  ): void {
    const number = Number(version);
    if (version === null || upstream !== (number % 2 === 0 ? 'even' : 'odd')) {
      bad(`is of version ${version} and of upstream ${upstream}: half of each`);
    }
    const due = (this.#written.get(tenant) ?? []).filter(({ atMs }) => this.#upMs(atMs, sentMs) > IN_FORCE_MS).at(-1);
    if (due !== undefined && number < due.version) {
      bad(`is of version ${number}, though ${due.version} was written ${this.#upMs(due.atMs, sentMs)} ms before`);
    }
  }

  /** How long between two moments there was a runtime that could have taken up what was written. */
  #upMs(fromMs: number, toMs: number): number {
    const { down } = this;
    const downToMs = down.is ? toMs : down.toMs;
    return toMs - fromMs - Math.max(0, Math.min(toMs, downToMs) - Math.max(fromMs, down.fromMs));
  }

  all(key: string): number {
    let all = 0;
    for (const count of this.counts.get(key)?.values() ?? []) all += count;
    return all;
  }

  /** Requests that did not end well. */
  failed(key: string): number {
    return this.all(key) - (this.counts.get(key)?.get('answered') ?? 0);
  }
}

/** A large body goes on as it comes, so that one which breaks off is not asked for again. */
const UPSTREAM_OF: Readonly<Record<string, string>> = {
  '/items': 'sturdy',
  '/large': 'sturdy',
  '/bare': 'bare',
  '/versioned': 'versioned',
};

/** What the gateway may say while upstreams are at fault and the runtime begins again. */
const REFUSALS = new Set(['upstream_failed', 'upstream_unavailable', 'upstream_timeout', 'unavailable']);

test('no request is misrouted, crossed or left hanging while everything around it fails', async () => {
  const observed = new Observed();
  const beganMs = Date.now();
  const { down } = observed;
  let isOver = false;
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

  const checking = Array.from({ length: 12 }, async (_, worker) => {
    const random = seededRandom(worker + 1);
    const one = <T>(values: readonly T[]): T => values[Math.floor(random.next() * values.length)];
    for (let n = 0; !isOver; n++) {
      const checked: CheckedRequest = {
        host: one(TENANTS.flatMap(hostsOf)),
        path: one(Object.keys(UPSTREAM_OF)),
        method: random.next() < 0.2 ? 'POST' : 'GET',
        id: `${worker}-${n}`,
      };
      const sentMs = Date.now();
      const wasDown = down.is;
      const ended = await request(checked);
      observed.ended(checked, sentMs, ended, wasDown || down.is || (sentMs < down.toMs && down.fromMs < Date.now()));
      await wait(random.next() * 60);
    }
  });

  const killRuntime = async () => {
    Object.assign(down, { is: true, fromMs: Date.now() });
    await instance.kill9();
    instance = await start();
    Object.assign(down, { is: false, toMs: Date.now() });
  };

  /** In turn each lie, and death, of one endpoint of `sturdy` and of `bare`; the runtime's own death among them. */
  let faultyMs = 0;
  const failing = async () => {
    const faults: (Lie | 'killed')[] = ['killed', ...LIES];
    const untilMs = () => beganMs + SECONDS * 1_000 + (down.toMs - down.fromMs);
    for (let turn = 0; turn < faults.length || Date.now() < untilMs(); turn++) {
      const fault = faults[turn % faults.length];
      const hit = TENANTS.flatMap((tenant) => [of(tenant, 'sturdy')[turn % 3], ...of(tenant, 'bare')]);
      const sinceMs = Date.now();
      for (const backend of hit) if (fault !== 'killed') backend.lie = fault;
      if (fault === 'killed') await Promise.all(hit.map((backend) => backend.kill()));
      await wait(500);
      for (const backend of hit) backend.lie = null;
      if (fault === 'killed') await Promise.all(hit.map((backend) => backend.start()));
      faultyMs += Date.now() - sinceMs;
      await wait(300);
      if (turn === 2) await killRuntime();
    }
    isOver = true;
  };

  const changing = async () => {
    for (let version = 1; !isOver; version++) {
      for (const tenant of TENANTS) {
        if (down.is) continue;
        const written = await applyAll(instance, tenant, [versioned(tenant, version)]).then(
          () => true,
          () => false,
        );
        if (written) observed.wrote(tenant, version);
      }
      await wait(1_000);
    }
  };

  const loading = hey === undefined ? [] : TENANTS.flatMap(hostsOf).map((host) => runHey(hey, host));
  await Promise.all([...checking, failing(), changing()]);
  const loads = await Promise.all(loading);
  const upMs = Date.now() - beganMs - (down.toMs - down.fromMs);
  const share = faultyMs / upMs;

  const rows = [...observed.counts].sort().map(([key, counts]) => {
    const told = [...counts].sort().map(([what, count]) => `${what} ${count}`);
    return `  ${key}: ${((100 * observed.failed(key)) / observed.all(key)).toFixed(1)} % errors (${told.join(', ')})`;
  });
  console.info(
    [
      `${upMs} ms, endpoints at fault for ${(100 * share).toFixed(0)} %, the runtime down for ${down.toMs - down.fromMs} ms, slowest ${observed.slowestMs} ms`,
      ...rows,
      ...loads.map((load) => `  hey ${load.host}: ${describeLoad(load, down)}`),
    ].join('\n'),
  );

  expect(observed.violations.slice(0, 10)).toEqual([]);
  expect(backends.flatMap(({ strangers }) => strangers).slice(0, 10)).toEqual([]);
  expect(backends.filter(({ requests }) => requests === 0)).toEqual([]);
  expect(observed.slowestMs).toBeLessThan(REQUEST_MS + IDLE_MS + 1_500);
  // What is repeated elsewhere hardly fails; what is not, fails while its one endpoint does, and then only.
  const expected = { 'GET /items': 0.05, 'GET /large': 0.15, 'GET /bare': share + 0.1, 'GET /versioned': 0.01 };
  for (const [key, most] of Object.entries(expected)) {
    // In a short run there are few requests, and one of them more or less says nothing.
    expect(observed.failed(key), key).toBeLessThanOrEqual(most * observed.all(key) + 2);
  }
  expect(observed.failed('GET /bare')).toBeGreaterThan(0);
  for (const { answers } of loads) {
    const counted = answers.filter((answer) => !overlaps(answer, down));
    expect(counted.length).toBeGreaterThan(0);
    expect(Math.max(...counted.map(({ tookMs }) => tookMs))).toBeLessThan(HANGING_MS);
    expect(answers.filter(({ status }) => ![200, 502, 503, 504].includes(status))).toEqual([]);
  }
});

interface HeyLoad {
  readonly host: string;
  readonly answers: readonly { readonly status: number; readonly atMs: number; readonly tookMs: number }[];
}

/** Load that is not checked answer by answer, beside the requests that are. */
async function runHey(command: string, host: string): Promise<HeyLoad> {
  const args = ['-z', `${SECONDS + 2}s`, '-c', '4', '-q', '15', '-t', '10', '-cpus', '1', '-o', 'csv', '-host', host];
  const sinceMs = Date.now();
  const { stdout } = await promisify(execFile)(command, [...args, `http://127.0.0.1:${port}/versioned/hey`]);
  // response-time, DNS and dial-up, DNS, request-write, response-delay, response-read, status-code, offset
  const answers = stdout
    .split('\n')
    .slice(1)
    .filter((line) => line !== '')
    .map((line) => line.split(',').map(Number))
    .map((cells) => ({ status: cells[6], atMs: sinceMs + 1_000 * cells[7], tookMs: 1_000 * cells[0] }));
  return { host, answers };
}

interface Down {
  readonly fromMs: number;
  readonly toMs: number;
}

/** hey says when a request began to a hundred milliseconds or so: its own start takes time. */
function overlaps({ atMs, tookMs }: HeyLoad['answers'][number], { fromMs, toMs }: Down): boolean {
  return atMs < toMs + 500 && fromMs - 500 < atMs + tookMs;
}

function describeLoad({ answers }: HeyLoad, down: Down): string {
  const counted = answers.filter((answer) => !overlaps(answer, down));
  const statuses = new Map<number, number>();
  for (const { status } of counted) statuses.set(status, (statuses.get(status) ?? 0) + 1);
  const told = [...statuses].map(([status, count]) => `${status} ${count}`).join(', ');
  return `${told}, slowest ${Math.round(Math.max(...counted.map(({ tookMs }) => tookMs)))} ms`;
}
