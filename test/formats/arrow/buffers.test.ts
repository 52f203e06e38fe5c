import { expect, test } from 'vitest';
import { type Scalar, scalarAt } from '../../../src/columns/column.ts';
import { typeName } from '../../../src/columns/types.ts';
import { loadBatch } from '../../../src/formats/arrow/load.ts';
import { undoLz4Frame } from '../../../src/formats/arrow/lz4-frame.ts';
import type { ArrowField, ArrowType } from '../../../src/formats/arrow/metadata.ts';
import { toColumn } from '../../../src/formats/arrow/to-column.ts';

/** Types that no writer at hand writes: their buffers are laid out by hand, as the format's page has them. */

const INT32: ArrowType = { kind: 'int', bits: 32, signed: true };
const TEXT: ArrowType = { kind: 'text', layout: 'plain' };

const field = (name: string, type: ArrowType, children: ArrowField[] = []): ArrowField => ({
  name,
  type,
  children,
  dictionary: undefined,
});

const bytes = (view: ArrayBufferView) => new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
const ints = (...values: number[]) => bytes(Int32Array.from(values));
const utf8 = (text: string) => new TextEncoder().encode(text);
const NONE = new Uint8Array(0);

function read(
  root: ArrowField,
  rows: number,
  nodes: [number, number][],
  buffers: Uint8Array[],
  variadicCounts: number[] = [],
): { type: string; values: Scalar[] } {
  const header = { rows, nodes, buffers: [], compression: undefined, variadicCounts };
  const [array] = loadBatch([root], header, buffers, new Map());
  const values: Scalar[] = [];
  let type = '';
  // In two slices, so that no position counts from the wrong end.
  for (const [start, end] of [
    [0, 1],
    [1, rows],
  ]) {
    const { column } = toColumn(array, start, end, 1 << 20);
    type = typeName(column.type);
    for (let row = 0; row < column.length; row++) values.push(scalarAt(column, row));
  }
  return { type, values };
}

test('runs are rows', () => {
  const runs = field('r', { kind: 'runs' }, [field('run_ends', INT32), field('values', TEXT)]);
  const nodes: [number, number][] = [
    [5, 0],
    [3, 0],
    [3, 1],
  ];
  const buffers = [NONE, ints(2, 3, 5), Uint8Array.of(0b101), ints(0, 1, 1, 3), utf8('abc')];
  expect(read(runs, 5, nodes, buffers)).toEqual({ type: 'string', values: ['a', 'a', null, 'bc', 'bc'] });
  expect(() => read(runs, 5, nodes, [NONE, ints(2, 2, 5), ...buffers.slice(2)])).toThrow('do not ascend');
  expect(() => read(runs, 5, nodes, [NONE, ints(2, 3, 4), ...buffers.slice(2)])).toThrow('end before their column');
});

test('list views may share and reorder their items', () => {
  const list = field('l', { kind: 'list', layout: 'view' }, [field('item', INT32)]);
  const nodes: [number, number][] = [
    [3, 0],
    [4, 0],
  ];
  const buffers = [NONE, ints(2, 0, 1), ints(2, 0, 3), NONE, ints(7, 8, 9, 10)];
  expect(read(list, 3, nodes, buffers)).toEqual({ type: 'json', values: ['[9,10]', '[]', '[8,9,10]'] });
  expect(() => read(list, 3, nodes, [NONE, ints(2, 0, 1), ints(3, 0, 3), NONE, ints(7, 8, 9, 10)])).toThrow(
    'outside its items',
  );
});

test('a union value is the value of its child, null where the child is', () => {
  const children = [field('n', INT32), field('s', TEXT)];
  const dense = field('u', { kind: 'union', dense: true, typeIds: [5, 7] }, children);
  const buffers = [
    Uint8Array.of(5, 7, 5),
    ints(0, 0, 1),
    Uint8Array.of(0b01),
    ints(42, 0),
    NONE,
    ints(0, 2),
    utf8('hi'),
  ];
  const nodes: [number, number][] = [
    [3, 0],
    [2, 1],
    [1, 0],
  ];
  expect(read(dense, 3, nodes, buffers)).toEqual({ type: 'json', values: ['42', '"hi"', null] });
  expect(() => read(dense, 3, nodes, [Uint8Array.of(5, 6, 5), ...buffers.slice(1)])).toThrow('unknown type');
  expect(() => read(dense, 3, nodes, [buffers[0], ints(0, 1, 1), ...buffers.slice(2)])).toThrow('outside its child');
  const sparse = field('u', { kind: 'union', dense: false, typeIds: [0, 1] }, children);
  const sparseBuffers = [Uint8Array.of(1, 0), NONE, ints(1, 2), NONE, ints(0, 1, 1), utf8('x')];
  expect(
    read(
      sparse,
      2,
      [
        [2, 0],
        [2, 0],
        [2, 0],
      ],
      sparseBuffers,
    ).values,
  ).toEqual(['"x"', '2']);
});

