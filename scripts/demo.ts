/**
 * The main job on real data: boots an instance of its own on a fresh state folder, takes in six sources,
 * asks eleven questions, and checks every count against the source read independently (DuckDB for the files,
 * a plain loop for the rest). Exits 1 on a difference. `--json` prints one JSON document instead of tables.
 */
import { createReadStream, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { DuckDBInstance } from '@duckdb/node-api';
import { tableFromIPC } from 'apache-arrow';
import { logLines, logNdjson } from './generate-log.ts';
import { launch } from './launcher.ts';
import { textTable } from './table.ts';

const DATA = `${join(import.meta.dirname, '../node_modules/vega-datasets/data')}/`;
const LOG_LINES = 200_000;
const asJson = process.argv.includes('--json');

interface Source {
  readonly dataset: string;
  readonly file: string;
  readonly contentType: string;
}

interface Question {
  readonly title: string;
  readonly sql: string;
  /** The answer found without the platform, for questions that count; rows compare as JSON. */
  readonly expected?: (truth: Truth) => Promise<readonly (readonly unknown[])[]>;
}

/** The sources read independently. */
interface Truth {
  duckdb(sql: string): Promise<readonly (readonly unknown[])[]>;
}

interface Answer {
  readonly columns: readonly { name: string; type: string }[];
  readonly rows: readonly (readonly unknown[])[];
  readonly stats: Readonly<Record<string, unknown>>;
}

/** Calls a path of the instance as its admin. */
type Call = (path: string, init: RequestInit) => Promise<Response>;

const folder = mkdtempSync(join(tmpdir(), 'orasi-demo-'));
const logFile = join(folder, 'service-log.ndjson');
const SOURCES: readonly Source[] = [
  { dataset: 'flights', file: `${DATA}flights-3m.parquet`, contentType: 'application/vnd.apache.parquet' },
  { dataset: 'flights_sample', file: `${DATA}flights-200k.arrow`, contentType: 'application/vnd.apache.arrow.file' },
  { dataset: 'airports', file: `${DATA}airports.csv`, contentType: 'text/csv' },
  { dataset: 'movies', file: `${DATA}movies.json`, contentType: 'application/json' },
  { dataset: 'earthquakes', file: `${DATA}earthquakes.json`, contentType: 'application/json' },
  { dataset: 'service_log', file: logFile, contentType: 'application/x-ndjson' },
];

/** Indexes that are declared before the data arrives; everything else is taken in undeclared. */
const INDEXES = [{ dataset: 'service_log', index: { name: 'words', kind: 'fulltext', fields: ['message'] } }];

const FLIGHTS = `read_parquet('${DATA}flights-3m.parquet')`;
const AIRPORTS = `read_csv('${DATA}airports.csv', all_varchar = true)`;
const LOG = `read_json('${logFile}', format = 'newline_delimited')`;

const QUESTIONS: readonly Question[] = [
  {
    title: 'Group by: the busiest origins and their mean delay',
    sql: 'SELECT origin, count(*) AS flights, avg(delay) AS mean_delay FROM flights GROUP BY origin ORDER BY flights DESC, origin LIMIT 5',
    expected: ({ duckdb }) =>
      duckdb(`SELECT origin, count(*)::DOUBLE, avg(delay) FROM ${FLIGHTS} GROUP BY origin ORDER BY 2 DESC, 1 LIMIT 5`),
  },
  {
    title: 'Join: where the longest delays began',
    sql: 'SELECT a.name, a.state, f.delay FROM flights f JOIN airports a ON f.origin = a.iata ORDER BY f.delay DESC, a.name LIMIT 5',
    expected: ({ duckdb }) =>
      duckdb(
        `SELECT a.name, a.state, f.delay::DOUBLE FROM ${FLIGHTS} f JOIN ${AIRPORTS} a ON f.origin = a.iata ORDER BY f.delay DESC, a.name LIMIT 5`,
      ),
  },
  {
    title: 'Join and group: flights by state of origin',
    sql: 'SELECT a.state, count(*) AS flights FROM flights f JOIN airports a ON f.origin = a.iata GROUP BY a.state ORDER BY flights DESC, a.state LIMIT 5',
    expected: ({ duckdb }) =>
      duckdb(
        `SELECT a.state, count(*)::DOUBLE FROM ${FLIGHTS} f JOIN ${AIRPORTS} a ON f.origin = a.iata GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 5`,
      ),
  },
  {
    title: 'Range: flights between ten and twelve hours late',
    sql: 'SELECT count(*) AS flights, min(delay) AS least, max(delay) AS most FROM flights WHERE delay BETWEEN 600 AND 720',
    expected: ({ duckdb }) =>
      duckdb(
        `SELECT count(*)::DOUBLE, min(delay)::DOUBLE, max(delay)::DOUBLE FROM ${FLIGHTS} WHERE delay BETWEEN 600 AND 720`,
      ),
  },
  {
    title: 'Pruned lookup: flights late by 1,491 minutes',
    sql: 'SELECT origin, destination, delay FROM flights WHERE delay = 1491 ORDER BY origin',
    expected: ({ duckdb }) =>
      duckdb(`SELECT origin, destination, delay::DOUBLE FROM ${FLIGHTS} WHERE delay = 1491 ORDER BY origin`),
  },
  {
    title: 'Full text with score: refused connections in the log',
    sql: `SELECT id, service, message, SCORE() AS score FROM service_log WHERE MATCH(message, 'payment "connection refused"') ORDER BY score DESC, id LIMIT 5`,
  },
  {
    title: 'Full text, counted: refused connections by service',
    sql: `SELECT service, count(*) AS lines FROM service_log WHERE MATCH(message, '"connection refused"') GROUP BY service ORDER BY service`,
    expected: ({ duckdb }) =>
      duckdb(
        `SELECT service, count(*)::DOUBLE FROM ${LOG} WHERE message LIKE '%connection refused%' GROUP BY 1 ORDER BY 1`,
      ),
  },
  {
    title: 'Quantiles: latency by level',
    sql: 'SELECT level, count(*) AS lines, approx_quantile(latency_ms, 0.5) AS p50, approx_quantile(latency_ms, 0.99) AS p99 FROM service_log GROUP BY level ORDER BY level',
  },
  {
    title: 'Count distinct: users seen by each service',
    sql: 'SELECT service, count(DISTINCT user_id) AS users FROM service_log GROUP BY service ORDER BY service',
    expected: ({ duckdb }) =>
      duckdb(`SELECT service, count(DISTINCT user_id)::DOUBLE FROM ${LOG} GROUP BY 1 ORDER BY 1`),
  },
  {
    title: 'Window: the best rated films of three genres',
    sql: `SELECT genre, title, rating FROM (
            SELECT "Major Genre" AS genre, "Title" AS title, "IMDB Rating" AS rating,
                   row_number() OVER (PARTITION BY "Major Genre" ORDER BY "IMDB Rating" DESC, "Title") AS place
            FROM movies WHERE "IMDB Rating" IS NOT NULL AND "Major Genre" IN ('Drama', 'Comedy', 'Western')) ranked
          WHERE place <= 2 ORDER BY genre, place`,
    expected: ({ duckdb }) =>
      duckdb(`SELECT "Major Genre", "Title" ->> '$', "IMDB Rating" FROM '${DATA}movies.json'
              WHERE "IMDB Rating" IS NOT NULL AND "Major Genre" IN ('Drama', 'Comedy', 'Western')
              QUALIFY row_number() OVER (PARTITION BY "Major Genre" ORDER BY "IMDB Rating" DESC, "Title" ->> '$') <= 2
              ORDER BY 1, row_number() OVER (PARTITION BY "Major Genre" ORDER BY "IMDB Rating" DESC, "Title" ->> '$')`),
  },
  {
    title: 'Common table expression: earthquakes by whole magnitude',
    sql: `WITH felt AS (SELECT floor(mag) AS magnitude, place FROM earthquakes WHERE mag IS NOT NULL)
          SELECT magnitude, count(*) AS quakes FROM felt GROUP BY magnitude ORDER BY magnitude DESC LIMIT 5`,
    expected: async () => {
      const features = readEarthquakes();
      const counts = new Map<number, number>();
      for (const { mag } of features)
        if (mag !== null) counts.set(Math.floor(mag), (counts.get(Math.floor(mag)) ?? 0) + 1);
      return [...counts].sort((a, b) => b[0] - a[0]).slice(0, 5);
    },
  },
];

function readEarthquakes(): { mag: number | null }[] {
  const document: { features: { properties: { mag: number | null } }[] } = JSON.parse(
    readFileSync(`${DATA}earthquakes.json`, 'utf8'),
  );
  return document.features.map((feature) => feature.properties);
}

/** Rows of a source, counted without the platform. */
async function countSource(source: Source, truth: Truth): Promise<number> {
  if (source.dataset === 'flights_sample') return tableFromIPC(readFileSync(source.file)).numRows;
  if (source.dataset === 'earthquakes') return readEarthquakes().length;
  if (source.dataset === 'service_log') return [...logLines(LOG_LINES)].length;
  const rows = await truth.duckdb(`SELECT count(*)::DOUBLE FROM '${source.file}'`);
  return Number(rows[0][0]);
}

function say(text: string): void {
  if (!asJson) process.stdout.write(`${text}\n`);
}

/** A progress bar on a terminal; nothing in a pipe, where the finished line is enough. */
function progress(label: string, fraction: number): void {
  if (asJson || !process.stdout.isTTY) return;
  const filled = Math.round(fraction * 24);
  process.stdout.write(
    `\r${label.padEnd(16)} ${'█'.repeat(filled)}${'░'.repeat(24 - filled)} ${Math.round(fraction * 100)} %  `,
  );
}

async function openTruth(): Promise<Truth> {
  const connection = await (await DuckDBInstance.create(':memory:')).connect();
  await connection.run('SET threads = 1');
  return {
    async duckdb(sql) {
      const reader = await connection.runAndReadAll(sql);
      return reader.getRowsJson();
    },
  };
}

async function main(): Promise<number> {
  writeFileSync(logFile, [...logNdjson(LOG_LINES)].join(''));
  const truth = await openTruth();
  const instance = await launch({ stateDir: join(folder, 'state') });
  const call: Call = (path, init) =>
    fetch(`${instance.url}${path}`, {
      ...init,
      headers: { authorization: `Bearer ${instance.adminToken}`, ...init.headers },
    });
  const query = async (sql: string): Promise<Answer> => {
    const response = await call('/v1/namespaces/default/query', {
      method: 'POST',
      body: JSON.stringify({ sql }),
      headers: { 'content-type': 'application/json' },
    });
    if (!response.ok) throw new Error(`${sql}\n${await response.text()}`);
    return (await response.json()) as Answer;
  };
  try {
    return await run(truth, call, query);
  } finally {
    await instance.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function run(truth: Truth, call: Call, query: (sql: string) => Promise<Answer>): Promise<number> {
  const differences: string[] = [];
  const taken: unknown[][] = [];
  await declare(call);
  for (const source of SOURCES) {
    const started = performance.now();
    const sizeBytes = statSync(source.file).size;
    await takeIn(source, sizeBytes, call);
    const rows = Number((await query(`SELECT count(*) AS n FROM ${source.dataset}`)).rows[0][0]);
    const expected = await countSource(source, truth);
    if (rows !== expected) differences.push(`${source.dataset}: ${rows} rows, the source has ${expected}`);
    const seconds = (performance.now() - started) / 1000;
    taken.push([source.dataset, rows, expected, sizeBytes, Math.round(seconds * 100) / 100]);
    if (process.stdout.isTTY && !asJson) process.stdout.write('\r\u001b[K');
    say(
      `${source.dataset.padEnd(16)} ${rows.toLocaleString('en')} rows, ${(sizeBytes / 1e6).toFixed(1)} MB in ${seconds.toFixed(1)} s`,
    );
  }
  await indexed(call);
  say(`\n${textTable(['dataset', 'rows', 'in the source', 'bytes', 'seconds'], taken)}\n`);

  const answers: { title: string; sql: string; rows: unknown; stats: unknown; checked: boolean }[] = [];
  for (const question of QUESTIONS) {
    const answer = await query(question.sql);
    say(
      `${question.title}\n\n${textTable(
        answer.columns.map((column) => column.name),
        answer.rows,
      )}\n`,
    );
    if (question.expected) {
      const expected = await question.expected(truth);
      if (!sameRows(answer.rows, expected)) {
        differences.push(`${question.title}: got ${JSON.stringify(answer.rows)}, expected ${JSON.stringify(expected)}`);
      }
    }
    answers.push({
      title: question.title,
      sql: question.sql,
      rows: answer.rows,
      stats: answer.stats,
      checked: question.expected !== undefined,
    });
  }
  const figures = answers.map(({ title, stats }) => {
    const { elapsedMs, rowsScanned, segmentsScanned, segmentsTotal, reads, bytesRead, indexesUsed } = stats as Record<
      string,
      number
    > & {
      indexesUsed: { name: string }[];
    };
    return [
      title.split(':')[0],
      elapsedMs,
      rowsScanned,
      `${segmentsScanned}/${segmentsTotal}`,
      reads,
      bytesRead,
      indexesUsed.map((index) => index.name).join(' '),
    ];
  });
  say(textTable(['query', 'ms', 'rows scanned', 'segments', 'reads', 'bytes read', 'indexes'], figures));
  if (asJson) process.stdout.write(`${JSON.stringify({ taken, answers, differences }, null, 2)}\n`);
  if (differences.length > 0) {
    process.stderr.write(`\n${differences.length} differences from the sources:\n${differences.join('\n')}\n`);
    return 1;
  }
  say('\nEvery count equals its source.');
  return 0;
}

/** Declares a pipeline for each index. */
async function declare(call: Call): Promise<void> {
  for (const { dataset, index } of INDEXES) {
    const pipeline = {
      apiVersion: 'orasi.io/v1alpha1',
      kind: 'Pipeline',
      metadata: { name: dataset.replaceAll('_', '-') },
      spec: { dataset, indexes: [index] },
    };
    const response = await call('/apis/orasi.io/v1alpha1/namespaces/default/pipelines', {
      method: 'POST',
      body: JSON.stringify(pipeline),
      headers: { 'content-type': 'application/json' },
    });
    if (response.status !== 201) throw new Error(`the pipeline was refused: ${await response.text()}`);
  }
}

/** Waits until every index is built; queries would be right before, and slower. */
async function indexed(call: Call): Promise<void> {
  const isReady = async (dataset: string) => {
    const response = await call(`/v1/namespaces/default/datasets/${dataset}`, { method: 'GET' });
    const { indexes } = (await response.json()) as { indexes: { state: string }[] };
    return indexes.length > 0 && indexes.every(({ state }) => state === 'ready');
  };
  for (const { dataset } of INDEXES) {
    for (let turn = 0; !(await isReady(dataset)); turn++) {
      if (turn === 300) throw new Error(`the index of ${dataset} was not built within a minute`);
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

async function takeIn(source: Source, sizeBytes: number, call: Call): Promise<void> {
  let sent = 0;
  const body = createReadStream(source.file);
  body.on('data', (chunk) => {
    sent += chunk.length;
    progress(source.dataset, (0.5 * sent) / sizeBytes);
  });
  const name = source.file.split('/').pop() ?? source.dataset;
  const response = await call(`/v1/namespaces/default/datasets/${source.dataset}/objects/${name}?wait=300`, {
    method: 'PUT',
    body: Readable.toWeb(body) as unknown as ReadableStream,
    headers: { 'content-type': source.contentType, 'content-length': String(sizeBytes) },
    duplex: 'half',
  } as RequestInit);
  const object = (await response.json()) as { state?: string; error?: unknown; detail?: string };
  if (object.state !== 'committed') throw new Error(`${name} was not taken in: ${JSON.stringify(object)}`);
  progress(source.dataset, 1);
}

/** Rows are the same where each value is; numbers may differ in the last digits of a mean. */
function sameRows(actual: readonly (readonly unknown[])[], expected: readonly (readonly unknown[])[]): boolean {
  return (
    actual.length === expected.length &&
    actual.every(
      (row, i) => row.length === expected[i].length && row.every((value, k) => sameValue(value, expected[i][k])),
    )
  );
}

function sameValue(actual: unknown, expected: unknown): boolean {
  if (typeof expected === 'number')
    return Math.abs(Number(actual) - expected) <= 1e-9 * Math.max(1, Math.abs(expected));
  return JSON.stringify(actual) === JSON.stringify(expected);
}

process.exitCode = await main();
