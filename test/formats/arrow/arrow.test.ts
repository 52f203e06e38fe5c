import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import {
  Binary,
  Bool,
  CompressionType,
  compressionRegistry,
  type Data,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  DurationMillisecond,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  IntervalYearMonth,
  LargeUtf8,
  List,
  Map_,
  makeBuilder,
  makeData,
  Null,
  RecordBatch,
  RecordBatchFileWriter,
  RecordBatchStreamWriter,
  Schema,
  Struct,
  TimeMicrosecond,
  TimeSecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  tableFromIPC,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
  Utf8View,
  Vector,
} from 'apache-arrow';
import { describe, expect, test } from 'vitest';
import type { Scalar } from '../../../src/columns/column.ts';
import { OrasiError } from '../../../src/core/errors.ts';
import { seededRandom } from '../../../src/core/random.ts';
import { arrowFormat } from '../../../src/formats/arrow/arrow.ts';
import { seedCount, sized } from '../../scale.ts';
import { decode } from '../decode.ts';

const plain = (value: unknown) => structuredClone(value);

function built<T extends DataType>(type: T, values: readonly unknown[]): Data<T> {
  const builder = makeBuilder({ type, nullValues: [null, undefined] });
  for (const value of values) builder.append(value as T['TValue']);
  return builder.finish().toVector().data[0];
}

interface Sample {
  name: string;
  data: Data;
  type: string;
  values: Scalar[];
}

const sample = (name: string, data: Data, type: string, values: Scalar[]): Sample => ({ name, data, type, values });

