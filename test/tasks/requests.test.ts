import { expect, test } from 'vitest';
import * as z from 'zod';
import { LIMITS } from '../../src/core/limits.ts';
import { name, payload } from '../../src/tasks/requests.ts';

const nested = (levels: number) => JSON.parse('['.repeat(levels) + ']'.repeat(levels)) as unknown;

test('a payload that no answer could carry is refused at the door', () => {
  const schema = z.object({ payload });
  expect(schema.safeParse({ payload: nested(LIMITS.jsonDepth) }).success).toBe(true);
  for (const deep of [nested(LIMITS.jsonDepth + 1), { a: [nested(20_000)] }, nested(60_000)]) {
    const { error } = schema.safeParse({ payload: deep });
    expect(error?.issues).toEqual([
      expect.objectContaining({ path: ['payload'], message: 'expected at most 512 levels of lists and objects' }),
    ]);
  }
});

test('a payload that is wide is no deep one', () => {
  const wide = Array.from({ length: 5_000 }, (_, i) => [i, { i }]);
  expect(payload.parse(wide)).toBe(JSON.stringify(wide));
});

test('a name has whole characters: storage would give half of one back as another', () => {
  for (const text of ['\ud800', 'a\udfff', '\udc00\ud800']) expect(name(10).safeParse(text).success).toBe(false);
  for (const text of ['💥', 'ä', 'a\u0000b', '\ufffd']) expect(name(10).parse(text)).toBe(text);
});
