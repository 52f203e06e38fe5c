import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type BackupParts, discardRestore, Restore } from '../../src/cluster/backup.ts';
import { exportKeys, HistoryOutran, StateImport } from '../../src/cluster/kv/backup.ts';
import { migrateKv } from '../../src/cluster/kv/database.ts';
import { KvStore } from '../../src/cluster/kv/store.ts';
import { clusterStore } from '../../src/cluster/store.ts';
import { readInto, takeBackup } from '../../src/cluster/take-backup.ts';
import type { ObjectDatabase } from '../../src/core/object-database.ts';
import { readAll } from '../../src/storage/byte-streams.ts';
import { createClusterBackups } from '../../src/storage/cluster-backups.ts';
import { memoryObjectStore } from '../../src/storage/memory-object-store.ts';
import { ALL, bytes, deleteOf, kvWorld, putOf, rangeOf, SETTINGS, text, watching, watchOf } from './kv-fixture.ts';
import { settings, World } from './world.ts';

const NAME = 'u/main';
const ID = '0123456789abcdefghjkmnpqrs';
const GOLDEN = 'test/golden/cluster-backup.v1.backup';

/** A cluster with its state in one database, as the object has them, and a bucket beside. */
function whole(world = new World(settings({ preferredMembers: ['a'] }))) {
  migrateKv(world.database);
  const store = memoryObjectStore(world.clock);
  const backups = createClusterBackups(store);
  const partsOf = (database: ObjectDatabase): BackupParts => ({
    database,
    cluster: clusterStore(database),
    keys: new KvStore(database, SETTINGS.answerBytes),
  });
  const self = {
    world,
    backups,
    store,
    kv: kvWorld({}, world.database, world.clock),
    keys: () =>
      Object.fromEntries(
        self.kv
          .call(rangeOf(ALL))
          .records.map(({ key, value, modRevision, version }) => [text(key), [text(value), modRevision, version]]),
      ),
    backup: (backupId = ID) => takeBackup(partsOf(world.database), backups, NAME, backupId, () => world.clock.now()),
    async restore({ from = backups, database = world.database as ObjectDatabase, backupId = ID } = {}) {
      const restore = new Restore(partsOf(database));
      await readInto(restore, from, NAME, backupId);
      restore.apply(world.clock.now(), () => void world.boot([], true));
      self.kv = kvWorld({}, world.database, world.clock);
    },
  };
  return self;
}

/** A cluster that was led, was resigned from, and has keys with and without leases. */
function lived() {
  const cluster = whole();
  const { world, kv } = cluster;
  world.join('a');
  world.join('b');
  world.cluster.resign('b');
  kv.call(putOf('config', 'one'));
  kv.call({ op: 'grant', leaseId: '77', ttlSeconds: 10 });
  kv.call(putOf('config', 'two'));
  kv.call({
    op: 'txn',
    compare: [],
    success: [putOf('locks/x', 'a', { leaseId: '77' }), putOf('locks/y', '')],
    failure: [],
  });
  kv.call(putOf('gone', 'x'));
  kv.call(deleteOf('gone'));
  return cluster;
}

