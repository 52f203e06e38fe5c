import fc from 'fast-check';

const SURROGATES = { first: 0xd800, count: 0x800 };

/**
 * A character of any kind, for `fc.string({ unit: codePoint })`. The same as fast-check's own unit `binary`, which begins
 * with a table of all 1.1 million: more than a second, and 85 MB for as long as the process lives.
 */
export const codePoint: fc.Arbitrary<string> = fc.integer({ min: 0, max: 0x10ffff - SURROGATES.count }).map(
  (n) => String.fromCodePoint(n < SURROGATES.first ? n : n + SURROGATES.count),
  // For the words that fast-check strews in, such as __proto__.
  (text) => {
    const [character, ...more] = typeof text === 'string' ? text : [];
    const point = character?.codePointAt(0) ?? Number.NaN;
    const isHalf = point >= SURROGATES.first && point < SURROGATES.first + SURROGATES.count;
    if (more.length > 0 || Number.isNaN(point) || isHalf) throw new TypeError('not one character');
    return point < SURROGATES.first ? point : point - SURROGATES.count;
  },
);
