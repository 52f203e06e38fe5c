import { expect, test } from 'vitest';
import { CLOSED } from '../../durable-objects/member-sockets.ts';
import { WatchSockets } from '../../durable-objects/watch-sockets.ts';
import { KvMachine } from '../../src/cluster/kv/machine.ts';
import { type Untold, untoldEvents } from '../../src/cluster/untold.ts';
import { manualClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { ClusterEvent } from '../../src/core/protocol/cluster.ts';
import { seededRandom } from '../../src/core/random.ts';
import { deleteOf, kvDatabase, putOf, SETTINGS } from './kv-fixture.ts';

/** A socket as the platform keeps it while the object sleeps: what was attached, and what was sent. */
class HeldSocket {
  readonly readyState = WebSocket.OPEN;
  readonly told: Untold['messages'][number][] = [];
  closed: number | null = null;
  private attachment: string;

  constructor(prefix: string, after: number) {
    this.attachment = JSON.stringify({ prefix, after, unread: 0 });
  }

  serializeAttachment(value: unknown): void {
    this.attachment = JSON.stringify(value);
  }
  deserializeAttachment(): unknown {
    return JSON.parse(this.attachment);
  }
  send(text: string): void {
    this.told.push(JSON.parse(text));
  }
  close(code: number): void {
    this.closed = code;
  }
}

function watching(held: readonly HeldSocket[], untold: (prefix: string, after: number) => Untold): WatchSockets {
  const open = held.filter(({ closed }) => closed === null);
  return new WatchSockets({ getWebSockets: () => open } as unknown as DurableObjectState, 'watch', untold);
}

/** The object awake: its store and its sockets, told of each change as it is written. */
function awake(database: ReturnType<typeof kvDatabase>, ...held: HeldSocket[]) {
  const sockets = watching(held, (prefix, after) => keys.untold(prefix, after));
  const keys: KvMachine = new KvMachine({
    database,
    clock: manualClock(0),
    random: seededRandom(1),
    settings: SETTINGS,
    changed: () => sockets.catchUp(),
  });
  const call = (asked: Parameters<KvMachine['call']>[0]) => expect(keys.call(asked, null, 0).ok).toBe(true);
  return { sockets, call };
}
const revisionsOf = ({ told }: HeldSocket) => told.flatMap((each) => (each.type === 'event' ? [each.revision] : []));

test('a watch is told each revision once and in order, however often the object sleeps in between', () => {
  const database = kvDatabase();
  const all = new HeldSocket('', 1);
  const some = new HeldSocket('a/', 1);
  awake(database, all, some).call(putOf('a/1', '1'));
  awake(database, all, some).sockets.catchUp();
  const later = awake(database, all, some);
  later.call(putOf('b', '1'));
  later.call({ op: 'txn', compare: [], success: [putOf('a/2', '1'), deleteOf('a/1')], failure: [] });
  expect(revisionsOf(all)).toEqual([2, 3, 4]);
  expect(some.told).toEqual([
    { type: 'event', revision: 2, changes: [expect.objectContaining({ type: 'put', key: 'a/1', value: '1' })] },
    {
      type: 'event',
      revision: 4,
      changes: [
        expect.objectContaining({ type: 'put', key: 'a/2' }),
        expect.objectContaining({ type: 'delete', key: 'a/1' }),
      ],
    },
  ]);
});

test('a watch whose history is gone is told so, and closed', () => {
  const database = kvDatabase();
  const { call } = awake(database);
  for (const value of ['1', '2', '3']) call(putOf('a', value));
  call({ op: 'compact', revision: 4 });
  const behind = new HeldSocket('', 1);
  awake(database, behind).sockets.catchUp();
  expect([behind.told, behind.closed]).toEqual([[{ type: 'gone', compactedRevision: 4 }], CLOSED.gone]);
});

test('a watch that nobody reads is closed before it fills the memory, and resumes where it was', () => {
  const database = kvDatabase();
  const large = 'x'.repeat(512 * 1024);
  const writes = Math.ceil(LIMITS.watchUnreadChars / large.length) + 4;
  const deaf = new HeldSocket('', 1);
  const reads = new HeldSocket('', 1);
  const { call, sockets } = awake(database, deaf, reads);
  for (let write = 0; write < writes; write++) {
    call(putOf('a', large));
    sockets.heard(reads as unknown as WebSocket);
  }
  expect([deaf.closed, reads.closed]).toEqual([CLOSED.unread, null]);
  const seen = revisionsOf(deaf);
  expect(seen.length).toBeLessThan(writes);
  const again = new HeldSocket('', seen.at(-1) ?? 0);
  awake(database, again).sockets.catchUp();
  expect([...seen, ...revisionsOf(again)]).toEqual(Array.from({ length: writes }, (_, at) => at + 2));
});

test('a watch of members that nobody reads is told a part of a long history, and resumes where that ended', () => {
  const zone = 'x'.repeat(LIMITS.clusterMemberBytes);
  const length = 1_000;
  const source = {
    compactedRevision: () => 0,
    eventsAfter: (after: number, limit: number) =>
      Array.from({ length: Math.min(limit, length - after) }, (_, at) => eventOf(after + at + 1, zone)),
  };
  const seen: number[] = [];
  for (let resumed = 0; seen.length < length && resumed < length; resumed++) {
    const deaf = new HeldSocket('', seen.at(-1) ?? 0);
    watching([deaf], (_prefix, after) => untoldEvents(source, after)).catchUp();
    expect(deaf.told.length * zone.length).toBeLessThan(1.5 * LIMITS.watchUnreadChars);
    seen.push(...revisionsOf(deaf));
    expect(deaf.closed).toBe(seen.length < length ? CLOSED.unread : null);
  }
  expect(seen).toEqual(Array.from({ length }, (_, at) => at + 1));
});

function eventOf(revision: number, reason: string): ClusterEvent {
  return { kind: 'leader', memberId: null, epoch: 1, reason, revision, time: new Date(0).toISOString() };
}