describe('a restored cluster', () => {
  test('has the keys, revisions and leases of the backup, its resignations and elections, and no members', async () => {
    const cluster = lived();
    const { world, kv } = cluster;
    const before = cluster.keys();
    expect(await cluster.backup()).toMatchObject({ backupId: ID, revision: 6, epoch: 2 ** 32 + 1 });
    world.cluster.leave('a');
    kv.call(putOf('config', 'three'));
    kv.call(putOf('new', ''));
    const epochBefore = world.cluster.epoch();
    world.pass(100);
    await cluster.restore();
    expect(cluster.keys()).toEqual(before);
    expect(cluster.kv.call({ op: 'verify' })).toMatchObject({ problems: [], keys: 3, leases: 1 });
    expect(cluster.kv.call({ op: 'timeToLive', leaseId: '77', keys: true })).toMatchObject({ ttlSeconds: 10 });
    expect([world.cluster.members(), world.leader]).toEqual([[], null]);
    expect(world.history()).toEqual(['1 a elected: automatic', '1 a ended: the cluster was restored']);
    expect(world.cluster.epoch()).toBeGreaterThan(epochBefore);
    world.join('b');
    expect(world.leader).toBeNull();
    world.cluster.campaign('b');
    expect(world.leader).toBe('b');
    // What lives goes on: a lease that nobody keeps takes its keys along.
    world.pass(0);
    world.clock.advance(10_000);
    expect(Object.keys(cluster.keys())).toEqual(['config', 'locks/y']);
  });

  test('goes on above every revision that was told, and tells every watch of before that its history is gone', async () => {
    const cluster = lived();
    await cluster.backup();
    for (let write = 0; write < 5; write++) cluster.kv.call(putOf('config', `${write}`));
    const told = cluster.kv.call(rangeOf(ALL)).revision;
    const events = clusterStore(cluster.world.database).revision();
    await cluster.restore();
    const { revision } = cluster.kv.call(rangeOf(ALL));
    expect(revision).toBe(told + 1);
    for (const startRevision of [2, 6, told]) {
      const watch = watching(cluster.kv.machine, watchOf({ startRevision }));
      expect((await watch.next())?.type).toBe('created');
      expect(await watch.next()).toEqual({ type: 'compacted', watchId: 0, compactedRevision: revision });
    }
    const watch = watching(cluster.kv.machine, watchOf({ startRevision: revision }));
    cluster.kv.call(putOf('config', 'after'));
    await watch.next();
    expect(await watch.next()).toMatchObject({ type: 'events', revision: revision + 1, events: [{ type: 'put' }] });
    expect(clusterStore(cluster.world.database).compactedRevision()).toBeGreaterThan(events);
    expect(cluster.kv.call({ op: 'verify' }).problems).toEqual([]);
  });

  test('may be restored again and again, from a backup of another cluster, too', async () => {
    const first = lived();
    await first.backup();
    const other = whole();
    other.kv.call(putOf('own', ''));
    let epoch = other.world.cluster.epoch();
    for (let turn = 0; turn < 3; turn++) {
      await other.restore({ from: first.backups });
      expect(other.keys()).toEqual(first.keys());
      expect(other.world.cluster.epoch()).toBeGreaterThan(epoch);
      epoch = other.world.cluster.epoch();
    }
    expect(other.kv.call(rangeOf(ALL)).revision).toBe(9);
  });
});

test('a crash at any statement of a restore leaves what was, whole; without one it is what the backup was', async () => {
  const cluster = lived();
  const { world } = cluster;
  await cluster.backup();
  const restored = cluster.keys();
  cluster.kv.call(putOf('config', 'newer'));
  const old = { keys: cluster.keys(), tables: JSON.stringify(world.copy()) };
  let crashes = 0;
  for (let at = 1; ; at++) {
    let left = at;
    const { database } = world;
    const failing: ObjectDatabase = {
      exec: (query, ...bindings) => {
        left -= 1;
        if (left === 0) throw new Error('crashed');
        return database.exec(query, ...bindings);
      },
      transaction: (work) => database.transaction(work),
    };
    const ended = await cluster.restore({ database: failing }).then(
      () => true,
      () => false,
    );
    if (ended) break;
    crashes += 1;
    discardRestore(database);
    expect(JSON.stringify(world.copy()), `crash at statement ${at}`).toBe(old.tables);
  }
  expect(crashes).toBeGreaterThan(30);
  expect(cluster.keys()).toEqual(restored);
});

