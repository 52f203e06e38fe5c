import { expect, test } from 'vitest';
import { KvStore } from '../../src/cluster/kv/store.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { KvCall, KvOperation, KvWatchFrame } from '../../src/core/protocol/cluster-kv.ts';
import { ALL, bytes, deleteOf, kvWorld, putOf, rangeOf, SETTINGS, text, watching, watchOf } from './kv-fixture.ts';

const never: KvCall = {
  op: 'txn',
  compare: [{ key: bytes('lock'), rangeEnd: bytes(''), target: 'create', result: 'equal', number: 0 }],
  success: [putOf('lock', 'me'), putOf('holder', 'me')],
  failure: [rangeOf({ key: bytes('lock') })],
};
const keysIn = (frame: KvWatchFrame | null): string[] =>
  frame?.type === 'events'
    ? frame.events.map((event) => `${event.type} ${atob(event.record.key)} ${event.record.modRevision}`)
    : [`${frame?.type}`];

/** Keys k0, k1, … of a lease, beside the history. */
function fill({ exec }: ReturnType<typeof kvWorld>['database'], count: number, leaseId: string): void {
  exec(
    `INSERT INTO kv (key, value, create_revision, mod_revision, version, lease)
     WITH RECURSIVE n (at) AS (SELECT 0 UNION ALL SELECT at + 1 FROM n WHERE at + 1 < ?)
     SELECT CAST('k' || at AS BLOB), NULL, 2, 2, 1, ? FROM n`,
    count,
    leaseId,
  );
}

test('an empty store is at revision 1, and every write takes the next', () => {
  const { call } = kvWorld();
  expect(call(rangeOf(ALL))).toMatchObject({ revision: 1, count: 0 });
  expect(call(putOf('a', '1')).revision).toBe(2);
  expect(call(putOf('a', '2')).revision).toBe(3);
  expect(call(rangeOf({ key: bytes('a') })).records).toEqual([
    { key: bytes('a'), value: bytes('2'), createRevision: 2, modRevision: 3, version: 2, leaseId: '0' },
  ]);
  expect(call(deleteOf('b'))).toMatchObject({ deleted: 0, revision: 3 });
  expect(call(deleteOf('a'))).toMatchObject({ deleted: 1, revision: 4 });
  expect(call(rangeOf({ key: bytes('a'), revision: 2 })).records.map(({ value }) => text(value))).toEqual(['1']);
});

test('an empty value is a value', () => {
  const { call } = kvWorld();
  call(putOf('a', ''));
  expect(call(rangeOf({ key: bytes('a') })).records[0]?.value).toEqual(bytes(''));
  expect(call({ op: 'verify' }).problems).toEqual([]);
});

test('a transaction takes one revision for all it writes, and its condition decides which half runs', () => {
  const { call } = kvWorld();
  expect(call(never)).toMatchObject({ succeeded: true, revision: 2 });
  expect(call(never)).toMatchObject({ succeeded: false, revision: 2, answers: [{ op: 'range', count: 1 }] });
  expect(call(rangeOf(ALL)).records.map(({ modRevision }) => modRevision)).toEqual([2, 2]);
});

test('a transaction that is refused at its end has done nothing', () => {
  const { call, refusal } = kvWorld();
  const ops = [putOf('a', '1'), putOf('b', '1', { leaseId: '99' })];
  expect(refusal({ op: 'txn', compare: [], success: ops, failure: [] })).toBe('lease_not_found');
  expect(call(rangeOf(ALL))).toMatchObject({ revision: 1, count: 0 });
  const twice = [putOf('a', '1'), putOf('a', '2')];
  expect(refusal({ op: 'txn', compare: [], success: twice, failure: [] })).toBe('duplicate_key');
});

test('a stale epoch changes nothing, and the present one is let in', () => {
  const { call, refusal } = kvWorld();
  expect(refusal(putOf('a', '1'), 6)).toBe('stale_epoch');
  expect(refusal(putOf('a', '1'), 8)).toBe('stale_epoch');
  expect(call(rangeOf(ALL)).count).toBe(0);
  expect(call(putOf('a', '1'), 7).revision).toBe(2);
});

