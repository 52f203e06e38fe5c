import { describe, expect, test } from 'vitest';
import { pipeline, testPlane } from './fixture.ts';

interface Owner {
  readonly uid: string;
  readonly block?: boolean;
}

/** A plane with `create(name, owners)` → uid, and the names that are left. */
function family() {
  const plane = testPlane();
  return {
    ...plane,
    create(name: string, ...owners: Owner[]): string {
      const ownerReferences = owners.map(({ uid, block }) => ({
        apiVersion: 'orasi.io/v1alpha1',
        kind: 'Pipeline',
        name: 'owner',
        uid,
        ...(block ? { blockOwnerDeletion: true } : {}),
      }));
      const { json } = plane.send('create', pipeline(name, {}, { ownerReferences }));
      return (json.metadata as { uid: string }).uid;
    },
    delete: (name: string, propagationPolicy?: string) =>
      plane.send('delete', propagationPolicy === undefined ? {} : { propagationPolicy }, { name }),
    names: () =>
      (plane.call({ verb: 'list' }).json.items as { metadata: { name: string } }[]).map((item) => item.metadata.name),
    meta: (name: string) => plane.call({ verb: 'get', name }).json.metadata as Record<string, unknown>,
  };
}

describe('deletion in the background', () => {
  test('takes dependents after their owner, and theirs after them', async () => {
    const { create, delete: remove, names, settle } = family();
    const top = create('top');
    const middle = create('middle', { uid: top });
    create('leaf', { uid: middle });
    create('stranger');
    expect(remove('top').json.status).toBe('Success');
    expect(names()).toEqual(['leaf', 'middle', 'stranger']);
    await settle();
    expect(names()).toEqual(['stranger']);
  });

  test('keeps a dependent that has another owner, and drops the dead reference', async () => {
    const { create, delete: remove, names, meta, settle } = family();
    const [one, two] = [create('one'), create('two')];
    create('child', { uid: one }, { uid: two });
    remove('one');
    await settle();
    expect((meta('child').ownerReferences as Owner[]).map((owner) => owner.uid)).toEqual([two]);
    remove('two');
    await settle();
    expect(names()).toEqual([]);
  });

  test('a dependent of an owner that never was is collected', async () => {
    const { create, names, settle } = family();
    create('child', { uid: 'nobody' });
    await settle();
    expect(names()).toEqual([]);
  });

  test('an owner in another namespace does not count as one', async () => {
    const { create, send, settle, call } = family();
    const owner = create('owner');
    send(
      'create',
      { metadata: { name: 'team' } },
      { group: '', version: 'v1', resource: 'namespaces', namespace: null },
    );
    const reference = { apiVersion: 'orasi.io/v1alpha1', kind: 'Pipeline', name: 'owner', uid: owner };
    send('create', pipeline('child', {}, { ownerReferences: [reference] }), { namespace: 'team' });
    await settle();
    expect(call({ verb: 'get', namespace: 'team', name: 'child' }).status).toBe(404);
  });
});

describe('deletion in the foreground', () => {
  test('shows the owner until the dependents that block it are gone', async () => {
    const { create, delete: remove, names, meta, settle, send } = family();
    const owner = create('owner');
    create('blocking', { uid: owner, block: true });
    create('other', { uid: owner });
    send('patch', { metadata: { finalizers: ['x.io/slow'] } }, { name: 'blocking' });
    const answer = remove('owner', 'Foreground');
    expect(answer.json).toMatchObject({ kind: 'Pipeline', metadata: { finalizers: ['foregroundDeletion'] } });
    await settle();
    expect(names()).toEqual(['blocking', 'owner']);
    expect(meta('blocking').deletionTimestamp).toBeDefined();
    send('patch', { metadata: { finalizers: null } }, { name: 'blocking' });
    await settle();
    expect(names()).toEqual([]);
  });

  test('goes down the tree: a dependent with dependents is deleted in the foreground too', async () => {
    const { create, delete: remove, names, meta, settle, send } = family();
    const top = create('top');
    const middle = create('middle', { uid: top, block: true });
    create('leaf', { uid: middle, block: true });
    send('patch', { metadata: { finalizers: ['x.io/slow'] } }, { name: 'leaf' });
    remove('top', 'Foreground');
    await settle();
    expect(names()).toEqual(['leaf', 'middle', 'top']);
    expect(meta('middle').finalizers).toEqual(['foregroundDeletion']);
    send('patch', { metadata: { finalizers: null } }, { name: 'leaf' });
    await settle();
    expect(names()).toEqual([]);
  });

  test('of an owner without dependents ends by itself', async () => {
    const { create, delete: remove, names, settle } = family();
    create('lonely');
    remove('lonely', 'Foreground');
    await settle();
    expect(names()).toEqual([]);
  });

  test('of a ring of owners ends', async () => {
    const { create, delete: remove, names, settle, send } = family();
    const one = create('one');
    const two = create('two', { uid: one, block: true });
    const reference = {
      apiVersion: 'orasi.io/v1alpha1',
      kind: 'Pipeline',
      name: 'two',
      uid: two,
      blockOwnerDeletion: true,
    };
    send('patch', { metadata: { ownerReferences: [reference] } }, { name: 'one' });
    remove('one', 'Foreground');
    await settle();
    expect(names()).toEqual([]);
  });
});

test('orphaned dependents stay and forget their owner', async () => {
  const { create, delete: remove, names, meta, settle } = family();
  const owner = create('owner');
  create('child', { uid: owner });
  remove('owner', 'Orphan');
  await settle();
  expect(names()).toEqual(['child']);
  expect(meta('child').ownerReferences).toBeUndefined();
});

test('work left by a crash between a deletion and its collection is done later', async () => {
  const { create, delete: remove, storage, machine, clock } = family();
  const owner = create('owner');
  create('child', { uid: owner });
  remove('owner');
  // Nothing is kept in memory: another machine over the same storage finds the work.
  const next = testPlane({ storage });
  clock.advance(0);
  await next.settle();
  expect(
    machine.store.find({ group: 'orasi.io', resource: 'pipelines', namespace: 'default', name: 'child' }),
  ).toBeUndefined();
});