describe('the file', () => {
  const bytesOf = async (cluster: ReturnType<typeof whole>) => await readAll(await cluster.backups.open(NAME, ID));
  const put = async (cluster: ReturnType<typeof whole>, file: Uint8Array) => {
    await cluster.backups.remove(NAME, ID);
    const sink = cluster.backups.create(NAME, ID);
    await sink.write(file);
    await sink.finish();
  };

  /** A file whose checksum is right, whatever else it says. */
  const sealed = (file: string): Uint8Array => {
    const body = file.slice(0, file.lastIndexOf('{"type":"end"'));
    const sha256 = createHash('sha256').update(body).digest('hex');
    return bytes(file.replace(/"sha256":"\w+"/, `"sha256":"${sha256}"`));
  };

  test('of every version is read as it was when it was written, and this one writes the same', async () => {
    const cluster = lived();
    await cluster.backup();
    const file = await bytesOf(cluster);
    if (process.env['GOLDEN'] === 'write') writeFileSync(GOLDEN, file, { flag: 'wx' });
    const golden = new Uint8Array(readFileSync(GOLDEN));
    expect(text(file)).toBe(text(golden));
    const other = whole();
    await put(other, golden);
    await other.restore();
    expect(other.keys()).toEqual({
      config: ['two', 3, 2],
      'locks/x': ['a', 4, 1],
      'locks/y': ['', 4, 1],
    });
  });

  test('that was cut off, changed in any byte, or is something else is refused, and changes nothing', async () => {
    const golden = new Uint8Array(readFileSync(GOLDEN));
    const changed = (at: number) => golden.map((byte, i) => (i === at ? byte ^ 1 : byte));
    const bad = [
      ...Array.from({ length: 40 }, (_, i) => changed(Math.floor((i * golden.length) / 40))),
      ...[0, 10, 500, golden.length - 1].map((length) => golden.subarray(0, length)),
      bytes(`${text(golden)}{"type":"lease","leaseId":"1","ttlSeconds":1}\n`),
      sealed(text(golden).replace('backup 1\n', 'backup 2\n')),
      bytes('{"hello":1}\n'),
    ];
    for (const file of bad) {
      const cluster = whole();
      await put(cluster, file);
      const before = JSON.stringify(cluster.world.copy());
      await expect(cluster.restore()).rejects.toThrow(/^the backup cannot be used: /);
      discardRestore(cluster.world.database);
      expect(JSON.stringify(cluster.world.copy())).toBe(before);
    }
  });

  test('holds the state of one moment, though it is written to meanwhile; else it is begun anew', async () => {
    const cluster = lived();
    for (let key = 0; key < 300; key++) cluster.kv.call(putOf(`k${key}`, '1'));
    const { create } = cluster.backups;
    let begun = 0;
    const interrupted = {
      ...cluster.backups,
      create: (name: string, id: string) => {
        begun += 1;
        const sink = create(name, `${begun}${id.slice(1)}`);
        let lines = 0;
        return {
          ...sink,
          async write(line: Uint8Array) {
            lines += 1;
            if (lines % 50 === 0) cluster.kv.call(putOf(`k${lines}`, 'later'));
            if (begun === 1 && lines === 150) cluster.kv.call({ op: 'compact', revision: 309 });
            await sink.write(line);
          },
        };
      },
    };
    const parts = {
      database: cluster.world.database,
      cluster: clusterStore(cluster.world.database),
      keys: new KvStore(cluster.world.database, SETTINGS.answerBytes),
    };
    cluster.kv.call(putOf('last', ''));
    const taken = await takeBackup(parts, interrupted, NAME, ID, () => 0);
    expect([begun, taken?.revision]).toEqual([2, 311]);
    const other = whole();
    await other.restore({ from: cluster.backups, backupId: `2${ID.slice(1)}` });
    const then = cluster.kv.call(rangeOf({ ...ALL, revision: 311 }));
    expect(other.kv.call(rangeOf(ALL)).records).toEqual(then.records);
  });

  test('holds nothing of a state that is put in place under it, and goes no further', () => {
    const { call, database } = kvWorld();
    call(putOf('a', '1'));
    call(putOf('b', '1'));
    const keys = exportKeys(new KvStore(database, SETTINGS.answerBytes), 3);
    expect(keys.next().value).toMatchObject({ modRevision: 2 });
    const other = new StateImport(new KvStore(database, SETTINGS.answerBytes));
    const lease = { version: 1, leaseId: '0', place: 0 };
    other.takeKey({ key: btoa('z'), value: btoa('9'), createRevision: 3, modRevision: 3, ...lease });
    other.apply(4, 0);
    expect(() => [...keys]).toThrow(HistoryOutran);
  });
});
