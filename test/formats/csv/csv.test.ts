import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { csvFormat } from '../../../src/formats/csv/csv.ts';
import { sized } from '../../scale.ts';
import { decode, sourceOf } from '../decode.ts';

/** Property tests are scaled by SIZE. */
const timeout = 900_000;

const plain = (value: unknown) => structuredClone(value);

describe('records', () => {
  test('fields in quotes hold delimiters, line ends and doubled quotes', async () => {
    const { rows } = await decode(csvFormat, 'a,b\r\n"x, y","line 1\nline ""2"""\r\n"",z\r\n', { chunkBytes: 3 });
    expect(rows.map(plain)).toEqual([{ a: 'x, y', b: 'line 1\nline "2"' }, { b: 'z' }]);
  });

  test('records end with LF, CRLF or CR, the last with or without; a byte order mark is dropped', async () => {
    for (const end of ['\n', '\r\n', '\r']) {
      for (const tail of ['', end]) {
        const text = `\ufeffname,n${end}x,1${end}y,2${tail}`;
        const { rows } = await decode(csvFormat, text, { chunkBytes: 2 });
        expect(rows.map(plain), JSON.stringify(text)).toEqual([
          { name: 'x', n: 1n },
          { name: 'y', n: 2n },
        ]);
      }
    }
  });

  test('blank lines are no rows, but where there is one column they are nulls', async () => {
    expect((await decode(csvFormat, '\n\na,b\n\n1,2\n\n\n3,4\n\n')).rows).toHaveLength(2);
    expect((await decode(csvFormat, 'a\n1\n\n3\n')).rows.map(plain)).toEqual([{ a: 1n }, {}, { a: 3n }]);
  });

  test('a quote inside a field that does not begin with one is a character', async () => {
    expect((await decode(csvFormat, 'a,b\n5" pipe,x"y"\n')).rows.map(plain)).toEqual([{ a: '5" pipe', b: 'x"y"' }]);
  });

  test('a record with other than the expected fields is quarantined with its line', async () => {
    const { rows, bad } = await decode(csvFormat, 'a,b\n1,"x\ny"\n2\n3,z,extra\n4,w\n');
    expect(rows.map(({ a }) => a)).toEqual([1n, 4n]);
    expect(bad.map(({ row, line, raw, reasons }) => [row, line, raw, reasons[0].message])).toEqual([
      [1, 4, '2', 'expected 2 fields, found 1'],
      [2, 5, '3,z,extra', 'expected 2 fields, found 3'],
    ]);
  });

  test('a broken quote costs its line, and the next lines are taken', async () => {
    for (const broken of ['"x"y,1', 'x,"never closed']) {
      const { rows, bad } = await decode(csvFormat, `a,b\n1,2\n${broken}\n3,4\n`);
      expect(rows.map(({ a }) => a)).toEqual([1n, 3n]);
      expect(bad).toMatchObject([{ row: 1, line: 3, raw: broken }]);
    }
  });

  test('a field that is not UTF-8 costs its row, unless the file is declared latin1', async () => {
    const bytes = Uint8Array.from(Buffer.from('a,b\nx,1\ncaf\xe9,2\n', 'latin1'));
    const { rows, bad } = await decode(csvFormat, bytes);
    expect(rows.map(({ a }) => a)).toEqual(['x']);
    expect(bad).toMatchObject([{ row: 1, line: 3, reasons: [{ path: 'a' }] }]);
    const latin1 = await decode(csvFormat, bytes, { options: { encoding: 'latin1' } });
    expect(latin1.rows.map(({ a }) => a)).toEqual(['x', 'café']);
  });

  test('a UTF-16 file is refused by name', async () => {
    await expect(decode(csvFormat, Uint8Array.from([0xff, 0xfe, 0x61, 0]))).rejects.toMatchObject({
      code: 'malformed_input',
      message: expect.stringContaining('UTF-16'),
    });
  });

  test('a record over the limit is skipped by name in constant memory, quoted line ends and all', async () => {
    const long = `"${'x,\n'.repeat(100_000)}",9`;
    const { rows, bad } = await decode(csvFormat, `a,b\n1,2\n${long}\n3,4\n`, {
      limits: { rowBytes: 1000 },
      chunkBytes: 999,
    });
    expect(rows.map(({ a }) => a)).toEqual([1n, 3n]);
    expect(bad).toMatchObject([{ row: 1, line: 3, reasons: [{ code: 'value_too_large' }] }]);
    const short = await decode(csvFormat, `a,b\n1,${'x'.repeat(2000)}\n3,4\n5\n`, { limits: { rowBytes: 1000 } });
    expect(short.bad).toMatchObject([{ line: 2, reasons: [{ code: 'value_too_large' }] }, { line: 4 }]);
  });

  test('a quote that is never closed within the limit fails the file', async () => {
    const text = `a,b\n1,"${'x\n'.repeat(100_000)}`;
    await expect(decode(csvFormat, text, { limits: { rowBytes: 1000 } })).rejects.toMatchObject({
      code: 'malformed_input',
    });
  });
});

