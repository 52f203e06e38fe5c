import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/control/json.ts';
import { GATEWAYS, ROUTES } from './fixture.ts';
import { conditionTexts, gatewayPlane } from './gateway-plane.ts';

type Plane = ReturnType<typeof gatewayPlane>;

const PENDING = 'False/Pending';
const SERVED = 'True/Programmed';
const HELD = 'False/RolledBack';

function route(plane: Plane, name: string, path = '/', hostnames = [`${name}.example.com`], namespace = 'default') {
  plane.route(
    name,
    {
      parentRefs: [{ name: 'default' }],
      hostnames,
      rules: [
        {
          matches: [{ path: { type: 'PathPrefix', value: path } }],
          backendRefs: [{ group: 'orasi.io', kind: 'Upstream', name: 'orders' }],
        },
      ],
    },
    namespace,
  );
}

/** Whether a route is served, as is said at its first parent; empty where nothing is said. */
function said(plane: Plane, name: string): string {
  const { parents } = plane.read(ROUTES, name).status as { parents: { conditions: JsonObject[] }[] };
  const texts = conditionTexts(parents[0].conditions).filter((text) => text.startsWith('Programmed='));
  return texts.join(' ').replace('Programmed=', '');
}

/** What is said of the Gateway, and of its listeners where they say something else. */
function gatewaySaid(plane: Plane): string {
  const { conditions, listeners } = plane.read(GATEWAYS, 'default').status as JsonObject;
  const all = [conditions, ...(listeners as JsonObject[]).map((listener) => listener.conditions)];
  const texts = all.flatMap(conditionTexts).filter((text) => text.startsWith('Programmed='));
  return [...new Set(texts)].join(' ');
}

/** A plane with a route that was published, and whether anybody hears of its versions. */
async function announced(hearing: { isHeard: boolean }) {
  const plane = gatewayPlane({
    announce: async () => {
      if (!hearing.isHeard) throw new Error('nobody is there');
    },
  });
  plane.upstream('orders');
  route(plane, 'a');
  await plane.publish();
  return { plane, hearing };
}

function revision(plane: Plane, name: string): unknown {
  return (plane.read(ROUTES, name).metadata as JsonObject).resourceVersion;
}

async function withRoutes(...names: string[]) {
  const plane = gatewayPlane();
  plane.upstream('orders');
  for (const name of names) route(plane, name);
  await plane.settle();
  return plane;
}

describe('a route that is accepted', () => {
  test('is served once the version with its rules was announced, and not before', async () => {
    const plane = await withRoutes('a');
    route(plane, 'b');
    await plane.settle();
    expect([plane.conditions('b')[0][0], said(plane, 'b')]).toEqual(['Accepted=True/Accepted', PENDING]);
    await plane.publish();
    expect([said(plane, 'b'), plane.message('b', 'Programmed')]).toEqual([
      SERVED,
      'since version 2, which every isolate has within 5 s',
    ]);
  });

  test('waits while nobody hears of the version', async () => {
    const { plane, hearing } = await announced({ isHeard: false });
    expect([plane.machine.gatewayVersions().versions.length, said(plane, 'a')]).toEqual([1, PENDING]);
    await plane.publish();
    await plane.publish();
    // Tried every second, and logged once.
    expect(plane.lines.filter((line) => line.includes('nobody is there'))).toHaveLength(1);
    hearing.isHeard = true;
    await plane.publish();
    expect(said(plane, 'a')).toBe(SERVED);
  });

  test('waits again with a change of its rules, and says which generation is served', async () => {
    const plane = await withRoutes('a');
    route(plane, 'a', '/other');
    await plane.settle();
    expect(said(plane, 'a')).toBe(PENDING);
    const observed = () => {
      const { parents } = plane.read(ROUTES, 'a').status as { parents: { conditions: JsonObject[] }[] };
      return parents[0].conditions.find(({ type }) => type === 'Programmed')?.observedGeneration;
    };
    await plane.publish();
    expect([said(plane, 'a'), observed(), plane.message('a', 'Programmed')]).toEqual([
      SERVED,
      2,
      expect.stringContaining('version 2'),
    ]);
  });

  test('is written to by its own publication alone, and by no announcement again', async () => {
    const plane = await withRoutes('a');
    const before = revision(plane, 'a');
    route(plane, 'b');
    await plane.publish();
    plane.machine.tick();
    await plane.publish();
    const after = revision(plane, 'b');
    plane.machine.tick();
    await plane.publish();
    expect([revision(plane, 'a'), revision(plane, 'b')]).toEqual([before, after]);
    expect(plane.announced).toEqual([1, 2, 2, 2]);
  });

  test('and is refused later is not said to be served', async () => {
    const plane = await withRoutes('a');
    route(plane, 'a', '/', ['a.workers.dev']);
    await plane.publish();
    expect([plane.conditions('a')[0][0], said(plane, 'a')]).toEqual(['Accepted=False/HostnameReserved', '']);
  });

  test('for some of its hostnames says whose the others are', async () => {
    const plane = await withRoutes('a');
    plane.namespace('team');
    route(plane, 'mixed', '/', ['a.example.com', 'own.example.com'], 'team');
    await plane.publish();
    expect(plane.message('mixed', 'Accepted', 'team')).toBe(
      'accepted, but not for all of its hostnames: a.example.com belongs to namespace default',
    );
    expect(plane.message('a', 'Accepted')).toBe('accepted; Programmed says whether it is served yet');
  });
});

