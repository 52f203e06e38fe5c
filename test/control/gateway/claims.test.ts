import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  coveredRange,
  coveringHostnames,
  covers,
  intersection,
  reversedHostname,
} from '../../../src/control/gateway/hostnames.ts';
import { sized } from '../../scale.ts';
import { ROUTES } from './fixture.ts';
import { gatewayPlane } from './gateway-plane.ts';

const GRANTS = { group: 'orasi.io', version: 'v1alpha1', resource: 'hostnamegrants', namespace: null };
const OK = 'Accepted=True/Accepted';
const LOST = 'Accepted=False/HostnameConflict';

/** Namespaces a, b and c, whose routes have hosts, and who has which. */
function tenants() {
  const plane = gatewayPlane();
  for (const namespace of ['a', 'b', 'c']) {
    plane.namespace(namespace);
    plane.upstream('web', namespace);
  }
  const spec = (hostnames: string[]) => ({
    hostnames,
    parentRefs: [{ name: 'default' }],
    rules: [{ backendRefs: [{ name: 'web', port: 80 }] }],
  });
  return {
    ...plane,
    spec,
    under: (path: string) => ({
      matches: [{ path: { type: 'PathPrefix', value: path } }],
      backendRefs: [{ name: 'web', port: 80 }],
    }),
    claim: (namespace: string, name: string, ...hostnames: string[]) => plane.route(name, spec(hostnames), namespace),
    drop: (namespace: string, name: string) => plane.remove(ROUTES, name, namespace),
    verdict: (namespace: string, name: string) => plane.conditions(name, namespace)[0]?.[0],
    grant: (name: string, hostname: string, namespace: string) =>
      plane.apply(
        { apiVersion: 'orasi.io/v1alpha1', kind: 'HostnameGrant', metadata: { name }, spec: { hostname, namespace } },
        GRANTS,
      ),
    /** Hosts of http that are published, each with whose it is. */
    async owners(): Promise<Record<string, unknown>> {
      await plane.publish();
      if (plane.announced.length === 0) return {};
      const { entries } = await plane.published();
      const hosts = Object.entries(entries).filter(([key]) => key.startsWith('host:http://'));
      return Object.fromEntries(hosts.map(([key, entry]) => [key.slice('host:http://'.length), entry.namespace]));
    },
  };
}

test('a hostname belongs to the namespace that claimed it first, and the others are told whose it is', async () => {
  const t = tenants();
  t.claim('b', 'r', 'shop.example.com');
  t.claim('a', 'r', 'shop.example.com', 'a.example.com');
  t.claim('c', 'r', 'shop.example.com');
  expect(await t.owners()).toEqual({ 'shop.example.com': 'b', 'a.example.com': 'a' });
  expect(t.verdict('b', 'r')).toBe(OK);
  // Of two hosts it has one: accepted, and said which it has not.
  expect(t.conditions('r', 'a')[0]).toEqual([
    OK,
    'ResolvedRefs=True/ResolvedRefs',
    'HostnameConflict=True/HostnameConflict',
  ]);
  expect(t.message('r', 'HostnameConflict', 'a')).toBe('shop.example.com belongs to namespace b');
  expect(t.verdict('c', 'r')).toBe(LOST);
});

test.each([
  ['a wildcard takes in what is claimed later below it', ['*.example.com'], ['a.b.example.com']],
  ['a name keeps a later wildcard over it out', ['a.b.example.com'], ['*.example.com']],
  ['a wildcard keeps a later wider one out', ['*.b.example.com'], ['*.example.com']],
  ['a wildcard takes in a later narrower one', ['*.example.com'], ['*.b.example.com']],
])('%s', async (_rule, first, second) => {
  const t = tenants();
  t.claim('a', 'r', ...first);
  t.claim('b', 'r', ...second);
  expect(await t.owners()).toEqual({ [first[0]]: 'a' });
  expect(t.verdict('b', 'r')).toBe(LOST);
  t.drop('a', 'r');
  expect(await t.owners()).toEqual({ [second[0]]: 'b' });
  expect(t.verdict('b', 'r')).toBe(OK);
});

test('a wildcard has not the name above it, and namespaces share what does not overlap', async () => {
  const t = tenants();
  t.claim('a', 'r', '*.example.com');
  t.claim('b', 'r', 'example.com', '*.example.org');
  expect(await t.owners()).toEqual({ '*.example.com': 'a', 'example.com': 'b', '*.example.org': 'b' });
});

