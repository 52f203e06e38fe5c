import { tableFromIPC } from 'apache-arrow';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { putObject, queryResponse } from './client.ts';

let instance: Instance;
beforeAll(async () => {
  instance = await launch();
  const rows = [
    { id: 1, name: 'Åse', big: '9007199254740993', at: '2026-01-02T03:04:05.678Z', tags: ['a', 'b'] },
    { id: 2, name: 'says "hi", twice', big: '1', at: '2026-01-02T03:04:06Z', tags: [] },
    { id: 3, name: null, big: '2', at: null, tags: null },
  ];
  const lines = rows.map((row) => JSON.stringify(row).replace(/"big":"(\d+)"/, '"big":$1'));
  await putObject(instance, 'people', 'people.ndjson', `${lines.join('\n')}\n`);
});
afterAll(async () => {
  await instance.stop();
});

const ALL = 'SELECT id, name, big, at, tags FROM people ORDER BY id';

describe('answers', () => {
  test('JSON says columns with types, rows and what was done', async () => {
    const response = await queryResponse(instance, ALL);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(await response.json()).toMatchObject({
      columns: [
        { name: 'id', type: 'int64' },
        { name: 'name', type: 'string' },
        { name: 'big', type: 'int64' },
        { name: 'at', type: 'timestamp' },
        { name: 'tags', type: 'json' },
      ],
      rows: [
        [1, 'Åse', '9007199254740993', '2026-01-02T03:04:05.678Z', ['a', 'b']],
        [2, 'says "hi", twice', 1, '2026-01-02T03:04:06.000Z', []],
        [3, null, 2, null, null],
      ],
      stats: { rowsScanned: 3, rowsReturned: 3, segmentsTotal: 1, segmentsScanned: 1 },
    });
  });

  test('NDJSON is a line a row, CSV is RFC 4180', async () => {
    const ndjson = await queryResponse(instance, ALL, {}, { accept: 'application/x-ndjson' });
    const lines = (await ndjson.text()).trim().split('\n');
    expect(lines.map((line) => JSON.parse(line).id)).toEqual([1, 2, 3]);
    const csv = await queryResponse(instance, ALL, {}, { accept: 'text/csv' });
    expect((await csv.text()).split('\r\n').slice(0, 3)).toEqual([
      'id,name,big,at,tags',
      '1,Åse,9007199254740993,2026-01-02T03:04:05.678Z,"[""a"",""b""]"',
      '2,"says ""hi"", twice",1,2026-01-02T03:04:06.000Z,[]',
    ]);
  });

  test('a stock Arrow reader opens the Arrow stream', async () => {
    const response = await queryResponse(instance, ALL, {}, { accept: 'application/vnd.apache.arrow.stream' });
    const table = tableFromIPC(new Uint8Array(await response.arrayBuffer()));
    expect(table.numRows).toBe(3);
    expect(table.getChild('big')?.get(0)).toBe(9007199254740993n);
    expect(table.getChild('name')?.get(2)).toBeNull();
  });

  test('an Accept header that names nothing there is, is refused', async () => {
    const response = await queryResponse(instance, ALL, {}, { accept: 'application/pdf' });
    expect(response.status).toBe(400);
  });
});

describe('refusals', () => {
  test('an error points into the text of the statement', async () => {
    for (const [sql, at] of [
      ['SELECT id, FROM people', 11],
      ['SELECT missing FROM people', 7],
      ['SELECT id FROM nobody', 15],
    ] as const) {
      const response = await queryResponse(instance, sql);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ code: 'invalid_sql', errors: [{ path: `sql@${at}` }] });
    }
  });

  test('a statement that would write is a 400', async () => {
    for (const sql of [
      'DELETE FROM people',
      'INSERT INTO people VALUES (1)',
      'DROP TABLE people',
      'SELECT 1; SELECT 2',
    ]) {
      expect([sql, (await queryResponse(instance, sql)).status]).toEqual([sql, 400]);
    }
  });

  test('unknown fields and wrong types of the body are named', async () => {
    const response = await queryResponse(instance, 'SELECT 1', { maxRows: 0, limit: 3 });
    expect(response.status).toBe(400);
    const { errors } = (await response.json()) as { errors: { path: string }[] };
    expect(errors.map(({ path }) => path)).toContain('maxRows');
  });
});

test('parameters are values, never text of the statement', async () => {
  const response = await queryResponse(instance, 'SELECT id FROM people WHERE name = $1', { params: [`x' OR '1'='1`] });
  expect(await response.json()).toMatchObject({ rows: [] });
});

test('an answer of more rows than were asked for ends as truncated', async () => {
  const response = await queryResponse(instance, ALL, { maxRows: 2 });
  expect(await response.json()).toMatchObject({ stats: { rowsReturned: 2, truncated: true } });
});

test('explain tells the plan without running it', async () => {
  const response = await instance.fetch('/v1/namespaces/default/query/explain', {
    method: 'POST',
    body: JSON.stringify({ sql: 'SELECT count(*) FROM people WHERE id > 100' }),
    headers: { 'content-type': 'application/json' },
  });
  expect(response.status).toBe(200);
  expect(JSON.stringify(await response.json())).toContain('people');
});

describe('keys', () => {
  const issue = async (role: string): Promise<{ keyId: string; token: string }> => {
    const response = await instance.fetch('/v1/namespaces/default/keys', {
      method: 'POST',
      body: JSON.stringify({ role, label: 'a test' }),
      headers: { 'content-type': 'application/json' },
    });
    expect(response.status).toBe(201);
    return (await response.json()) as { keyId: string; token: string };
  };
  const as = (token: string) => ({ authorization: `Bearer ${token}` });

  test('a reader asks and does not put, an ingester puts and does not ask, and neither does in another namespace', async () => {
    const reader = as((await issue('reader')).token);
    const ingester = as((await issue('ingester')).token);
    const put = (headers: Record<string, string>, namespace = 'default') =>
      instance.fetch(`/v1/namespaces/${namespace}/datasets/keyed/objects/a.ndjson`, {
        method: 'PUT',
        body: '{"x":1}\n',
        headers,
      });
    expect((await queryResponse(instance, 'SELECT 1', {}, reader)).status).toBe(200);
    expect((await put(reader)).status).toBe(403);
    expect((await put(ingester)).status).toBe(202);
    expect((await queryResponse(instance, 'SELECT 1', {}, ingester)).status).toBe(403);
    expect((await put(ingester, 'other')).status).toBe(403);
  });

  test('a list shows no secret, and a revoked key is dead within ten seconds', { timeout: 30_000 }, async () => {
    const { keyId, token } = await issue('reader');
    expect((await queryResponse(instance, 'SELECT 1', {}, as(token))).status).toBe(200);
    const list = await (await instance.fetch('/v1/namespaces/default/keys')).text();
    expect(list).toContain(keyId);
    expect(list).not.toContain(token.split('_')[2]);
    expect((await instance.fetch(`/v1/namespaces/default/keys/${keyId}`, { method: 'DELETE' })).status).toBe(204);
    await expect
      .poll(async () => (await queryResponse(instance, 'SELECT 1', {}, as(token))).status, {
        timeout: 10_000,
        interval: 500,
      })
      .toBe(401);
  });
});
