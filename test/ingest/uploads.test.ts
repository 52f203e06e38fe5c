import { expect, test } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import { keysUnder, numbersOf, range } from './rows.ts';
import { createWorld, NAMESPACE, numberLines } from './world.ts';

const PART = 5 * 1024 * 1024;
const INCOMING = {
  namespace: NAMESPACE.name,
  namespaceUid: NAMESPACE.uid,
  dataset: 'd',
  name: 'big.ndjson',
  decode: { format: 'json' },
};

const at = (uploadId: string) => ({ namespaceUid: NAMESPACE.uid, dataset: INCOMING.dataset, uploadId });

/** NDJSON of a little more than two parts. */
function body(): { bytes: Uint8Array; rows: number } {
  const pad = 'x'.repeat(10_000);
  const rows = Math.ceil((2.1 * PART) / 10_020);
  return {
    bytes: new TextEncoder().encode(
      range(0, rows)
        .map((n) => `{"n":${n},"p":"${pad}"}\n`)
        .join(''),
    ),
    rows,
  };
}

test('parts in any order, one of them twice, become one object', async () => {
  const world = createWorld();
  const { bytes, rows } = body();
  const { uploadId, partBytes } = await world.ingest.uploads.create(INCOMING, PART);
  expect(partBytes).toBe(PART);
  const part = (n: number) => bytes.slice((n - 1) * PART, n * PART);
  for (const n of [3, 1, 2, 1]) {
    const stream = new Blob([part(n)]).stream();
    await world.ingest.uploads.putPart(at(uploadId), n, n === 3 ? stream : part(n));
  }
  expect((await world.ingest.uploads.get(at(uploadId))).parts.map(({ sizeBytes }) => sizeBytes)).toEqual([
    PART,
    PART,
    bytes.length - 2 * PART,
  ]);
  const object = await world.ingest.uploads.complete(at(uploadId));
  expect(object).toMatchObject({
    name: 'big.ndjson',
    state: 'received',
    sizeBytes: bytes.length,
    decode: { format: 'json' },
  });
  expect((await world.ingest.uploads.complete(at(uploadId))).objectId).toBe(object.objectId);
  await world.drain();
  expect(await numbersOf(world)).toEqual(range(0, rows));
  await expect(world.ingest.uploads.putPart(at(uploadId), 1, part(1))).rejects.toMatchObject({
    code: 'gone',
  });
});

test('what cannot be an upload is refused with what was expected', async () => {
  const world = createWorld();
  const { uploads } = world.ingest;
  await expect(uploads.create(INCOMING, 1000)).rejects.toMatchObject({
    code: 'bad_request',
    errors: [{ path: 'partBytes' }],
  });
  await expect(uploads.get(at('none'))).rejects.toMatchObject({ code: 'not_found' });
  const { uploadId } = await uploads.create(INCOMING, PART);
  for (const elsewhere of [{ namespaceUid: 'other-namespace' }, { dataset: 'other' }]) {
    const there = { ...at(uploadId), ...elsewhere };
    await expect(uploads.get(there)).rejects.toMatchObject({ code: 'not_found' });
    await expect(uploads.putPart(there, 1, new Uint8Array(1))).rejects.toMatchObject({ code: 'not_found' });
    await expect(uploads.complete(there)).rejects.toMatchObject({ code: 'not_found' });
    await expect(uploads.abort(there)).rejects.toMatchObject({ code: 'not_found' });
  }
  await expect(uploads.complete(at(uploadId))).rejects.toMatchObject({ code: 'bad_request' });
  for (const number of [0, -1, 1.5, 10_001]) {
    await expect(uploads.putPart(at(uploadId), number, new Uint8Array(1))).rejects.toMatchObject({
      code: 'bad_request',
    });
  }
  await expect(uploads.putPart(at(uploadId), 1, new Uint8Array(0))).rejects.toMatchObject({
    code: 'bad_request',
  });
  await expect(uploads.putPart(at(uploadId), 1, new Uint8Array(PART + 1))).rejects.toMatchObject({
    code: 'payload_too_large',
  });
  const endless = new Blob([new Uint8Array(PART), new Uint8Array(1)]).stream();
  await expect(uploads.putPart(at(uploadId), 1, endless)).rejects.toMatchObject({
    code: 'payload_too_large',
  });
  await uploads.putPart(at(uploadId), 1, new Uint8Array(100));
  await uploads.putPart(at(uploadId), 3, new Uint8Array(100));
  await expect(uploads.complete(at(uploadId))).rejects.toThrow(/part 2 is missing/);
  await uploads.putPart(at(uploadId), 2, new Uint8Array(PART));
  await expect(uploads.complete(at(uploadId))).rejects.toThrow(/part 1 has 100 bytes/);
  await uploads.putPart(at(uploadId), 1, new Uint8Array(PART));
  // Whoever says how much there should be is told of a part it forgot at the end.
  await expect(uploads.complete(at(uploadId), { parts: 4 })).rejects.toThrow(/parts: 3 are there, 4 were expected/);
  await expect(uploads.complete(at(uploadId), { sizeBytes: 2 * PART })).rejects.toThrow(/sizeBytes: \d+ are there/);
  await uploads.abort(at(uploadId));
  await expect(uploads.complete(at(uploadId))).rejects.toMatchObject({ code: 'gone' });
});

test('completing goes on where a request died, before or after the object was made', async () => {
  for (const dieAt of ['complete', 'register'] as const) {
    const world = createWorld();
    const { uploadId } = await world.ingest.uploads.create(INCOMING, PART);
    await world.ingest.uploads.putPart(at(uploadId), 1, new TextEncoder().encode(numberLines(0, 5)));
    const { completeUpload } = await import('../../src/ingest/uploads.ts');
    const faults = {
      reach: async () => {
        if (dieAt === 'complete') throw new Error('the isolate is gone');
      },
    };
    const ledger = {
      ...world.ports.catalog.ledger,
      register: async () => {
        throw new OrasiError('unavailable', 'the isolate is gone');
      },
    };
    const catalog = dieAt === 'register' ? { ...world.ports.catalog, ledger } : world.ports.catalog;
    await expect(completeUpload({ ...world.ports, catalog, faults }, at(uploadId))).rejects.toThrow(/gone/);
    expect(await world.ingest.uploads.complete(at(uploadId))).toMatchObject({ state: 'received' });
    await world.drain();
    expect(await numbersOf(world)).toEqual(range(0, 5));
  }
});

test('an upload that is never completed ends after a week', async () => {
  const world = createWorld();
  const { uploadId } = await world.ingest.uploads.create(INCOMING);
  world.clock.advance(7 * 24 * 60 * 60_000);
  await world.ingest.sweep();
  expect((await world.ingest.uploads.get(at(uploadId))).upload.state).toBe('open');
  world.clock.advance(1);
  await world.ingest.sweep();
  expect((await world.ingest.uploads.get(at(uploadId))).upload.state).toBe('aborted');
  expect(await keysUnder(world, 'uploads/')).toEqual([]);
});
