import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { jsonFormat } from '../../../src/formats/json/json.ts';
import { codePoint } from '../../code-point.ts';
import { sized } from '../../scale.ts';
import { decode } from '../decode.ts';

/** Property tests are scaled by SIZE. */
const timeout = 900_000;

const plain = (value: unknown) => structuredClone(value);

describe('layouts', () => {
  test('a line is a row, blank lines and CRLF are passed over, a byte order mark is dropped', async () => {
    const { rows, bad } = await decode(jsonFormat, '\ufeff{"a":1}\r\n\r\n  \n{"a":2}\n{"a":3}');
    expect(rows.map(({ a }) => a)).toEqual([1n, 2n, 3n]);
    expect(bad).toEqual([]);
  });

  test('an element of a list is a row', async () => {
    const { rows } = await decode(jsonFormat, ' [ {"a":1} ,\n{"a":2}\n]\n');
    expect(rows.map(({ a }) => a)).toEqual([1n, 2n]);
  });

  test('a document over several lines is one row', async () => {
    const { rows, columns } = await decode(jsonFormat, '{\n  "a": 1,\n  "b": {"c": [1, 2]}\n}\n');
    expect(columns).toEqual(['a int64', 'b json']);
    expect(rows.map(plain)).toEqual([{ a: 1n, b: '{"c":[1,2]}' }]);
  });

  test('documents and lists one after another are all taken', async () => {
    const { rows } = await decode(jsonFormat, '{\n"a":1\n}{\n"a":2}\n[{"a":3}]\n[{"a":4}]', { chunkBytes: 3 });
    expect(rows.map(({ a }) => a)).toEqual([1n, 2n, 3n, 4n]);
  });

  test('a feature is a row of its properties, its id, its geometry and its foreign members', async () => {
    const feature =
      '{"type":"Feature","id":"n1","properties":{"mag":1.5,"type":"quake"},"geometry":{"type":"Point","coordinates":[1.50, 2]},"bbox":[1,2]}';
    for (const text of [
      `{"type":"FeatureCollection","features":[${feature}],"metadata":{"count":1}}`,
      `{"features":[${feature}],"type":"FeatureCollection"}`,
      `{"metadata":{"type":"x"},\n "type":"FeatureCollection",\n"features":[\n${feature}\n]}\n`,
    ]) {
      const { rows } = await decode(jsonFormat, text, { chunkBytes: 5 });
      const geometry = '{"type":"Point","coordinates":[1.50,2]}';
      expect(rows.map(plain)).toEqual([{ mag: 1.5, type: 'quake', id: 'n1', geometry, bbox: '[1,2]' }]);
    }
  });

  test('a property keeps its name where the feature has a member of that name', async () => {
    const text =
      '{"type":"FeatureCollection","features":[{"type":"Feature","id":7,"properties":{"id":"p"},"geometry":null}]}';
    const { rows } = await decode(jsonFormat, text);
    expect(rows.map(plain)).toEqual([{ id: 'p', feature_id: 7n }]);
  });

  test('the first line is quarantined, not the file, where the second is an object', async () => {
    const { rows, bad } = await decode(jsonFormat, '{"a":1\n{"a":2}\n');
    expect(rows.map(({ a }) => a)).toEqual([2n]);
    expect(bad).toMatchObject([{ row: 0, line: 1, raw: '{"a":1' }]);
  });

  test('an empty file has no rows', async () => {
    for (const text of ['', '\n\n', '[]', '{"type":"FeatureCollection","features":[]}']) {
      expect((await decode(jsonFormat, text)).rows, text).toEqual([]);
    }
  });
});

