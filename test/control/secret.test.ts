import { expect, test } from 'vitest';
import { keyring } from '../../src/access/secret-encryption.ts';
import { sqlStorage } from '../../src/control/sql-storage.ts';
import { systemRandom } from '../../src/core/random.ts';
import { NAMESPACES, nodeDatabase, SECRETS, testPlane } from './fixture.ts';

const base64 = (text: string) => Buffer.from(text).toString('base64');
const ring = (...fills: number[]) =>
  keyring(
    fills.map((fill) => new Uint8Array(32).fill(fill)),
    systemRandom.bytes,
  );

test('stringData is taken into data, over what is there, and never answered', () => {
  const plane = testPlane();
  const { json } = plane.send(
    'create',
    { metadata: { name: 's' }, data: { a: base64('1'), b: base64('2') }, stringData: { b: 'ü' } },
    SECRETS,
  );
  expect(json).toMatchObject({
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'Opaque',
    data: { a: base64('1'), b: base64('ü') },
  });
  expect(json.stringData).toBeUndefined();
  const patched = plane.send('patch', { stringData: { c: '' }, data: { a: null } }, { ...SECRETS, name: 's' });
  expect(patched.json.data).toEqual({ b: base64('ü'), c: '' });
});

test('faults name the entry and never quote its value', () => {
  const plane = testPlane();
  const secret = 'hunter2!';
  for (const [body, field] of [
    [{ data: { password: secret } }, 'data[password]'],
    [{ data: { password: { deep: secret } } }, 'data[password]'],
    [{ stringData: { password: [secret] } }, 'stringData[password]'],
    [{ data: secret }, 'data'],
    [{ data: { 'not ok': base64(secret) } }, 'data[not ok]'],
  ] as const) {
    const answer = plane.send('create', { metadata: { name: 's' }, ...body }, SECRETS);
    expect(answer.status).toBe(422);
    expect(answer.json.details).toMatchObject({ causes: [{ field }] });
    for (const text of [secret, base64(secret)]) expect(answer.body + plane.lines.join()).not.toContain(text);
  }
});

test('the type never changes, and an immutable secret keeps its entries', () => {
  const plane = testPlane();
  const at = { ...SECRETS, name: 's' };
  plane.send('create', { metadata: { name: 's' }, type: 'orasi.io/token', stringData: { a: '1' } }, SECRETS);
  expect(plane.send('patch', { type: 'Opaque' }, at).json.message).toContain('type: Forbidden: field is immutable');
  plane.send('patch', { immutable: true }, at);
  expect(plane.send('patch', { stringData: { a: '2' } }, at).status).toBe(422);
  expect(plane.send('patch', { immutable: null }, at).status).toBe(422);
  expect(plane.send('patch', { metadata: { labels: { a: 'b' } } }, at).status).toBe(200);
});

test('nothing of a secret stands in storage or in a log, not even what kubectl annotates', async () => {
  const database = nodeDatabase();
  const plane = testPlane({ storage: sqlStorage(database) });
  const secret = 'correct horse battery staple';
  const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': `{"stringData":{"k":"${secret}"}}` };
  plane.send('create', { metadata: { name: 's', annotations }, stringData: { k: secret } }, SECRETS);
  plane.send('patch', { stringData: { l: secret } }, { ...SECRETS, name: 's' });
  expect(plane.call({ verb: 'get', ...SECRETS, name: 's' }).json.metadata).toMatchObject({ annotations });
  plane.call({ verb: 'delete', ...SECRETS, name: 's' });
  await plane.settle();
  const stored = ['objects', 'changes', 'work', 'facts']
    .map((table) => JSON.stringify(database.exec(`SELECT * FROM ${table}`)))
    .join();
  for (const text of [secret, base64(secret), 'staple']) expect(stored + plane.lines.join()).not.toContain(text);
  expect(stored).toContain('$sealed');
});

test('the answer to a deletion that waits says nothing of what was in it', () => {
  const plane = testPlane();
  plane.send('create', { metadata: { name: 's', finalizers: ['x.io/slow'] }, stringData: { k: 'v' } }, SECRETS);
  for (const call of [{ name: 's' }, {}]) {
    const answer = plane.call({ verb: 'name' in call ? 'delete' : 'deletecollection', ...SECRETS, ...call });
    expect(answer.body).toContain('deletionTimestamp');
    expect(answer.body).not.toContain('sealed');
  }
});

test('a watch shows it opened to who may watch secrets', async () => {
  const plane = testPlane();
  plane.send('create', { metadata: { name: 's' }, stringData: { k: 'v' } }, SECRETS);
  const stream = plane.machine.watch(
    {
      group: '',
      version: 'v1',
      resource: 'secrets',
      namespace: 'default',
      name: null,
      subresource: null,
      verb: 'watch',
      query: {},
      contentType: '',
      body: '',
      representation: 'object',
    },
    () => () => {},
  );
  if (!(stream instanceof ReadableStream)) throw new Error('refused');
  const reader = stream.getReader();
  const { value } = await reader.read();
  expect(JSON.parse(new TextDecoder().decode(value)).object.data).toEqual({ k: base64('v') });
  await reader.cancel();
});

test('after a change of keys everything is sealed with the new one, history too', () => {
  const database = nodeDatabase();
  const storage = sqlStorage(database);
  const old = testPlane({ storage, sealer: ring(1) });
  old.send('create', { metadata: { name: 's' }, stringData: { k: 'v' } }, SECRETS);
  old.send('patch', { stringData: { k: 'w' } }, { ...SECRETS, name: 's' });
  const revision = storage.revision();
  testPlane({ storage, sealer: ring(2, 1) });
  const alone = testPlane({ storage, sealer: ring(2) });
  expect(alone.call({ verb: 'get', ...SECRETS, name: 's' }).json.data).toEqual({ k: base64('w') });
  const stored =
    JSON.stringify(database.exec('SELECT * FROM objects')) + JSON.stringify(database.exec('SELECT * FROM changes'));
  expect(stored).not.toContain(ring(1).keyId);
  expect(storage.revision()).toBe(revision);
});

test('a secret whose key is lost can still be deleted, and its namespace too; reading it is an error that says why', async () => {
  const storage = sqlStorage(nodeDatabase());
  const old = testPlane({ storage, sealer: ring(1) });
  old.send('create', { metadata: { name: 'team' } }, NAMESPACES);
  for (const namespace of ['default', 'team'])
    old.send('create', { metadata: { name: 's' }, stringData: { k: 'v' } }, { ...SECRETS, namespace });
  const plane = testPlane({ storage, sealer: ring(2) });
  expect(plane.lines.join()).toContain('a secret cannot be opened');
  const read = plane.call({ verb: 'get', ...SECRETS, name: 's' });
  expect([read.status, read.json.message]).toEqual([500, expect.stringContaining('cannot be opened')]);
  expect(plane.call({ verb: 'delete', ...SECRETS, name: 's' }).status).toBe(200);
  plane.call({ verb: 'delete', ...NAMESPACES, name: 'team' });
  await plane.settle();
  expect(plane.call({ verb: 'get', ...NAMESPACES, name: 'team' }).status).toBe(404);
});