describe('dialect', () => {
  test.each([[','], [';'], ['\t'], ['|']])('the delimiter %j is found', async (delimiter) => {
    const lines = [
      ['id', 'name', 'note'],
      ['1', 'a', '"x, y; z"'],
      ['2', 'b', 'p|q'],
      ['3', 'c', 'r'],
    ];
    const text = lines
      .map((fields) => fields.join(delimiter))
      .join('\n')
      .replaceAll('p|q', delimiter === '|' ? 'p' : 'p|q');
    const { columns, rows } = await decode(csvFormat, text);
    expect(columns).toEqual(['id int64', 'name string', 'note string']);
    expect(rows).toHaveLength(3);
  });

  test('the first record is the header unless something in it is a value', async () => {
    expect((await decode(csvFormat, 'a,b\nc,d\n')).columns).toEqual(['a string', 'b string']);
    expect((await decode(csvFormat, 'a,1\nc,2\n')).columns).toEqual(['column0 string', 'column1 int64']);
    expect((await decode(csvFormat, 'a,1\nc,2\n', { options: { header: true } })).columns).toEqual([
      'a string',
      '1 int64',
    ]);
    expect((await decode(csvFormat, 'a,b\nc,d\n', { options: { header: false } })).rows).toHaveLength(2);
  });

  test('columns without a name, or with one that is taken, get their own', async () => {
    const { columns } = await decode(csvFormat, ' a ,,a,b,a\n1,2,3,4,5\n');
    expect(columns.map((column) => column.split(' ')[0])).toEqual(['a', 'column1', 'a_2', 'b', 'a_3']);
  });

  test('too many columns are refused once they are counted, however far away the end of the record is', async () => {
    let read = 0;
    const text = Buffer.alloc(4_000_000, 'a,');
    const { stream, ...source } = sourceOf(text, 64 * 1024);
    const counted = new TransformStream<Uint8Array, Uint8Array>({
      transform(chunk, controller) {
        read += chunk.length;
        controller.enqueue(chunk);
      },
    });
    const decoder = await csvFormat.decode({
      source: { ...source, stream: async (offset) => (await stream(offset)).pipeThrough(counted) },
      options: {},
      declared: [],
    });
    await expect(decoder[Symbol.asyncIterator]().next()).rejects.toThrow('more than 1000 columns; at most 1000');
    expect(read).toBeLessThan(1_000_000);
    await expect(decode(csvFormat, `${'a,'.repeat(1000)}a\n`)).rejects.toThrow('1001 columns');
  });

  test('a column whose name is longer than is taken is refused', async () => {
    const longest = 'é'.repeat(128);
    expect((await decode(csvFormat, `a,${longest}\nx,y\n`)).columns[1]).toBe(`${longest} string`);
    await expect(decode(csvFormat, `a,${longest}e\nx,y\n`)).rejects.toThrow(/column 2, "é{40}…", is longer than 256/);
  });

  test('options say what is null, how many lines to skip, and which characters separate and quote', async () => {
    const text = '# made by hand\n#\nab\u0020c\nNA ~x y~\n7 z\n';
    const options = { skipRows: 2, delimiter: ' ', quote: '~', nullValue: 'NA' };
    expect((await decode(csvFormat, text, { options })).rows.map(plain)).toEqual([{ c: 'x y' }, { ab: 7n, c: 'z' }]);
    const kept = await decode(csvFormat, 'a,b\n,x\n', { options: { emptyStrings: true } });
    expect(kept.rows.map(plain)).toEqual([{ a: '', b: 'x' }]);
  });

  test('options are refused with the path of the field', () => {
    const errors = csvFormat.checkOptions({ delimiter: ',,', quote: 'é', nope: 1, skipRows: -1, header: 'maybe' });
    expect(errors.map(({ path }) => path)).toEqual(['delimiter', 'quote', 'nope', 'skipRows', 'header']);
    expect(csvFormat.checkOptions({ delimiter: ';', header: true, encoding: 'latin1' })).toEqual([]);
  });

  test('a file with a header alone has no rows, and so has an empty one', async () => {
    for (const text of ['', '\n', 'a,b', 'a,b\n']) expect((await decode(csvFormat, text)).rows).toEqual([]);
  });
});

