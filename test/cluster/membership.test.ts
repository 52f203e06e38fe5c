import { describe, expect, test } from 'vitest';
import { settings, World } from './world.ts';

const LOAD = { cpuPercent: 12, memoryBytes: 1, diskBytes: 2, activeTasks: 3, queueLength: 4 };

describe('membership', () => {
  test('a member that reports each 30 s stays, and what it reports is shown', () => {
    const world = new World();
    world.join('a', { address: 'https://a', zone: 'z1', capabilities: ['gpu'], metadata: { v: '1' }, load: LOAD });
    for (let beat = 0; beat < 10; beat++) {
      world.pass(30);
      world.join('a');
    }
    expect(world.cluster.members()).toMatchObject([
      {
        memberId: 'a',
        address: 'https://a',
        zone: 'z1',
        capabilities: ['gpu'],
        metadata: { v: '1' },
        load: LOAD,
        status: 'Running',
        health: 'Active',
        connected: false,
        sessionTtlSeconds: 90,
      },
    ]);
    expect(world.events.map((event) => event.kind)).toEqual(['member', 'leader']);
  });

  test('missed heartbeats first make a member Unhealthy, then it is gone', () => {
    const world = new World();
    world.join('a');
    world.pass(59);
    expect(world.healths()).toEqual({ a: 'Active' });
    world.pass(1);
    expect(world.healths()).toEqual({ a: 'Unhealthy' });
    world.pass(29);
    expect(world.healths()).toEqual({ a: 'Unhealthy' });
    world.pass(1);
    expect(world.healths()).toEqual({});
  });

  test('a slow member is well again by one heartbeat, and was never gone', () => {
    const world = new World();
    world.join('a');
    world.pass(80);
    world.join('a');
    expect(world.healths()).toEqual({ a: 'Active' });
    expect(world.events.flatMap((event) => (event.kind === 'member' ? [event.change] : []))).toEqual([
      'joined',
      'changed',
      'changed',
    ]);
  });

  test.each([
    ['Starting', 'Active'],
    ['Running', 'Active'],
    ['Stopping', 'Inactive'],
    ['Stopped', 'Inactive'],
    ['Error', 'Unhealthy'],
  ] as const)('a member that is %s is %s', (status, health) => {
    const world = new World();
    world.join('a', { status });
    expect(world.healths()).toEqual({ a: health });
  });

  test('a socket that closes is noticed at once, and its member is gone after a grace unless it comes back', () => {
    const world = new World();
    world.hold('a');
    world.hold('b');
    world.cluster.close('a');
    world.cluster.close('b');
    expect(world.healths()).toEqual({ a: 'Inactive', b: 'Inactive' });
    world.pass(9);
    world.hold('b');
    world.pass(1);
    expect(world.healths()).toEqual({ b: 'Active' });
  });

  test('a held socket that is pinged keeps its member; a half-open one shows by its missing pings', () => {
    const world = new World();
    world.hold('pinged');
    world.hold('half-open');
    for (let beat = 0; beat < 20; beat++) {
      world.pass(29);
      world.pings.set('pinged', world.clock.now());
    }
    world.pass(1);
    expect(world.healths()).toEqual({ pinged: 'Active' });
    expect(world.events.at(-1)).toMatchObject({ kind: 'member', change: 'expired', reason: 'session lapsed' });
  });

  test('one missed heartbeat is enough where the settings say so, and a member of no own session follows them', () => {
    const world = new World();
    world.join('a');
    world.join('own', { sessionTtlSeconds: 90 });
    world.configure({ ...settings(), sessionTtlSeconds: 30, unhealthyAfterMissed: 1 });
    world.join('a');
    world.pass(9.999);
    expect(world.healths()).toEqual({ a: 'Active', own: 'Active' });
    world.pass(0.001);
    expect(world.healths()).toEqual({ a: 'Unhealthy', own: 'Active' });
    world.pass(20);
    expect(world.healths()).toEqual({ own: 'Unhealthy' });
  });

  test('a member may ask for a shorter session', () => {
    const world = new World();
    world.join('a', { sessionTtlSeconds: 3 });
    world.pass(2);
    expect(world.healths()).toEqual({ a: 'Unhealthy' });
    world.pass(1);
    expect(world.healths()).toEqual({});
  });

  test('after leaving a member is unknown, and so is its heartbeat', () => {
    const world = new World();
    world.hold('a');
    expect(world.cluster.leave('a')).toEqual({ ok: true, value: null });
    expect(world.cluster.leave('a')).toMatchObject({ ok: false, code: 'not_found' });
    expect(world.cluster.report('a', {}, true)).toMatchObject({ ok: false, code: 'not_found' });
  });

  test('quick heartbeats are not each written down', () => {
    const world = new World();
    world.join('a');
    const before = world.database.exec('SELECT body FROM cluster_members');
    for (let beat = 0; beat < 14; beat++) {
      world.pass(1);
      world.join('a', { load: LOAD });
    }
    expect(world.database.exec('SELECT body FROM cluster_members')).toEqual(before);
    world.pass(1);
    world.join('a');
    expect(world.database.exec('SELECT body FROM cluster_members')).not.toEqual(before);
    world.pass(59);
    expect(world.healths()).toEqual({ a: 'Active' });
  });

  test('the object made anew from its storage is the same', () => {
    const world = new World();
    world.hold('a');
    world.join('b', { status: 'Error', metadata: { x: 'y' } });
    world.cluster.resign('b');
    const before = world.cluster.view();
    world.boot(['a']);
    expect(world.cluster.view()).toEqual(before);
  });

  test('sockets lost with the runtime give their members a moment to come back', () => {
    const world = new World();
    world.hold('a');
    world.hold('b');
    world.pass(55);
    world.boot([]);
    expect(world.healths()).toEqual({ a: 'Active', b: 'Active' });
    world.pass(9);
    world.hold('b');
    world.pass(1);
    expect(world.healths()).toEqual({ a: 'Unhealthy', b: 'Active' });
    world.pass(30);
    expect(world.healths()).toEqual({ b: 'Active' });
  });

  test('a cluster that was down does not take its members for dead', () => {
    const world = new World();
    world.join('a');
    world.clock.advance(3_600_000);
    world.boot();
    expect(world.healths()).toEqual({ a: 'Active' });
    world.pass(10);
    expect(world.healths()).toEqual({ a: 'Unhealthy' });
  });
});

describe('the history of changes', () => {
  test('every change has a revision of its own, one after the other', () => {
    const world = new World();
    world.join('a');
    world.hold('b');
    world.cluster.close('b');
    world.pass(10);
    world.cluster.leave('a');
    const revisions = world.events.map(({ revision }) => revision);
    expect(revisions).toEqual(revisions.map((_, index) => index + 1));
    expect(world.cluster.view().revision).toBe(revisions.length);
  });

  test('a restored cluster continues above all revisions it ever gave', () => {
    const world = new World();
    world.join('a');
    const before = world.cluster.view().revision;
    world.begin();
    expect(world.cluster.view().revision).toBeGreaterThan(before + 2 ** 31);
  });
});