const text = ['short', null, 'a text of more than twelve bytes', ''];
const SAMPLES: Sample[] = [
  sample('nothing', makeData({ type: new Null(), length: 4 }), 'null', [null, null, null, null]),
  sample('flag', built(new Bool(), [true, null, false, true]), 'bool', [true, null, false, true]),
  sample('i8', built(new Int8(), [1, null, -128, 127]), 'int64', [1n, null, -128n, 127n]),
  sample('u8', built(new Uint8(), [1, null, 255, 0]), 'int64', [1n, null, 255n, 0n]),
  sample('i16', built(new Int16(), [1, null, -32768, 0]), 'int64', [1n, null, -32768n, 0n]),
  sample('u16', built(new Uint16(), [1, null, 65535, 0]), 'int64', [1n, null, 65535n, 0n]),
  sample('i32', built(new Int32(), [1, null, -2147483648, 0]), 'int64', [1n, null, -2147483648n, 0n]),
  sample('u32', built(new Uint32(), [1, null, 4294967295, 0]), 'int64', [1n, null, 4294967295n, 0n]),
  sample('i64', built(new Int64(), [1n, null, -(2n ** 63n), 2n ** 53n + 1n]), 'int64', [
    1n,
    null,
    -(2n ** 63n),
    2n ** 53n + 1n,
  ]),
  sample('i64s', built(new Int64(), [1n, null, -5_000_000_000n, 2n ** 53n]), 'int64', [
    1n,
    null,
    -5_000_000_000n,
    2n ** 53n,
  ]),
  sample('u64', built(new Uint64(), [1n, null, 2n ** 64n - 1n, 0n]), 'decimal(38,0)', [1n, null, 2n ** 64n - 1n, 0n]),
  sample('f16', built(new Float16(), [0.5, null, -2, 65504]), 'double', [0.5, null, -2, 65504]),
  sample('f32', built(new Float32(), [0.5, null, -0.25, 1e10]), 'double', [0.5, null, -0.25, 1e10]),
  sample('f64', built(new Float64(), [0.1, null, Number.NaN, -0]), 'double', [0.1, null, Number.NaN, -0]),
  sample('utf8', built(new Utf8(), text), 'string', text),
  sample('large', built(new LargeUtf8(), text), 'string', text),
  sample('view', built(new Utf8View(), text), 'string', text),
  sample('bytes', built(new Binary(), [Uint8Array.of(1, 255), null, Uint8Array.of(), Uint8Array.of(0)]), 'bytes', [
    Uint8Array.of(1, 255),
    null,
    Uint8Array.of(),
    Uint8Array.of(0),
  ]),
  sample(
    'fixed',
    built(new FixedSizeBinary(2), [Uint8Array.of(1, 2), null, Uint8Array.of(3, 4), Uint8Array.of(0, 0)]),
    'bytes',
    [Uint8Array.of(1, 2), null, Uint8Array.of(3, 4), Uint8Array.of(0, 0)],
  ),
  sample('category', built(new Dictionary(new Utf8(), new Int8()), ['x', null, 'y', 'x']), 'string', [
    'x',
    null,
    'y',
    'x',
  ]),
  sample(
    'day',
    makeData({ type: new DateDay(), data: Int32Array.of(0, -1, 19727, 2932896) }),
    'date',
    [0, -1, 19727, 2932896],
  ),
  sample(
    'dayMs',
    makeData({ type: new DateMillisecond(), data: BigInt64Array.of(0n, -86400000n, 86400000n, 0n) }),
    'date',
    [0, -1, 1, 0],
  ),
  sample('s', makeData({ type: new TimestampSecond(), data: BigInt64Array.of(0n, -1n, 5n, 1n) }), 'timestamp', [
    0n,
    -1000000n,
    5000000n,
    1000000n,
  ]),
  sample(
    'ms',
    makeData({ type: new TimestampMillisecond('Europe/Berlin'), data: BigInt64Array.of(0n, -1n, 5n, 1n) }),
    'timestamp',
    [0n, -1000n, 5000n, 1000n],
  ),
  sample(
    'us',
    makeData({ type: new TimestampMicrosecond('UTC'), data: BigInt64Array.of(0n, -1n, 2n ** 60n, 1n) }),
    'timestamp',
    [0n, -1n, 2n ** 60n, 1n],
  ),
  sample(
    'ns',
    makeData({ type: new TimestampNanosecond('UTC'), data: BigInt64Array.of(0n, -1n, 2n ** 62n, 1n) }),
    'timestamp_ns',
    [0n, -1n, 2n ** 62n, 1n],
  ),
  sample('time', makeData({ type: new TimeSecond(), data: Int32Array.of(0, 1, 86399, 3600) }), 'string', [
    '00:00:00',
    '00:00:01',
    '23:59:59',
    '01:00:00',
  ]),
  sample(
    'timeUs',
    makeData({ type: new TimeMicrosecond(), data: BigInt64Array.of(0n, 1n, 1500000n, 3600000000n) }),
    'string',
    ['00:00:00', '00:00:00.000001', '00:00:01.5', '01:00:00'],
  ),
  sample('took', makeData({ type: new DurationMillisecond(), data: BigInt64Array.of(0n, -1n, 5n, 1n) }), 'int64', [
    0n,
    -1n,
    5n,
    1n,
  ]),
  sample('months', makeData({ type: new IntervalYearMonth(), data: Int32Array.of(0, 1, -2, 14) }), 'string', [
    'PT0S',
    'P1M',
    'P-2M',
    'P14M',
  ]),
  sample(
    'price',
    makeData({
      type: new Decimal(2, 10, 128),
      data: Uint32Array.of(150, 0, 0, 0, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0, 0, 0, 0, 1, 0, 0, 0),
    }),
    'decimal(10,2)',
    [150n, -1n, 0n, 1n],
  ),
  sample(
    'big',
    makeData({
      type: new Decimal(0, 38, 128),
      data: Uint32Array.of(0, 0, 1, 0, 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff, 0, 0, 0, 0, 1, 0, 0, 0),
    }),
    'decimal(38,0)',
    [2n ** 64n, -1n, 0n, 1n],
  ),
  sample(
    'list',
    built(new List(new Field('item', new Int64(), true)), [[1n, null], null, [], [9007199254740993n]]),
    'json',
    ['[1,null]', null, '[]', '[9007199254740993]'],
  ),
  sample(
    'pair',
    built(new FixedSizeList(2, new Field('item', new Float64(), true)), [[1, 0.5], null, [0, 2], [3, 4]]),
    'json',
    ['[1,0.5]', null, '[0,2]', '[3,4]'],
  ),
  sample(
    'struct',
    built(new Struct([new Field('a', new Int32(), true), new Field('b "c"', new Utf8(), true)]), [
      { a: 1, 'b "c"': 'é"' },
      null,
      { a: null, 'b "c"': '' },
      { a: 2, 'b "c"': null },
    ]),
    'json',
    ['{"a":1,"b \\"c\\"":"é\\""}', null, '{"a":null,"b \\"c\\"":""}', '{"a":2,"b \\"c\\"":null}'],
  ),
  sample(
    'map',
    built(
      new Map_(
        new Field(
          'entries',
          new Struct<{ key: Utf8; value: Int32 }>([
            new Field('key', new Utf8(), false),
            new Field('value', new Int32(), true),
          ]),
          false,
        ),
      ),
      [
        new Map([
          ['k', 1],
          ['l', 2],
        ]),
        null,
        new Map(),
        new Map([['m', 3]]),
      ],
    ),
    'json',
    ['{"k":1,"l":2}', null, '{}', '{"m":3}'],
  ),
];