test('a lease takes its keys with it, in one revision, without waiting for an alarm', () => {
  const { call, clock, machine } = kvWorld();
  const { leaseId } = call({ op: 'grant', leaseId: '0', ttlSeconds: 10 });
  call(putOf('a', '1', { leaseId }));
  call(putOf('b', '1', { leaseId }));
  call(putOf('c', '1', { leaseId }));
  call(putOf('c', '2'));
  expect(machine.nextDueMs()).toBe(1_010_000);
  clock.advance(9_999);
  expect(call({ op: 'timeToLive', leaseId, keys: true })).toMatchObject({ ttlSeconds: 0, grantedTtlSeconds: 10 });
  expect(call({ op: 'keepAlive', leaseId })).toMatchObject({ ttlSeconds: 10 });
  clock.advance(9_999);
  expect(call(rangeOf(ALL)).count).toBe(3);
  clock.advance(1);
  expect(call(rangeOf(ALL))).toMatchObject({ count: 1, revision: 6 });
  expect(call({ op: 'timeToLive', leaseId, keys: true })).toMatchObject({ ttlSeconds: -1, keys: [] });
  expect(call({ op: 'keepAlive', leaseId })).toMatchObject({ ttlSeconds: 0 });
  expect(machine.nextDueMs()).toBe(null);
  expect(call({ op: 'verify' }).problems).toEqual([]);
});

test('a lease outlives a new start, and lapses when it would have', () => {
  const first = kvWorld();
  const { leaseId } = first.call({ op: 'grant', leaseId: '9223372036854775807', ttlSeconds: 5 });
  first.call(putOf('a', '1', { leaseId }));
  const second = kvWorld({}, first.database, first.clock);
  expect(second.machine.nextDueMs()).toBe(1_005_000);
  expect(second.call(rangeOf(ALL)).count).toBe(1);
  second.clock.advance(5000);
  second.machine.expire();
  expect(second.call(rangeOf(ALL)).count).toBe(0);
});

test('compaction forgets what only older revisions tell, and says so', () => {
  const { call, machine, refusal } = kvWorld();
  for (const value of ['1', '2', '3']) call(putOf('a', value));
  call(putOf('b', '1'));
  call(deleteOf('b'));
  expect(refusal({ op: 'compact', revision: 7 })).toBe('future_revision');
  call({ op: 'compact', revision: 4 });
  expect(refusal({ op: 'compact', revision: 4 })).toBe('compacted');
  expect(machine.call(rangeOf({ ...ALL, revision: 3 }), null, 7)).toMatchObject({
    refusal: 'compacted',
    compactedRevision: 4,
  });
  expect(call(rangeOf({ ...ALL, revision: 4 })).records.map(({ value }) => text(value))).toEqual(['3']);
  expect(call(rangeOf({ ...ALL, revision: 5 })).count).toBe(2);
  call({ op: 'compact', revision: 6 });
  expect(call(rangeOf({ ...ALL, revision: 6 })).count).toBe(1);
  expect(call({ op: 'verify' })).toMatchObject({ keys: 1, problems: [] });
});

test('the history is bounded by revisions and by bytes, and never loses a key', () => {
  const { call, database } = kvWorld({ historyRevisions: 100, historyBytes: 20_000 });
  call(putOf('old', 'kept'));
  for (let at = 0; at < 500; at++) call(putOf(`k${at % 7}`, `v${at}`));
  const rows = () => Number(database.exec('SELECT count(*) AS count FROM kv_history')[0]?.['count']);
  expect(rows()).toBeLessThan(110);
  for (let at = 0; at < 50; at++) call(putOf('large', 'x'.repeat(3000)));
  expect(rows()).toBeLessThan(20);
  expect(call(rangeOf(ALL)).count).toBe(9);
  expect(call({ op: 'verify' }).problems).toEqual([]);
});

test('a watch tells every revision once, in order, from where it was left', async () => {
  const { call, machine } = kvWorld();
  call(putOf('a', '1'));
  const first = watching(machine, watchOf({ startRevision: 2 }));
  expect(await first.next()).toEqual({ type: 'created', watchId: 0, revision: 2 });
  expect(keysIn(await first.next())).toEqual(['put a 2']);
  call({ op: 'txn', compare: [], success: [putOf('b', '1'), deleteOf('a')], failure: [] });
  expect(keysIn(await first.next())).toEqual(['put b 3', 'delete a 3']);
  await first.cancel();
  for (let at = 0; at < 2500; at++) call(putOf('c', `${at}`));
  const second = watching(machine, watchOf({ startRevision: 4 }));
  const told: string[] = [];
  expect((await second.next())?.type).toBe('created');
  while (told.length < 2500) told.push(...keysIn(await second.next()));
  expect(told).toEqual(Array.from({ length: 2500 }, (_, at) => `put c ${at + 4}`));
  await second.cancel();
});

