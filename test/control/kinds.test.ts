import { expect, test } from 'vitest';
import { compileAll } from '../../scripts/build-kinds.ts';
import { BUILT_IN_KINDS } from '../../src/control/kinds.ts';
import { Regex } from '../../src/core/regex/regex.ts';

test('the compiled schemas are those of the kinds as written: else run node scripts/build-kinds.ts', async () => {
  const served = BUILT_IN_KINDS.map(({ kind }) => ({ name: kind.singular, schema: kind.schema }));
  expect(await compileAll()).toEqual(served.sort((a, b) => (a.name < b.name ? -1 : 1)));
});

test('every pattern of a schema is one that is run in linear time', () => {
  const patterns = BUILT_IN_KINDS.flatMap(({ kind }) => [
    ...JSON.stringify(kind.schema).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g),
  ]);
  expect(patterns.length).toBeGreaterThan(100);
  for (const [, text] of patterns) {
    expect(() => new Regex(JSON.parse(text), { ignoreCase: false, dotAll: false, multiline: false })).not.toThrow();
  }
});
