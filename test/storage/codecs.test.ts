import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type ColumnType, decimal, INT64, STRING, TIMESTAMP_NS } from '../../src/columns/types.ts';
import { inPieces } from '../../src/storage/byte-streams.ts';
import {
  inboxKey,
  parseInboxKey,
  quarantineKey,
  segmentId,
  segmentKey,
  stagingKey,
  writerOf,
} from '../../src/storage/layout.ts';
import { countRows, decodeRowRanges, encodeRowRanges, mergeRowRanges } from '../../src/storage/row-ranges.ts';
import { decodeSchema, decodeStatistics, encodeSchema, encodeStatistics } from '../../src/storage/scalar-json.ts';

/** Ascending, disjoint, non-empty ranges that do not touch. */
const ranges = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 1000 })), { maxLength: 50 })
  .map((steps) => {
    let at = -1;
    return steps.map(([gap, length]) => {
      const start = at + gap;
      at = start + length;
      return [start, at] as const;
    });
  });

test('row ranges are read back as written, and merge to what they cover', () => {
  fc.assert(
    fc.property(ranges, fc.integer({ min: 1, max: 5 }), (all, parts) => {
      expect(decodeRowRanges(encodeRowRanges(all))).toEqual(all);
      const dealt = Array.from({ length: parts }, (_, part) => all.filter((_, i) => i % parts === part));
      const merged = mergeRowRanges(dealt);
      expect(countRows(merged)).toBe(countRows(all));
      expect(merged.every(([start], i) => i === 0 || start > merged[i - 1][1])).toBe(true);
    }),
  );
  expect(mergeRowRanges([[[0, 5]], [[5, 9]], [[12, 13]]])).toEqual([
    [0, 9],
    [12, 13],
  ]);
});

test('statistics survive as text: integers of any size, bytes, numbers that are none', () => {
  const scalar = fc.oneof(
    fc.bigInt(),
    fc.double(),
    fc.constantFrom(Number.NaN, -0, Number.NEGATIVE_INFINITY),
    fc.string({ unit: 'grapheme' }),
    fc.boolean(),
    fc.uint8Array({ maxLength: 20 }),
  );
  const one = fc.record({ nullCount: fc.nat(), min: scalar, max: scalar }, { requiredKeys: ['nullCount'] });
  fc.assert(
    fc.property(
      fc.dictionary(fc.oneof(fc.string(), fc.constantFrom('__proto__', 'constructor')), one),
      (statistics) => {
        const read = decodeStatistics(encodeStatistics(statistics));
        expect(Object.keys(read).sort()).toEqual(Object.keys(statistics).sort());
        for (const [name, { nullCount, min, max }] of Object.entries(statistics)) {
          expect(read[name].nullCount).toBe(nullCount);
          expect(read[name].min).toEqual(min);
          expect(read[name].max).toEqual(max);
        }
      },
    ),
  );
});

test('a schema survives as text, with everything that is known of a column', () => {
  const types: ColumnType[] = [INT64, STRING, decimal(38, 3), TIMESTAMP_NS];
  const schema = types.map((type, i) => ({
    name: `c"${i}`,
    type,
    nullable: i % 2 === 0,
    ...(i === 0 ? { wide: true } : {}),
  }));
  expect(decodeSchema(encodeSchema(schema))).toEqual(schema);
});

test('keys tell who wrote them, and names survive in them', () => {
  const id = 'a'.repeat(32);
  const writer = { namespaceUid: 'uid', objectId: id, attempt: 3, part: 12 };
  expect(writerOf(segmentKey('uid', 'ds', segmentId(id, 3, 12, 7)))).toEqual(writer);
  expect(writerOf(quarantineKey('uid', id, 3, 12))).toEqual(writer);
  expect(writerOf(stagingKey('uid', id, 3, 12))).toEqual(writer);
  for (const key of ['segments/uid/ds/x.parquet', 'segments/uid', 'other', `segments/uid/ds/${id}.parquet`])
    expect(writerOf(key)).toBeNull();
  const names = { namespace: 'default', dataset: 'logs', name: 'a/b/ü\n.json' };
  expect(parseInboxKey(inboxKey(names))).toEqual(names);
  for (const key of ['inbox/a/b', 'inbox/a/B/c', 'inbox//d/c', 'inbox/a/d/', 'outbox/a/d/c'])
    expect(parseInboxKey(key)).toBeNull();
});

test('a stream is cut into pieces of one size, whatever its chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 50 })),
      fc.integer({ min: 1, max: 40 }),
      async (chunks, pieceBytes) => {
        const pieces: Uint8Array[] = [];
        for await (const piece of inPieces(
          (async function* () {
            yield* chunks;
          })(),
          pieceBytes,
        ))
          pieces.push(piece);
        expect(pieces.slice(0, -1).every(({ length }) => length === pieceBytes)).toBe(true);
        expect(Buffer.concat(pieces)).toEqual(Buffer.concat(chunks));
      },
    ),
  );
});
