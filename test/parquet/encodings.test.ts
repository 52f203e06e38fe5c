import { gunzipSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { snappyUncompress as librarySnappyUncompress } from 'hyparquet';
import { deltaBinaryUnpack } from 'hyparquet/src/delta.js';
import { describe, expect, test } from 'vitest';
import { newBitmap, setBit } from '../../src/columns/bitmap.ts';
import { ByteWriter } from '../../src/core/byte-writer.ts';
import { seededRandom } from '../../src/core/random.ts';
import { unpackBytes, unpackShorts, unpackWords } from '../../src/parquet/bit-unpack.ts';
import { uncompress } from '../../src/parquet/codec.ts';
import { decodeDelta32, decodeDelta64, decodeDeltaStrings } from '../../src/parquet/delta.ts';
import { encodeDelta32, encodeDelta64 } from '../../src/parquet/delta-encode.ts';
import { SliceDictionary, WordDictionary } from '../../src/parquet/dictionary.ts';
import { bitWidth, decodeCodes, decodeValidity } from '../../src/parquet/hybrid.ts';
import { encodeHybrid, encodeValidity } from '../../src/parquet/hybrid-encode.ts';
import { lz4Uncompress } from '../../src/parquet/lz4.ts';
import { snappyCompress, snappyUncompress } from '../../src/parquet/snappy.ts';

/** Packs values the slow and obvious way. */
function pack(values: readonly number[], width: number): Uint8Array {
  const bytes = new Uint8Array(Math.ceil((values.length * width) / 8));
  values.forEach((value, i) => {
    for (let bit = 0; bit < width; bit++) {
      const at = i * width + bit;
      if ((BigInt(value) >> BigInt(bit)) & 1n) bytes[at >> 3] |= 1 << (at & 7);
    }
  });
  return bytes;
}

describe('bit-packed values', () => {
  test.each(Array.from({ length: 32 }, (_, i) => i + 1))(
    'of %i bits are unpacked, from any byte and for any count',
    (width) => {
      const random = seededRandom(width);
      for (const count of [0, 1, 7, 8, 9, 31, 64, 1001]) {
        const values = Array.from({ length: count }, () => Math.floor(random.next() * 2 ** width));
        const bytes = pack(values, width);
        for (const from of [0, 3]) {
          const source = new Uint8Array(from + bytes.length);
          source.set(bytes, from);
          const words = new Int32Array(count + 1);
          unpackWords(source, from, width, words, 1, count);
          expect(Array.from(words.subarray(1), (word) => word >>> 0)).toEqual(values);
          if (width <= 8) {
            const target = new Uint8Array(count + 2);
            unpackBytes(source, from, width, target, 2, count);
            expect([...target.subarray(2)]).toEqual(values);
          } else if (width <= 16) {
            const target = new Uint16Array(count + 1);
            unpackShorts(source, from, width, target, 1, count);
            expect([...target.subarray(1)]).toEqual(values);
          }
        }
      }
    },
  );
});

describe('the hybrid of runs and packed bits', () => {
  const runs = fc.array(fc.tuple(fc.nat(70_000), fc.integer({ min: 1, max: 60 })), { maxLength: 60 });

  test('gives back every sequence of codes', () => {
    fc.assert(
      fc.property(runs, (pieces) => {
        const codes = Int32Array.from(pieces.flatMap(([value, count]) => Array(count).fill(value)));
        const width = bitWidth(codes.reduce((a, b) => Math.max(a, b), 0));
        const out = new ByteWriter(4);
        encodeHybrid(codes, 0, codes.length, width, out);
        const target = new Int32Array(codes.length);
        decodeCodes(out.view(), 0, out.length, width, target, 0, codes.length);
        expect(target).toEqual(codes);
      }),
      { numRuns: 300 },
    );
  });

  test('keeps validity from any bit on', () => {
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: 1, maxLength: 300 }), fc.nat(17), (bits, at) => {
        const validity = newBitmap(bits.length, false);
        bits.forEach((bit, i) => {
          if (bit) setBit(validity, i);
        });
        const present = bits.filter(Boolean).length;
        const out = new ByteWriter(4);
        encodeValidity(validity, 0, bits.length, present, out);
        const target = newBitmap(at + bits.length, false);
        expect(decodeValidity(out.view(), 0, out.length, target, at, bits.length)).toBe(present);
        const read = bits.map((_, i) => ((target[(at + i) >> 3] >> ((at + i) & 7)) & 1) === 1);
        expect(read).toEqual(bits);
      }),
    );
  });
});

