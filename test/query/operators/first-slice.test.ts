import { expect, test } from 'vitest';
import { DOUBLE, INT64, type Schema, STRING } from '../../../src/columns/types.ts';
import { seededRandom } from '../../../src/core/random.ts';
import type { Plan, ScanPlan } from '../../../src/query/plan.ts';
import { comparableRows, runReference } from '../reference.ts';
import { sampleBatch } from '../samples.ts';
import { World } from '../world.ts';

const SCHEMA: Schema = [
  { name: 'n', type: INT64, nullable: true },
  { name: 'd', type: DOUBLE, nullable: true },
  { name: 's', type: STRING, nullable: true },
];

test('a plan over segments answers what its definition says', async () => {
  const random = seededRandom(1);
  const world = new World();
  const parts = [200, 0, 333].map((length) => sampleBatch(SCHEMA, length, random));
  await world.add(
    't',
    parts.map(({ batch }) => batch),
    { rowGroupRows: 100 },
  );
  const tables = new Map([['t', parts.flatMap(({ rows }) => rows)]]);
  const scan: ScanPlan = {
    op: 'scan',
    dataset: 't',
    columns: [2, 0],
    filter: {
      node: 'call',
      function: '>',
      args: [
        { node: 'column', index: 0, type: INT64, at: 0 },
        { node: 'literal', value: 1n, type: INT64, at: 0 },
      ],
      type: { kind: 'bool' },
      at: 0,
    },
    matches: [],
    score: null,
    schema: [SCHEMA[2], SCHEMA[0]],
  };
  const plan: Plan = {
    op: 'sort',
    input: {
      op: 'aggregate',
      input: scan,
      keys: [{ node: 'column', index: 0, type: STRING, at: 0 }],
      aggregates: [
        { function: 'count_all', arg: null, distinct: false, filter: null, parameters: [], type: INT64, at: 0 },
        {
          function: 'sum',
          arg: { node: 'column', index: 1, type: INT64, at: 0 },
          distinct: false,
          filter: null,
          parameters: [],
          type: INT64,
          at: 0,
        },
      ],
      schema: [
        SCHEMA[2],
        { name: 'count', type: INT64, nullable: false },
        { name: 'sum', type: INT64, nullable: true },
      ],
    },
    keys: [{ expression: { node: 'column', index: 0, type: STRING, at: 0 }, descending: false, nullsFirst: false }],
    limit: null,
    offset: 1,
    schema: SCHEMA,
  };
  expect(comparableRows(await world.run(plan))).toEqual(comparableRows(runReference(plan, tables)));
});
