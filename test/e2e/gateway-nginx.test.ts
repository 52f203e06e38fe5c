import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { findProgram } from '../discovery/process.ts';
import { type Aspect, DIFFERENCES } from '../gateway/against-nginx/differences.ts';
import { type Nginx, startNginx } from '../gateway/against-nginx/nginx.ts';
import { rawBackend, statusOf } from '../gateway/against-nginx/raw.ts';
import { GENERATED, HOST, headOf, LISTED, type RawRequest } from '../gateway/against-nginx/requests.ts';
import { rule, upstream } from '../gateway/entries.ts';
import { seedCount, sized } from '../scale.ts';
import { publish } from './gateway-world.ts';

/** What became of a request: refused, or passed on by a route, as a path (its escapes undone) and with headers. */
type Outcome = null | { readonly route: string; readonly path: string; readonly headers: readonly string[] };

const program = findProgram('nginx');

describe.skipIf(program === undefined)('odd requests', () => {
  let instance: Instance;
  let nginx: Nginx;
  let ours: Awaited<ReturnType<typeof rawBackend>>;
  let theirs: Awaited<ReturnType<typeof rawBackend>>;

  beforeAll(async () => {
    [ours, theirs] = [await rawBackend(), await rawBackend()];
    nginx = await startNginx(program ?? '', theirs.port);
    instance = await launch({ vars: { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8' } });
    const to = (path: string, route: string) =>
      rule(path, 'backend', [
        { type: 'RequestHeaderModifier', headers: { set: [{ name: 'x-route', value: route }], add: [], remove: [] } },
      ]);
    await publish(instance, {
      upstreams: { backend: upstream([`http://127.0.0.1:${ours.port}`]) },
      hosts: {
        [`http://${HOST}`]: [to('/', 'any'), to('/public', 'public'), to('/admin', 'admin')],
        [`http://*.${HOST}`]: [to('/', 'wild')],
      },
    });
  }, 60_000);

  afterAll(async () => {
    await Promise.all([instance?.stop(), nginx?.stop()]);
    ours?.stop();
    theirs?.stop();
  });

  it('are taken as nginx takes them, but for the differences that docs/gateway.md lists', {
    timeout: 180_000,
  }, async () => {
    const seeds = Array.from({ length: seedCount(1) }, (_, seed) => seed + 1);
    const generated = seeds.flatMap((seed) => fc.sample(GENERATED, { numRuns: sized(250), seed }));
    const requests = [...LISTED, ...generated];
    await sendAll(requests);
    const routedByNginx = await logged();
    const met = new Set<string>();
    const unexplained: string[] = [];
    requests.forEach((request, i) => {
      const our = outcome(ours.heads.get(`r${i}`), ourRoute, decoded);
      const their = outcome(
        theirs.heads.get(`r${i}`),
        () => routedByNginx.get(`r${i}`)?.route ?? '',
        () => routedByNginx.get(`r${i}`)?.path ?? '',
      );
      for (const aspect of aspectsOf(our, their)) {
        const reasons = DIFFERENCES.filter(({ aspects, concerns }) => aspects.includes(aspect) && concerns(request));
        for (const { name } of reasons) met.add(name);
        if (reasons.length === 0) unexplained.push(JSON.stringify({ aspect, ...request, our, their }));
      }
    });
    expect(unexplained).toEqual([]);
    // Every difference listed is one that was seen.
    expect([...met].sort()).toEqual(DIFFERENCES.map(({ name }) => name).sort());
  });

  async function sendAll(requests: readonly RawRequest[]): Promise<void> {
    const port = Number(new URL(instance.url).port);
    let next = 0;
    const sender = async () => {
      for (let i = next++; i < requests.length; i = next++) {
        const head = headOf(requests[i], `r${i}`);
        await Promise.all([statusOf(port, head), statusOf(nginx.port, head)]);
      }
    };
    await Promise.all(Array.from({ length: 8 }, sender));
  }

  /** nginx writes its log when a request is over, a moment after the client has its answer. */
  async function logged(): Promise<ReturnType<Nginx['routed']>> {
    let routed = nginx.routed();
    await expect
      .poll(() => {
        routed = nginx.routed();
        return [...theirs.heads.keys()].every((id) => routed.has(id));
      })
      .toBe(true);
    return routed;
  }
});

function outcome(head: string | undefined, route: (head: string) => string, path: (head: string) => string): Outcome {
  if (head === undefined) return null;
  const lines = head.split('\r\n').slice(1);
  const tried = lines.filter((line) => /^x[-_.]?[abcd][:-]/i.test(line) || /^x-a{9}/i.test(line));
  const headers = tried.map((line) =>
    line.replace(/^([^:]+): */, (_, name: string) => `${name.toLowerCase()}:`).trimEnd(),
  );
  return { route: route(head), path: path(head), headers: headers.sort() };
}

function ourRoute(head: string): string {
  return /\r\nx-route: *(\S+)/i.exec(head)?.[1] ?? '';
}

/** The path of a request's first line, its escapes undone into bytes. */
function decoded(head: string): string {
  const path = head.split(' ')[1].split('?')[0];
  return path.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function aspectsOf(our: Outcome, their: Outcome): Aspect[] {
  if (our === null || their === null) return our === their ? [] : [our === null ? 'refused' : 'passed'];
  const aspects: Aspect[] = [];
  if (our.route !== their.route || our.path !== their.path) aspects.push('routed');
  if (our.headers.join('\n') !== their.headers.join('\n')) aspects.push('headers');
  return aspects;
}

it('docs/gateway.md lists every difference from nginx', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/gateway.md'), 'utf8');
  for (const { name } of DIFFERENCES) expect(page).toContain(`| ${name} |`);
});
