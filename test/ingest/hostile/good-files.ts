import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { RecordBatchFileWriter, RecordBatchStreamWriter, tableFromArrays, tableFromJSON } from 'apache-arrow';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { duckdb } from '../../segment/duckdb.ts';

/** A file as a client would send it, and how many rows it has. */
export interface GoodFile {
  readonly name: string;
  readonly contentType: string;
  readonly bytes: Uint8Array;
  readonly rows: number;
}

const utf8 = (text: string) => new TextEncoder().encode(text);
/** Not as a Buffer, whose slices are no copies. */
const vega = (name: string) => new Uint8Array(readFileSync(`node_modules/vega-datasets/data/${name}`));

const EVENTS = Array.from({ length: 24 }, (_, i) => ({
  id: 9_007_199_254_740_000 + i,
  at: `2024-01-${String(1 + i).padStart(2, '0')}T10:00:00.${String(i * 37).padStart(3, '0')}Z`,
  city: ['Zürich', '東京', 'Lima 🦊', ''][i % 4],
  ratio: i % 5 === 0 ? null : i / 7,
  tags: ['a', { deep: [i, null, 'x"y\\'] }],
  ...(i % 3 === 0 ? { late: i % 2 === 0 } : {}),
}));

function textFiles(): GoodFile[] {
  const lines = EVENTS.map((event) => JSON.stringify(event)).join('\n');
  const features = EVENTS.map(({ id, city }, i) => ({
    type: 'Feature',
    id,
    properties: { city, i },
    geometry: { type: 'Point', coordinates: [i / 3, -i] },
  }));
  const collection = { type: 'FeatureCollection', name: 'places', features, bbox: [0, 0, 8, -23] };
  const records = EVENTS.map(
    ({ id, at, city, ratio }) => `${id},${at},"${city} ""quoted"",\nsecond line",${ratio ?? ''}`,
  );
  return [
    { name: 'events.ndjson', contentType: 'application/x-ndjson', bytes: utf8(`${lines}\n`), rows: 24 },
    { name: 'array.json', contentType: 'application/json', bytes: utf8(JSON.stringify(EVENTS, null, 1)), rows: 24 },
    {
      name: 'document.json',
      contentType: 'application/json',
      bytes: utf8(JSON.stringify(EVENTS[3], null, 2)),
      rows: 1,
    },
    { name: 'places.geojson', contentType: 'application/geo+json', bytes: utf8(JSON.stringify(collection)), rows: 24 },
    {
      name: 'quoted.csv',
      contentType: 'text/csv',
      bytes: utf8(`\ufeffid,at,city,ratio\r\n${records.join('\r\n')}\r\n`),
      rows: 24,
    },
    {
      name: 'semicolons.csv',
      contentType: 'text/csv',
      bytes: utf8(`a;b;c\n${EVENTS.map((_, i) => `${i};"x";${i / 4}`).join('\n')}`),
      rows: 24,
    },
    {
      name: 'tabs.tsv',
      contentType: 'text/tab-separated-values',
      bytes: utf8(`n\ttext\n${EVENTS.map((_, i) => `${i}\trow ${i}\n`).join('')}`),
      rows: 24,
    },
    { name: 'crimea.json', contentType: 'application/json', bytes: vega('crimea.json'), rows: 24 },
    { name: 'iowa-electricity.csv', contentType: 'text/csv', bytes: vega('iowa-electricity.csv'), rows: 51 },
  ];
}