describe('types', () => {
  test('columns are what their texts are', async () => {
    const { columns } = await decode(
      csvFormat,
      [
        'i,big,huge,d,b,day,t,tn,zip,mixed,none',
        '1,9007199254740993,12345678901234567890,1.50,true,2024-01-05,2024-01-05 10:00:00,2024-01-05T10:00:00.000000001Z,02134,1,',
        '-2,1,1,3,false,2024-02-29,2024-01-05 10:00:01,2024-01-05T10:00:00.000000002Z,90210,x,',
      ].join('\n'),
    );
    expect(columns).toEqual([
      'i int64',
      'big int64',
      'huge decimal(38,0)',
      'd double',
      'b bool',
      'day date',
      't timestamp',
      'tn timestamp_ns',
      'zip string',
      'mixed string',
      'none null',
    ]);
  });

  test.each([
    [['1', '2', '-3'], 'int64'],
    [['1', '2.5'], 'double'],
    [['1e3', '2'], 'double'],
    [['.5', '1'], 'double'],
    [['9007199254740993', '0.5'], 'string'],
    [['007', '1'], 'string'],
    [['+1', '2'], 'string'],
    [['-0', '1'], 'string'],
    [['true', '1'], 'string'],
    [['True', 'False'], 'string'],
    [['1e999', '1'], 'string'],
    [['2024-01-05', '2024-01-05T00:00:01Z'], 'timestamp'],
    [['2024-01-05', '5'], 'string'],
    [['NaN', '1'], 'string'],
    [['1_000', '1'], 'string'],
    [['12345678901234567890', '1.5'], 'string'],
    [[`${'1'.repeat(39)}`, '1'], 'string'],
  ])('%j is %s', async (texts, type) => {
    const { columns, rows } = await decode(csvFormat, `a\n${texts.join('\n')}\n`);
    expect(columns).toEqual([`a ${type}`]);
    if (type === 'string') expect(rows.map(({ a }) => a)).toEqual(texts);
  });
});

/** Fields in the ways real producers write them; each column's numbers and instants in one way. */
const record = fc
  .tuple(
    fc.constantFrom('1', '-20', '9007199254740993', '12345678901234567890', 'x', ''),
    fc.constantFrom('1.50', '-0.05', '22.00', '0.00', 'N/A', ''),
    fc.constantFrom('1', '1.5', '-0.125', '0.000001', 'N/A'),
    fc.constantFrom('1.0', '2.5', '1e-05', '1e+16', 'N/A'),
    fc.constantFrom('2024-01-05 10:00:00', '1999-12-31 23:59:59', 'later'),
    fc.constantFrom('true', 'false', 'maybe'),
    fc.constantFrom('"a,""b"""', 'é', '"line\r\nend"', '007'),
    fc.constantFrom('12', '2024-01-05', 'true'),
  )
  .map((fields) => fields.join(','));

test('where the records are cut into batches, chunks and runs never shows in the answers', { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(record, { minLength: 1, maxLength: 7 }), async (records) => {
      const text = `${['a,b,c,d,e,f,g,h', ...records].join('\n')}\n`;
      const whole = await decode(csvFormat, text);
      for (let batchRows = 1; batchRows < records.length; batchRows++) {
        for (const resume of [false, true]) {
          const cut = await decode(csvFormat, text, { limits: { batchRows }, chunkBytes: 5, resume });
          expect(cut.columns).toEqual(whole.columns);
          expect(cut.rows.map(plain)).toEqual(whole.rows.map(plain));
        }
      }
    }),
    { numRuns: sized(60) },
  );
});

test('what is written with every field in quotes is read back', { timeout }, async () => {
  const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'é', '😀', ';') });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(field, field), { minLength: 1, maxLength: 5 }),
      fc.nat(9),
      async (pairs, chunk) => {
        const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
        const text = ['"k1","k2"', ...pairs.map((pair) => pair.map(quoted).join(','))].join('\r\n');
        const { rows, bad } = await decode(csvFormat, text, {
          chunkBytes: chunk + 1,
          options: { delimiter: ',', header: true, emptyStrings: true },
        });
        expect(bad).toEqual([]);
        expect(rows.map(({ k1, k2 }) => [k1, k2])).toEqual(pairs);
      },
    ),
    { numRuns: sized(120) },
  );
});