test('a watch has an interval, filters, and tells what was before', async () => {
  const { call, machine } = kvWorld();
  call(putOf('x/1', 'old'));
  const puts = watchOf({ key: bytes('x/'), rangeEnd: bytes('x0'), previous: true, deletes: false });
  const watch = watching(machine, puts, watchOf({ watchId: 1, startRevision: 9 }));
  expect([(await watch.next())?.type, (await watch.next())?.type]).toEqual(['created', 'created']);
  call(putOf('y', '1'));
  call(putOf('x/1', 'new'));
  call(deleteOf('x/1'));
  call(putOf('x/1', 'again'));
  expect(await watch.next()).toMatchObject({
    watchId: 0,
    events: [
      { type: 'put', record: { version: 2, value: btoa('new') }, previous: { version: 1, value: btoa('old') } },
      { record: { version: 1, modRevision: 6 } },
    ],
  });
  for (let at = 0; at < 4; at++) call(putOf('y', '2'));
  expect(await watch.next()).toMatchObject({ watchId: 1, events: [{ record: { modRevision: 9 } }, {}] });
  await watch.cancel();
  expect(watch.timers.size).toBe(0);
});

test('what was before has a bound in each message of a watch: revisions are parted, and of one the rest goes without', async () => {
  const { call, machine } = kvWorld({ liveBytes: 256 * 1024 * 1024, historyBytes: 256 * 1024 * 1024 });
  const large = 'x'.repeat(900_000);
  const fits = Math.floor(LIMITS.watchPreviousBytes / large.length);
  const count = 2 * fits + 1;
  const keys = Array.from({ length: count }, (_, at) => `k${String(at).padStart(2, '0')}`);
  for (const key of keys) call(putOf(key, large));
  call(deleteOf('k', { rangeEnd: bytes('l') }));
  for (const key of keys) call(putOf(key, large));
  for (const key of keys) call(deleteOf(key));
  const told: { revision: number; keys: string[]; before: number }[] = [];
  const watch = watching(machine, watchOf({ previous: true, puts: false, startRevision: 2 }));
  await watch.next();
  while (told.flatMap(({ keys }) => keys).length < 2 * count) {
    const frame = await watch.next();
    if (frame?.type !== 'events') continue;
    const { revision, events } = frame;
    const before = events.filter(({ previous }) => previous !== undefined).length;
    told.push({ revision, keys: events.map(({ record }) => atob(record.key)), before });
  }
  await watch.cancel();
  const apart = 2 * count + 2;
  expect(told).toEqual([
    { revision: count + 2, keys, before: fits },
    { revision: apart + fits, keys: keys.slice(0, fits), before: fits },
    { revision: apart + 2 * fits, keys: keys.slice(fits, 2 * fits), before: fits },
    { revision: apart + count, keys: keys.slice(2 * fits), before: 1 },
  ]);
});

test('a watch behind the history is told so and ends', async () => {
  const { call, machine } = kvWorld();
  for (const value of ['1', '2', '3']) call(putOf('a', value));
  call({ op: 'compact', revision: 3 });
  const behind = watching(machine, watchOf({ startRevision: 2 }));
  expect((await behind.next())?.type).toBe('created');
  expect(await behind.next()).toEqual({ type: 'compacted', watchId: 0, compactedRevision: 3 });
  expect(await behind.next()).toBe(null);
  const there = watching(machine, watchOf({ startRevision: 3, progress: true }));
  expect((await there.next())?.type).toBe('created');
  expect(keysIn(await there.next())).toEqual(['put a 3', 'put a 4']);
  there.fireTimers();
  expect(await there.next()).toEqual({ type: 'progress', watchId: 0, revision: 4 });
  await there.cancel();
});

test('verify finds a table that is not as the history has it', () => {
  const { call, database } = kvWorld();
  call(putOf('a', '1'));
  call(putOf('b', '1'));
  const { digest } = call({ op: 'verify' });
  database.exec("UPDATE kv SET version = 5 WHERE key = x'61'");
  expect(call({ op: 'verify' })).toMatchObject({ problems: ['1 keys that are not as the history has them'] });
  expect(call({ op: 'verify' }).digest).not.toBe(digest);
  database.exec("DELETE FROM kv WHERE key = x'61'");
  database.exec('DELETE FROM kv_history WHERE position / 1048576 = 2');
  expect(call({ op: 'verify' }).problems).toEqual([
    '1 revisions that the history does not tell of',
    'keys and values of 2 bytes, which were counted as 4',
  ]);
});

