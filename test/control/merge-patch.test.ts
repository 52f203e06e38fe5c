import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { cloneJson, type JsonValue } from '../../src/control/json.ts';
import { mergePatch } from '../../src/control/merge-patch.ts';

/** RFC 7386, appendix A: original, patch, result. */
const RFC_CASES: readonly (readonly [JsonValue, JsonValue, JsonValue])[] = [
  [{ a: 'b' }, { a: 'c' }, { a: 'c' }],
  [{ a: 'b' }, { b: 'c' }, { a: 'b', b: 'c' }],
  [{ a: 'b' }, { a: null }, {}],
  [{ a: 'b', b: 'c' }, { a: null }, { b: 'c' }],
  [{ a: ['b'] }, { a: 'c' }, { a: 'c' }],
  [{ a: 'c' }, { a: ['b'] }, { a: ['b'] }],
  [{ a: { b: 'c' } }, { a: { b: 'd', c: null } }, { a: { b: 'd' } }],
  [{ a: [{ b: 'c' }] }, { a: [1] }, { a: [1] }],
  [
    ['a', 'b'],
    ['c', 'd'],
    ['c', 'd'],
  ],
  [{ a: 'b' }, ['c'], ['c']],
  [{ a: 'foo' }, null, null],
  [{ a: 'foo' }, 'bar', 'bar'],
  [{ e: null }, { a: 1 }, { e: null, a: 1 }],
  [[1, 2], { a: 'b', c: null }, { a: 'b' }],
  [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
];

test.each(RFC_CASES)('patching %j with %j gives %j', (original, patch, result) => {
  expect(mergePatch(original, patch)).toEqual(result);
});

test('a patch applied twice is a patch applied once, and changes neither argument', () => {
  const json = fc.jsonValue({ maxDepth: 4 }).filter((value) => !JSON.stringify(value).includes('__proto__'));
  fc.assert(
    fc.property(json, json, (target, patch) => {
      const [targetBefore, patchBefore] = [cloneJson(target as JsonValue), cloneJson(patch as JsonValue)];
      const once = mergePatch(target as JsonValue, patch as JsonValue);
      expect(mergePatch(once, patch as JsonValue)).toEqual(once);
      expect([target, patch]).toEqual([targetBefore, patchBefore]);
    }),
  );
});
