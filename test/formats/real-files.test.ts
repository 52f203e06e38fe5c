import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { expect, test } from 'vitest';
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
  expect(batches[0].schema.map(({ name: column }) => column)).toEqual(names);
  // A last record of texts in every column makes all of them text again: as they were written, or it shows here.
  const last = `\n${names.map(() => 'zz').join(',')}\n`;
  const text = await decode(csvFormat, Buffer.concat([readFileSync(data(name)), Buffer.from(last)]), {
    limits: { batchRows: 500 },
  });
  const wrong: unknown[] = [];
  result.getRows().forEach((row, i) => {
    names.forEach((column, j) => {
      const got = text.rows[i][column] ?? null;
      if (got !== row[j] && wrong.length < 10) wrong.push({ row: i, column, got, wanted: row[j] });
    });
  });
  expect(wrong).toEqual([]);
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