test('the order of the changes counts, not that of the looks', async () => {
  const t = tenants();
  // Works are done in the order of their names: b's would be looked at after a's.
  t.claim('b', 'z', 'shop.example.com');
  t.claim('a', 'a', 'shop.example.com');
  expect(await t.owners()).toEqual({ 'shop.example.com': 'b' });
});

test('a claim ends with the change that drops it, though nobody has looked at that yet', async () => {
  const t = tenants();
  t.claim('b', 'r', 'a.b.example.com');
  t.claim('b', 'r', 'none.example.org');
  t.claim('a', 'r', '*.b.example.com');
  t.claim('b', 'r', 'a.b.example.com');
  expect(await t.owners()).toEqual({ '*.b.example.com': 'a' });
  // Also where what it now names covers what it named.
  t.claim('c', 'r', 'x.example.org');
  t.claim('b', 'r', 'x.example.org');
  t.claim('c', 'r', '*.example.org');
  t.claim('c', 'r', 'x.example.org');
  expect((await t.owners())['x.example.org']).toBe('b');
});

test('a claim begins when a route names the host, however old the route is', async () => {
  const t = tenants();
  t.claim('a', 'r', 'a.example.com');
  t.claim('b', 'r', 'shop.example.com');
  t.claim('a', 'r', 'a.example.com', 'shop.example.com');
  expect(await t.owners()).toEqual({ 'a.example.com': 'a', 'shop.example.com': 'b' });
});

test('a route that is attached nowhere claims nothing for later', async () => {
  const t = tenants();
  const nowhere = { hostnames: ['shop.example.com'], parentRefs: [{ name: 'none' }] };
  t.route('r', nowhere, 'a');
  await t.settle();
  t.claim('b', 'r', 'shop.example.com');
  await t.settle();
  t.claim('a', 'r', 'shop.example.com');
  expect(await t.owners()).toEqual({ 'shop.example.com': 'b' });
});

test('a namespace keeps a claim while any of its routes holds it, and then the next oldest has it', async () => {
  const t = tenants();
  t.claim('a', 'one', 'shop.example.com');
  t.claim('b', 'r', 'shop.example.com');
  t.claim('a', 'two', 'shop.example.com');
  t.claim('c', 'r', 'shop.example.com');
  await t.settle();
  t.drop('a', 'one');
  expect(await t.owners()).toEqual({ 'shop.example.com': 'a' });
  t.claim('a', 'two', 'other.example.com');
  expect(await t.owners()).toEqual({ 'shop.example.com': 'b', 'other.example.com': 'a' });
  expect([t.verdict('b', 'r'), t.verdict('c', 'r')]).toEqual([OK, LOST]);
});

test('a claim that is refused itself holds nobody back', async () => {
  const t = tenants();
  t.claim('a', 'r', 'a.example.com');
  t.claim('b', 'r', '*.example.com');
  t.claim('c', 'r', 'c.example.com');
  expect(await t.owners()).toEqual({ 'a.example.com': 'a', 'c.example.com': 'c' });
  // Now the wildcard is in force, and is older than c's claim.
  t.drop('a', 'r');
  expect(await t.owners()).toEqual({ '*.example.com': 'b' });
  expect(t.verdict('c', 'r')).toBe(LOST);
});

describe('a grant', () => {
  test('goes before every claim, moves with a change and ends with its deletion', async () => {
    const t = tenants();
    t.claim('a', 'r', 'shop.example.com');
    t.claim('b', 'r', 'shop.example.com');
    expect(await t.owners()).toEqual({ 'shop.example.com': 'a' });
    t.grant('g', '*.example.com', 'b');
    expect(await t.owners()).toEqual({ 'shop.example.com': 'b' });
    expect(t.verdict('a', 'r')).toBe(LOST);
    t.grant('g', '*.example.com', 'c');
    expect(await t.owners()).toEqual({});
    expect([t.verdict('a', 'r'), t.verdict('b', 'r')]).toEqual([LOST, LOST]);
    t.remove(GRANTS, 'g');
    expect(await t.owners()).toEqual({ 'shop.example.com': 'a' });
  });

  test('of a name is narrower than one of a wildcard over it', async () => {
    const t = tenants();
    t.grant('wide', '*.example.com', 'a');
    t.grant('narrow', 'shop.example.com', 'b');
    t.claim('a', 'r', 'shop.example.com', '*.example.com');
    t.claim('b', 'r', 'shop.example.com', 'other.example.com');
    expect(await t.owners()).toEqual({ '*.example.com': 'a', 'shop.example.com': 'b' });
  });

  test('of a name keeps the wildcard over it from others', async () => {
    const t = tenants();
    t.claim('a', 'r', '*.example.com');
    t.grant('g', 'shop.example.com', 'b');
    expect(await t.owners()).toEqual({});
    expect(t.verdict('a', 'r')).toBe(LOST);
  });

  test('that says what an older one says is not in force', async () => {
    const t = tenants();
    t.grant('first', 'shop.example.com', 'a');
    t.grant('second', 'shop.example.com', 'b');
    t.claim('b', 'r', 'shop.example.com');
    t.claim('a', 'r', 'shop.example.com');
    expect(await t.owners()).toEqual({ 'shop.example.com': 'a' });
    const accepted = (name: string) => {
      const status = t.read(GRANTS, name).status as { conditions: { status: string; reason: string }[] };
      return `${status.conditions[0].status}/${status.conditions[0].reason}`;
    };
    expect([accepted('first'), accepted('second')]).toEqual(['True/Accepted', 'False/Conflicted']);
    t.remove(GRANTS, 'first');
    expect(await t.owners()).toEqual({ 'shop.example.com': 'b' });
    expect(accepted('second')).toBe('True/Accepted');
  });
});

