import { expect, test } from 'vitest';
import { createCatalog } from '../../src/storage/catalog.ts';
import { createSqlDatabase, type SqlBinding } from '../../src/storage/sql.ts';
import { createWorld, NAMESPACE, numberLines, pipeline } from '../ingest/world.ts';
import { sqliteBinding } from './sqlite-binding.ts';

/** Tables that grow with what is taken in; the others are small. */
const LARGE = [
  'objects',
  'segments',
  'segment_sources',
  'staged_files',
  'quarantine_files',
  'index_files',
  'index_failures',
];

/** Statements that are meant to walk a namespace. */
const WALKS =
  /^DELETE FROM (\w+) WHERE \([\w, ]+\) IN \(\s*SELECT [\w, ]+ FROM \1 WHERE namespace_uid = \? LIMIT \?\)$/;

test('no statement of the data path reads more of a large table than it is about', async () => {
  const inner = sqliteBinding();
  const texts = new Set<string>();
  const binding: SqlBinding = {
    prepare(text) {
      texts.add(text);
      return inner.prepare(text);
    },
    batch: (statements) => inner.batch(statements),
  };
  const plain = createWorld();
  const catalog = createCatalog(createSqlDatabase(binding), plain.clock, plain.ports.random);
  const world = createWorld({
    limits: { partBytes: 500, groupObjectBytes: 300 },
    ports: { catalog, clock: plain.clock },
  });
  world.pipelines.push(
    pipeline({ dataset: 'd', indexes: [{ name: 'i', kind: 'btree', fields: ['n'], options: {} }] }),
    pipeline({ dataset: 'r', versions: 'replace' }),
  );
  const objects = [];
  for (let i = 0; i < 5; i++) objects.push(await world.put(`o${i}`, numberLines(i, 3)));
  objects.push(await world.put('large', `${numberLines(0, 200)}bad\n`));
  objects.push(await world.put('bad', 'x', { decode: { format: 'nothing' } }));
  for (let i = 0; i < 3; i++) objects.push(await world.put('same', numberLines(i, 3), { dataset: 'r' }));
  await world.ports.store.put('inbox/default/d/found', new TextEncoder().encode(numberLines(0, 1)));
  await world.ingest.sweep();
  await world.drain();
  const { datasetId } = objects[0];
  await catalog.indexes.define(NAMESPACE.uid, datasetId, [{ name: 'i', kind: 'btree', fields: ['n'], options: {} }]);
  await world.ingest.sweep();
  const [missing] = await catalog.indexes.missing(NAMESPACE.uid, datasetId, { maxFailures: 3, limit: 10 });
  const file = {
    namespaceUid: NAMESPACE.uid,
    datasetId,
    segmentId: missing.segment.segmentId,
    name: 'i',
    generation: missing.generation,
  };
  await catalog.indexes.recordFailure(file, 'x');
  await catalog.indexes.publish(file, 'k', { rows: 1, sizeBytes: 1, meta: {} });
  await catalog.indexes.rebuild(NAMESPACE.uid, datasetId, 'i');
  await catalog.snapshot(NAMESPACE.uid, ['d', 'r']);
  await catalog.datasets.list(NAMESPACE.uid, 10);
  await catalog.datasets.get(NAMESPACE.uid, 'd');
  await catalog.ledger.list(NAMESPACE.uid, { dataset: 'd', state: 'committed' }, 10);
  await catalog.ledger.mask(NAMESPACE.uid, objects[0].objectId);
  await catalog.ledger.retry(NAMESPACE.uid, objects[6].objectId);
  await catalog.ledger.quarantineFiles(NAMESPACE.uid, objects[5].objectId);
  await world.drain();
  await catalog.datasets.delete(NAMESPACE.uid, 'r');
  world.clock.advance(3_600_000);
  await world.ingest.sweep({ restarted: true });

  const found: string[] = [];
  for (const text of texts) {
    if (WALKS.test(text)) continue;
    const plan = inner.database
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all(...Array(text.split('?').length - 1).fill(null));
    const aliases = new Map(
      [
        ...text.matchAll(
          /\b(?:FROM|JOIN|UPDATE|INTO)\s+(\w+)(?:\s+(?:AS\s+)?(?!INDEXED|WHERE|SET|ON|JOIN|CROSS|LEFT)(\w+))?/g,
        ),
      ].flatMap(([, table, alias]) => [
        [table, table],
        [alias ?? table, table],
      ]),
    );
    for (const { detail } of plan as { detail: string }[]) {
      const match = /^(SCAN|SEARCH) (\w+)(.*)$/.exec(detail);
      const table = aliases.get(match?.[2] ?? '');
      if (match === null || table === undefined || !LARGE.includes(table)) continue;
      const whole = match[1] === 'SCAN' || /\((namespace_uid=\?)\)$/.test(match[3]);
      if (whole) found.push(`${detail}: ${text.replace(/\s+/g, ' ')}`);
    }
  }
  expect(texts.size).toBeGreaterThan(50);
  expect(found).toEqual([]);
});
