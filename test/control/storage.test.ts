import { describe, expect, test } from 'vitest';
import { memoryStorage } from '../../src/control/memory-storage.ts';
import { migrate, sqlStorage } from '../../src/control/sql-storage.ts';
import type { ChangeType, ControlStorage } from '../../src/control/storage.ts';
import { nodeDatabase } from './fixture.ts';

const ADAPTERS: readonly (readonly [string, () => ControlStorage])[] = [
  ['memory', memoryStorage],
  ['SQLite', () => sqlStorage(nodeDatabase())],
];
const PIPELINES = { group: 'orasi.io', resource: 'pipelines' };

/** Applies the next change to an object; its body says its name and revision. */
function change(
  storage: ControlStorage,
  type: ChangeType,
  namespace: string,
  name: string,
  owners: string[] = [],
): void {
  const key = { ...PIPELINES, namespace, name };
  const before = storage.get(key);
  const revision = storage.revision() + 1;
  storage.apply(
    {
      revision,
      type,
      key,
      body: `${name}@${revision}`,
      previousBody: before?.body ?? null,
      previousRevision: before?.revision ?? null,
      createdRevision: before?.createdRevision ?? revision,
    },
    `uid-${namespace}-${name}`,
    owners,
  );
}

describe.each(ADAPTERS)('control storage in %s', (_name, create) => {
  test('an object is found by key and uid as its last change left it', () => {
    const storage = create();
    change(storage, 'ADDED', 'a', 'x');
    change(storage, 'MODIFIED', 'a', 'x');
    const key = { ...PIPELINES, namespace: 'a', name: 'x' };
    const expected = { key, uid: 'uid-a-x', revision: 2, createdRevision: 1, body: 'x@2' };
    expect(storage.get(key)).toEqual(expected);
    expect(storage.byUid('uid-a-x')).toEqual(expected);
    expect(storage.get({ ...key, name: 'y' })).toBeUndefined();
    expect(storage.revision()).toBe(2);
  });

  test('a deleted object is gone by key, uid and owner', () => {
    const storage = create();
    change(storage, 'ADDED', 'a', 'x', ['owner']);
    change(storage, 'DELETED', 'a', 'x');
    expect(storage.get({ ...PIPELINES, namespace: 'a', name: 'x' })).toBeUndefined();
    expect(storage.byUid('uid-a-x')).toBeUndefined();
    expect(storage.ownedBy('owner')).toEqual([]);
  });

  test('a scan goes by namespace then name, after a position, up to a limit, within its scope', () => {
    const storage = create();
    for (const [namespace, name] of [
      ['b', 'a'],
      ['a', 'z'],
      ['a', 'b'],
      ['a', 'a-b'],
      ['a', 'a'],
    ] as const) {
      change(storage, 'ADDED', namespace, name);
    }
    const names = (rows: ReturnType<ControlStorage['scan']>) =>
      rows.map((row) => `${row.key.namespace}/${row.key.name}`);
    expect(names(storage.scan(PIPELINES, null, 10))).toEqual(['a/a', 'a/a-b', 'a/b', 'a/z', 'b/a']);
    expect(names(storage.scan({ ...PIPELINES, namespace: 'a' }, { namespace: 'a', name: 'a' }, 2))).toEqual([
      'a/a-b',
      'a/b',
    ]);
    expect(names(storage.scan(PIPELINES, { namespace: 'a', name: 'z' }, 10))).toEqual(['b/a']);
    expect(storage.scan({ ...PIPELINES, resource: 'others' }, null, 10)).toEqual([]);
  });

  test('owners are those of the last change', () => {
    const storage = create();
    change(storage, 'ADDED', 'a', 'x', ['one', 'two', 'two']);
    expect(storage.ownedBy('two').map((object) => object.key.name)).toEqual(['x']);
    change(storage, 'MODIFIED', 'a', 'x', ['two']);
    expect(storage.ownedBy('one')).toEqual([]);
    expect(storage.ownedBy('two').map((object) => object.body)).toEqual(['x@2']);
  });

  test('the log tells each change with the state before it', () => {
    const storage = create();
    change(storage, 'ADDED', 'a', 'x');
    change(storage, 'ADDED', 'b', 'y');
    change(storage, 'MODIFIED', 'a', 'x');
    change(storage, 'DELETED', 'a', 'x');
    const shown = storage.changesAfter(1, PIPELINES, 10).map((c) => [c.revision, c.type, c.body, c.previousBody]);
    expect(shown).toEqual([
      [2, 'ADDED', 'y@2', null],
      [3, 'MODIFIED', 'x@3', 'x@1'],
      [4, 'DELETED', 'x@4', 'x@3'],
    ]);
    expect(storage.changesAfter(0, { ...PIPELINES, namespace: 'a' }, 2).map((c) => c.revision)).toEqual([1, 3]);
  });

  test('compaction forgets changes, not objects, and never goes back', () => {
    const storage = create();
    for (const name of ['x', 'y', 'z']) change(storage, 'ADDED', 'a', name);
    storage.compact(2);
    storage.compact(1);
    expect(storage.compactedRevision()).toBe(2);
    expect(storage.changesAfter(0, PIPELINES, 10).map((c) => c.revision)).toEqual([3]);
    expect(storage.scan(PIPELINES, null, 10)).toHaveLength(3);
  });

  test('a change that is not the next one is refused', () => {
    const storage = create();
    change(storage, 'ADDED', 'a', 'x');
    const late = { ...storage.changesAfter(0, PIPELINES, 1)[0] };
    expect(() => storage.apply(late, 'uid', [])).toThrow('next revision');
  });

  test('a transaction that throws leaves nothing, an inner one included', () => {
    const storage = create();
    expect(() =>
      storage.transaction(() => {
        storage.transaction(() => change(storage, 'ADDED', 'a', 'x'));
        storage.addWork('w', 1);
        storage.setFact('f', 'v');
        throw new Error('no');
      }),
    ).toThrow('no');
    expect([storage.revision(), storage.nextWorkAtMs(), storage.getFact('f')]).toEqual([0, null, null]);
    expect(storage.scan(PIPELINES, null, 1)).toEqual([]);
  });

  test('work asked for twice is one item, due at the earlier time', () => {
    const storage = create();
    storage.addWork('k', 50);
    storage.addWork('k', 20);
    storage.addWork('k', 90);
    storage.addWork('j', 30);
    expect(storage.nextWorkAtMs()).toBe(20);
    expect(storage.dueWork(30, 10).map((item) => [item.key, item.dueAtMs])).toEqual([
      ['k', 20],
      ['j', 30],
    ]);
    expect(storage.dueWork(30, 1)).toHaveLength(1);
    expect(storage.dueWork(19, 10)).toEqual([]);
  });

  test('settling an item that was asked for again meanwhile leaves it', () => {
    const storage = create();
    storage.addWork('k', 1);
    const [item] = storage.dueWork(1, 1);
    storage.addWork('k', 2);
    storage.settleWork('k', item.sequence, null);
    const [again] = storage.dueWork(1, 1);
    expect(again.key).toBe('k');
    storage.settleWork('k', again.sequence, { dueAtMs: 70, failures: 3 });
    expect(storage.dueWork(70, 1)).toEqual([{ ...again, dueAtMs: 70, failures: 3 }]);
    storage.settleWork('k', again.sequence, null);
    expect(storage.nextWorkAtMs()).toBeNull();
  });

  test('a rewrite changes bodies in objects and log, and takes no revision', () => {
    const storage = create();
    change(storage, 'ADDED', 'a', 'x');
    change(storage, 'MODIFIED', 'a', 'x');
    storage.rewrite((key, body) => `${key.name}:${body}`, PIPELINES);
    expect(storage.get({ ...PIPELINES, namespace: 'a', name: 'x' })?.body).toBe('x:x@2');
    expect(storage.changesAfter(1, PIPELINES, 1).map((c) => [c.body, c.previousBody])).toEqual([['x:x@2', 'x:x@1']]);
    expect(storage.revision()).toBe(2);
  });
});

test('migrating a store that is up to date changes nothing, and one of a later version is refused', () => {
  const database = nodeDatabase();
  const storage = sqlStorage(database);
  change(storage, 'ADDED', 'a', 'x');
  migrate(database);
  expect(storage.revision()).toBe(1);
  storage.setFact('schema', '99');
  expect(() => migrate(database)).toThrow('later version');
});
