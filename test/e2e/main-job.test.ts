import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Instance, launch } from '../../scripts/launcher.ts';
import { putObject, query } from './client.ts';

let instance: Instance;
beforeAll(async () => {
  instance = await launch();
});
afterAll(async () => {
  await instance.stop();
});

test('an NDJSON object answers SQL once it is committed, its integers exact', async () => {
  const object = await putObject(
    instance,
    'weather',
    'today.ndjson',
    '{"city":"Oslo","t":-3.5,"id":9007199254740993}\n{"city":"Rome","t":14,"id":1}\n',
    { 'content-type': 'application/x-ndjson' },
  );
  expect(object).toMatchObject({ state: 'committed', format: 'json', rowsCommitted: 2, rowsQuarantined: 0 });
  const answer = await query(instance, 'SELECT city, t, id FROM weather ORDER BY t');
  expect(answer.rows).toEqual([
    ['Oslo', -3.5, '9007199254740993'],
    ['Rome', 14, 1],
  ]);
  expect((await query(instance, 'SELECT count(*) AS n FROM weather WHERE t > 0')).rows).toEqual([[1]]);
});

test('the same object put twice counts once, a new version appends', async () => {
  const put = (body: string) => putObject(instance, 'versions', 'a.ndjson', body);
  const [first, second] = await Promise.all([put('{"x":1}\n'), put('{"x":1}\n')]);
  expect(first.objectId).toBe(second.objectId);
  await put('{"x":2}\n{"x":3}\n');
  expect((await query(instance, 'SELECT x FROM versions ORDER BY x')).rows).toEqual([[1], [2], [3]]);
});

test('a deleted object leaves every answer at once, a deleted dataset for good', async () => {
  const object = await putObject(instance, 'short_lived', 'a.ndjson', '{"x":1}\n');
  await putObject(instance, 'short_lived', 'b.ndjson', '{"x":2}\n');
  const deleted = await instance.fetch(`/v1/namespaces/default/objects/${object.objectId}`, { method: 'DELETE' });
  expect(deleted.status).toBe(204);
  expect((await query(instance, 'SELECT x FROM short_lived')).rows).toEqual([[2]]);
  expect((await instance.fetch('/v1/namespaces/default/datasets/short_lived', { method: 'DELETE' })).status).toBe(204);
  await instance.runScheduled();
  expect((await instance.fetch('/v1/namespaces/default/datasets/short_lived')).status).toBe(404);
});

test('bad lines are set aside with their line and reason, the others are taken', async () => {
  const object = await putObject(instance, 'half_bad', 'a.ndjson', '{"x":1}\n{"x":\n{"x":3}\n');
  expect(object).toMatchObject({ state: 'committed', rowsCommitted: 2, rowsQuarantined: 1 });
  const quarantine = await instance.fetch(`/v1/namespaces/default/objects/${object.objectId}/quarantine`);
  const rows = (await quarantine.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(rows).toMatchObject([{ row: 1, line: 2, reasons: [{ code: 'malformed_input' }], raw: '{"x":' }]);
});
