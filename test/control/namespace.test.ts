import { expect, test } from 'vitest';
import { NAMESPACES, pipeline, plainPlane, SECRETS } from './fixture.ts';

const team = { metadata: { name: 'team' } };

test('default is there from the start, once, with the name label of Kubernetes', () => {
  const plane = plainPlane();
  const uid = plane.machine.namespaceUid('default');
  plane.machine.start();
  expect(plane.machine.namespaces()).toEqual([{ name: 'default', uid }]);
  expect(plane.call({ verb: 'get', ...NAMESPACES, name: 'default' }).json).toMatchObject({
    metadata: { uid, labels: { 'kubernetes.io/metadata.name': 'default' } },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
});

test('default cannot be deleted', () => {
  const refused = plainPlane().call({ verb: 'delete', ...NAMESPACES, name: 'default' });
  expect([refused.status, refused.json.message]).toEqual([
    403,
    'namespaces "default" is forbidden: this namespace may not be deleted',
  ]);
});

test('the name of a namespace is a DNS label', () => {
  const { json } = plainPlane().send('create', { metadata: { name: 'a.b' } }, NAMESPACES);
  expect(json).toMatchObject({ code: 422, details: { causes: [{ field: 'metadata.name' }] } });
});

test('its finalizers and phase are not the caller’s to change', () => {
  const plane = plainPlane();
  plane.send('create', { ...team, spec: { finalizers: [] } }, NAMESPACES);
  const { json } = plane.send(
    'patch',
    { spec: { finalizers: null }, status: { phase: 'Terminating' } },
    { ...NAMESPACES, name: 'team' },
  );
  expect(json).toMatchObject({
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
    metadata: { generation: 1 },
  });
});

test('from the moment it is being deleted nothing begins in it, and its uid is no longer given out', () => {
  const plane = plainPlane();
  plane.send('create', team, NAMESPACES);
  expect(plane.machine.namespaceUid('team')).not.toBeNull();
  const begun = plane.call({ verb: 'delete', ...NAMESPACES, name: 'team' });
  expect(begun.json).toMatchObject({
    status: { phase: 'Terminating' },
    metadata: { deletionTimestamp: expect.any(String) },
  });
  expect(plane.machine.namespaceUid('team')).toBeNull();
  expect(plane.machine.namespaces().map(({ name }) => name)).toEqual(['default']);
  const refused = plane.send('create', pipeline('late'), { namespace: 'team' });
  expect(refused.json).toMatchObject({
    code: 403,
    message:
      'pipelines.orasi.io "late" is forbidden: unable to create new content in namespace team because it is being terminated',
    details: { causes: [{ reason: 'NamespaceTerminating' }] },
  });
});

test('a deleted namespace takes everything in it along, and what is in others stays', async () => {
  const plane = plainPlane();
  plane.send('create', team, NAMESPACES);
  for (const namespace of ['team', 'default']) {
    plane.send('create', pipeline('p'), { namespace });
    plane.send('create', { metadata: { name: 's' } }, { ...SECRETS, namespace });
  }
  plane.call({ verb: 'delete', ...NAMESPACES, name: 'team' });
  await plane.settle();
  expect(plane.call({ verb: 'get', ...NAMESPACES, name: 'team' }).status).toBe(404);
  const left = (call: object) =>
    (plane.call({ verb: 'list', ...call, namespace: null }).json.items as { metadata: object }[]).map(
      (item) => item.metadata,
    );
  expect(left({})).toMatchObject([{ namespace: 'default' }]);
  expect(left(SECRETS)).toMatchObject([{ namespace: 'default' }]);
});

test('it waits for the finalizers of what is in it', async () => {
  const plane = plainPlane();
  plane.send('create', team, NAMESPACES);
  plane.send('create', pipeline('p', {}, { finalizers: ['x.io/slow'] }), { namespace: 'team' });
  plane.call({ verb: 'delete', ...NAMESPACES, name: 'team' });
  await plane.settle();
  expect(plane.call({ verb: 'get', ...NAMESPACES, name: 'team' }).status).toBe(200);
  plane.send('patch', { metadata: { finalizers: null } }, { namespace: 'team', name: 'p' });
  await plane.settle();
  expect(plane.call({ verb: 'get', ...NAMESPACES, name: 'team' }).status).toBe(404);
});

test('what belongs to it outside is released before it is gone, again after a failure, and until nothing is left', async () => {
  const answers: (boolean | Error)[] = [new Error('the database is away'), false, false, true];
  const released: string[] = [];
  const plane = plainPlane({
    releases: [
      async (name, uid) => {
        released.push(`${name} ${uid}`);
        const answer = answers.shift() ?? true;
        if (answer instanceof Error) throw answer;
        return answer;
      },
    ],
  });
  const { json } = plane.send('create', team, NAMESPACES);
  const { uid } = json.metadata as { uid: string };
  plane.call({ verb: 'delete', ...NAMESPACES, name: 'team' });
  for (let left = 4; left > 0; left--) {
    expect(plane.call({ verb: 'get', ...NAMESPACES, name: 'team' }).status).toBe(200);
    await plane.settle();
    plane.clock.advance(60_000);
  }
  expect(released).toEqual(Array(4).fill(`team ${uid}`));
  expect(plane.call({ verb: 'get', ...NAMESPACES, name: 'team' }).status).toBe(404);
});

test('made again under the same name it is another namespace', async () => {
  const plane = plainPlane();
  plane.send('create', team, NAMESPACES);
  const first = plane.machine.namespaceUid('team');
  plane.call({ verb: 'delete', ...NAMESPACES, name: 'team' });
  await plane.settle();
  plane.send('create', team, NAMESPACES);
  expect(plane.machine.namespaceUid('team')).not.toBe(first);
});
