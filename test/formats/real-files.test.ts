import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
import { canonicalText } from '../../src/columns/text.ts';
import { csvFormat } from '../../src/formats/csv/csv.ts';
import { jsonFormat } from '../../src/formats/json/json.ts';
import { decode } from './decode.ts';

const data = (name: string) => `node_modules/vega-datasets/data/${name}`;

test.each([
  'airports.csv',
  'seattle-weather.csv',
  'stocks.csv',
  'co2-concentration.csv',
  'iowa-electricity.csv',
  'github.csv',
])('every field of %s is what DuckDB reads as text', async (name) => {
  const { batches, rows, bad } = await decode(csvFormat, readFileSync(data(name)), { limits: { batchRows: 1000 } });
  expect(bad).toEqual([]);
  const connection = await (await DuckDBInstance.create(':memory:', { threads: '1' })).connect();
  const result = await connection.runAndReadAll(
    `SELECT * FROM read_csv('${data(name)}', all_varchar = true, header = true)`,
  );
  const names = result.columnNames();
  expect(rows.length).toBe(result.currentRowCount);
  // Cast as a later text in the column would make them, so that the source text itself is compared.
  const { schema } = batches[0];
  expect(schema.map(({ name: column }) => column)).toEqual(names);
  const wanted = result.getRows();
  const texts = await decode(csvFormat, readFileSync(data(name)), {
    declared: schema.map((field) => ({ name: field.name, type: { kind: 'string' }, nullable: true })),
  });
  const typed = await decode(
    csvFormat,
    Buffer.concat([readFileSync(data(name)), Buffer.from(`\n${names.map(() => 'zz').join(',')}\n`)]),
    {
      limits: { batchRows: 500 },
    },
  );
  wanted.forEach((row, i) => {
    names.forEach((column, j) => {
      expect(rows[i][column] === undefined, `row ${i} ${column}`).toBe(row[j] === null);
      if (row[j] === null) return;
      if (texts.rows.length === wanted.length) {
        const field = schema[j];
        const plain = canonicalText(rows[i][column] as string, field.type);
        if (field.type.kind === 'string') expect(plain).toBe(row[j]);
      }
      expect(typed.rows[i][column], `row ${i} ${column}`).toBe(row[j]);
    });
  });
});

test.each(['movies.json', 'cars.json', 'penguins.json', 'barley.json', 'countries.json'])(
  'every field of %s is what JSON.parse reads',
  async (name) => {
    const bytes = readFileSync(data(name));
    const { rows, bad, columns } = await decode(jsonFormat, bytes, { limits: { batchRows: 700 }, chunkBytes: 10_000 });
    expect(bad).toEqual([]);
    const parsed = JSON.parse(bytes.toString()) as Record<string, unknown>[];
    expect(rows.length).toBe(parsed.length);
    const types = new Map(
      columns.map((column) => [column.slice(0, column.lastIndexOf(' ')), column.slice(column.lastIndexOf(' ') + 1)]),
    );
    parsed.forEach((row, i) => {
      for (const [key, value] of Object.entries(row)) {
        const got = rows[i][key];
        const type = types.get(key);
        if (value === null) expect(got).toBeUndefined();
        else if (type === 'int64') expect(got).toBe(BigInt(value as number));
        else if (type === 'string') expect(got).toBe(String(value));
        else if (type === 'date' || type === 'timestamp') expect(typeof value).toBe('string');
        else expect(got).toEqual(value);
      }
    });
  },
);

test('earthquakes.json has a row a feature', async () => {
  const bytes = readFileSync(data('earthquakes.json'));
  const parsed = JSON.parse(bytes.toString());
  const { rows } = await decode(jsonFormat, bytes, { chunkBytes: 50_000 });
  expect(rows.length).toBe(parsed.features.length);
  parsed.features.forEach(
    (feature: { id: string; properties: Record<string, unknown>; geometry: unknown }, i: number) => {
      expect(rows[i].id).toBe(feature.id);
      expect(Number(rows[i].mag ?? Number.NaN)).toBe(Number(feature.properties.mag ?? Number.NaN));
      expect(JSON.parse(String(rows[i].geometry))).toEqual(feature.geometry);
    },
  );
});
