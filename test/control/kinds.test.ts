import { expect, test } from 'vitest';
import { compileAll } from '../../scripts/build-kinds.ts';
import { BUILT_IN_KINDS } from '../../src/control/kinds.ts';

test('the compiled schemas are those of the kinds as written: else run node scripts/build-kinds.ts', async () => {
  const served = BUILT_IN_KINDS.map(({ kind }) => ({ name: kind.singular, schema: kind.schema }));
  expect(await compileAll()).toEqual(served.sort((a, b) => (a.name < b.name ? -1 : 1)));
});
