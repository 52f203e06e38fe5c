import { expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import type { FaultPoint, FaultPoints } from '../../src/ingest/fault-points.ts';
import { createIngest } from '../../src/ingest/ingest.ts';
import { seedCount } from '../scale.ts';
import { keysUnder, numbersOf, range } from './rows.ts';
import { createWorld, NAMESPACE, numberLines, type World } from './world.ts';

/** Holds whoever comes to a point until it is let go. */
function gate(point: FaultPoint): FaultPoints & { reached: Promise<void>; open(): void } {
  let open = () => {};
  let tell = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const reached = new Promise<void>((resolve) => {
    tell = resolve;
  });
  return {
    reached,
    open: () => open(),
    async reach(at) {
      if (at !== point) return;
      tell();
      await opened;
    },
  };
}

const consumerOf = (world: World, faults: FaultPoints) => createIngest({ ...world.ports, faults });

test('two consumers forced to hold the same object at once make one set of rows, wherever the first stands', async () => {
  for (const point of ['after-claim', 'after-segment', 'before-commit'] as const) {
    for (const partBytes of [1_000, 1_000_000]) {
      const world = createWorld({ limits: { partBytes, groupObjectBytes: 10 } });
      const { objectId } = await world.put('a', numberLines(0, 500));
      const message = { v: 1, type: 'ingest', namespaceUid: NAMESPACE.uid, objectId } as const;
      const held = gate(point);
      const slow = consumerOf(world, held).handle([message]);
      // A part that is handed over passes no commit.
      if (point === 'before-commit' && partBytes === 1_000) {
        held.open();
        await slow;
      } else {
        await held.reached;
        world.clock.advance(world.ports.limits.leaseMs + 1);
        await world.ingest.handle([message]);
        await world.drain();
        held.open();
        expect(await slow).toEqual([{ kind: 'done' }]);
      }
      await world.drain();
      expect(await numbersOf(world)).toEqual(range(0, 500));
      expect(await world.object(objectId)).toMatchObject({ state: 'committed', rowsCommitted: 500 });
      world.clock.advance(world.ports.limits.garbageGraceMs + 1);
      await world.ingest.sweep();
      const [{ segments }] = await world.ports.catalog.snapshot(NAMESPACE.uid, ['d']);
      expect((await keysUnder(world, 'segments/')).sort()).toEqual(segments.map(({ key }) => key).sort());
    }
  }
});

test('a member of a group that another consumer takes does not come twice, and the others still come', async () => {
  const world = createWorld();
  const objects = [];
  for (let i = 0; i < 5; i++) objects.push(await world.put(`o${i}`, numberLines(10 * i, 10)));
  const messages = world.ingestQueue.take();
  const held = gate('before-commit');
  const slow = consumerOf(world, held).handle(messages);
  await held.reached;
  world.clock.advance(world.ports.limits.leaseMs + 1);
  await world.ingest.handle([messages[2]]);
  held.open();
  const outcomes = await slow;
  expect(outcomes.filter(({ kind }) => kind === 'again')).toHaveLength(5);
  world.clock.advance(10 * 60_000);
  await world.ingest.handle(messages);
  expect(await numbersOf(world)).toEqual(range(0, 50));
  for (const { objectId } of objects) expect((await world.object(objectId))?.state).toBe('committed');
});

test('a group commits no member that another consumer is at work on by now', async () => {
  const world = createWorld();
  const objects = [];
  for (let i = 0; i < 5; i++) objects.push(await world.put(`o${i}`, numberLines(10 * i, 10)));
  const messages = world.ingestQueue.take();
  const held = gate('before-commit');
  const slow = consumerOf(world, held).handle(messages);
  await held.reached;
  world.clock.advance(world.ports.limits.leaseMs + 1);
  const heldToo = gate('before-commit');
  const rival = consumerOf(world, heldToo).handle([messages[2]]);
  await heldToo.reached;
  held.open();
  expect((await slow).filter(({ kind }) => kind === 'again')).toHaveLength(5);
  expect(await world.object(objects[2].objectId)).toMatchObject({ state: 'processing', attempt: 2 });
  heldToo.open();
  expect(await rival).toEqual([{ kind: 'done' }]);
  expect(await world.object(objects[2].objectId)).toMatchObject({ state: 'committed', attempt: 2 });
  world.clock.advance(10 * 60_000);
  await world.ingest.handle(messages);
  expect(await numbersOf(world)).toEqual(range(0, 50));
});

test('a consumer that learns its claim is lost stops before its next segment', async () => {
  const world = createWorld({ limits: { partBytes: 10_000_000, groupObjectBytes: 10, segmentBufferBytes: 1_000 } });
  const { objectId } = await world.put('a.ndjson', numberLines(0, 100_000));
  const message = { v: 1, type: 'ingest', namespaceUid: NAMESPACE.uid, objectId } as const;
  let stolen = false;
  const stealing = {
    ...world.ports,
    store: {
      ...world.ports.store,
      put: async (...args: Parameters<typeof world.ports.store.put>) => {
        world.clock.advance(world.ports.limits.leaseMs + 1);
        if (!stolen) {
          stolen = true;
          await world.ports.catalog.ledger.claim({ namespaceUid: NAMESPACE.uid, objectId }, 1_000_000_000);
        }
        return await world.ports.store.put(...args);
      },
    },
  };
  expect(await createIngest(stealing).handle([message])).toEqual([{ kind: 'done' }]);
  expect(await world.object(objectId)).toMatchObject({ state: 'processing', attempt: 2 });
  expect((await keysUnder(world, 'segments/')).length).toBeLessThan(5);
});

test('messages that repeat, overlap and come in any order change nothing but the time', async () => {
  for (let seed = 1; seed <= seedCount(10); seed++) {
    const random = seededRandom(seed);
    const world = createWorld({ limits: { partBytes: 2_000, groupObjectBytes: 1_000 } });
    const sizes = [5, 30, 600, 1, 900];
    for (const [i, size] of sizes.entries()) await world.put(`o${i}`, numberLines(1000 * i, size));
    let pending = world.ingestQueue.take();
    for (let round = 0; pending.length > 0; round++) {
      expect(round).toBeLessThan(200);
      const batch = pending.filter(() => random.next() < 0.7);
      const twice = round < 20 ? batch.filter(() => random.next() < 0.5) : [];
      const shuffled = [...batch, ...twice].sort(() => random.next() - 0.5);
      const cut = Math.floor(random.next() * shuffled.length);
      await Promise.all([world.ingest.handle(shuffled.slice(0, cut)), world.ingest.handle(shuffled.slice(cut))]);
      pending = [...pending.filter((message) => !batch.includes(message)), ...world.ingestQueue.take()];
      world.clock.advance(10);
    }
    await world.ingest.sweep({ restarted: true });
    await world.drain();
    expect(await numbersOf(world)).toEqual(sizes.flatMap((size, i) => range(1000 * i, 1000 * i + size)));
  }
}, 600_000);

test('a fault that passes is tried again later, one that stays ends after its attempts', async () => {
  const world = createWorld({ limits: { attempts: 3 } });
  const { objectId } = await world.put('a', numberLines(0, 1));
  const message = { v: 1, type: 'ingest', namespaceUid: NAMESPACE.uid, objectId } as const;
  let broken = true;
  const flaky = createIngest({
    ...world.ports,
    store: {
      ...world.ports.store,
      put: async (...args: Parameters<typeof world.ports.store.put>) => {
        if (broken) throw new Error('we encountered an internal error');
        return await world.ports.store.put(...args);
      },
    },
  });
  expect(await flaky.handle([message])).toEqual([{ kind: 'again', delaySeconds: 2 }]);
  expect(await world.object(objectId)).toMatchObject({ state: 'received', failures: 1, error: { code: 'internal' } });
  expect(await flaky.handle([message])).toEqual([{ kind: 'done' }]);
  world.clock.advance(2_000);
  expect(await flaky.handle([message])).toEqual([{ kind: 'again', delaySeconds: 4 }]);
  world.clock.advance(4_000);
  await flaky.handle([message]);
  expect(await world.object(objectId)).toMatchObject({
    state: 'failed',
    attempt: 3,
    error: { code: 'attempts_exhausted' },
  });
  broken = false;
  await world.ingest.retry(NAMESPACE.uid, objectId);
  await world.drain();
  expect(await world.object(objectId)).toMatchObject({ state: 'committed', rowsCommitted: 1 });
});

test('an object whose claimants keep dying without a word is given up', async () => {
  const world = createWorld({ limits: { attempts: 3 } });
  const { objectId } = await world.put('a', numberLines(0, 1));
  const ref = { namespaceUid: NAMESPACE.uid, objectId };
  for (let i = 0; i < 3; i++) {
    await world.ports.catalog.ledger.claim(ref, 1000);
    world.clock.advance(1001);
  }
  await world.ingest.handle([{ v: 1, type: 'ingest', ...ref }]);
  expect(await world.object(objectId)).toMatchObject({
    state: 'failed',
    attempt: 4,
    error: { code: 'attempts_exhausted' },
  });
});

test('one namespace whose pipelines cannot be read keeps no other from being served', async () => {
  const world = createWorld();
  const { objectId } = await world.put('a', numberLines(0, 1));
  const other = await world.ingest.put(
    { namespace: 'other', namespaceUid: 'uid-2', dataset: 'd', name: 'b', decode: {} },
    new TextEncoder().encode(numberLines(1, 1)),
  );
  const gone = await world.ingest.put(
    { namespace: 'default', namespaceUid: 'old-uid', dataset: 'd', name: 'c', decode: {} },
    new TextEncoder().encode(numberLines(2, 1)),
  );
  const control = {
    ...world.ports.control,
    namespaceUid: async (name: string) => (name === 'other' ? 'uid-2' : NAMESPACE.uid),
    pipelines: async (namespace: string) => {
      if (namespace === 'other') throw new Error('no answer');
      return await world.ports.control.pipelines(namespace);
    },
  };
  const outcomes = await createIngest({ ...world.ports, control }).handle(world.ingestQueue.take());
  expect(outcomes).toEqual([{ kind: 'done' }, { kind: 'again', delaySeconds: 5 }, { kind: 'done' }]);
  expect((await world.object(objectId))?.state).toBe('committed');
  expect((await world.ports.catalog.ledger.get('uid-2', other.objectId))?.state).toBe('received');
  const ended = await world.ports.catalog.ledger.get('old-uid', gone.objectId);
  expect(ended).toMatchObject({ state: 'failed', error: { code: 'gone' } });
});

test('what is beyond the share of one invocation gets a message of its own', async () => {
  const world = createWorld({ limits: { partBytes: 1_000, groupObjectBytes: 10 } });
  for (let i = 0; i < 7; i++) await world.put(`o${i}`, numberLines(1000 * i, 80));
  const messages = world.ingestQueue.take();
  expect((await world.ingest.handle(messages)).every(({ kind }) => kind === 'done')).toBe(true);
  expect(world.ingestQueue.take().map(({ objectId }) => objectId)).toEqual(
    messages.slice(5).map(({ objectId }) => objectId),
  );
});

test('a store that fails while a group is written costs none of its members a row', async () => {
  // Small enough for a segment to be written while members are still being read.
  const world = createWorld({ limits: { segmentBufferBytes: 3_000 } });
  for (let i = 0; i < 12; i++) await world.put(`o${i}`, numberLines(100 * i, 100));
  // Its column ends the segment that is open.
  await world.put('wider', '{"n":1200,"more":1}\n');
  await world.put('last', numberLines(1201, 10));
  let failures = 1;
  const { store } = world.ports;
  const flaky = createIngest({
    ...world.ports,
    store: {
      ...store,
      put: async (...args: Parameters<typeof store.put>) => {
        if (args[0].startsWith('segments/') && failures-- > 0) throw new Error('we encountered an internal error');
        return await store.put(...args);
      },
    },
  });
  const messages = world.ingestQueue.take();
  expect((await flaky.handle(messages)).filter(({ kind }) => kind === 'again')).toHaveLength(14);
  world.clock.advance(10 * 60_000);
  await flaky.handle(messages);
  expect(await numbersOf(world)).toEqual(range(0, 1211));
});
