import { describe, expect, test, vi } from 'vitest';
import { newBitmap, setBit } from '../../src/columns/bitmap.ts';
import { type Batch, type Column, type Scalar, scalarAt, sliceBatch } from '../../src/columns/column.ts';
import type { IndexDefinition } from '../../src/columns/index-definition.ts';
import {
  BOOL,
  BYTES,
  type ColumnType,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NS,
  typeName,
} from '../../src/columns/types.ts';
import { memoryReader, memorySink, type RangeReader } from '../../src/core/bytes.ts';
import { OrasiError } from '../../src/core/errors.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { btree } from '../../src/segment/btree.ts';
import type { IndexPredicate } from '../../src/segment/index-file.ts';
import { seedCount, sized } from '../scale.ts';

vi.setConfig({ testTimeout: 600_000 });

const SEEDS = seedCount(2);
const definition: IndexDefinition = { name: 'by_v', kind: 'btree', fields: ['v'], options: {} };

function countingReader(bytes: Uint8Array): RangeReader & { reads: number; bytes: number } {
  const inner = memoryReader(bytes);
  return {
    sizeBytes: bytes.length,
    reads: 0,
    bytes: 0,
    async read(offset, length) {
      this.reads++;
      this.bytes += length;
      return await inner.read(offset, length);
    },
  };
}

async function* inBatches(column: Column, rows: number): AsyncIterable<Batch> {
  const batch: Batch = {
    schema: [{ name: 'v', type: column.type, nullable: true }],
    length: column.length,
    columns: [column],
  };
  for (let start = 0; start < column.length; start += rows) {
    yield sliceBatch(batch, start, Math.min(column.length, start + rows));
  }
}

async function built(column: Column, batchRows = 1000) {
  const sink = memorySink();
  const summary = await btree.build(inBatches(column, batchRows), definition, sink);
  const bytes = sink.bytes();
  const reader = countingReader(bytes);
  const index = await btree.open(reader, definition, summary);
  return { summary, bytes, reader, index };
}

/** A column of a type and layout over values taken as `scalarAt` gives them. */
function columnOf(type: ColumnType, values: readonly Scalar[], layout: 'plain' | 'dictionary' | 'narrow'): Column {
  const length = values.length;
  const validity = newBitmap(length, false);
  for (let i = 0; i < length; i++) if (values[i] !== null) setBit(validity, i);
  const base = { type, length, validity: values.includes(null) ? validity : null };
  if (layout === 'dictionary') {
    const distinct = [...new Set(values.filter((value) => value !== null))];
    const codeOf = new Map(distinct.map((value, code) => [value, code]));
    const codes = Int32Array.from(values, (value) => codeOf.get(value!) ?? 0);
    return { ...base, data: { layout: 'dictionary', codes, dictionary: columnOf(type, distinct, 'plain') } };
  }
  switch (type.kind) {
    case 'bool': {
      const bits = newBitmap(length, false);
      for (let i = 0; i < length; i++) if (values[i] === true) setBit(bits, i);
      return { ...base, data: { layout: 'bits', values: bits } };
    }
    case 'date':
      return { ...base, data: { layout: 'fixed', values: Int32Array.from(values, Number) } };
    case 'double':
      return { ...base, data: { layout: 'fixed', values: Float64Array.from(values, Number) } };
    case 'string':
    case 'bytes': {
      const chunks = values.map((value) =>
        value instanceof Uint8Array ? value : new TextEncoder().encode(String(value ?? '')),
      );
      const offsets = new Int32Array(length + 1);
      for (let i = 0; i < length; i++) offsets[i + 1] = offsets[i] + chunks[i].length;
      return { ...base, data: { layout: 'varlen', offsets, bytes: Uint8Array.from(chunks.flatMap((c) => [...c])) } };
    }
    case 'decimal':
      if (type.precision > 18) {
        const words = new BigInt64Array(2 * length);
        for (let i = 0; i < length; i++) {
          const value = BigInt((values[i] as bigint | null) ?? 0);
          words[2 * i] = BigInt.asIntN(64, value);
          words[2 * i + 1] = value >> 64n;
        }
        return { ...base, data: { layout: 'int128', values: words } };
      }
  }
  if (layout === 'narrow') return { ...base, data: { layout: 'fixed', values: Float64Array.from(values, Number) } };
  return { ...base, data: { layout: 'fixed', values: BigInt64Array.from(values, (v) => BigInt((v as bigint) ?? 0)) } };
}

