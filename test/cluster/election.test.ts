import { describe, expect, test } from 'vitest';
import { EMPTY_CLUSTER } from '../../src/cluster/state.ts';
import { clusterStore } from '../../src/cluster/store.ts';
import { Turn } from '../../src/cluster/turn.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { settings, World } from './world.ts';

const vote = (world: World, memberId: string, candidateId: string, term: number) =>
  world.cluster.vote({ memberId, candidateId, term });

describe('by lease', () => {
  test('the first that runs leads, the others follow, and a leader that leaves is replaced at once', () => {
    const world = new World();
    world.join('a', { status: 'Starting' });
    expect(world.cluster.leader()).toMatchObject({
      memberId: null,
      epoch: 2 ** 32,
      state: 'Idle',
      leaseRemainingMs: 0,
    });
    world.join('b');
    world.join('c');
    world.join('a');
    expect(world.states()).toEqual({ a: 'Following', b: 'Elected', c: 'Following' });
    expect(world.cluster.leader()).toMatchObject({ memberId: 'b', epoch: 2 ** 32 + 1, leaseRemainingMs: 60_000 });
    world.cluster.leave('b');
    expect(world.cluster.leader()).toMatchObject({ memberId: 'a', epoch: 2 ** 32 + 2 });
    expect(world.history()).toEqual(['1 b elected: automatic', '1 b ended: left', '2 a elected: automatic']);
  });

  test('a leader whose socket closes is replaced at once, though it is not gone yet', () => {
    const world = new World();
    world.hold('a');
    world.hold('b');
    world.cluster.close('a');
    expect([world.leader, world.healths()]).toEqual(['b', { a: 'Inactive', b: 'Active' }]);
    expect(world.history().slice(1)).toEqual(['1 a ended: disconnected', '2 b elected: automatic']);
  });

  test('a silent leader loses the lease after two thirds of its session, and not before', () => {
    const world = new World();
    world.join('a', { sessionTtlSeconds: 9 });
    world.join('b');
    world.pass(5.999);
    expect(world.leader).toBe('a');
    world.pass(0.001);
    expect(world.leader).toBe('b');
    expect(world.history().at(1)).toBe('1 a ended: heartbeats missed');
  });

  test('the lease is over by the clock, whether or not an alarm rang', () => {
    const world = new World();
    world.join('a');
    world.clock.advance(60_000);
    expect(world.leader).toBeNull();
  });

  test.each(['Stopping', 'Stopped', 'Error', 'Starting'] as const)(
    'a leader that says it is %s leads no more',
    (status) => {
      const world = new World();
      world.join('a');
      world.join('b');
      world.join('a', { status });
      expect(world.leader).toBe('b');
      expect(world.history().at(1)).toBe(`1 a ended: is ${status}`);
    },
  );

  test('one that resigned leads again only after it has campaigned, even if it left meanwhile', () => {
    const world = new World();
    world.join('a');
    world.cluster.resign('a');
    expect([world.leader, world.states()]).toEqual([null, { a: 'Idle' }]);
    world.join('a', { candidate: true });
    world.boot();
    world.cluster.leave('a');
    world.join('a', { candidate: true });
    expect(world.leader).toBeNull();
    world.cluster.campaign('a');
    expect(world.leader).toBe('a');
    expect(world.history()).toEqual(['1 a elected: automatic', '1 a ended: resigned', '2 a elected: campaign']);
  });

  test('a campaign under a leader changes nothing but the line', () => {
    const world = new World();
    world.join('a');
    world.join('b', { candidate: false });
    const epoch = world.cluster.epoch();
    expect(world.cluster.campaign('b')).toMatchObject({ ok: true, value: { leader: { memberId: 'a', epoch } } });
    world.cluster.leave('a');
    expect(world.leader).toBe('b');
  });

  test('members and zones that are preferred go first, then whoever joined first; a sitting leader stays', () => {
    const world = new World(settings({ preferredMembers: ['x'], preferredZones: ['near', 'far'] }));
    world.join('a', { zone: 'elsewhere' });
    world.pass(1);
    world.join('b', { zone: 'far' });
    world.pass(1);
    world.join('d', { zone: 'near' });
    world.join('c', { zone: 'near' });
    world.join('x');
    const order: (string | null)[] = [];
    for (let turn = 0; turn < 5; turn++) {
      order.push(world.leader);
      world.cluster.leave(world.leader ?? '');
    }
    expect(order).toEqual(['a', 'x', 'c', 'd', 'b']);
  });

  test('where it is not automatic a lost leader is replaced by a campaign only', () => {
    const world = new World(settings({ automatic: false }));
    world.join('a');
    world.join('b');
    expect(world.leader).toBeNull();
    world.cluster.campaign('b');
    expect(world.leader).toBe('b');
    world.cluster.leave('b');
    expect(world.leader).toBeNull();
  });

  test('only one that runs and is well may campaign, and there are no votes', () => {
    const world = new World();
    world.join('a', { status: 'Starting' });
    expect(world.cluster.campaign('a')).toMatchObject({ ok: false, code: 'conflict' });
    expect(world.cluster.campaign('nobody')).toMatchObject({ ok: false, code: 'not_found' });
    expect(world.cluster.resign('nobody')).toMatchObject({ ok: false, code: 'not_found' });
    expect(vote(world, 'a', 'a', 1)).toMatchObject({ ok: false, code: 'conflict' });
  });

  test('a restored cluster has no leader of its former life, and its epochs are above all it ever gave', () => {
    const world = new World();
    world.join('a');
    world.join('b');
    const backup = world.copy();
    world.cluster.leave('a');
    world.cluster.leave('b');
    world.join('c');
    world.cluster.resign('c');
    world.cluster.campaign('c');
    const before = world.cluster.epoch();
    world.restore(backup);
    world.boot([], true);
    expect(world.leader).toBe('a');
    expect(world.cluster.epoch()).toBeGreaterThan(before);
    expect(world.history()).toEqual([
      '1 a elected: automatic',
      '1 a ended: the cluster was restored',
      '2 a elected: automatic',
    ]);
  });

  test('a leader of a runtime that is killed keeps its lease for the grace, and no longer unless it comes back', () => {
    const world = new World();
    world.hold('a');
    world.hold('b');
    world.boot([]);
    world.hold('b');
    world.pass(9);
    expect(world.leader).toBe('a');
    world.pass(1);
    expect(world.leader).toBe('b');
  });
});

