import { expect, test } from 'vitest';
import type { Column } from '../../src/columns/column.ts';
import { columnOf } from '../../src/columns/from-scalars.ts';
import { DOUBLE, STRING } from '../../src/columns/types.ts';
import { seededRandom } from '../../src/core/random.ts';
import { encodeChunk } from '../../src/parquet/encode-chunk.ts';

const ROWS = 8192;

function codecOf(column: Column): string {
  const pieces = [{ column, start: 0, end: column.length }];
  return encodeChunk(pieces, column.type, { nullable: false, pageRows: ROWS, compression: 'snappy' }).codec;
}

test('numbers are compressed only where that saves a third of them', () => {
  const random = seededRandom(1);
  const doubles = (value: () => number): Column => ({
    type: DOUBLE,
    length: ROWS,
    validity: null,
    data: { layout: 'fixed', values: Float64Array.from({ length: ROWS }, value) },
  });
  // Amounts in cents: their last bytes are as good as random, and snappy leaves 0.69 of them.
  expect(codecOf(doubles(() => Math.floor(random.next() * 1e6) / 100))).toBe('UNCOMPRESSED');
  // Whole numbers, of which snappy leaves less than two thirds.
  expect(codecOf(doubles(() => Math.floor(random.next() * 1e5)))).toBe('SNAPPY');
});

test('text is compressed wherever that saves a seventh', () => {
  const random = seededRandom(2);
  const log = Array.from({ length: ROWS }, (_, row) => `request ${row} took ${Math.floor(random.next() * 1e6)} ms`);
  expect(codecOf(columnOf(STRING, log))).toBe('SNAPPY');
  const noise = Array.from({ length: ROWS }, () =>
    String.fromCharCode(...Array.from({ length: 12 }, () => 33 + Math.floor(random.next() * 90))),
  );
  expect(codecOf(columnOf(STRING, noise))).toBe('UNCOMPRESSED');
});
