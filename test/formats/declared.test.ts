import { describe, expect, test } from 'vitest';
import { columnOf } from '../../src/columns/from-scalars.ts';
import {
  BOOL,
  DATE,
  DOUBLE,
  decimal,
  INT64,
  JSON_TYPE,
  STRING,
  TIMESTAMP,
  TIMESTAMP_NS,
} from '../../src/columns/types.ts';
import { conformToDeclared } from '../../src/formats/declared.ts';
import { detectFormat } from '../../src/formats/detect.ts';
import type { DeclaredField } from '../../src/formats/format.ts';
import { formatNamed } from '../../src/formats/registry.ts';
import { decode } from './decode.ts';

const format = (name: string) => {
  const found = formatNamed(name);
  if (found === undefined) throw new Error(`no format ${name}`);
  return found;
};

const declared = (name: string, type: DeclaredField['type'], more: Partial<DeclaredField> = {}): DeclaredField => ({
  name,
  type,
  nullable: true,
  ...more,
});

const plain = (value: unknown) => structuredClone(value);

describe('declared columns', () => {
  test('decode to their type, in their order, before the others', async () => {
    const text = '{"z":1,"id":7,"price":1.10,"at":"2024-01-05T10:00:00Z","code":"007","ok":true}';
    const { columns, rows } = await decode(format('json'), text, {
      declared: [
        declared('price', decimal(20, 10)),
        declared('id', DOUBLE),
        declared('at', TIMESTAMP_NS),
        declared('code', STRING),
        declared('absent', DATE),
      ],
    });
    expect(columns).toEqual([
      'price decimal(20,10)',
      'id double',
      'at timestamp_ns',
      'code string',
      'absent date',
      'z int64',
      'ok bool',
    ]);
    expect(rows.map(plain)).toEqual([
      { price: 11_000_000_000n, id: 7, at: 1704448800000000000n, code: '007', z: 1n, ok: true },
    ]);
  });

  test('keep every digit of a decimal and every character of a text', async () => {
    const text =
      '{"d":12345678901234567.123456789,"s":1.50,"t":"2024-01-05T10:00:00Z"}\n{"d":"0.5","s":true,"t":{"a":1}}';
    const { rows } = await decode(format('json'), text, {
      declared: [declared('d', decimal(38, 10)), declared('s', STRING), declared('t', STRING)],
    });
    expect(rows.map(plain)).toEqual([
      { d: 123456789012345671234567890n, s: '1.50', t: '2024-01-05T10:00:00Z' },
      { d: 5_000_000_000n, s: 'true', t: '{"a":1}' },
    ]);
    const csv = await decode(format('csv'), 's,t\n1.50,2024-01-05\n007,x\n', {
      declared: [declared('s', STRING), declared('t', STRING)],
    });
    expect(csv.rows.map(plain)).toEqual([
      { s: '1.50', t: '2024-01-05' },
      { s: '007', t: 'x' },
    ]);
  });

  test.each([
    ['int64', INT64, '1.5'],
    ['int64', INT64, 'true'],
    ['int64', INT64, '"x"'],
    ['int64', INT64, '12345678901234567890'],
    ['bool', BOOL, '1'],
    ['date', DATE, '"2024-02-30"'],
    ['timestamp', TIMESTAMP, '"2024-01-05T10:00:00.123456789Z"'],
    ['timestamp', TIMESTAMP, '1704448800'],
    ['decimal(5,2)', decimal(5, 2), '1.234'],
  ])('turn down a row whose value is no %s: %s', async (name, type, value) => {
    const { rows, bad } = await decode(format('json'), `{"a":null}\n{"a":${value}, "b":1}\n`, {
      declared: [declared('a', type)],
    });
    expect(rows).toHaveLength(1);
    expect(bad).toMatchObject([{ row: 1, line: 2, raw: `{"a":${value}, "b":1}` }]);
    expect(bad[0].reasons).toMatchObject([{ path: 'a', code: 'schema_violation' }]);
    expect(bad[0].reasons[0].message).toContain(`expected ${name}`);
  });

  test('take their default where they are absent or null, and are missed where they are required', async () => {
    const fields = [declared('n', INT64, { default: 7n }), declared('s', STRING, { nullable: false })];
    const { rows, bad } = await decode(
      format('json'),
      '{"s":"a"}\n{"n":null,"s":"b"}\n{"n":1}\n{"n":"x"}\n{"n":2,"s":null}\n',
      { declared: fields },
    );
    expect(rows.map(plain)).toEqual([
      { n: 7n, s: 'a' },
      { n: 7n, s: 'b' },
    ]);
    expect(bad.map(({ row, reasons }) => [row, reasons.map(({ path, message }) => `${path}: ${message}`)])).toEqual([
      [2, ['s: required, but absent or null']],
      [3, ["n: expected int64, found 'x'", 's: required, but absent or null']],
      [4, ['s: required, but absent or null']],
    ]);
  });

  test('are all there are, where others are refused', async () => {
    const { rows, bad, columns } = await decode(format('json'), '{"a":1}\n{"a":2,"b":3}\n{"a":4,"b":null}\n', {
      declared: [declared('a', INT64)],
      additionalColumns: false,
    });
    expect(columns).toEqual(['a int64']);
    expect(rows.map(({ a }) => a)).toEqual([1n, 4n]);
    expect(bad).toMatchObject([{ row: 1, reasons: [{ path: 'b', code: 'schema_violation' }] }]);
  });

  test('count rows and lines rightly among bad rows, batches and resumes', async () => {
    const lines = Array.from({ length: 50 }, (_, i) =>
      i % 7 === 3 ? 'oops' : i % 5 === 2 ? `{"a":"x${i}"}` : `{"a":${i}}`,
    );
    const wanted = lines.flatMap((line, i) => (line === 'oops' || line.includes('x') ? [[i, i + 1, line]] : []));
    for (const resume of [false, true]) {
      const { bad, rows } = await decode(format('json'), lines.join('\n'), {
        declared: [declared('a', INT64)],
        limits: { batchRows: 4 },
        resume,
      });
      expect(bad.map(({ row, line, raw }) => [row, line, raw])).toEqual(wanted);
      expect(rows).toHaveLength(50 - wanted.length);
    }
  });

  test('make a row bad whose value is out of their range', () => {
    const batch = {
      schema: [{ name: 'at', type: DATE, nullable: true }],
      length: 3,
      columns: [columnOf(DATE, [0, 2 ** 31 - 1, null])],
    };
    const origins = { row: (index: number) => index, line: () => undefined, raw: () => '' };
    const conformed = conformToDeclared(batch, [declared('at', TIMESTAMP)], true, origins);
    expect(conformed.batch?.columns[0].length).toBe(2);
    expect(conformed.bad.map(({ row, reasons }) => [row, reasons[0].message])).toEqual([
      [1, "expected timestamp, found '+5881580-07-11'"],
    ]);
  });

  test('json takes any value, and text that is no json as a text', async () => {
    const { rows } = await decode(format('json'), '{"j":{"a":1.0}}\n{"j":"x"}\n{"j":5}\n', {
      declared: [declared('j', JSON_TYPE)],
    });
    expect(rows.map(({ j }) => j)).toEqual(['{"a":1.0}', '"x"', '5']);
  });
});

