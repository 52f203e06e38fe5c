import { expect, test, vi } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { StringTable } from '../../src/segment/string-table.ts';
import { seedCount } from '../scale.ts';

vi.setConfig({ testTimeout: 600_000 });

test('strings are numbered in order of first sight, and sorted by their bytes', () => {
  for (let seed = 0; seed < seedCount(6); seed++) {
    const random = seededRandom(seed);
    const table = new StringTable();
    const numbers = new Map<string, number>();
    const prefixes = ['', 'a', 'https://example.org/', '\0', 'a\0', 'a\0\0\0\0\0', '\xff'];
    for (let i = 0; i < 5000; i++) {
      const prefix = prefixes[Math.floor(random.next() * prefixes.length)];
      const tail = Array.from({ length: Math.floor(random.next() * 6) }, () =>
        String.fromCharCode(Math.floor(random.next() * [3, 256][i % 2])),
      );
      const text = prefix + tail.join('') + (random.next() < 0.02 ? 'y'.repeat(Math.floor(random.next() * 3000)) : '');
      const bytes = Buffer.from(text, 'latin1');
      const id = table.intern(bytes, 0, bytes.length);
      expect(id).toBe(numbers.get(text) ?? numbers.size);
      numbers.set(text, id);
    }
    expect(table.size).toBe(numbers.size);
    for (const [text, id] of numbers) expect(Buffer.from(table.at(id)).toString('latin1')).toBe(text);
    const sorted = [...table.sorted()].map((id) => Buffer.from(table.at(id)));
    const expected = [...numbers.keys()].map((text) => Buffer.from(text, 'latin1')).sort(Buffer.compare);
    expect(sorted.map((bytes) => bytes.toString('hex'))).toEqual(expected.map((bytes) => bytes.toString('hex')));
    table.clear();
    expect(table.usedBytes).toBe(0);
    expect(table.intern(Buffer.from('b'), 0, 1)).toBe(0);
  }
});

test('strings fill chunk after chunk, and one that fits none is refused', () => {
  const table = new StringTable();
  const bytes = new Uint8Array(5 * 1024 * 1024);
  for (let i = 0; i < 4; i++) {
    bytes.fill(3 - i);
    expect(table.intern(bytes, 0, bytes.length)).toBe(2 * i);
    expect(table.intern(Uint8Array.of(i, i), 0, 2)).toBe(2 * i + 1);
  }
  expect(() => table.intern(new Uint8Array(9 * 1024 * 1024), 0, 9 * 1024 * 1024)).toThrow(OrasiError);
});
