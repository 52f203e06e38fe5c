import { describe, expect, test } from 'vitest';
import type { Scalar } from '../../../src/columns/column.ts';
import {
  BOOL,
  type ColumnType,
  DATE,
  decimal,
  INT64,
  mergeSchemas,
  NULL_TYPE,
  type Schema,
} from '../../../src/columns/types.ts';
import { widenScalar } from '../../../src/columns/widen.ts';
import { type Random, seededRandom } from '../../../src/core/random.ts';
import type { Expression } from '../../../src/query/expression.ts';
import { seedCount } from '../../scale.ts';
import { randomPredicate, scanOf, TABLE } from '../operators/random-plan.ts';
import { comparableRows, runReference } from '../reference.ts';
import { below, sampleBatch } from '../samples.ts';
import { World } from '../world.ts';

/** Types a column of the table may have had before it was widened to what it is. */
const EARLIER: Readonly<Record<string, readonly ColumnType[]>> = {
  n: [NULL_TYPE],
  d: [INT64],
  s: [INT64, BOOL, DATE, NULL_TYPE],
  at: [DATE],
  price: [decimal(6, 1)],
  huge: [decimal(10, 2), INT64],
};

/** The schema of an old segment: some columns narrower, some missing. */
function earlier(random: Random): Schema {
  return TABLE.filter(() => random.next() < 0.8).map((field) => {
    const types = EARLIER[field.name];
    return types === undefined || random.next() < 0.4 ? field : { ...field, type: types[below(random, types.length)] };
  });
}

function widenRow(row: readonly Scalar[], schema: Schema): Scalar[] {
  return TABLE.map((field) => {
    const place = schema.findIndex(({ name }) => name === field.name);
    const value = place < 0 ? null : row[place];
    return value === null ? null : widenScalar(value, schema[place].type, field.type);
  });
}

describe('segments older than the schema answer null where they lack a column and are cast where it was narrower', () => {
  for (let seed = 0; seed < seedCount(4); seed++) {
    test(`seed ${seed}`, async () => {
      const random = seededRandom(700 + seed);
      const [plain, indexed] = [new World(), new World()];
      indexed.indexCostFactor = 0;
      const rows: Scalar[][] = [];
      for (const schema of [TABLE, earlier(random), earlier(random)]) {
        const part = sampleBatch(schema, 20 + below(random, 80), random);
        for (const world of [plain, indexed]) await world.add('t', [part.batch], { rowGroupRows: 30 });
        rows.push(...part.rows.map((row) => widenRow(row, schema)));
      }
      expect(mergeSchemas(plain.schema('t'), TABLE).map(({ type }) => type)).toEqual(TABLE.map(({ type }) => type));
      for (const field of ['n', 'd', 's', 'at', 'price']) {
        await indexed.build('t', { name: `by_${field}`, kind: 'btree', fields: [field], options: {} });
      }
      const tables = new Map([['t', rows]]);
      for (let i = 0; i < 40; i++) {
        const filter: Expression = randomPredicate(TABLE, random);
        const plan = scanOf('t', [0, 2, 3, 6, 7, 8], filter);
        const expected = comparableRows(runReference(plan, tables));
        const told = JSON.stringify(plan, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
        expect(comparableRows(await plain.run(plan)), told).toEqual(expected);
        expect(comparableRows(await indexed.run(plan)), told).toEqual(expected);
      }
    });
  }
});