describe('values', () => {
  test('integers are exact at any size', async () => {
    const { rows, columns } = await decode(
      jsonFormat,
      '{"a":9007199254740993,"b":-9223372036854775808,"c":12345678901234567890123}',
    );
    expect(columns).toEqual(['a int64', 'b int64', 'c decimal(38,0)']);
    expect(rows.map(plain)).toEqual([{ a: 9007199254740993n, b: -9223372036854775808n, c: 12345678901234567890123n }]);
  });

  test('an integer beyond 38 digits is its text', async () => {
    const digits = '1'.repeat(39);
    expect((await decode(jsonFormat, `{"a":${digits}}\n{"a":1}`)).rows.map(({ a }) => a)).toEqual([digits, '1']);
  });

  test('integers meet doubles as doubles while all are within 2^53, else as text', async () => {
    const narrow = await decode(jsonFormat, '{"a":9007199254740992}\n{"a":0.5}');
    expect(narrow.columns).toEqual(['a double']);
    const wide = await decode(jsonFormat, '{"a":9007199254740993}\n{"a":0.5}');
    expect(wide.rows.map(({ a }) => a)).toEqual(['9007199254740993', '0.5']);
  });

  test('strings that are all instants are a timestamp, to the nanosecond', async () => {
    const { rows, columns } = await decode(
      jsonFormat,
      '{"t":"2024-01-05T10:00:00Z"}\n{"t":"2024-01-05T12:00:00.123456789+02:00"}',
    );
    expect(columns).toEqual(['t timestamp_ns']);
    expect(rows.map(({ t }) => t)).toEqual([1704448800000000000n, 1704448800123456789n]);
  });

  test('strings that are not all instants or all dates stay as they are', async () => {
    const texts = [
      '2024-01-05T10:00:00Z',
      '2024-01-05T10:00:00.000+02:00',
      '2024-01-05',
      'n/a',
      '2024-1-5',
      '2024-02-30',
    ];
    const { rows } = await decode(jsonFormat, texts.map((t) => JSON.stringify({ t })).join('\n'));
    expect(rows.map(({ t }) => t)).toEqual(texts);
  });

  test('of a key given twice the last value counts', async () => {
    const { rows } = await decode(
      jsonFormat,
      '{"a":"x","a":1,"b":1,"b":"long text","b":"y","c":"z","c":null}\n{"a":2,"b":"n"}',
    );
    expect(rows.map(plain)).toEqual([
      { a: 1n, b: 'y' },
      { a: 2n, b: 'n' },
    ]);
  });

  test('nested values keep the text of their numbers and lose white space', async () => {
    const { rows } = await decode(jsonFormat, '{"a": { "x" : 1.50, "y z": [ 12345678901234567890, "a \\" b" ] } }');
    expect(rows.map(plain)).toEqual([{ a: '{"x":1.50,"y z":[12345678901234567890,"a \\" b"]}' }]);
  });

  test('a row that is turned down leaves no column and no type behind', async () => {
    const { columns, rows } = await decode(jsonFormat, '{"a":1}\n{"a":"text","new":1,oops}\n{"a":2}\n{"b":1,"a":3}\n');
    expect(columns).toEqual(['a int64', 'b int64']);
    expect(rows.map(({ a }) => a)).toEqual([1n, 2n, 3n]);
  });
});

