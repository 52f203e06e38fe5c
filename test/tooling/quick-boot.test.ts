import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { quickened } from '../../scripts/quick-boot.ts';

test("a quick boot still finds its place in Miniflare's source", () => {
  const source = readFileSync(createRequire(import.meta.url).resolve('miniflare'), 'utf8');
  expect(quickened(source)).not.toBe(source);
});
