import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { type ByteRange, coalesce } from '../../src/segment/read-plan.ts';
import { seedCount } from '../scale.ts';

const KB = 1024;
const total = (ranges: readonly ByteRange[]) => ranges.reduce((sum, { length }) => sum + length, 0);

describe('ranges are joined', () => {
  const [first, second] = [
    { offset: 0, length: 100 * KB },
    { offset: 250 * KB, length: 100 * KB },
  ];

  test('over a gap no wider than both where whole chunks are wanted, and not where a few rows are', () => {
    expect(coalesce([second, first], true)).toEqual([{ offset: 0, length: 350 * KB }]);
    expect(coalesce([second, first])).toEqual([first, second]);
  });

  test('over no gap that would make up most of what is read, nor a wide one', () => {
    const small = { offset: 150 * KB, length: 10 * KB };
    expect(coalesce([{ offset: 0, length: 20 * KB }, small], true)).toHaveLength(2);
    const large = { offset: 1000 * KB, length: 1000 * KB };
    expect(coalesce([{ offset: 0, length: 700 * KB }, large], true)).toHaveLength(2);
  });

  test('so that each is within one read, reads are apart, and at most half of what is read was not asked for', () => {
    for (let seed = 0; seed < seedCount(200); seed++) {
      const random = seededRandom(seed);
      const ranges: ByteRange[] = [];
      let offset = 0;
      for (let i = 0; i < 12; i++) {
        offset += Math.floor(random.next() ** 3 * 600 * KB);
        const length = 1 + Math.floor(random.next() ** 3 * 300 * KB);
        ranges.push({ offset, length });
        offset += length;
      }
      for (const whole of [false, true]) {
        const joined = coalesce(ranges, whole);
        for (const range of ranges) {
          const within = joined.filter(
            (read) => read.offset <= range.offset && range.offset + range.length <= read.offset + read.length,
          );
          expect(within).toHaveLength(1);
        }
        for (const [i, read] of joined.entries()) {
          if (i > 0) expect(read.offset).toBeGreaterThan(joined[i - 1].offset + joined[i - 1].length);
        }
        const narrow = 32 * KB * (ranges.length - joined.length);
        expect(total(joined)).toBeLessThanOrEqual((whole ? 2 : 1) * total(ranges) + narrow);
      }
    }
  });
});