/** The engine's order of two values of a type that are not null. */
function compare(a: Scalar, b: Scalar): number {
  if (typeof a === 'string' && typeof b === 'string') {
    return Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  if (a instanceof Uint8Array && b instanceof Uint8Array) return Buffer.compare(a, b);
  if (typeof a === 'number' && typeof b === 'number') {
    if (Number.isNaN(a)) return Number.isNaN(b) ? 0 : 1;
    if (Number.isNaN(b)) return -1;
  }
  return a! < b! ? -1 : a! > b! ? 1 : 0;
}

function bruteForce(column: Column, predicate: IndexPredicate, widen: (value: Scalar) => Scalar = (v) => v): number[] {
  const rows: number[] = [];
  for (let row = 0; row < column.length; row++) {
    const raw = scalarAt(column, row);
    if (raw === null) continue;
    const value = widen(raw);
    if (predicate.op === 'equals') {
      if (predicate.values.some((wanted) => compare(wanted, value) === 0)) rows.push(row);
    } else if (predicate.op === 'range') {
      const { low, high } = predicate;
      const above = low === undefined || compare(value, low.value) > (low.inclusive ? -1 : 0);
      const below = high === undefined || compare(value, high.value) < (high.inclusive ? 1 : 0);
      if (above && below) rows.push(row);
    }
  }
  return rows;
}

const pick = <T>(random: Random, items: readonly T[]): T => items[Math.floor(random.next() * items.length)];
const int = (random: Random, below: number) => Math.floor(random.next() * below);

const makers: Record<
  string,
  { type: ColumnType; value: (random: Random) => Scalar; layouts: ('plain' | 'dictionary' | 'narrow')[] }
> = {
  bool: { type: BOOL, value: (r) => r.next() < 0.5, layouts: ['plain'] },
  int64: {
    type: INT64,
    value: (r) =>
      pick(r, [
        BigInt(int(r, 50) - 25),
        BigInt.asIntN(64, (BigInt(int(r, 2 ** 32)) << 32n) + BigInt(int(r, 2 ** 32))),
        -(2n ** 63n),
        2n ** 63n - 1n,
      ]),
    layouts: ['plain', 'dictionary'],
  },
  'int64 narrow': {
    type: INT64,
    value: (r) => BigInt(pick(r, [int(r, 2000) - 1000, -int(r, 2 ** 45), int(r, 2 ** 50)])),
    layouts: ['narrow', 'dictionary'],
  },
  double: {
    type: DOUBLE,
    value: (r) => pick(r, [0, -0, NaN, Infinity, -Infinity, 5e-324, -5e-324, int(r, 10), r.next() * 1e9 - 5e8]),
    layouts: ['plain', 'dictionary'],
  },
  string: {
    type: STRING,
    value: (r) =>
      pick(r, [
        '',
        'a',
        'ab',
        'é',
        '\u{1F600}',
        '\uFFFD',
        'Zürich',
        'x'.repeat(int(r, 300)),
        `https://example.org/${int(r, 5000)}`,
      ]),
    layouts: ['plain', 'dictionary'],
  },
  bytes: { type: BYTES, value: (r) => r.bytes(int(r, 4)), layouts: ['plain'] },
  date: { type: DATE, value: (r) => int(r, 40_000) - 20_000, layouts: ['plain', 'dictionary'] },
  timestamp: { type: TIMESTAMP, value: (r) => BigInt(int(r, 2 ** 50)) - 2n ** 49n, layouts: ['plain', 'narrow'] },
  timestamp_ns: { type: TIMESTAMP_NS, value: (r) => BigInt(int(r, 2 ** 52)) * 1001n, layouts: ['plain'] },
  'decimal(9,2)': { type: decimal(9, 2), value: (r) => BigInt(int(r, 10_000) - 5000), layouts: ['plain'] },
  'decimal(38,4)': {
    type: decimal(38, 4),
    value: (r) => (BigInt(int(r, 2 ** 40)) - 2n ** 39n) * 10n ** BigInt(int(r, 20)),
    layouts: ['plain'],
  },
};

function randomPredicate(
  random: Random,
  type: ColumnType,
  column: Column,
  fresh: (random: Random) => Scalar,
): IndexPredicate {
  const value = (): Exclude<Scalar, null> => {
    const held = scalarAt(column, int(random, column.length));
    return held !== null && random.next() < 0.7 ? held : fresh(random)!;
  };
  if (random.next() < 0.4) {
    return { op: 'equals', field: 'v', type, values: Array.from({ length: 1 + int(random, 4) }, value) };
  }
  const side = () => (random.next() < 0.8 ? { value: value(), inclusive: random.next() < 0.5 } : undefined);
  return { op: 'range', field: 'v', type, low: side(), high: side() };
}

describe('a btree index', () => {
  for (const [name, { type, value, layouts }] of Object.entries(makers)) {
    for (const layout of layouts) {
      test(`over ${name} (${layout}) answers every predicate as a scan does`, async () => {
        for (let seed = 0; seed < SEEDS; seed++) {
          const random = seededRandom(seed);
          const length = pick(random, [1, 10, 3000, 9000]);
          const nulls = pick(random, [0, 0.1]);
          const values = Array.from({ length }, () => (random.next() < nulls ? null : value(random)));
          const column = columnOf(type, values, layout);
          const { index, summary } = await built(column, pick(random, [7, 1000, 10_000]));
          expect(summary.rows).toBe(length);
          expect(summary.meta.nulls).toBe(values.filter((v) => v === null).length);
          for (let i = 0; i < 25; i++) {
            const predicate = randomPredicate(random, type, column, value);
            const expected = bruteForce(column, predicate);
            const estimate = await index.estimate(predicate);
            const answer = await index.lookup(predicate);
            expect([...answer.rows]).toEqual(expected);
            if (estimate!.exact) expect(estimate!.rows).toBe(expected.length);
            else expect(estimate!.rows).toBeGreaterThanOrEqual(expected.length);
          }
        }
      });
    }
  }

  const widenings: [
    string,
    ColumnType,
    ColumnType,
    (random: Random) => Scalar,
    (v: Scalar) => Scalar,
    (random: Random) => Scalar,
  ][] = [
    [
      'int64 seen as double',
      INT64,
      DOUBLE,
      (r) => BigInt(int(r, 40) - 20),
      (v) => Number(v),
      (r) => pick(r, [int(r, 400) / 10 - 20, NaN, Infinity, -Infinity, 1e300, -1e300]),
    ],
    [
      'int64 seen as decimal',
      INT64,
      decimal(21, 2),
      (r) => BigInt(int(r, 40) - 20),
      (v) => (v as bigint) * 100n,
      (r) => pick(r, [BigInt(int(r, 4000) - 2000), 10n ** 37n, -(10n ** 37n)]),
    ],
    [
      'decimal seen with more digits',
      decimal(6, 1),
      decimal(20, 3),
      (r) => BigInt(int(r, 400) - 200),
      (v) => (v as bigint) * 100n,
      (r) => BigInt(int(r, 40_000) - 20_000),
    ],
    [
      'date seen as timestamp',
      DATE,
      TIMESTAMP,
      (r) => int(r, 40) - 20,
      (v) => BigInt(v as number) * 86_400_000_000n,
      (r) => BigInt(int(r, 160) - 80) * 21_600_000_000n,
    ],
    [
      'date seen as timestamp_ns',
      DATE,
      TIMESTAMP_NS,
      (r) => int(r, 40) - 20,
      (v) => BigInt(v as number) * 86_400_000_000_000n,
      (r) => BigInt(int(r, 160) - 80) * 21_600_000_000_000n,
    ],
    [
      'timestamp seen as timestamp_ns',
      TIMESTAMP,
      TIMESTAMP_NS,
      (r) => BigInt(int(r, 40) - 20),
      (v) => (v as bigint) * 1000n,
      (r) => BigInt(int(r, 80_000) - 40_000),
    ],
  ];
  for (const [name, narrow, wide, value, widen, asked] of widenings) {
    test(`over ${name} compares in the wider type`, async () => {
      for (let seed = 0; seed < SEEDS; seed++) {
        const random = seededRandom(seed);
        const column = columnOf(
          narrow,
          Array.from({ length: 200 }, () => value(random)),
          'plain',
        );
        const { index } = await built(column);
        for (let i = 0; i < 100; i++) {
          const one = () => (random.next() < 0.5 ? asked(random)! : widen(value(random))!);
          const side = () => (random.next() < 0.8 ? { value: one(), inclusive: random.next() < 0.5 } : undefined);
          const predicate: IndexPredicate =
            random.next() < 0.4
              ? { op: 'equals', field: 'v', type: wide, values: [one(), one()] }
              : { op: 'range', field: 'v', type: wide, low: side(), high: side() };
          const answer = await index.lookup(predicate);
          expect([...answer.rows]).toEqual(bruteForce(column, predicate, widen));
        }
      }
    });
  }

  test('does not answer where the values became text, or for full text', async () => {
    const { index } = await built(columnOf(INT64, [1n, 2n], 'plain'));
    expect(await index.estimate({ op: 'equals', field: 'v', type: STRING, values: ['1'] })).toBeUndefined();
    expect(await index.estimate({ op: 'match', field: 'v', query: 'x' })).toBeUndefined();
  });

  test('of a segment that lacks the column, or has only nulls, finds nothing', async () => {
    async function* other(): AsyncIterable<Batch> {
      yield {
        schema: [{ name: 'w', type: INT64, nullable: true }],
        length: 5,
        columns: [columnOf(INT64, [1n, 2n, 3n, 4n, 5n], 'plain')],
      };
    }
    const sink = memorySink();
    const summary = await btree.build(other(), definition, sink);
    expect(summary.meta).toMatchObject({ nulls: 5, distinct: 0, type: 'null' });
    const index = await btree.open(memoryReader(sink.bytes()), definition, summary);
    const predicate: IndexPredicate = { op: 'range', field: 'v', type: STRING, low: { value: '', inclusive: true } };
    expect(await index.estimate(predicate)).toEqual({ rows: 0, exact: true, reads: 0, bytes: 0 });
    expect([...(await index.lookup(predicate)).rows]).toEqual([]);
  });

  test('keeps a value longer than a page', async () => {
    const long = (letter: string) => 'p'.repeat(50_000) + letter;
    const column = columnOf(STRING, [long('b'), long('a'), null, 'z', long('b')], 'plain');
    const { index } = await built(column);
    const equals = (value: string): IndexPredicate => ({ op: 'equals', field: 'v', type: STRING, values: [value] });
    expect([...(await index.lookup(equals(long('b')))).rows]).toEqual([0, 4]);
    expect([...(await index.lookup(equals(long('c')))).rows]).toEqual([]);
    expect([...(await index.lookup(equals('z'))).rows]).toEqual([3]);
  });
});

describe('the cost of a btree index', () => {
  const rows = sized(80_000);

  test('is one read to open and one of a page to look a value up, as estimated', async () => {
    const random = seededRandom(1);
    const values = Float64Array.from({ length: rows }, () => Math.floor(random.next() * 2 ** 40));
    const column: Column = { type: INT64, length: rows, validity: null, data: { layout: 'fixed', values } };
    const { index, reader, bytes } = await built(column, 16_384);
    expect(reader.reads).toBe(1);
    expect(bytes.length / rows).toBeLessThan(9);
    for (let i = 0; i < 20; i++) {
      const row = int(random, rows);
      const predicate: IndexPredicate = { op: 'equals', field: 'v', type: INT64, values: [BigInt(values[row])] };
      const estimate = await index.estimate(predicate);
      reader.reads = 0;
      reader.bytes = 0;
      expect([...(await index.lookup(predicate)).rows]).toContain(row);
      expect(reader.reads).toBeLessThanOrEqual(1);
      expect({ reads: reader.reads, bytes: reader.bytes }).toEqual({ reads: estimate!.reads, bytes: estimate!.bytes });
      expect(reader.bytes).toBeLessThanOrEqual(2 * 16_384);
    }
  });

  test('of a value that is above all or between none is no read', async () => {
    const values = Float64Array.from({ length: 50_000 }, (_, i) => i);
    const { index, reader } = await built({
      type: INT64,
      length: 50_000,
      validity: null,
      data: { layout: 'fixed', values },
    });
    reader.reads = 0;
    for (const value of [-1n, 50_000n]) {
      expect([...(await index.lookup({ op: 'equals', field: 'v', type: INT64, values: [value] })).rows]).toEqual([]);
    }
    expect(reader.reads).toBe(0);
  });

  test('of a range grows with its rows, and its estimate is close', async () => {
    const values = Float64Array.from({ length: rows }, (_, i) => (i * 7919) % rows);
    const { index, reader } = await built(
      { type: INT64, length: rows, validity: null, data: { layout: 'fixed', values } },
      16_384,
    );
    const predicate: IndexPredicate = {
      op: 'range',
      field: 'v',
      type: INT64,
      low: { value: 1000n, inclusive: true },
      high: { value: 60_999n, inclusive: true },
    };
    const estimate = await index.estimate(predicate);
    reader.reads = 0;
    expect((await index.lookup(predicate)).rows.length).toBe(60_000);
    expect(estimate!.rows).toBeLessThan(60_000 + 2 * 8000);
    expect(reader.reads).toBe(estimate!.reads);
    expect(reader.reads).toBeLessThanOrEqual(2);
  });

  test('a few values with many rows each spread over blocks and come back whole', async () => {
    const values = Int32Array.from({ length: 60_000 }, (_, i) => i % 3);
    const { index } = await built({ type: INT64, length: 60_000, validity: null, data: { layout: 'fixed', values } });
    for (const value of [0n, 1n, 2n]) {
      const predicate: IndexPredicate = { op: 'equals', field: 'v', type: INT64, values: [value] };
      const { rows: found } = await index.lookup(predicate);
      expect(found.length).toBe(20_000);
      expect(found.every((row) => row % 3 === Number(value))).toBe(true);
      expect((await index.estimate(predicate))!.rows).toBeLessThan(20_000 + 3 * 16_384);
    }
  });
});

describe('a damaged btree file', () => {
  test('is told apart from a good one, whatever bit of it changed', async () => {
    const random = seededRandom(3);
    const column = columnOf(
      STRING,
      Array.from({ length: 5000 }, (_, i) => `value ${(i * 7) % 977}`),
      'plain',
    );
    const { bytes, summary } = await built(column);
    const predicate: IndexPredicate = {
      op: 'range',
      field: 'v',
      type: STRING,
      low: { value: 'value 5', inclusive: true },
    };
    for (let i = 0; i < 60 * SEEDS; i++) {
      const damaged = bytes.slice();
      const at = int(random, bytes.length);
      damaged[at] ^= 1 << int(random, 8);
      const outcome = await btree
        .open(memoryReader(damaged), definition, summary)
        .then(async (index) => [...(await index.lookup(predicate)).rows])
        .catch((error: unknown) => error);
      // A page that the lookup does not read may be damaged without its notice.
      if (Array.isArray(outcome)) expect(outcome).toEqual(bruteForce(column, predicate));
      else expect(outcome).toMatchObject({ code: 'corrupt_file' });
    }
  });

  test('of any length or content is an error, never a crash', async () => {
    const random = seededRandom(4);
    for (let i = 0; i < 20 * SEEDS; i++) {
      const junk = random.bytes(int(random, 300));
      const summary = {
        rows: 1,
        sizeBytes: junk.length,
        meta: { directory: { offset: int(random, 400), length: int(random, 400) } },
      };
      await expect(btree.open(memoryReader(junk), definition, summary)).rejects.toBeInstanceOf(OrasiError);
    }
  });
});

test('a btree index refuses what it can not hold', () => {
  const schema = [{ name: 'v', type: { kind: 'json' } as const, nullable: true }];
  expect(btree.check(definition, schema)).toEqual([
    { path: 'fields[0]', message: 'json values have no order to index' },
  ]);
  expect(btree.check({ ...definition, fields: ['a', 'b'] }, schema).map(({ path }) => path)).toEqual(['fields']);
  expect(btree.check({ ...definition, options: { x: 1 } }, []).map(({ path }) => path)).toEqual(['options.x']);
  expect(btree.check(definition, [])).toEqual([]);
  expect(typeName(STRING)).toBe('string');
});