test('a watch from now on is created at the revision that it begins after, whenever it is read', async () => {
  const { call, machine } = kvWorld();
  call(putOf('a', '1'));
  const watch = machine.watch([watchOf()], { progressEveryMs: 1000, startTimer: () => () => {} });
  call(putOf('a', '2'));
  const { value } = await watch.getReader().read();
  const frames = text(value ?? bytes(''))
    .trim()
    .split('\n');
  expect(frames.map((line) => JSON.parse(line))).toMatchObject([
    { type: 'created', revision: 2 },
    { type: 'events', revision: 3 },
  ]);
});

test('keys and values have a bound together: what would pass it is refused, what makes room is not', () => {
  const { call, refusal, machine } = kvWorld({ liveBytes: 30 });
  call(putOf('a', 'x'.repeat(19)));
  expect(refusal(putOf('b', 'x'.repeat(10)))).toBe('quota_exceeded');
  expect(machine.call(putOf('b', 'x'.repeat(10)), null, 7)).toMatchObject({
    message: 'keys and values would have 31 bytes, and may have 30 (spec.kv.liveBytes of the Cluster)',
  });
  const both = [putOf('a', ''), putOf('b', 'x'.repeat(10))];
  expect(call({ op: 'txn', compare: [], success: both, failure: [] }).revision).toBe(3);
  expect(call({ op: 'verify' })).toMatchObject({ liveBytes: 12, maxLiveBytes: 30, problems: [] });
  // A bound that was lowered stops growth alone.
  machine.configure({ ...SETTINGS, liveBytes: 5 });
  expect(refusal(putOf('b', 'x'.repeat(11)))).toBe('quota_exceeded');
  call(putOf('b', 'x'.repeat(9)));
  call(deleteOf('b'));
  expect(call({ op: 'verify' })).toMatchObject({ liveBytes: 1, maxLiveBytes: 5, problems: [] });
});

test('what is remembered of the tables is right after a call that was undone, and after a new start', () => {
  const first = kvWorld({ liveBytes: 20 });
  first.call(putOf('a', '1'));
  expect(first.refusal(putOf('b', 'x'.repeat(30)))).toBe('quota_exceeded');
  expect(first.call(putOf('c', '1')).revision).toBe(3);
  const second = kvWorld({}, first.database, first.clock);
  expect(second.call(putOf('d', '1')).revision).toBe(4);
  expect(second.call({ op: 'verify' })).toMatchObject({ liveBytes: 6, problems: [] });
});

test('an answer has a bound by its records too, however small they are', () => {
  const { call, refusal, database } = kvWorld({ answerBytes: 10_000 });
  for (let at = 0; at < 100; at++) call(putOf(`${at}`, ''));
  expect(refusal(rangeOf(ALL))).toBe('answer_too_large');
  expect(call(rangeOf({ ...ALL, limit: 50 })).records).toHaveLength(50);
  // They are counted before any is held.
  expect(() => new KvStore(database, 10_000).present(ALL, 0, 'all')).toThrow('ask with a limit');
});

test('an answer has one bound for all operations of a transaction, and is refused whole beyond it', () => {
  const { call, refusal } = kvWorld({ answerBytes: 10_000 });
  call(putOf('a', 'x'.repeat(6_000)));
  const read = rangeOf({ key: bytes('a') });
  const over = [
    [read, read],
    [putOf('a', '', { previous: true }), rangeOf({ key: bytes('a'), revision: 2 })],
    [read, deleteOf('a', { previous: true })],
  ];
  for (const success of over) {
    expect(refusal({ op: 'txn', compare: [], success, failure: [] })).toBe('answer_too_large');
  }
  expect(call(read)).toMatchObject({ revision: 2, count: 1 });
});

test('a deletion takes a bounded number of keys, and is refused whole beyond it', () => {
  const { call, refusal, database } = kvWorld();
  fill(database, LIMITS.keysPerDeletion + 1, '0');
  expect(refusal(deleteOf('k', { rangeEnd: bytes('l') }))).toBe('too_many_operations');
  expect(call(rangeOf({ ...ALL, countOnly: true })).count).toBe(LIMITS.keysPerDeletion + 1);
  expect(call(deleteOf('k1', { rangeEnd: bytes('k10') })).deleted).toBe(1);
});

test('the deletions of a transaction take together as many keys as one may, and are refused whole beyond it', () => {
  const { call, refusal, database } = kvWorld();
  fill(database, LIMITS.keysPerDeletion + 1, '0');
  const halves = [deleteOf('k', { rangeEnd: bytes('k5') }), deleteOf('k5', { rangeEnd: bytes('l') })];
  expect(refusal({ op: 'txn', compare: [], success: halves, failure: [] })).toBe('too_many_operations');
  expect(call(rangeOf({ ...ALL, countOnly: true })).count).toBe(LIMITS.keysPerDeletion + 1);
  const few = [deleteOf('k1', { rangeEnd: bytes('k10') }), deleteOf('k2', { rangeEnd: bytes('k20') })];
  expect(call({ op: 'txn', compare: [], success: few, failure: [] }).revision).toBe(2);
  expect(call(rangeOf({ ...ALL, countOnly: true })).count).toBe(LIMITS.keysPerDeletion - 1);
});

