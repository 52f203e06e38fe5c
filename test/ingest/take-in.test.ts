import { expect, test } from 'vitest';
import { rowsOf } from './rows.ts';
import { createWorld, NAMESPACE } from './world.ts';

test('an object that is put is claimed, written as a segment, committed and seen by a snapshot', async () => {
  const world = createWorld();
  const objectId = await world.text('a.ndjson', '{"n":1,"s":"x"}\n{"n":9007199254740993}\n');
  expect((await world.catalog.ledger.get(NAMESPACE.uid, objectId))?.state).toBe('received');
  await world.drain();
  expect(await world.catalog.ledger.get(NAMESPACE.uid, objectId)).toMatchObject({
    state: 'committed',
    rowsCommitted: 2,
    rowsQuarantined: 0,
    segments: 1,
    attempt: 1,
    format: 'json',
  });
  expect(await rowsOf(world, 'logs')).toEqual([
    { n: 1n, s: 'x' },
    { n: 9007199254740993n, s: null },
  ]);
});