describe('deltas', () => {
  const int64 = fc.oneof(
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -300n, max: 300n }),
    fc.constantFrom(-(2n ** 63n), 2n ** 63n - 1n, 0n),
  );

  test('give back 64-bit integers, those that wrap too, in our reader and in hyparquet', () => {
    fc.assert(
      fc.property(fc.array(int64, { minLength: 1, maxLength: 400 }), (list) => {
        const values = BigInt64Array.from(list);
        const out = new ByteWriter(4);
        encodeDelta64(new Int32Array(values.buffer), 0, values.length, out);
        const words = new Int32Array(2 * values.length);
        expect(decodeDelta64(out.view(), 0, out.length, words, 0, values.length)).toBe(out.length);
        expect(new BigInt64Array(words.buffer)).toEqual(values);
        const theirs = new BigInt64Array(values.length);
        const bytes = out.view().slice();
        deltaBinaryUnpack({ view: new DataView(bytes.buffer), offset: 0 }, values.length, theirs);
        expect(theirs).toEqual(values);
      }),
      { numRuns: 200 },
    );
  });

  test('give back 32-bit integers', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -(2 ** 30), max: 2 ** 30 }), { maxLength: 400 }), (list) => {
        const values = Int32Array.from(list);
        const out = new ByteWriter(4);
        encodeDelta32(values, 0, values.length, out);
        const target = new Int32Array(values.length);
        expect(decodeDelta32(out.view(), 0, out.length, target, 0, values.length)).toBe(out.length);
        expect(target).toEqual(values);
      }),
    );
  });

  test('of strings cannot grow beyond their bound', () => {
    // Each value is all of the one before it and a byte more.
    const count = 3000;
    const out = new ByteWriter();
    encodeDelta32(
      Int32Array.from({ length: count }, (_, i) => i),
      0,
      count,
      out,
    );
    encodeDelta32(new Int32Array(count).fill(1), 0, count, out);
    out.append(new Uint8Array(count).fill(97));
    const bytes = out.view();
    expect(decodeDeltaStrings(bytes, 0, bytes.length, count, 10_000_000).offsets[count]).toBe(
      (count * (count + 1)) / 2,
    );
    expect(() => decodeDeltaStrings(bytes, 0, bytes.length, count, 1_000_000)).toThrow('grows beyond');
  });
});

describe('snappy', () => {
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .array(fc.tuple(fc.uint8Array({ maxLength: 12 }), fc.integer({ min: 1, max: 900 })), { maxLength: 12 })
      .map((parts) =>
        Uint8Array.from(
          parts.flatMap(([part, times]) =>
            Array(times)
              .fill([...part])
              .flat(),
          ),
        ),
      ),
  );

  test('gives back what it was given, in our reader and in hyparquet', () => {
    fc.assert(
      fc.property(bytes, (input) => {
        const packed = snappyCompress(input);
        expect(snappyUncompress(packed, input.length)).toEqual(input);
        if (input.length === 0) return;
        const theirs = new Uint8Array(input.length);
        librarySnappyUncompress(packed, theirs);
        expect(theirs).toEqual(input);
      }),
      { numRuns: 200 },
    );
  });

  test('spans blocks', () => {
    const input = Uint8Array.from({ length: 200_000 }, (_, i) => (i * i) >> 7);
    expect(snappyUncompress(snappyCompress(input), input.length)).toEqual(input);
  });

  test.each([
    ['a length that is another', () => snappyUncompress(snappyCompress(new Uint8Array(100)), 99)],
    ['a copy from before the start', () => snappyUncompress(Uint8Array.of(8, 0, 65, 0b1, 200), 8)],
    ['a literal that is cut off', () => snappyUncompress(Uint8Array.of(8, 28, 65), 8)],
    ['nothing', () => snappyUncompress(new Uint8Array(0), 8)],
  ])('refuses %s', (_, run) => {
    expect(run).toThrow('Parquet: ');
  });
});

describe('codecs', () => {
  test('concatenated gzip members are one stream', () => {
    const members = [gzipSync('one '), gzipSync('two')];
    const both = new Uint8Array(Buffer.concat(members));
    expect(new TextDecoder().decode(uncompress('GZIP', both, 7))).toBe('one two');
    expect(gunzipSync(both).length).toBe(7);
  });

  test('a page that grows beyond its header is stopped', () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(50_000_000)));
    expect(() => uncompress('GZIP', bomb, 1000)).toThrow('cannot be uncompressed');
  });

  test('codecs nobody should write any more are refused by name', () => {
    expect(() => uncompress('LZO', new Uint8Array(4), 4)).toThrow('LZO');
  });

  test('an LZ4 match may overlap what it writes', () => {
    // Literal "ab", then eight bytes from two back, then the literal "c".
    expect(new TextDecoder().decode(lz4Uncompress(Uint8Array.of(0x24, 97, 98, 2, 0, 0x10, 99), 11))).toBe(
      'ababababab' + 'c',
    );
    expect(() => lz4Uncompress(Uint8Array.of(0x24, 97, 98, 3, 0, 0x10, 99), 11)).toThrow('out of range');
  });
});

describe('dictionaries', () => {
  test('give each value one code, in order of appearance', () => {
    const words = new WordDictionary();
    const codes = Array.from({ length: 5000 }, (_, i) => words.code((i * 7919) % 1500, i % 3 === 0 ? 0 : 0, 10_000));
    expect(words.length).toBe(1500);
    expect(codes.slice(0, 3)).toEqual([0, 1, 2]);
    expect(codes[1500]).toBe(0);
  });

  test('give up at their bounds', () => {
    const words = new WordDictionary();
    for (let i = 0; i < 10; i++) expect(words.code(i, 0, 10)).toBe(i);
    expect(words.code(99, 0, 10)).toBe(-1);
    expect(words.code(4, 0, 10)).toBe(4);
    const slices = new SliceDictionary();
    const bytes = new Uint8Array(1000);
    expect(slices.code(bytes, 0, 400, 100, 1000)).toBe(0);
    expect(slices.code(bytes, 0, 700, 100, 1000)).toBe(-1);
  });

  test('stop at values made to collide rather than slow down', () => {
    // Long values that differ only in the middle share a hash.
    const slices = new SliceDictionary();
    const bytes = new Uint8Array(200);
    let last = 0;
    for (let i = 0; i < 1000 && last >= 0; i++) {
      bytes[100] = i & 255;
      bytes[101] = i >> 8;
      last = slices.code(bytes, 0, 200, 10_000, 1_000_000);
    }
    expect(last).toBe(-1);
    expect(slices.length).toBe(64);
  });
});