describe('settings', () => {
  test('a leader with a lease of its own is replaced when that ends, though it is well', () => {
    const world = new World(settings({ leaseSeconds: 40 }));
    world.join('a');
    world.pass(20);
    world.join('b');
    world.pass(19.999);
    expect([world.leader, world.cluster.leader().leaseRemainingMs]).toEqual(['a', 1]);
    world.pass(0.001);
    expect([world.leader, world.healths()]).toEqual(['b', { a: 'Active', b: 'Active' }]);
    expect(world.history().at(1)).toBe('1 a ended: lease lapsed');
    world.join('a');
    world.pass(20);
    expect(world.leader).toBe('a');
  });

  test('a change of policy while votes are taken ends them, and a change back keeps the leader', () => {
    const world = new World(settings({ policy: 'majority' }));
    world.join('a', { candidate: false });
    world.join('b');
    expect(world.cluster.ballot()).toMatchObject({ term: 1, votesNeeded: 2 });
    world.configure(settings({ policy: 'lease' }));
    expect([world.leader, world.cluster.ballot()]).toEqual(['b', null]);
    world.configure(settings({ policy: 'majority' }));
    expect(world.history()).toEqual(['1 - failed: the policy is "lease" now', '2 b elected: automatic']);
  });

  test('another threshold decides a vote that is under way', () => {
    const world = new World(settings({ policy: 'majority', threshold: 3 }));
    for (const name of ['a', 'b', 'c']) world.join(name, { candidate: name === 'c' });
    vote(world, 'a', 'c', 1);
    expect(world.leader).toBeNull();
    world.configure(settings({ policy: 'majority', threshold: 2 }));
    expect(world.leader).toBe('c');
  });
});