test('decimals of 32, 64 and 256 bits and of negative scale are exact', () => {
  const decimal = (bits: number, precision: number, scale: number) =>
    field('d', { kind: 'decimal', bits, precision, scale });
  expect(read(decimal(32, 5, 2), 2, [[2, 0]], [NONE, ints(12345, -1)])).toEqual({
    type: 'decimal(5,2)',
    values: [12345n, -1n],
  });
  const longs = bytes(BigInt64Array.of(10n ** 17n, -5n));
  expect(read(decimal(64, 18, 0), 2, [[2, 0]], [NONE, longs]).values).toEqual([10n ** 17n, -5n]);
  const wide = bytes(BigInt64Array.of(7n, 0n, 0n, 0n, -7n, -1n, -1n, -1n));
  expect(read(decimal(256, 30, 1), 2, [[2, 0]], [NONE, wide])).toEqual({ type: 'decimal(30,1)', values: [7n, -7n] });
  expect(read(decimal(256, 50, 1), 2, [[2, 0]], [NONE, wide])).toEqual({ type: 'string', values: ['0.7', '-0.7'] });
  expect(read(decimal(32, 5, -3), 2, [[2, 0]], [NONE, ints(12, -1)])).toEqual({
    type: 'decimal(8,0)',
    values: [12000n, -1000n],
  });
  expect(() => read(decimal(32, 3, 0), 2, [[2, 0]], [NONE, ints(1000, 1)])).toThrow('more digits');
});

test('intervals are ISO 8601 durations', () => {
  const monthDayNano = new DataView(new ArrayBuffer(32));
  monthDayNano.setInt32(0, 14, true);
  monthDayNano.setInt32(4, -3, true);
  monthDayNano.setBigInt64(8, 1_500_000_000n, true);
  const interval = field('i', { kind: 'interval', unit: 'monthDayNano' });
  expect(read(interval, 2, [[2, 0]], [NONE, bytes(monthDayNano)]).values).toEqual(['P14M-3DT1.5S', 'PT0S']);
  const dayTime = field('i', { kind: 'interval', unit: 'dayTime' });
  expect(read(dayTime, 2, [[2, 0]], [NONE, ints(1, 2, 0, -1)]).values).toEqual(['P1DT0.002S', 'PT-0.001S']);
});

test('large text has 64-bit offsets, which must stay within what is read', () => {
  const large = field('t', { kind: 'text', layout: 'large' });
  const offsets = bytes(BigInt64Array.of(0n, 1n, 3n));
  expect(read(large, 2, [[2, 0]], [NONE, offsets, utf8('abc')]).values).toEqual(['a', 'bc']);
  const far = bytes(BigInt64Array.of(0n, 1n, 2n ** 32n + 3n));
  expect(() => read(large, 2, [[2, 0]], [NONE, far, utf8('abc')])).toThrow('out of range');
});

test('text that is not UTF-8, and text whose characters are cut between values, is refused', () => {
  const text = field('t', TEXT);
  expect(() => read(text, 2, [[2, 0]], [NONE, ints(0, 1, 2), Uint8Array.of(0xff, 0x61)])).toThrow('UTF-8');
  expect(() => read(text, 2, [[2, 0]], [NONE, ints(0, 1, 2), utf8('é')])).toThrow('UTF-8');
});

test('an LZ4 frame is undone across its blocks, and a damaged one is refused', () => {
  const header = [0x04, 0x22, 0x4d, 0x18, 0x40, 0x40, 0];
  // "abc", then a match of 9 bytes from 3 back, then the literal "!".
  const first = [0x35, ...utf8('abc'), 3, 0, 0x10, ...utf8('!')];
  // A block of its own that only repeats what the block before it wrote: "c!" twice over from 2 back.
  const second = [0x00, 2, 0, 0x10, ...utf8('.')];
  const stored = [...utf8('stored')];
  const block = (content: number[], flag = 0) => [content.length, 0, 0, flag, ...content];
  const frame = Uint8Array.from([...header, ...block(first), ...block(second), ...block(stored, 0x80), 0, 0, 0, 0]);
  const text = 'abcabcabcabc!c!c!.stored';
  expect(new TextDecoder().decode(undoLz4Frame(frame, text.length))).toBe(text);
  expect(() => undoLz4Frame(frame, text.length + 1)).toThrow('shorter');
  expect(() => undoLz4Frame(frame, text.length - 1)).toThrow();
  expect(() => undoLz4Frame(frame.subarray(0, frame.length - 5), text.length)).toThrow('longer than its frame');
  const broken = frame.slice();
  broken[15] = 200;
  expect(() => undoLz4Frame(broken, text.length)).toThrow('out of range');
});
