import { afterAll, beforeAll, expect, test } from 'vitest';
import { logLines } from '../../scripts/generate-log.ts';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { type Answer, putObject, query, queryResponse } from './client.ts';

const PIPELINES = '/apis/orasi.io/v1alpha1/namespaces/default/pipelines';
const LINES = [...logLines(6_000, 5)];
const QUESTIONS = [
  `SELECT id, service FROM log WHERE user_id = ${LINES[0].user_id} ORDER BY id`,
  `SELECT count(*) FROM log WHERE user_id BETWEEN 100 AND 120 AND level = 'info'`,
  `SELECT id, SCORE() AS score FROM log WHERE MATCH(message, 'payment "connection refused"') ORDER BY score DESC, id LIMIT 10`,
  `SELECT count(*) FROM log WHERE MATCH(message, 'refus* -payment')`,
  `SELECT id FROM log WHERE MATCH(message, 'deadlin~ exceeded') ORDER BY id LIMIT 5`,
];

let instance: Instance;
beforeAll(async () => {
  instance = await launch();
  const lines = LINES.map((line) => JSON.stringify(line));
  await putObject(instance, 'log', 'first.ndjson', lines.slice(0, 4_000).join('\n'));
  await putObject(instance, 'log', 'second.ndjson', lines.slice(4_000).join('\n'));
});
afterAll(async () => {
  await instance.stop();
});

async function indexStates(dataset = 'log'): Promise<string[]> {
  const response = await instance.fetch(`/v1/namespaces/default/datasets/${dataset}`);
  const { indexes } = (await response.json()) as { indexes: { name: string; state: string }[] };
  return indexes.map(({ name, state }) => `${name} ${state}`);
}

async function ask(): Promise<Answer[]> {
  const answers: Answer[] = [];
  for (const sql of QUESTIONS) answers.push(await query(instance, sql));
  return answers;
}

async function declare(method: string, path: string, indexes: readonly object[], dataset = 'log'): Promise<void> {
  const body = {
    apiVersion: 'orasi.io/v1alpha1',
    kind: 'Pipeline',
    metadata: { name: dataset },
    spec: { dataset, indexes },
  };
  const response = await instance.fetch(path, {
    method,
    body: JSON.stringify(method === 'PATCH' ? { spec: { indexes } } : body),
    headers: { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' },
  });
  if (!response.ok) throw new Error(await response.text());
}

test('indexes added to a dataset that has data are built for it, used, dropped, and never change an answer', async () => {
  const without = await ask();
  expect(without.every(({ rows }) => rows.length > 0)).toBe(true);
  expect(without.flatMap(({ stats }) => stats.indexesUsed)).toEqual([]);

  await declare('POST', PIPELINES, [
    { name: 'by_user', kind: 'btree', fields: ['user_id'] },
    { name: 'words', kind: 'fulltext', fields: ['message'] },
  ]);
  await expect.poll(() => indexStates(), { timeout: 30_000 }).toEqual(['by_user ready', 'words ready']);
  const built = await ask();
  expect(built.map(({ rows }) => rows)).toEqual(without.map(({ rows }) => rows));
  expect(built.flatMap(({ stats }) => stats.indexesUsed.map(({ name }) => name))).toContain('words');

  // New data before its index files are built: some segments are indexed, some are not.
  const more = [...logLines(1_000, 6)].map((line) => JSON.stringify({ ...line, id: line.id + 1_000_000 }));
  await putObject(instance, 'log', 'third.ndjson', more.join('\n'));
  const partly = await query(instance, 'SELECT count(*) FROM log WHERE user_id >= 0');
  expect(partly.rows).toEqual([[7_000]]);

  await declare('PATCH', `${PIPELINES}/log`, []);
  await expect.poll(() => indexStates(), { timeout: 30_000 }).toEqual([]);
  const dropped = await ask();
  expect(dropped.flatMap(({ stats }) => stats.indexesUsed)).toEqual([]);
});

test('an index file that is damaged or gone is built anew once a query has met it', { timeout: 120_000 }, async () => {
  await declare('POST', PIPELINES, [{ name: 'words', kind: 'fulltext', fields: ['message'] }], 'notes');
  const lines = LINES.slice(0, 3000).map((line) => JSON.stringify(line));
  await putObject(instance, 'notes', 'notes.ndjson', lines.join('\n'));
  await expect.poll(() => indexStates('notes'), { timeout: 30_000 }).toEqual(['words ready']);
  const { segments } = (await (await instance.fetch('/v1/namespaces/default/datasets/notes')).json()) as {
    segments: number;
  };
  expect(segments).toBe(1);
  const bucket = instance.bindings.BUCKET;
  const keys = async () => {
    const { objects } = await bucket.list({ prefix: 'indexes/' });
    return objects.map(({ key }) => key).filter((key) => key.includes('/words-'));
  };
  const sql = `SELECT count(*) AS found FROM notes WHERE MATCH(message, 'refus* payment')`;
  const count = async () => await query(instance, sql);
  const before = await keys();
  const { rows, stats } = await count();
  // A match that is only counted reads no row where an index answers it.
  expect(stats).toMatchObject({ rowsScanned: 0, indexesUsed: [{ name: 'words' }] });

  for (const damage of ['overwritten', 'deleted']) {
    const present = await keys();
    for (const key of present) {
      if (damage === 'deleted') await bucket.delete(key);
      else await bucket.put(key, new Uint8Array((await bucket.head(key))?.size ?? 0).fill(0x5a));
    }
    // A streamed answer ends after its handler has, and reports all the same.
    const streamed = await queryResponse(instance, sql, {}, { accept: 'application/x-ndjson' });
    expect(JSON.parse(await streamed.text()), damage).toEqual({ found: rows[0][0] });
    await expect
      .poll(async () => (await count()).stats.rowsScanned, { timeout: 30_000, message: `${damage}, then built anew` })
      .toBe(0);
    expect((await keys()).filter((key) => !present.includes(key))).toHaveLength(1);
    expect((await count()).rows).toEqual(rows);
  }
  expect(before).not.toContain((await keys()).at(-1));
});
