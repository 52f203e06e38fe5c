import { expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { etcdFace } from './etcd-face.ts';

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const put = (key: string, value: string) => JSON.stringify({ key: base64(key), value: base64(value) });
const all = { key: 'AA==', range_end: 'AA==' };

/** The lines that a stream begins with. */
async function linesOf(response: Response, count: number): Promise<Record<string, unknown>[]> {
  const reader = (response.body ?? new ReadableStream<Uint8Array>()).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (text.split('\n').length <= count) {
    const { done, value } = await reader.read();
    if (done) break;
    text += value;
  }
  await reader.cancel();
  const lines = text.split('\n').filter((line) => line !== '');
  return lines.map((line) => {
    const { header, ...result } = JSON.parse(line).result;
    return { ...result, revision: header.revision };
  });
}

test('a key opens the face bare and behind Bearer; without one, and with another, it is closed', async () => {
  const face = etcdFace();
  for (const authorization of ['admin', 'Bearer admin', 'bearer  admin']) {
    expect((await face.request('/kv/range', JSON.stringify(all), authorization)).status).toBe(200);
  }
  for (const authorization of ['', 'nobody', 'Bearer nobody', 'Basic admin']) {
    const refused = await face.request('/kv/range', JSON.stringify(all), authorization);
    expect([refused.status, ((await refused.json()) as { code: number }).code]).toEqual([401, 16]);
  }
});

test('who logs in with a key for a password is given it as the token, and may what it may', async () => {
  const face = etcdFace();
  const login = (password: string, authorization = '') =>
    face.request('/auth/authenticate', JSON.stringify({ name: 'anyone', password }), authorization);
  const answer = (await (await login('reader')).json()) as { token: string; header: object };
  expect(answer).toEqual({ header: expect.any(Object), token: 'reader' });
  expect((await face.request('/kv/range', JSON.stringify(all), answer.token)).status).toBe(200);
  const refused = await face.request('/kv/put', put('a', '1'), answer.token);
  expect([refused.status, await refused.json()]).toMatchObject([403, { error: 'etcdserver: permission denied' }]);
  const wrong = await login('nobody');
  expect([wrong.status, await wrong.json()]).toMatchObject([
    400,
    { error: 'etcdserver: authentication failed, invalid user ID or password', code: 3 },
  ]);
  expect((await login('')).status).toBe(401);
  expect((await face.request('/auth/authenticate', '{"name":1}', '')).status).toBe(400);
});

test('a login with the key of another namespace is refused', async () => {
  const face = etcdFace();
  const answer = await face.request('/auth/authenticate', JSON.stringify({ name: 'x', password: 'stranger' }), '');
  expect([answer.status, await answer.json()]).toMatchObject([403, { code: 7 }]);
});

test('a client asks how far a watch has come, and ends one of several', async () => {
  const face = etcdFace();
  await face.post('/kv/put', put('a', '1'));
  const requests = [
    { create_request: { ...all, watch_id: '7', start_revision: '2' } },
    { create_request: { ...all, watch_id: '8', start_revision: '2' } },
    { cancel_request: { watch_id: '8' } },
    { cancel_request: { watch_id: '9' } },
    { progress_request: {} },
  ];
  const body = requests.map((request) => JSON.stringify(request)).join('\n');
  expect(await linesOf(await face.request('/watch', body), 5)).toEqual([
    { watch_id: '7', created: true, revision: '2' },
    { watch_id: '8', created: true, revision: '2' },
    { watch_id: '8', canceled: true, revision: '2' },
    { watch_id: '-1', revision: '2' },
    { watch_id: '7', revision: '2', events: [{ kv: expect.objectContaining({ key: base64('a') }) }] },
  ]);
});

test('a watch from now on is created at the revision it begins after, whenever it is first read', async () => {
  const face = etcdFace();
  await face.post('/kv/put', put('a', '1'));
  const watch = await face.request('/watch', JSON.stringify({ create_request: all }));
  await face.post('/kv/put', put('a', '2'));
  expect(await linesOf(watch, 2)).toMatchObject([
    { created: true, revision: '2' },
    { events: [{}], revision: '3' },
  ]);
});

test('a body that asks for no watch is refused, and so is an empty range and an id that is taken', async () => {
  const face = etcdFace();
  expect((await face.post('/watch', '{"progress_request":{}}')).status).toBe(400);
  expect((await face.post('/watch', '{"create_request":')).status).toBe(400);
  const requests = [
    { create_request: { key: base64('b'), range_end: base64('a') } },
    { create_request: { ...all, watch_id: '4' } },
    { create_request: { ...all, watch_id: '4' } },
  ];
  const body = requests.map((request) => JSON.stringify(request)).join('');
  expect(await linesOf(await face.request('/watch', body), 3)).toMatchObject([
    { watch_id: '4', created: true },
    { watch_id: '-1', canceled: true, cancel_reason: 'mvcc: watcher range is empty' },
    { watch_id: '-1', canceled: true, cancel_reason: 'mvcc: duplicate watch ID provided on the WatchStream' },
  ]);
});

test('a stream has a bounded number of watches', async () => {
  const face = etcdFace();
  const watches = (count: number) => JSON.stringify({ create_request: all }).repeat(count);
  expect((await face.request('/watch', watches(LIMITS.watchesPerStream + 1))).status).toBe(400);
  expect(
    await linesOf(await face.request('/watch', watches(LIMITS.watchesPerStream)), LIMITS.watchesPerStream),
  ).toHaveLength(LIMITS.watchesPerStream);
});

test('a watch that asks for no id has the least that is free, whatever ids others asked for', async () => {
  const face = etcdFace();
  const requests = [
    { create_request: { ...all, watch_id: '1' } },
    { create_request: { key: base64('b'), range_end: base64('a') } },
    { create_request: all },
    { create_request: all },
  ];
  const body = requests.map((request) => JSON.stringify(request)).join('');
  const lines = await linesOf(await face.request('/watch', body), 4);
  expect(lines.map(({ watch_id }) => watch_id)).toEqual(['1', undefined, '2', '-1']);
});
