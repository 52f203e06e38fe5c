import { expect, test } from 'vitest';
import { payloadFaults } from '../../src/core/protocol/built-in-tasks.ts';

test.each(['a\u0000b', 'a\nb', 'a\u007fb', '\ud800', 'a/'])('a task names no object %j, as no upload does', (name) => {
  const paths = (faults: ReturnType<typeof payloadFaults>) => faults.map(({ path }) => path);
  expect(paths(payloadFaults('Processing', { sql: 'SELECT 1', into: 'd', name }))).toEqual(['payload.name']);
  expect(paths(payloadFaults('Ingestion', { dataset: 'd', records: [{}], name }))).toEqual(['payload.name']);
});

test('an object may be called anything else', () => {
  expect(payloadFaults('Processing', { sql: 'SELECT 1', into: 'd', name: 'ä 💥/../x y.arrow' })).toEqual([]);
});