describe('bad input', () => {
  test.each([
    ['nonsense', 'expected an object'],
    ['42', 'expected an object'],
    ['[1,2]', 'expected an object'],
    ['{"a":1} {"a":2}', 'unexpected text behind the object'],
    ['{"a":01}', "expected ',' or '}'"],
    ['{"a":1e}', 'a number without digits in its exponent'],
    ['{"a":"\\x"}', 'an unknown escape in a string'],
    ['{"a":"\\ud800"}', 'a lone surrogate'],
    ['{"a":"tab\there"}', 'a control character'],
    ['{"a":1e999}', 'beyond the range of a double'],
    ["{'a':1}", 'expected a key in quotes'],
    ['{"a":nul}', 'not a JSON value'],
    ['{"a":1', 'the line ends within the object'],
    [`{"a":${'['.repeat(513)}${']'.repeat(513)}}`, 'nested deeper than 512 levels'],
  ])('the line %.40s is quarantined with its reason and the others are taken', async (line, reason) => {
    const { rows, bad } = await decode(jsonFormat, `{"ok":1}\n${line}\n{"ok":2}\n`, { options: { layout: 'lines' } });
    expect(rows.map(({ ok }) => ok)).toEqual([1n, 2n]);
    expect(bad).toHaveLength(1);
    expect(bad[0]).toMatchObject({ row: 1, line: 2, reasons: [{ code: 'malformed_input' }] });
    expect(bad[0].reasons[0].message).toContain(reason);
    expect(line.startsWith(bad[0].raw)).toBe(true);
  });

  test('a line with a longer name than is taken is quarantined, and makes no column', async () => {
    const longest = 'k'.repeat(256);
    const { columns, bad } = await decode(jsonFormat, `{"${longest}":1}\n{"${longest}x":1}\n{"a":1}\n`);
    expect(columns).toEqual([`${longest} int64`, 'a int64']);
    expect(bad).toMatchObject([
      { row: 1, line: 2, reasons: [{ path: `${'k'.repeat(40)}…`, code: 'value_too_large' }] },
    ]);
  });

  test('a line that is not UTF-8 is quarantined', async () => {
    const bytes = Uint8Array.from([...Buffer.from('{"a":"x'), 0xff, ...Buffer.from('"}\n{"a":"y"}\n')]);
    const { rows, bad } = await decode(jsonFormat, bytes);
    expect(rows.map(({ a }) => a)).toEqual(['y']);
    expect(bad[0].reasons[0]).toMatchObject({ path: 'a', message: expect.stringContaining('not valid UTF-8') });
  });

  test('an element that is no object, or broken within its brackets, is quarantined and the list goes on', async () => {
    const { rows, bad } = await decode(jsonFormat, '[{"a":1}, 7, {"a":tru}, [1], {"a":2}]', { chunkBytes: 4 });
    expect(rows.map(({ a }) => a)).toEqual([1n, 2n]);
    expect(bad.map(({ row, raw }) => [row, raw])).toEqual([
      [1, '7'],
      [2, '{"a":tru}'],
      [3, '[1]'],
    ]);
  });

  test.each([
    ['[{"a":1},'],
    ['[{"a":1}'],
    ['[{"a":1} {"a":2}]'],
    ['[{"a":1}]]'],
    ['{\n"a":1,\n'],
    ['{"type":"FeatureCollection","features":[{}'],
  ])('the file %j is refused whole', async (text) => {
    await expect(decode(jsonFormat, text)).rejects.toMatchObject({ code: 'malformed_input' });
  });

  test('a line over the limit is skipped by name, wherever it stands, and costs no memory', async () => {
    const long = `{"a":"${'x'.repeat(5000)}"}`;
    for (const text of [`${long}\n{"a":1}\n`, `{"a":1}\n${long}\n`, `{"a":1}\n${long}`, `{"a":1}\n${long}\n{"a":2}`]) {
      const { rows, bad } = await decode(jsonFormat, text, {
        limits: { rowBytes: 1000, jsonDocumentBytes: 1000 },
        chunkBytes: 100,
      });
      expect(rows.length).toBe(text.split('\n').filter((line) => line !== '' && line !== long).length);
      expect(bad).toMatchObject([{ reasons: [{ code: 'value_too_large' }] }]);
      expect(bad[0].line).toBe(text.split('\n').indexOf(long) + 1);
    }
  });

  test('an element over the limit is skipped by name', async () => {
    const text = `[{"a":1},{"a":"${'x'.repeat(200_000)}]}"},{"a":2}]`;
    const { rows, bad } = await decode(jsonFormat, text, { limits: { rowBytes: 1000 }, chunkBytes: 100 });
    expect(rows.map(({ a }) => a)).toEqual([1n, 2n]);
    expect(bad).toMatchObject([{ row: 1, reasons: [{ code: 'value_too_large' }] }]);
  });

  test('a row with more columns than the limit is quarantined', async () => {
    const { rows, bad } = await decode(jsonFormat, '{"a":1,"b":2}\n{"c":3,"d":4}\n{"a":5}', { limits: { columns: 3 } });
    expect(rows.map(plain)).toEqual([{ a: 1n, b: 2n }, { a: 5n }]);
    expect(bad).toMatchObject([{ row: 1, reasons: [{ code: 'value_too_large', path: 'd' }] }]);
  });
});

/** JSON texts with what tends to break readers: spaces, escapes, exponents, deep and empty values, equal keys. */
const jsonText = fc.letrec<{ value: string; object: string }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.constantFrom(
      'null',
      'true',
      'false',
      '0',
      '-0',
      '1',
      '-1.5',
      '1e3',
      '1E-2',
      '0.1',
      '123456789012345678',
      '2.5e+10',
      '""',
    ),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => JSON.stringify(x)),
    fc.integer().map(String),
    fc.string({ unit: codePoint }).map((text) => JSON.stringify(text)),
    fc.array(tie('value'), { maxLength: 3 }).map((items) => `[ ${items.join(' ,')}]`),
    tie('object'),
  ),
  object: fc
    .array(fc.tuple(fc.constantFrom('a', 'b', 'é', 'a\\u0062', 'x"y', ''), tie('value')), { maxLength: 4 })
    .map(
      (members) =>
        `{ ${members.map(([key, value]) => `${JSON.stringify(key).replace('\\\\u', '\\u')}: ${value}`).join(', ')} }`,
    ),
}));

