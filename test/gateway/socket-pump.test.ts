import { describe, expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { type PumpedSocket, pumpSocket, type Sender } from '../../src/gateway/socket-pump.ts';
import { UnreadMessages } from '../../src/gateway/unread.ts';
import { fakeSide } from './fake-side.ts';

const MiB = 1024 * 1024;

/** A pump between two sides that say what they were told. */
function world(unread = new UnreadMessages()) {
  const clock = manualClock(1_000_000);
  const [client, upstream] = [fakeSide(), fakeSide()];
  const passed: [Sender, number][] = [];
  let brokenOff = 0;
  const rings: (() => void)[] = [];
  const socket: PumpedSocket = pumpSocket(client, upstream, {
    clock,
    unread,
    timer: (_ms, ring) => {
      rings.push(ring);
      return () => void rings.splice(rings.indexOf(ring), 1);
    },
    breakOff: () => {
      brokenOff += 1;
    },
    passed: (from, bytes) => passed.push([from, bytes]),
  });
  return { clock, client, upstream, passed, socket, rings, brokenOff: () => brokenOff };
}

describe('messages', () => {
  test('pass both ways as what they are, and are counted in bytes', () => {
    const { client, upstream, passed } = world();
    const bytes = new Uint8Array([0, 255]).buffer;
    client.say('zoë');
    upstream.say(bytes);
    upstream.say('');
    expect([upstream.told, client.told]).toEqual([['zoë'], [bytes, '']]);
    expect(passed).toEqual([
      ['client', 4],
      ['upstream', 2],
      ['upstream', 0],
    ]);
    expect([client.binaryType, upstream.binaryType]).toEqual(['arraybuffer', 'arraybuffer']);
  });

  test('pass no more once it is over, whoever ended it', () => {
    const { client, upstream, socket, passed } = world();
    socket.close(4006, 'why');
    client.say('more');
    upstream.say('more');
    expect([client.told, upstream.told]).toEqual([['closed 4006 why'], ['closed 4006 why']]);
    expect(passed).toEqual([]);
  });

  test('are not even heard once it is over', () => {
    const { client, upstream } = world();
    expect([client.isHeard(), upstream.isHeard()]).toEqual([true, true]);
    client.closed(1000, '');
    expect([client.isHeard(), upstream.isHeard()]).toEqual([false, false]);
  });

  test('end it where both sides together send more of them in a second than others should wait for', () => {
    const { clock, client, upstream, socket } = world();
    const say = (messages: number) => {
      for (let i = 0; i < messages; i++) (i % 2 === 0 ? client : upstream).say('');
    };
    say(LIMITS.gatewaySocketMessages);
    clock.advance(1_000);
    say(LIMITS.gatewaySocketMessages);
    expect(socket.isOver).toBe(false);
    client.say('');
    expect(socket.isOver).toBe(true);
    const last = `closed 1008 more than ${LIMITS.gatewaySocketMessages} messages in a second`;
    expect([client.told.at(-1), upstream.told.at(-1)]).toEqual([last, last]);
  });

  test('are not sent to a side that is closing', () => {
    const { client, upstream, passed } = world();
    upstream.readyState = 2;
    client.say('late');
    expect([upstream.told, passed]).toEqual([[], []]);
  });
});

describe('an end', () => {
  test('is told to the other side as it was said, once', async () => {
    const { client, upstream, socket, brokenOff } = world();
    client.closed(4000, 'enough');
    upstream.closed(4000, 'enough');
    expect([upstream.told, client.told, brokenOff()]).toEqual([['closed 4000 enough'], [], 0]);
    expect(await socket.ended).toEqual({ clean: true });
    socket.close(4007, 'again');
    expect(client.told).toEqual([]);
  });

  test('without a code has none on the other side', async () => {
    const { client, upstream, socket } = world();
    upstream.closed(1005, '');
    expect(client.told).toEqual(['closed  ']);
    expect(await socket.ended).toEqual({ clean: true });
  });

  test('of a client that vanished breaks the upstream off', async () => {
    const { client, upstream, socket, brokenOff } = world();
    client.closed(1006, 'lost');
    expect([upstream.told, brokenOff()]).toEqual([[], 1]);
    expect(await socket.ended).toEqual({ clean: false });
  });

  test('of an upstream that vanished is told to the client, whom no connection can be broken off', async () => {
    const { client, upstream, socket, brokenOff } = world();
    upstream.closed(1006, 'lost');
    expect([client.told, brokenOff()]).toEqual([['closed 1011 the upstream broke the connection'], 0]);
    expect(await socket.ended).toEqual({ clean: false });
  });

  test.each([
    ['Network connection lost.', 'closed 1011 the upstream broke the connection'],
    ['Message is too large: 33554433 > 33554432', 'closed 1009 a message of the upstream is too large'],
  ])('by a fault that no close follows: %s', async (message, told) => {
    const of = { upstream: world(), client: world() };
    of.upstream.upstream.failed(message);
    expect(of.upstream.client.told).toEqual([told]);
    expect(await of.upstream.socket.ended).toEqual({ clean: false });
    of.client.client.failed(message);
    expect([of.client.upstream.told, of.client.brokenOff()]).toEqual([[], 1]);
    expect(await of.client.socket.ended).toEqual({ clean: false });
  });

  test.each([0, 999, 1004, 1015, 5_000, 65_535])(
    'by a code that may not be sent is one by a broken protocol: %s',
    (code) => {
      for (const side of ['client', 'upstream'] as const) {
        const given = world();
        given[side].closed(code, 'why');
        expect(given[side === 'client' ? 'upstream' : 'client'].told).toEqual(['closed 1002 ']);
      }
    },
  );

  test('tells as much of a reason as fits, in whole characters', () => {
    const { client, upstream } = world();
    client.closed(4000, `ab${'\ufffd'.repeat(123)}`);
    expect(upstream.told).toEqual([`closed 4000 ab${'\ufffd'.repeat(40)}`]);
  });

  test('that the upstream does not answer breaks it off', () => {
    for (const ended of ['client', 'gateway'] as const) {
      for (const answers of [true, false]) {
        const { client, upstream, socket, rings, brokenOff } = world();
        if (ended === 'client') client.closed(1000, '');
        else socket.close(4006, 'why');
        if (answers) upstream.closed(1000, '');
        expect(rings.length).toBe(answers ? 0 : 1);
        for (const ring of rings) ring();
        expect(brokenOff()).toBe(answers ? 0 : 1);
      }
    }
  });

  test('by the upstream, or by one that vanished, leaves nothing to ring', () => {
    for (const code of [1000, 1006]) {
      const [by, of] = [world(), world()];
      by.upstream.closed(code, '');
      of.client.closed(1006, '');
      expect([by.rings, of.rings]).toEqual([[], []]);
    }
  });

  test('is one: what the platform says of a connection that is closed already says nothing', async () => {
    const { client, upstream, socket, brokenOff } = world();
    client.closed(1000, '');
    client.failed('Network connection lost.');
    expect([upstream.told, brokenOff(), await socket.ended]).toEqual([['closed 1000 '], 0, { clean: true }]);
  });
});

describe('what a side has not read', () => {
  const piece = new ArrayBuffer(MiB);
  const most = LIMITS.gatewaySocketUnreadBytes / MiB;

  test('is bounded, since the platform holds it all in memory', () => {
    const { client, upstream, socket } = world();
    for (let i = 0; i < most - 1; i++) upstream.say(piece);
    expect(socket.isOver).toBe(false);
    upstream.say(piece);
    expect(client.told.at(-1)).toBe('closed 4005 the client reads too slowly');
    expect(upstream.told.at(-1)).toBe('closed 4005 the client reads too slowly');
  });

  test('may be one message of the longest that the platform takes', () => {
    const { upstream, socket } = world();
    upstream.say(new ArrayBuffer(LIMITS.gatewaySocketUnreadBytes));
    expect(socket.isOver).toBe(false);
  });

  test('counts more of a message than its bytes: small ones take more memory than they have', () => {
    const { clock, client, upstream, socket } = world();
    // As many as may come in a second are 2.5 MB by that, of which 1 MB is taken to have been read by the next.
    const netBytes = LIMITS.gatewaySocketMessages * 512 - MiB;
    let seconds = 0;
    for (; !socket.isOver; seconds++) {
      for (let i = 0; i < LIMITS.gatewaySocketMessages; i++) upstream.say('');
      clock.advance(1_000);
    }
    expect(seconds).toBe(Math.ceil((LIMITS.gatewaySocketUnreadBytes - MiB) / netBytes));
    expect(client.told.at(-1)).toBe('closed 4005 the client reads too slowly');
  });

  test('is bounded over all of an isolate, by an end of those that have more than their part', () => {
    const unread = new UnreadMessages();
    const [small, ...large] = [world(unread), world(unread), world(unread)];
    small.upstream.say(piece);
    for (let i = 0; i < 23; i++) for (const each of large) each.upstream.say(piece);
    expect(large.map(({ socket }) => socket.isOver)).toEqual([false, false]);
    large[0].upstream.say(piece);
    large[0].upstream.say(piece);
    expect(large.map(({ socket }) => socket.isOver)).toEqual([true, false]);
    // What lies with it still counts, and is no more than its part that the small one has.
    small.upstream.say(piece);
    expect(small.socket.isOver).toBe(false);
    large[1].upstream.say(piece);
    expect(large[1].socket.isOver).toBe(true);
    // A minute later nothing of both counts.
    small.clock.advance(60_000);
    for (let i = 0; i < 30; i++) small.upstream.say(piece);
    expect(small.socket.isOver).toBe(false);
    small.client.closed(1000, '');
    // One that has ended by itself leaves nothing behind.
    const next = world(unread);
    for (let i = 0; i < 30; i++) next.upstream.say(piece);
    expect(next.socket.isOver).toBe(false);
  });

  test('has a part that those who are gone do not make smaller', () => {
    const unread = new UnreadMessages();
    for (let i = 0; i < 20; i++) world(unread).client.closed(1000, '');
    const [full, ...others] = [world(unread), world(unread), world(unread), world(unread)];
    full.upstream.say(new ArrayBuffer(LIMITS.gatewaySocketUnreadBytes));
    for (let i = 0; i < 11; i++) for (const each of others) each.upstream.say(new ArrayBuffer(MiB / 2));
    expect(others.map(({ socket }) => socket.isOver)).toEqual([false, false, false]);
    full.upstream.say('');
    expect(full.socket.isOver).toBe(true);
  });

  test('is nothing once it says something itself', () => {
    const { client, upstream, socket } = world();
    for (let i = 0; i < 10 * most; i++) {
      upstream.say(piece);
      if (i % (most / 2) === 0) client.say('go on');
    }
    expect(socket.isOver).toBe(false);
    for (let i = 0; i < most + 1; i++) client.say(piece);
    expect(upstream.told.at(-1)).toBe('closed 4005 the upstream reads too slowly');
  });

  test('grows less by a mebibyte a second, which a side is taken to read', () => {
    const { clock, upstream, socket } = world();
    for (let i = 0; i < 10 * most; i++) {
      clock.advance(1_000);
      upstream.say(piece);
    }
    expect(socket.isOver).toBe(false);
    for (let i = 0; i < 3 * most; i++) {
      clock.advance(500);
      upstream.say(piece);
    }
    expect(socket.isOver).toBe(true);
  });
});