function recordBatch(samples: readonly Sample[]): RecordBatch {
  const schema = new Schema(samples.map(({ name, data }) => new Field(name, data.type, true)));
  const children = samples.map(({ data }) => data);
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: 4, nullCount: 0, children }));
}

function stream(batches: readonly RecordBatch[], compression?: CompressionType): Uint8Array {
  const writer = new RecordBatchStreamWriter(compression === undefined ? {} : { compressionType: compression });
  for (const batch of batches) writer.write(batch);
  writer.finish();
  return writer.toUint8Array(true);
}

function file(batches: readonly RecordBatch[]): Uint8Array {
  const writer = new RecordBatchFileWriter();
  for (const batch of batches) writer.write(batch);
  writer.finish();
  return writer.toUint8Array(true);
}

describe('types', () => {
  for (const format of ['file', 'stream'] as const) {
    test.each(SAMPLES.map((one) => [one.name, one] as const))(`%s in a ${format}`, async (name, one) => {
      const bytes = (format === 'file' ? file : stream)([recordBatch([one])]);
      for (const batchRows of [16_384, 3, 1]) {
        const { columns, rows } = await decode(arrowFormat, bytes, { limits: { batchRows }, chunkBytes: 100 });
        expect(columns).toEqual([`${name} ${one.type}`]);
        expect(rows.map((row) => row[name] ?? null)).toEqual(one.values);
      }
    });
  }
});

test('a file, a stream and a compressed stream of all types are the same rows, however they are cut and resumed', async () => {
  compressionRegistry.set(CompressionType.ZSTD, {
    encode: (data) => zstdCompressSync(data),
    decode: (data) => zstdDecompressSync(data),
  });
  // The library's writer drops views when it compresses, and it cannot write dictionaries so.
  const simple = SAMPLES.filter(({ name }) => name !== 'view' && name !== 'category');
  const whole = recordBatch(SAMPLES);
  const expected = (await decode(arrowFormat, file([whole, whole]))).rows.map(plain);
  expect(expected).toHaveLength(8);
  for (const bytes of [file([whole, whole]), stream([whole, whole])]) {
    for (const resume of [false, true]) {
      const { rows, checkpoint } = await decode(arrowFormat, bytes, {
        resume,
        limits: { batchRows: 3 },
        chunkBytes: 1000,
      });
      expect(rows.map(plain)).toEqual(expected);
      expect(checkpoint.rows).toBe(8);
    }
  }
  const compressed = await decode(arrowFormat, stream([recordBatch(simple)], CompressionType.ZSTD));
  const uncompressed = await decode(arrowFormat, stream([recordBatch(simple)]));
  expect(compressed.rows.map(plain)).toEqual(uncompressed.rows.map(plain));
});

test('a dictionary that grows from batch to batch is followed', async () => {
  const type = new Dictionary(new Utf8(), new Int32(), 7);
  const batchOf = (entries: string[], codes: number[]) => {
    const dictionary = new Vector([built(new Utf8(), entries)]);
    const data = makeData({ type, length: codes.length, data: Int32Array.from(codes), dictionary });
    const schema = new Schema([new Field('c', type, true)]);
    return new RecordBatch(
      schema,
      makeData({ type: new Struct(schema.fields), length: codes.length, nullCount: 0, children: [data] }),
    );
  };
  const bytes = stream([batchOf(['a', 'b'], [0, 1]), batchOf(['a', 'b', 'c'], [2, 0])]);
  for (const resume of [false, true]) {
    const { rows } = await decode(arrowFormat, bytes, { resume });
    expect(rows.map(({ c }) => c)).toEqual(['a', 'b', 'c', 'a']);
  }
});