/** What a JSON value is in a column by itself. */
function expected(value: unknown): unknown {
  if (value === null) return undefined;
  return value;
}

test('one object is read as JSON.parse reads it', { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(jsonText.object, async (text) => {
      const { rows, columns, bad } = await decode(jsonFormat, text, { options: { layout: 'lines' }, declared: [] });
      expect(bad).toEqual([]);
      const parsed = JSON.parse(text) as Record<string, unknown>;
      for (const [key, value] of Object.entries(parsed)) {
        const type = columns.find((column) => column.startsWith(`${key} `))?.slice(key.length + 1);
        const got = rows[0][key];
        if (type === 'json') expect(JSON.parse(String(got))).toEqual(expected(value));
        else if (type === 'timestamp' || type === 'date') expect(typeof value).toBe('string');
        else if (type === 'int64' || type === 'decimal(38,0)') expect(Number(got)).toBe(Number(value) + 0);
        else expect(got).toEqual(expected(value));
      }
    }),
    { numRuns: sized(80) },
  );
});

test('a line is accepted exactly where JSON.parse accepts it and finds an object', { timeout }, async () => {
  const mutated = fc
    .tuple(
      jsonText.object,
      fc.nat(),
      fc.constantFrom('', ' ', ',', '"', '}', ']', '{', ':', '1', '.', '-', 'e', '\\', 'n', '0'),
    )
    .map(([text, place, inserted]) => {
      const at = place % (text.length + 1);
      return place % 2 === 0
        ? text.slice(0, at) + inserted + text.slice(at)
        : text.slice(0, at) + inserted + text.slice(at + 1);
    });
  await fc.assert(
    fc.asyncProperty(mutated, async (text) => {
      // A number beyond the range of a double is Infinity to JSON.parse; here it is a fault.
      fc.pre(!/[eE]\+?[0-9]{3}/.test(text));
      let parsed: unknown;
      try {
        parsed = JSON.parse(text);
      } catch {
        parsed = undefined;
      }
      const isObject = typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed);
      const { rows, bad } = await decode(jsonFormat, text, { options: { layout: 'lines' } });
      expect([rows.length, bad.length]).toEqual(isObject ? [1, 0] : [0, text.trim() === '' ? 0 : 1]);
    }),
    { numRuns: sized(80) },
  );
});

/** Rows whose columns meet every kind of value, instants in the ways real producers write them. */
const rowText = fc
  .record(
    {
      n: fc.oneof(
        fc.integer().map(String),
        fc.constantFrom('9007199254740993', '1.5', '1.0', '12345678901234567890', 'null'),
      ),
      s: fc.constantFrom('"2024-01-05T10:00:00Z"', '"2024-01-05T10:00:00.5Z"', '"x"', '1', 'true', '{"a": 1}'),
      t: fc.constantFrom('"2024-01-05T12:00:00.120+02:00"', '"2024-01-05T10:00:00.000+02:00"', '"n/a"'),
      u: fc.constantFrom('"2024-01-05T12:00:00Z"', '"2024-01-05T12:00:00.123456789+01:00"', '"2024-01-05"'),
      f: fc.constantFrom('"9999-12-31T00:00:00Z"', '"2024-01-05T12:00:00.123456789Z"', '"2024-01-05T12:00:00.5Z"'),
      m: fc.constantFrom('true', '1', '0.5', '[1]', '"y"'),
      d: fc.constantFrom('"2024-01-05"', '"1969-12-31"', '"never"'),
    },
    { requiredKeys: [] },
  )
  .map(
    (row) =>
      `{${Object.entries(row)
        .map(([key, value]) => `"${key}":${value}`)
        .join(',')}}`,
  );

test('where the rows are cut into batches, chunks and runs never shows in the answers', { timeout }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(rowText, { minLength: 1, maxLength: 8 }), fc.boolean(), async (lines, list) => {
      const text = list ? `[${lines.join(',\n')}]` : lines.join('\n');
      const whole = await decode(jsonFormat, text);
      for (let batchRows = 1; batchRows < lines.length; batchRows++) {
        for (const resume of [false, true]) {
          const cut = await decode(jsonFormat, text, { limits: { batchRows }, chunkBytes: 7, resume });
          expect([...cut.columns].sort()).toEqual([...whole.columns].sort());
          expect(cut.rows.map(plain)).toEqual(whole.rows.map(plain));
        }
      }
    }),
    { numRuns: sized(30) },
  );
});
