import { expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { countingObjectStore, newStoreCounts } from '../../src/storage/counting-object-store.ts';
import { memoryObjectStore } from '../../src/storage/memory-object-store.ts';
import { objectReader } from '../../src/storage/range-reader.ts';
import { objectStoreSuite } from './object-store-suite.ts';

const clock = manualClock(1_700_000_000_000);
const memory = memoryObjectStore(clock);
objectStoreSuite('memory', () => memory);
objectStoreSuite('counting', () => countingObjectStore(memoryObjectStore(clock), newStoreCounts()));

test('reads, writes and bytes are counted as R2 bills them', async () => {
  const counts = newStoreCounts();
  const store = countingObjectStore(memoryObjectStore(clock), counts);
  const stored = await store.put('a', new Uint8Array(100));
  await store.read('a', 0, 10);
  for await (const chunk of await store.stream('a', 40)) expect(chunk.length).toBe(60);
  await store.head('a');
  await store.list('');
  const upload = await store.createUpload('b');
  await upload.complete([await upload.uploadPart(1, new Uint8Array(50))]);
  await store.delete(['a']);
  expect(counts).toEqual({ classA: 5, classB: 3, deletes: 1, bytesRead: 70, bytesWritten: 150 });
  expect(stored?.sizeBytes).toBe(100);
});

test('a range reader refuses ranges beyond the object and versions that are gone', async () => {
  const store = memoryObjectStore(clock);
  const stored = await store.put('a', new Uint8Array([1, 2, 3]));
  const reader = objectReader(store, stored!);
  expect(await reader.read(1, 2)).toEqual(new Uint8Array([2, 3]));
  await expect(reader.read(2, 2)).rejects.toThrow(RangeError);
  await store.put('a', new Uint8Array([4, 5, 6]));
  await expect(reader.read(0, 1)).rejects.toMatchObject({ code: 'source_changed' });
});