test('a row over the limit is turned down by name and the others are taken', async () => {
  const data = built(new Utf8(), ['a', 'x'.repeat(5000), 'b', 'c']);
  const bytes = file([recordBatch([sample('t', data, 'string', [])])]);
  const { rows, bad } = await decode(arrowFormat, bytes, { limits: { rowBytes: 1000, batchBytes: 100 } });
  expect(rows.map(({ t }) => t)).toEqual(['a', 'b', 'c']);
  expect(bad).toMatchObject([{ row: 1, reasons: [{ code: 'value_too_large' }] }]);
});

test('flights-200k.arrow has the values the Arrow library reads', async () => {
  const bytes = readFileSync('node_modules/vega-datasets/data/flights-200k.arrow');
  const { batches } = await decode(arrowFormat, bytes);
  const table = tableFromIPC(bytes);
  expect(batches.reduce((sum, { length }) => sum + length, 0)).toBe(table.numRows);
  table.schema.fields.forEach(({ name }, i) => {
    let [sum, count] = [0, 0];
    for (const { columns, length } of batches) {
      const { data } = columns[i];
      if (data.layout !== 'fixed') throw new Error(`${name} is ${data.layout}`);
      for (let row = 0; row < length; row++) sum += Number(data.values[row]) * ((count++ % 97) + 1);
    }
    let [wanted, n] = [0, 0];
    for (const value of table.getChild(name) ?? []) wanted += Number(value) * ((n++ % 97) + 1);
    expect(sum, name).toBeCloseTo(wanted, 3);
  });
});

/** Decodes and says how it ended; anything but an end or a refusal is a defect. */
async function outcome(bytes: Uint8Array): Promise<string> {
  try {
    await decode(arrowFormat, bytes);
    return 'read';
  } catch (error) {
    if (!(error instanceof OrasiError)) throw error;
    return error.code;
  }
}

describe('hostile files', () => {
  const corpus = '../shared/data/fuzz/arrow';
  if (!existsSync(corpus)) console.warn(`${corpus} is absent: its files are not tried`);
  test.skipIf(!existsSync(corpus))(
    'every file of the fuzz corpus is read or refused, none crashes or hangs',
    async () => {
      const started = performance.now();
      const outcomes: Record<string, number> = {};
      for (const name of readdirSync(corpus)) {
        const ended = await outcome(readFileSync(`${corpus}/${name}`));
        outcomes[ended] = (outcomes[ended] ?? 0) + 1;
      }
      expect(Object.keys(outcomes).every((ended) => ended === 'read' || ended === 'malformed_input')).toBe(true);
      expect(performance.now() - started).toBeLessThan(60_000);
    },
    120_000,
  );

  test('a good file with bytes changed, cut out or cut off is read or refused', { timeout: 900_000 }, async () => {
    const good = [file([recordBatch(SAMPLES)]), stream([recordBatch(SAMPLES)])];
    for (let seed = 1; seed <= seedCount(2); seed++) {
      const random = seededRandom(seed);
      const below = (n: number) => Math.floor(random.next() * n);
      for (let i = 0; i < sized(100); i++) {
        let bytes = Uint8Array.from(good[below(2)]);
        for (let change = below(4); change >= 0; change--) {
          const at = below(bytes.length);
          const kind = below(4);
          if (kind === 0) bytes[at] = below(256);
          else if (kind === 1) bytes[at] = [0, 1, 0x7f, 0x80, 0xff][below(5)];
          else if (kind === 2) bytes = bytes.slice(0, at);
          else bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + below(8))]);
          if (bytes.length === 0) break;
        }
        expect(['read', 'malformed_input'], `seed ${seed}, file ${i}`).toContain(await outcome(bytes));
      }
    }
  });

  test('a batch that claims more rows than it can have is refused in no time', async () => {
    const data = makeData({ type: new Null(), length: 4 });
    const bytes = file([recordBatch([sample('n', data, 'null', [])])]);
    // The lengths of the batch and of its one field are the only 64-bit fours in the file.
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let at = 0; at + 8 <= bytes.length; at += 4) {
      if (view.getUint32(at, true) === 4 && view.getUint32(at + 4, true) === 0 && at % 8 === 0) {
        view.setUint32(at, 0x7fffffff, true);
      }
    }
    const started = performance.now();
    expect(await outcome(bytes)).toBe('malformed_input');
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});