function arrowFiles(): GoodFile[] {
  const nested = tableFromJSON(
    EVENTS.map(({ at, city, ratio }, i) => ({ at, city, ratio, even: i % 2 === 0, list: [i] })),
  );
  const flat = tableFromArrays({
    i8: Int8Array.from({ length: 40 }, (_, i) => i - 20),
    i64: BigInt64Array.from({ length: 40 }, (_, i) => 2n ** 60n + BigInt(i)),
    f32: Float32Array.from({ length: 40 }, (_, i) => i / 3),
    text: Array.from({ length: 40 }, (_, i) => ['red', 'green', 'é'][i % 3]),
  });
  return [
    ['nested', nested],
    ['flat', flat],
  ].flatMap(([name, table]): GoodFile[] => {
    if (typeof table === 'string' || typeof name !== 'string') return [];
    const file = RecordBatchFileWriter.writeAll(table).toUint8Array(true);
    const stream = RecordBatchStreamWriter.writeAll(table).toUint8Array(true);
    return [
      { name: `${name}.arrow`, contentType: 'application/vnd.apache.arrow.file', bytes: file, rows: table.numRows },
      {
        name: `${name}.arrows`,
        contentType: 'application/vnd.apache.arrow.stream',
        bytes: stream,
        rows: table.numRows,
      },
    ];
  });
}

/** As DuckDB writes them, in several codecs and page versions. */
const PARQUET = `
  select i as id, case when i % 5 = 0 then null else i * 1234567890123 end as wide, i / 3.0 as ratio,
    (i * 1.25)::decimal(9, 2) as price, 'text ' || (i % 7) || ' é' as few, ('bytes ' || i)::blob as raw,
    date '1970-01-01' + (i * 13)::integer as day, timestamp '2024-01-01 00:00:00' + to_microseconds(i * 1234567) as at,
    i % 2 = 0 as flag`;
const NESTED = `
  select i as id, list_transform(range(i % 4), x -> case when x = 1 then null else x * i end) as numbers,
    case when i % 5 = 0 then null else {'a': i, 'b': {'c': 'é' || i, 'd': [i, null]}} end as record,
    map_from_entries(list_transform(range(i % 3), x -> ('k' || x, x * 1.5))) as mapped`;

async function parquetFiles(): Promise<GoodFile[]> {
  const folder = mkdtempSync(join(tmpdir(), 'orasi-good-'));
  const connection = await duckdb();
  const contentType = 'application/vnd.apache.parquet';
  const files: GoodFile[] = [];
  try {
    for (const [name, sql, options] of [
      ['plain', PARQUET, 'compression uncompressed'],
      ['snappy', PARQUET, 'compression snappy, row_group_size 2048'],
      ['zstd-v2', PARQUET, 'compression zstd, parquet_version v2'],
      ['gzip', `${PARQUET}, i as again`, 'compression gzip'],
      ['lz4-v2', NESTED, 'compression lz4_raw, parquet_version v2'],
      ['nested', NESTED, 'compression uncompressed'],
    ]) {
      const path = join(folder, `${name}.parquet`);
      await connection.run(`copy (${sql} from range(40) t(i)) to '${path}' (format parquet, ${options})`);
      files.push({ name: `${name}.parquet`, contentType, bytes: new Uint8Array(readFileSync(path)), rows: 40 });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  const javascript = parquetWriteBuffer({
    columnData: [
      { name: 'n', data: EVENTS.map((_, i) => i), type: 'INT32' },
      { name: 'city', data: EVENTS.map(({ city }) => city), type: 'STRING' },
      { name: 'ratio', data: EVENTS.map(({ ratio }) => ratio), type: 'DOUBLE' },
    ],
  });
  files.push({ name: 'javascript.parquet', contentType, bytes: new Uint8Array(javascript), rows: 24 });
  return files;
}

/** Small files of every format, in the forms their writers give them. All are taken in whole. */
export async function goodFiles(): Promise<readonly GoodFile[]> {
  return [...textFiles(), ...arrowFiles(), ...(await parquetFiles())];
}

/** The same file compressed. */
export function compressed(file: GoodFile, how: 'gzip' | 'zstd'): GoodFile {
  const bytes = how === 'gzip' ? gzipSync(file.bytes) : zstdCompressSync(file.bytes);
  return { ...file, name: `${file.name}.${how === 'gzip' ? 'gz' : 'zst'}`, bytes: new Uint8Array(bytes) };
}