describe('by majority', () => {
  const majority = settings({ policy: 'majority' });
  /** Members a, b, c, d and e, of whom none has voted but the candidate a. */
  function five(): World {
    const world = new World(settings({ policy: 'majority', automatic: false }));
    for (const name of ['a', 'b', 'c', 'd', 'e']) world.join(name);
    world.cluster.campaign('a');
    return world;
  }

  test('more than half of the live members elect, and only they', () => {
    const world = five();
    expect(world.states()).toEqual({ a: 'Campaigning', b: 'Idle', c: 'Idle', d: 'Idle', e: 'Idle' });
    expect(world.cluster.leader()).toMatchObject({ memberId: null, state: 'Campaigning' });
    expect(vote(world, 'b', 'a', 1)).toMatchObject({ ok: true, value: { ballot: { votesNeeded: 3 } } });
    expect(world.leader).toBeNull();
    expect(vote(world, 'c', 'a', 1)).toMatchObject({ ok: true, value: { leader: { memberId: 'a' }, ballot: null } });
    expect(world.states()).toEqual({ a: 'Elected', b: 'Following', c: 'Following', d: 'Following', e: 'Following' });
    expect(world.history()).toEqual(['1 a elected: 3 of 5 votes']);
    // The vote whose answer was lost, and the one that comes late.
    expect(vote(world, 'c', 'a', 1)).toMatchObject({ ok: true });
    expect(vote(world, 'e', 'a', 1)).toMatchObject({ ok: true });
  });

  test('a member has one vote a term, kept through a crash: again the same is the same, another is refused', () => {
    const world = five();
    world.cluster.campaign('b');
    vote(world, 'c', 'a', 1);
    world.boot();
    expect(vote(world, 'c', 'a', 1)).toMatchObject({ ok: true });
    expect(vote(world, 'c', 'b', 1)).toMatchObject({ ok: false, code: 'conflict' });
    expect(vote(world, 'a', 'b', 1)).toMatchObject({ ok: false, code: 'conflict' });
    expect(world.cluster.ballot()?.votes).toEqual({ a: 'a', b: 'b', c: 'a' });
  });

  test('votes of another term, for no candidate, of no member or of one that is not well count nothing', () => {
    const world = five();
    world.join('e', { status: 'Error' });
    for (const [voter, candidate, term] of [
      ['b', 'a', 0],
      ['b', 'a', 2],
      ['b', 'c', 1],
      ['e', 'a', 1],
      ['z', 'a', 1],
    ] as const) {
      expect(vote(world, voter, candidate, term).ok).toBe(false);
    }
    expect(world.cluster.ballot()?.votes).toEqual({ a: 'a' });
  });

  test('a threshold takes the place of the majority', () => {
    const world = new World(settings({ policy: 'majority', automatic: false, threshold: 2 }));
    for (const name of ['a', 'b', 'c', 'd', 'e']) world.join(name);
    world.cluster.campaign('a');
    vote(world, 'b', 'a', 1);
    expect(world.leader).toBe('a');
  });

  test('the votes are counted over those who live: a departure can decide, and takes its vote along', () => {
    const world = five();
    vote(world, 'b', 'a', 1);
    world.cluster.leave('b');
    world.cluster.leave('c');
    expect(world.leader).toBeNull();
    vote(world, 'd', 'a', 1);
    expect(world.leader).toBe('a');
  });

  test('after a tie the preferred of the first stands alone in the next term', () => {
    const world = new World(settings({ policy: 'majority', automatic: false, preferredMembers: ['b'] }));
    for (const name of ['a', 'b', 'c', 'd']) world.join(name);
    world.cluster.campaign('a');
    world.cluster.campaign('b');
    vote(world, 'c', 'a', 1);
    vote(world, 'd', 'b', 1);
    expect(world.cluster.ballot()).toMatchObject({ term: 2, candidates: ['b'], votes: { b: 'b' } });
    vote(world, 'a', 'b', 2);
    vote(world, 'c', 'b', 2);
    expect(world.history()).toEqual(['1 - failed: tie', '2 b elected: 3 of 4 votes']);
  });

  test('a campaign without enough votes ends after 30 s, the election after 60 s, and is taken up again', () => {
    const world = new World(majority);
    world.join('a');
    world.cluster.leave('a');
    for (const name of ['a', 'b', 'c']) world.join(name, { sessionTtlSeconds: 3_600 });
    world.cluster.resign('a');
    world.pass(100);
    expect(world.history()).toEqual([
      '1 a elected: 1 of 1 votes',
      '1 a ended: left',
      '2 a elected: 1 of 1 votes',
      '2 a ended: resigned',
      '3 - failed: campaign timed out',
      '4 - failed: campaign timed out',
      '5 - failed: campaign timed out',
    ]);
    expect(world.cluster.ballot()).toMatchObject({ term: 6 });
  });

  test('a candidate that resigns or goes is none; another takes its place', () => {
    const world = five();
    world.cluster.campaign('b');
    world.cluster.resign('a');
    expect(world.cluster.ballot()).toMatchObject({ term: 1, candidates: ['b'] });
    world.cluster.leave('b');
    expect(world.cluster.ballot()).toMatchObject({ term: 2, candidates: ['c'] });
    expect(world.history()).toEqual(['1 - failed: no candidate left']);
  });

  test('a lost leader is replaced by votes, in a new term and with a larger epoch', () => {
    const world = new World(majority);
    world.hold('a');
    const before = world.cluster.epoch();
    world.hold('b');
    world.hold('c');
    world.cluster.close('a');
    expect(world.cluster.ballot()).toMatchObject({ term: 2, candidates: ['b'], votesNeeded: 2 });
    vote(world, 'c', 'b', 2);
    expect(world.leader).toBe('b');
    expect(world.cluster.epoch()).toBeGreaterThan(before);
  });
});

test('resignations are remembered up to a number, the same in memory as in the store', () => {
  const { database } = new World();
  const store = clusterStore(database);
  const names = Array.from({ length: LIMITS.clusterResignations }, (_, at) => `m${at}`);
  store.replace(EMPTY_CLUSTER.election, names, []);
  const turn = new Turn(store.load(), 0, settings());
  turn.setResigned('m7', false);
  turn.setResigned('m7', true);
  turn.setResigned('last', true);
  const { state, effects } = turn.end();
  store.write(state, effects, 0);
  expect([...state.resigned]).toEqual([...names.filter((name) => name !== 'm0' && name !== 'm7'), 'm7', 'last']);
  expect(store.load().resigned).toEqual(state.resigned);
});