test('a lease takes a bounded number of keys, and one that goes makes room for another', () => {
  const { call, refusal, database, clock } = kvWorld();
  const { leaseId } = call({ op: 'grant', leaseId: '5', ttlSeconds: 10 });
  fill(database, LIMITS.keysPerLease - 1, leaseId);
  const put = (key: string) => putOf(key, '', { leaseId });
  call(put('last'));
  expect(refusal(put('more'))).toBe('quota_exceeded');
  expect(refusal({ op: 'txn', compare: [], success: [putOf('other', ''), put('more')], failure: [] })).toBe(
    'quota_exceeded',
  );
  call(put('last'));
  call(putOf('k0', 'without a lease'));
  call(put('more'));
  call(deleteOf('k1'));
  call(put('still more'));
  expect(refusal(put('one'))).toBe('quota_exceeded');
  clock.advance(10_000);
  expect(call(rangeOf({ ...ALL, countOnly: true })).count).toBe(1);
  expect(call(rangeOf(ALL)).revision).toBe(8);
});

test('a lease of a backup that has more keys than it may ends all the same', () => {
  const { call, database } = kvWorld();
  call({ op: 'grant', leaseId: '5', ttlSeconds: 10 });
  fill(database, LIMITS.keysPerLease + 1, '5');
  expect(call({ op: 'revoke', leaseId: '5' }).revision).toBe(3);
  expect(call(rangeOf({ ...ALL, countOnly: true })).count).toBe(0);
});

test('of many watches in one stream each is told everything, some at a time', async () => {
  const { call, machine } = kvWorld();
  const large = 'x'.repeat(900_000);
  for (let write = 0; write < 3; write++) call(putOf('a', large));
  const watches = Array.from({ length: 12 }, (_, watchId) => watchOf({ watchId, startRevision: 2 }));
  const timing = { progressEveryMs: 1_000, startTimer: () => () => {} };
  const reader = machine.watch(watches, timing).getReader();
  const decoder = new TextDecoder();
  const told = new Map<number, number[]>();
  let text = '';
  while ([...told.values()].flat().length < 3 * watches.length) {
    const { value } = await reader.read();
    expect(value?.length).toBeLessThan(3 * 1024 * 1024);
    const lines = (text + decoder.decode(value, { stream: true })).split('\n');
    text = lines.pop() ?? '';
    for (const frame of lines.map((line) => JSON.parse(line) as KvWatchFrame)) {
      if (frame.type !== 'events') continue;
      told.set(frame.watchId, [...(told.get(frame.watchId) ?? []), frame.revision]);
    }
  }
  await reader.cancel();
  for (const { watchId } of watches) expect(told.get(watchId)).toEqual([2, 3, 4]);
});

test('leases have a bound, and one that ends makes room for another', () => {
  const { call, refusal, database } = kvWorld();
  database.exec(
    `INSERT INTO kv_leases (id, ttl_seconds, expires_at)
     WITH RECURSIVE n (at) AS (SELECT 1 UNION ALL SELECT at + 1 FROM n WHERE at < ?)
     SELECT CAST(at AS TEXT), 60, 9000000000 FROM n`,
    LIMITS.clusterLeases,
  );
  const grant = { op: 'grant', leaseId: '0', ttlSeconds: 60 } as const;
  expect(refusal(grant)).toBe('quota_exceeded');
  call({ op: 'revoke', leaseId: '7' });
  expect(call(grant).ttlSeconds).toBe(60);
  expect(refusal(grant)).toBe('quota_exceeded');
});

test('a transaction has a bound on its operations with those of the transactions within it', () => {
  const { call, refusal } = kvWorld();
  const txnOf = (success: readonly KvOperation[]) => ({ op: 'txn', compare: [], success, failure: [] }) as const;
  const nested = (each: number) =>
    txnOf(
      Array.from({ length: 32 }, (_, outer) =>
        txnOf(Array.from({ length: each }, (_, inner) => putOf(`${outer}/${inner}`, ''))),
      ),
    );
  expect(refusal(nested(32))).toBe('too_many_operations');
  call(nested(31));
  expect(call(rangeOf({ ...ALL, countOnly: true })).count).toBe(32 * 31);
});