describe('while a version is held to', () => {
  test('what changed after it is not served and says so, what it has is', async () => {
    const plane = await withRoutes('old', 'changed');
    route(plane, 'changed', '/other');
    route(plane, 'new');
    await plane.publish();
    expect(['old', 'changed', 'new'].map((name) => said(plane, name))).toEqual([SERVED, SERVED, SERVED]);
    plane.machine.pinGatewayVersion(1);
    await plane.publish();
    expect(['old', 'changed', 'new'].map((name) => said(plane, name))).toEqual([SERVED, HELD, HELD]);
    expect(plane.message('new', 'Programmed')).toMatch(/holds to version 1: /);
    expect(gatewaySaid(plane)).toBe('Programmed=False/RolledBack');
    route(plane, 'later');
    await plane.publish();
    expect(said(plane, 'later')).toBe(HELD);
    plane.machine.pinGatewayVersion(null);
    await plane.publish();
    expect(['old', 'changed', 'new', 'later'].map((name) => said(plane, name))).toEqual(Array(4).fill(SERVED));
    expect(gatewaySaid(plane)).toBe('Programmed=True/Programmed');
  });

  test('a Gateway is served again once the version after it was announced, and not before', async () => {
    const { plane, hearing } = await announced({ isHeard: true });
    plane.machine.pinGatewayVersion(1);
    await plane.publish();
    expect(gatewaySaid(plane)).toBe('Programmed=False/RolledBack');
    hearing.isHeard = false;
    plane.machine.pinGatewayVersion(null);
    await plane.settle();
    expect(gatewaySaid(plane)).toBe('Programmed=False/Pending');
    await plane.publish();
    expect([gatewaySaid(plane), plane.machine.gatewayVersions().versions[0].version]).toEqual([
      'Programmed=False/Pending',
      3,
    ]);
    hearing.isHeard = true;
    await plane.publish();
    expect(gatewaySaid(plane)).toBe('Programmed=True/Programmed');
  });

  test('it is the content that counts: going back to a rollback is going back to what that came to', async () => {
    const plane = await withRoutes('old');
    route(plane, 'new');
    await plane.publish();
    plane.machine.pinGatewayVersion(1);
    await plane.publish();
    plane.machine.pinGatewayVersion(3);
    await plane.publish();
    plane.machine.pinGatewayVersion(4);
    await plane.publish();
    expect(['old', 'new'].map((name) => said(plane, name))).toEqual([SERVED, HELD]);
    plane.machine.pinGatewayVersion(2);
    await plane.publish();
    expect(['old', 'new'].map((name) => said(plane, name))).toEqual([SERVED, SERVED]);
  });

  test('very many that wait are told in portions', async () => {
    const plane = await withRoutes('old');
    for (let i = 0; i < 120; i++) route(plane, `r${i}`);
    await plane.settle(2_000);
    await plane.publish();
    const count = (wanted: string) =>
      Array.from({ length: 120 }, (_, i) => said(plane, `r${i}`)).filter((s) => s === wanted).length;
    expect(count(SERVED)).toBe(120);
    plane.machine.pinGatewayVersion(1);
    await plane.publish();
    expect(count(HELD)).toBe(120);
  });
});
