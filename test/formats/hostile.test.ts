import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { memoryReader } from '../../src/core/bytes.ts';
import { OrasiError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { csvFormat } from '../../src/formats/csv/csv.ts';
import type { BadRow, DecodeSource, Format } from '../../src/formats/format.ts';
import { jsonFormat } from '../../src/formats/json/json.ts';
import { FORMATS } from '../../src/formats/registry.ts';
import { seedCount, sized } from '../scale.ts';
import { decode } from './decode.ts';

/** Decodes and says how it ended; anything but an end or a refusal is a defect. */
async function outcome(format: Format, bytes: Uint8Array): Promise<string> {
  try {
    await decode(format, bytes, { limits: { batchRows: 100 }, chunkBytes: 997 });
    return 'read';
  } catch (error) {
    if (!(error instanceof OrasiError)) throw error;
    return error.code;
  }
}

const good: [Format, string][] = [
  [jsonFormat, '{"a":1,"b":"é \\u00e9","c":[1,{"d":null}],"t":"2024-01-05T10:00:00Z"}\n{"a":-2.5e3,"b":"","c":{}}\n'],
  [jsonFormat, '[{"a":1,"b":"x"},{"a":9007199254740993,"b":true}, {"c":[[[]]]}]'],
  [
    jsonFormat,
    '{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"a":1},"geometry":{"type":"Point","coordinates":[1,2]}}],"x":1}',
  ],
  [jsonFormat, '{\n "a": 1,\n "b": [1, 2]\n}\n{\n "a": 2\n}\n'],
  [csvFormat, 'id,name,when,n\r\n1,"a, ""b""\nc",2024-01-05,1.50\r\n2,é,2024-01-06,2.25\r\n'],
  [csvFormat, 'a;b\n"x";1\n;2\n'],
];

describe('damaged text', () => {
  test('is read, quarantined or refused, whatever bytes are changed, and never crashes', {
    timeout: 900_000,
  }, async () => {
    for (let seed = 1; seed <= seedCount(1); seed++) {
      const random = seededRandom(seed);
      const below = (n: number) => Math.floor(random.next() * n);
      for (let i = 0; i < sized(300); i++) {
        const [format, text] = good[below(good.length)];
        let bytes: Uint8Array = new TextEncoder().encode(text);
        for (let change = below(5); change >= 0 && bytes.length > 0; change--) {
          const at = below(bytes.length);
          const kind = below(5);
          if (kind === 0) bytes[at] = below(256);
          else if (kind === 1) bytes[at] = '{}[],:"\\\n\r0-e\t;'.charCodeAt(below(16));
          else if (kind === 2) bytes = bytes.slice(0, at);
          else if (kind === 3)
            bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + below(8))]);
          else bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(below(at + 1))]);
        }
        expect(['read', 'malformed_input'], `seed ${seed}, file ${i}`).toContain(await outcome(format, bytes));
      }
    }
  });
});

describe('the fuzz corpora', () => {
  const corpus = '../shared/data/fuzz';
  if (!existsSync(corpus)) console.warn(`${corpus} is absent: its files are not tried`);
  test.skipIf(!existsSync(corpus))(
    'are read or refused by every format they could be taken for',
    { timeout: 900_000 },
    async () => {
      for (const folder of ['csv', 'arrow', 'parquet']) {
        for (const name of readdirSync(`${corpus}/${folder}`)) {
          const bytes = readFileSync(`${corpus}/${folder}/${name}`);
          for (const format of FORMATS) {
            const started = performance.now();
            const ended = await outcome(format, bytes);
            expect(['read', 'malformed_input'], `${name} as ${format.name}`).toContain(ended);
            expect(performance.now() - started, `${name} as ${format.name}`).toBeLessThan(30_000);
          }
        }
      }
    },
  );
});

/** A source that is made as it is read: `head`, then `fill` over and over up to `bytes`, then `tail`. */
function endless(head: string, fill: Uint8Array, bytes: number, tail: string): DecodeSource {
  const encoder = new TextEncoder();
  return {
    sizeBytes: head.length + bytes + tail.length,
    ranges: memoryReader(new Uint8Array(0)),
    async stream() {
      let left = bytes;
      let begun = false;
      return new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            if (!begun) {
              begun = true;
              return controller.enqueue(encoder.encode(head));
            }
            if (left > 0) {
              const size = Math.min(left, fill.length);
              left -= size;
              return controller.enqueue(fill.subarray(0, size));
            }
            controller.enqueue(encoder.encode(tail));
            controller.close();
          },
        },
        { highWaterMark: 0 },
      );
    },
  };
}

/** 200 MB in the full suite. */
const LONG_BYTES = sized(20_000_000);

describe('one value far beyond the limit', () => {
  const fill = new Uint8Array(64 * 1024).fill(120);
  test.each([
    ['a line', jsonFormat, '{"a":1}\n{"a":"', '"}\n{"a":2}\n', 2],
    ['the first line', jsonFormat, '{"a":"', '"}\n{"a":2}\n', 1],
    ['an element', jsonFormat, '[{"a":1},{"a":"', '"},{"a":2}]', 2],
    [
      'a feature',
      jsonFormat,
      '{"type":"FeatureCollection","features":[{"properties":{"a":1}},{"properties":{"a":"',
      '"}},{"properties":{"a":2}}]}',
      2,
    ],
    ['a document', jsonFormat, '{\n"a":"', '"}\n{\n"a":2\n}', 1],
    ['a field', csvFormat, 'a,b\n1,x\n2,', '\n3,z\n', 2],
    ['a quoted field', csvFormat, 'a,b\n1,x\n2,"', '"\n3,z\n', 2],
  ] as const)(
    'in %s is turned down by name in constant memory',
    { timeout: 120_000 },
    async (_, format, head, tail, kept) => {
      globalThis.gc?.();
      const before = process.memoryUsage();
      let [rows, most] = [0, 0];
      const bad: BadRow[] = [];
      const decoder = await format.decode({
        source: endless(head, fill, LONG_BYTES, tail),
        options: {},
        declared: [],
      });
      for await (const item of decoder) {
        rows += item.batch?.length ?? 0;
        bad.push(...item.bad);
        const now = process.memoryUsage();
        most = Math.max(most, now.arrayBuffers - before.arrayBuffers);
      }
      expect(rows).toBe(kept);
      expect(bad).toMatchObject([{ reasons: [{ code: 'value_too_large' }] }]);
      expect(bad[0].raw.length).toBeLessThanOrEqual(1024);
      expect(most).toBeLessThan(128 * 1024 * 1024);
    },
  );
});
