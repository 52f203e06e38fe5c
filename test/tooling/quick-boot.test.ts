import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { placesMissing, quickened } from '../../scripts/quick-boot.ts';

test("a quick boot still finds its places in Miniflare's source", () => {
  const source = readFileSync(createRequire(import.meta.url).resolve('miniflare'), 'utf8');
  expect(placesMissing(source)).toEqual([]);
  expect(placesMissing(quickened(source))).toEqual(placesMissing(''));
});
