import { deserializeTCompactProtocol } from 'hyparquet/src/thrift.js';
import { describe, expect, test } from 'vitest';
import { readPageHeader } from '../../src/parquet/page-header.ts';
import { readColumnIndex, readOffsetIndex, writeColumnIndex, writeOffsetIndex } from '../../src/parquet/page-index.ts';
import { readFileMetadata } from '../../src/parquet/read-footer.ts';
import { ThriftReader } from '../../src/parquet/thrift.ts';
import { ThriftWriter } from '../../src/parquet/thrift-writer.ts';

describe('compact protocol', () => {
  test('what is written is read, and hyparquet reads the same', () => {
    const w = new ThriftWriter().begin();
    w.i32(1, -5)
      .i64(2, 2 ** 52 - 1)
      .boolean(3, true)
      .boolean(4, false)
      .text(5, 'é')
      .byte(6, -1);
    w.list(7, 'i64', 20);
    for (let i = 0; i < 20; i++) w.zigzag(i - 10);
    w.struct(40)
      .i64(1, -(2 ** 40))
      .end();
    w.list(41, 'boolean', 2).elementBoolean(true).elementBoolean(false);
    const bytes = w.end().finish();

    const r = new ThriftReader(bytes);
    const seen: unknown[] = [];
    const outer = r.begin();
    while (r.next()) {
      if (r.field === 1 || r.field === 2) seen.push(r.integer());
      else if (r.field === 3 || r.field === 4) seen.push(r.boolean());
      else if (r.field === 5) seen.push(r.text());
      else if (r.field === 7) seen.push(Array.from({ length: r.list('i64') }, () => r.elementInteger()));
      else if (r.field === 40) {
        const inner = r.begin();
        while (r.next()) seen.push(r.integer());
        r.end(inner);
      } else if (r.field === 41) seen.push(Array.from({ length: r.list('boolean') }, () => r.elementBoolean()));
      else r.skip();
    }
    r.end(outer);
    const numbers = Array.from({ length: 20 }, (_, i) => i - 10);
    expect(seen).toEqual([-5, 2 ** 52 - 1, true, false, 'é', numbers, -(2 ** 40), [true, false]]);
    expect(r.offset).toBe(bytes.length);

    const copy = bytes.slice();
    expect(deserializeTCompactProtocol({ view: new DataView(copy.buffer), offset: 0 })).toMatchObject({
      field_1: -5,
      field_2: BigInt(2 ** 52 - 1),
      field_6: -1,
      field_7: numbers.map(BigInt),
      field_40: { field_1: -(2n ** 40n) },
      field_41: [true, false],
    });
  });

  const hostile: [string, number[]][] = [
    ['nothing', []],
    ['a list of two thousand million structs', [0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07]],
    ['a text longer than the file', [0x28, 0x18, 0xff, 0xff, 0xff, 0x7f]],
    ['an endless varint', [0x15, ...Array(40).fill(0xff)]],
    ['a struct without an end', [0x1c, 0x1c, 0x1c]],
    ['structs nested without end', Array(5000).fill(0xbc)],
    ['lists nested without end', [0xf9, ...Array(5000).fill(0x19)]],
    ['an unknown type', [0xfe]],
  ];
  test.each(hostile)('%s is refused', (_, bytes) => {
    expect(() => readFileMetadata(new ThriftReader(Uint8Array.from(bytes)))).toThrow('Parquet: ');
    expect(() => readPageHeader(new ThriftReader(Uint8Array.from(bytes)))).toThrow('Parquet: ');
  });
});

describe('page headers', () => {
  const header = (uncompressed: number, compressed: number, values: number) =>
    new ThriftWriter()
      .begin()
      .i32(1, 0)
      .i32(2, uncompressed)
      .i32(3, compressed)
      .struct(5)
      .i32(1, values)
      .i32(2, 0)
      .end()
      .end()
      .finish();

  test('sizes and counts beyond the limits are refused before anything is allocated', () => {
    expect(readPageHeader(new ThriftReader(header(10, 10, 5))).kind).toBe('data');
    expect(() => readPageHeader(new ThriftReader(header(2 ** 30, 10, 5)))).toThrow('bytes');
    expect(() => readPageHeader(new ThriftReader(header(10, 2 ** 30, 5)))).toThrow('bytes');
    expect(() => readPageHeader(new ThriftReader(header(10, 10, 2 ** 30)))).toThrow('values');
    expect(() => readPageHeader(new ThriftReader(header(-1, 10, 5)))).toThrow('negative');
  });
});

describe('the page index', () => {
  test('what is written is read', () => {
    const locations = [
      { offset: 4, length: 100, firstRow: 0 },
      { offset: 104, length: 77, firstRow: 8192 },
    ];
    const w = new ThriftWriter();
    writeOffsetIndex(w, locations);
    expect(readOffsetIndex(new ThriftReader(w.finish()))).toEqual(locations);
    const c = new ThriftWriter();
    const bounds = [
      { min: Uint8Array.of(1), max: Uint8Array.of(9), nullCount: 3 },
      { min: undefined, max: undefined, nullCount: 8 },
    ];
    writeColumnIndex(c, bounds, 'none');
    expect(readColumnIndex(new ThriftReader(c.finish()))).toEqual(bounds);
  });

  test('pages out of order are refused', () => {
    const w = new ThriftWriter();
    writeOffsetIndex(w, [
      { offset: 4, length: 100, firstRow: 10 },
      { offset: 104, length: 77, firstRow: 5 },
    ]);
    expect(() => readOffsetIndex(new ThriftReader(w.finish()))).toThrow('out of order');
  });
});
