import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { type Batch, scalarAt } from '../../src/columns/column.ts';
import { columnOf } from '../../src/columns/from-scalars.ts';
import type { IndexDefinition, IndexSummary } from '../../src/columns/index-definition.ts';
import { type ColumnType, DOUBLE, decimal, INT64, STRING } from '../../src/columns/types.ts';
import { memoryReader, memorySink } from '../../src/core/bytes.ts';
import type { IndexPredicate } from '../../src/segment/index-file.ts';
import { INDEX_KINDS } from '../../src/segment/index-kinds.ts';

/**
 * A specimen of every version of every index file: what was written once is read for ever. A new version adds
 * specimens (GOLDEN=write makes those that are missing) and never changes or removes one.
 */
const TEXTS = [
  'The quick brown fox jumps over the lazy dog',
  'Quick as a fox, lazy as a dog: QUICK!',
  null,
  'Straße nach Zürich, 東京 2024',
  '',
  ...Array.from({ length: 400 }, (_, i) => `row ${i} of common words, id${i % 37}`),
];

interface Specimen {
  readonly file: string;
  readonly definition: IndexDefinition;
  readonly type: ColumnType;
  readonly values: readonly (null | bigint | number | string)[];
  readonly asked: readonly { readonly predicate: IndexPredicate; readonly rows: readonly number[] }[];
}

const definition = (kind: 'btree' | 'fulltext', options = {}): IndexDefinition => ({
  name: 'g',
  kind,
  fields: ['v'],
  options,
});
const range = (type: ColumnType, low: bigint | number | string): IndexPredicate => ({
  op: 'range',
  field: 'v',
  type,
  low: { value: low, inclusive: true },
});
const match = (query: string): IndexPredicate => ({ op: 'match', field: 'v', query });

const SPECIMENS: readonly Specimen[] = [
  {
    file: 'btree-int64.v1.index',
    definition: definition('btree'),
    type: INT64,
    values: [
      5n,
      null,
      -(2n ** 63n),
      2n ** 63n - 1n,
      5n,
      ...Array.from({ length: 8000 }, (_, i) => BigInt((i * 7919) % 6007)),
    ],
    asked: [
      { predicate: { op: 'equals', field: 'v', type: INT64, values: [-(2n ** 63n)] }, rows: [2] },
      { predicate: range(INT64, 6006n), rows: [3, 404, 6411] },
    ],
  },
  {
    file: 'btree-string.v1.index',
    definition: definition('btree'),
    type: STRING,
    values: TEXTS,
    asked: [
      { predicate: { op: 'equals', field: 'v', type: STRING, values: [''] }, rows: [4] },
      { predicate: range(STRING, 'row 99 '), rows: [104] },
    ],
  },
  {
    file: 'btree-decimal.v1.index',
    definition: definition('btree'),
    type: decimal(30, 2),
    values: [1n, -(10n ** 25n), null, 10n ** 25n],
    asked: [{ predicate: range(decimal(30, 2), 0n), rows: [0, 3] }],
  },
  {
    file: 'btree-double.v1.index',
    definition: definition('btree'),
    type: DOUBLE,
    values: [Number.NaN, -0, 0, -1.5, null, Number.POSITIVE_INFINITY],
    asked: [
      { predicate: range(DOUBLE, 0), rows: [0, 1, 2, 5] },
      { predicate: { op: 'equals', field: 'v', type: DOUBLE, values: [Number.NaN] }, rows: [0] },
    ],
  },
  {
    file: 'fulltext.v1.index',
    definition: definition('fulltext'),
    type: STRING,
    values: TEXTS,
    asked: [
      { predicate: match('quick fox -jumps'), rows: [1] },
      { predicate: match('"lazy dog" OR 東京 OR strasse'), rows: [0, 3] },
      { predicate: match('id3 "common words" 4*'), rows: [45] },
      { predicate: match('zurihc~'), rows: [3] },
    ],
  },
  {
    file: 'fulltext-english.v1.index',
    definition: definition('fulltext', { stemming: 'english', stopWords: 'english', case: 'fold', diacritics: 'keep' }),
    type: STRING,
    values: TEXTS,
    asked: [{ predicate: match('"jumping over the lazy"'), rows: [0] }],
  },
];

for (const { file, definition, type, values, asked } of SPECIMENS) {
  test(`${file} reads as it did when it was written`, async () => {
    const kind = INDEX_KINDS.get(definition.kind)!;
    const path = `test/golden/${file}`;
    async function* batches(): AsyncIterable<Batch> {
      const column = columnOf(type, values);
      expect(scalarAt(column, 0)).toEqual(values[0]);
      yield { schema: [{ name: 'v', type, nullable: true }], length: values.length, columns: [column] };
    }
    const sink = memorySink();
    const summary = await kind.build(batches(), definition, sink);
    if (process.env['GOLDEN'] === 'write') {
      writeFileSync(path, sink.bytes(), { flag: 'wx' });
      writeFileSync(`${path}.json`, `${JSON.stringify(summary)}\n`, { flag: 'wx' });
    }
    const bytes = new Uint8Array(readFileSync(path));
    const kept: IndexSummary = JSON.parse(readFileSync(`${path}.json`, 'utf8'));
    const index = await kind.open(memoryReader(bytes), definition, kept);
    for (const { predicate, rows } of asked) expect([...(await index.lookup(predicate)).rows]).toEqual(rows);
    // What this version writes is what was written: a change is a new version, with specimens of its own.
    expect(Buffer.compare(sink.bytes(), bytes)).toBe(0);
    expect(summary).toEqual(kept);
  });
}