describe('a format is told', () => {
  const head = (text: string) => new TextEncoder().encode(text);
  test.each([
    [{ format: 'csv', name: 'x.json', head: head('{}') }, 'csv', {}],
    [
      { contentType: 'application/x-ndjson; charset=utf-8', name: 'x.csv', head: head('') },
      'json',
      { layout: 'lines' },
    ],
    [{ contentType: 'text/csv', name: 'x', head: head('') }, 'csv', {}],
    [{ contentType: 'text/tab-separated-values', name: 'x', head: head('') }, 'csv', { delimiter: '\t' }],
    [
      { contentType: 'application/octet-stream', name: 'logs/x.NDJSON.gz', head: head('') },
      'json',
      { layout: 'lines' },
    ],
    [{ contentType: 'application/x-www-form-urlencoded', name: 'x.arrow', head: head('') }, 'arrow', {}],
    [{ name: 'a.b/x', head: head('\n [{"a":1}]') }, 'json', {}],
    [{ name: 'x.parquet.zst', head: head('') }, 'parquet', {}],
    [{ name: 'x', head: head('PAR1') }, 'parquet', {}],
    [{ name: 'x', head: head('ARROW1\0\0') }, 'arrow', {}],
    [{ name: 'x', head: Uint8Array.of(255, 255, 255, 255, 0x10, 1, 0, 0) }, 'arrow', {}],
    [{ name: 'x.txt', head: head('a;b\n1;2\n') }, 'csv', {}],
  ])('%j', (hints, name, options) => {
    const detection = detectFormat(hints);
    expect(detection?.format.name).toBe(name);
    expect(detection?.options).toEqual(options);
  });

  test('or is not, where nothing tells', () => {
    expect(detectFormat({ name: 'x', head: head('just words\n') })).toBeUndefined();
    expect(detectFormat({ name: 'x', head: Uint8Array.of(0, 1, 2, 44, 10) })).toBeUndefined();
    expect(detectFormat({ format: 'xml', name: 'x.json', head: head('{}') })).toBeUndefined();
  });
});