test('a host that changes hands is never published with rules of both', async () => {
  const t = tenants();
  // Many routes of a, so that looks at all of them take more than one turn; b waits for the same host.
  for (let i = 0; i < 3; i++) t.route(`r${i}`, { ...t.spec(['shop.example.com']), rules: [t.under(`/a${i}`)] }, 'a');
  t.route('b', { ...t.spec(['shop.example.com']), rules: [t.under('/b')] }, 'b');
  await t.settle();
  t.grant('g', 'shop.example.com', 'b');
  // Only b is looked at before the publication.
  for (const row of t.database.exec("SELECT key FROM work WHERE key LIKE 'gateway-route:a/%'")) {
    t.database.exec('UPDATE work SET due_at = due_at + 60000 WHERE key = ?', String(row.key));
  }
  expect(await t.owners()).toEqual({ 'shop.example.com': 'b' });
  const { entries } = await t.published();
  const page = entries['page:http://shop.example.com#0'] as unknown as { rules: { path: { value: string } }[] };
  expect(page.rules.map((rule) => rule.path.value)).toEqual(['/b']);
  t.clock.advance(60_000);
  expect(await t.owners()).toEqual({ 'shop.example.com': 'b' });
});

test('hosts of the namespace default without a name are under the others, and nobody else may have them', async () => {
  const t = tenants();
  t.upstream('web');
  t.claim('default', 'any');
  t.claim('a', 'any');
  t.claim('a', 'named', 'shop.example.com');
  expect(await t.owners()).toEqual({ '': 'default', 'shop.example.com': 'a' });
  expect(t.verdict('a', 'any')).toBe('Accepted=False/HostnameRequired');
});

test('what becomes of claims does not depend on the order in which they are looked at', async () => {
  const names = ['x.example.com', '*.example.com', 'a.b.example.com', '*.b.example.com'];
  const step = fc.record({
    namespace: fc.constantFrom('a', 'b', 'c'),
    hosts: fc.subarray(names),
    settles: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const [eager, lazy] = [tenants(), tenants()];
      for (const { namespace, hosts, settles } of steps) {
        for (const t of [eager, lazy]) t.claim(namespace, 'r', ...(hosts.length > 0 ? hosts : ['none.example.org']));
        await eager.settle();
        if (settles) await lazy.settle();
      }
      const owners = await lazy.owners();
      expect(await eager.owners()).toEqual(owners);
      // No two namespaces share a host.
      for (const [one, a] of Object.entries(owners)) {
        for (const [other, b] of Object.entries(owners)) {
          if (a !== b) expect([one, other, intersection(one, other)]).toEqual([one, other, null]);
        }
      }
    }),
    { numRuns: sized(4) },
  );
});

test('hostnames nest or share nothing, and the ranges of reversed names say the same', () => {
  const label = fc.constantFrom('a', 'b', 'ab', 'a-b');
  const hostname = fc
    .tuple(fc.boolean(), fc.array(label, { minLength: 1, maxLength: 4 }))
    .map(([wild, labels]) => (wild ? `*.${labels.join('.')}` : labels.join('.')));
  fc.assert(
    fc.property(hostname, hostname, (a, b) => {
      expect(covers(a, b)).toBe(coveringHostnames(b).includes(a));
      if (!a.startsWith('*.')) return;
      const [first, end] = coveredRange(a);
      const reversed = reversedHostname(b);
      expect(covers(a, b)).toBe(reversed >= first && reversed < end);
    }),
    { numRuns: 500 },
  );
});
