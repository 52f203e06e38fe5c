import { expect, test } from 'vitest';
import { FAULT_POINTS } from '../../src/ingest/fault-points.ts';
import { keysUnder } from './rows.ts';
import { createWorld, NAMESPACE, numberLines } from './world.ts';

const INCOMING = { namespace: NAMESPACE.name, namespaceUid: NAMESPACE.uid, dataset: 'd', name: 'big', decode: {} };
const PART = 5 * 1024 * 1024;
const bytes = (text: string) => new TextEncoder().encode(text);

/** A world whose namespace can be erased from within; requests and consumers go on believing that it is there. */
function erasable() {
  let erased = false;
  let doomed: (() => Promise<void>) | undefined;
  const world = createWorld({
    limits: { partBytes: 64_000, requeueAfterMs: 1 },
    ports: {
      control: {
        namespaceUid: async () => NAMESPACE.uid,
        namespaces: async () => (erased ? [] : [NAMESPACE]),
        pipelines: async () => ({ version: 1, pipelines: [] }),
      },
      faults: { reach: async (point) => (point === doomedAt ? await doomed?.() : undefined) },
    },
  });
  let doomedAt: string | undefined;
  async function erase(): Promise<void> {
    doomed = undefined;
    erased = true;
    let rounds = 0;
    while (!(await world.ingest.eraseNamespace(NAMESPACE.name, NAMESPACE.uid))) expect(++rounds).toBeLessThan(50);
  }
  return {
    world,
    erase,
    /** Erases the namespace when somebody comes to a point. */
    eraseAt(point: string) {
      doomedAt = point;
      doomed = erase;
    },
    get erased() {
      return erased;
    },
    /** Whether neither row nor, once the grace of its files is over, file is left. */
    async expectNothing() {
      expect(await world.ports.catalog.collection.eraseNamespace(NAMESPACE.uid, 100)).toBe(true);
      world.clock.advance(world.ports.limits.garbageGraceMs + 1);
      for (let i = 0; i < 3; i++) await world.ingest.sweep();
      expect(await keysUnder(world, '')).toEqual([]);
    },
  };
}

/** Every point of the machine; the others are the queue consumer's and the index builder's. */
const POINTS = FAULT_POINTS.filter((point) => point !== 'before-ack' && point !== 'in-index-publish');

test.each(POINTS)('a namespace erased while somebody is at %s leaves nothing behind', async (point) => {
  const there = erasable();
  const { world } = there;
  await world.put('first', numberLines(0, 10));
  await world.drain();
  there.eraseAt(point);
  const long = `${numberLines(0, 10)}${`{"n":1,"text":"${'x'.repeat(100)}"}\n`.repeat(2_000)}`;
  await world.put('second', long).catch(() => {});
  await world.drain();
  await world.put('third', numberLines(0, 10)).catch(() => {});
  await world.drain();
  expect(there.erased).toBe(true);
  await there.expectNothing();
});

test('an upload that ends after its namespace is told so, and leaves nothing', async () => {
  const there = erasable();
  const { uploads } = there.world.ingest;
  const open = await uploads.create(INCOMING, PART);
  await uploads.putPart(open, 1, bytes(numberLines(0, 5)));
  let go = () => {};
  const slow = new ReadableStream<Uint8Array>({
    async pull(controller) {
      await new Promise<void>((resolve) => {
        go = resolve;
      });
      controller.enqueue(bytes(numberLines(0, 5)));
      controller.close();
    },
  });
  const put = there.world.ingest.put(INCOMING, slow);
  const refused = expect(put).rejects.toMatchObject({ code: 'gone' });
  await there.erase();
  go();
  await refused;
  await expect(uploads.complete(open)).rejects.toMatchObject({ code: 'not_found' });
  await expect(uploads.create(INCOMING, PART)).rejects.toMatchObject({ code: 'gone' });
  await expect(there.world.put('late', numberLines(0, 1))).rejects.toMatchObject({ code: 'gone' });
  expect(await keysUnder(there.world, '')).toEqual([]);
  await there.expectNothing();
});

test('the parts of an open upload go with its namespace', async () => {
  const there = erasable();
  const open = await there.world.ingest.uploads.create(INCOMING, PART);
  await there.world.ingest.uploads.putPart(open, 1, bytes(numberLines(0, 5)));
  await there.erase();
  const { store } = there.world.ports;
  await expect(store.resumeUpload(open.key, open.storageUploadId).uploadPart(2, bytes('x'), 1)).rejects.toThrow();
});
