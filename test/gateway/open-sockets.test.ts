import { describe, expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import type { Exchange } from '../../src/gateway/exchange.ts';
import { createOpenSockets } from '../../src/gateway/open-sockets.ts';
import type { Review, Reviewed } from '../../src/gateway/review.ts';
import { createLogs } from '../../src/observe/log.ts';
import { fakeSide } from './fake-side.ts';

const LET_IN: Reviewed = { version: 1, refusal: null };

/** An open WebSocket and a clock that only the test moves; `verdict` is what each look at it comes to. */
function world(verdict: Review = async () => LET_IN, given: Partial<Exchange> = { watchBody: true }) {
  const clock = manualClock(1_000_000);
  const [own, upstream, client] = [fakeSide(), fakeSide(), fakeSide()];
  const rings: { atMs: number; ring: () => void }[] = [];
  const counts = { ended: 0, held: 0, looks: 0, brokenOff: 0 };
  const seen: number[] = [];
  const exchange = {
    entries: { version: 1 },
    policies: { auth: null, security: null, rateLimits: [] },
    watchBody: false,
    requestBytes: 0,
    responseBytes: null,
    bodyEnd: null,
    bodyWhole: null,
    requestId: 'r',
    waitUntil: () => undefined,
    ...given,
  } as unknown as Exchange;
  const sockets = createOpenSockets({
    review: (looked, version) => {
      counts.looks += 1;
      seen.push(version);
      return verdict(looked, version);
    },
    rateLimits: {
      stillOpen: () => {
        counts.held += 1;
      },
    },
    socketPair: () => ({ client: client as unknown as WebSocket, own }),
    clock,
    timer: (ms, ring) => {
      const timer = { atMs: clock.now() + ms, ring };
      rings.push(timer);
      return () => void rings.splice(rings.indexOf(timer), rings.includes(timer) ? 1 : 0);
    },
    log: createLogs({ '*': 'error' }, () => undefined, clock)('gateway'),
  });
  const attempt = {
    address: 'http://a',
    timeoutMs: 0,
    answered: () => undefined,
    end: () => {
      counts.ended += 1;
    },
  };
  const opened = sockets.open(exchange, attempt, upstream as unknown as WebSocket, () => {
    counts.brokenOff += 1;
  });
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  return {
    exchange,
    opened: opened as unknown,
    own,
    upstream,
    client,
    counts,
    seen,
    rings,
    settle,
    async pass(seconds: number): Promise<void> {
      for (let i = 0; i < seconds; i++) {
        clock.advance(1_000);
        for (const timer of rings.splice(0)) {
          if (timer.atMs <= clock.now()) timer.ring();
          else rings.push(timer);
        }
        await settle();
      }
    },
  };
}

describe('a WebSocket that nothing counts and no policy guards', () => {
  test('is the platform’s to pass on: nobody looks at it, and its call has ended', async () => {
    const { opened, upstream, counts, pass, exchange } = world(undefined, {});
    expect(opened).toBe(upstream);
    await pass(3);
    expect(counts).toMatchObject({ ended: 1, looks: 0 });
    expect(exchange.bodyEnd).toBeNull();
  });
});

describe('one that is counted or guarded', () => {
  const policy = {} as never;
  test.each<[string, Partial<Exchange>]>([
    ['where a limit, a bulkhead or a balancer has to know its end', { watchBody: true }],
    ['under an AuthPolicy', { policies: { auth: policy, security: null, rateLimits: [] } }],
    ['under a SecurityPolicy', { policies: { auth: null, security: policy, rateLimits: [] } }],
  ])('is pumped %s', (_, given) => {
    const { opened, client } = world(undefined, given);
    expect(opened).toBe(client);
  });

  test('holds its call and its limits until it ends, whoever ends it, and once', async () => {
    for (const end of ['client', 'upstream', 'fault', 'vanished'] as const) {
      const { own, upstream, counts, pass, settle, exchange, rings } = world();
      await pass(2);
      expect(counts).toMatchObject({ ended: 0, held: 2 });
      if (end === 'client') own.closed(1000, '');
      else if (end === 'upstream') upstream.closed(1000, '');
      else if (end === 'fault') upstream.failed('Network connection lost.');
      else own.closed(1006, '');
      upstream.closed(1000, '');
      await exchange.bodyEnd;
      await settle();
      expect([counts.ended, exchange.bodyWhole]).toEqual([1, end === 'client' || end === 'upstream']);
      expect(counts.brokenOff).toBe(end === 'vanished' ? 1 : 0);
      // Nothing rings for it any more.
      expect(rings).toEqual([]);
      await pass(2);
      expect(counts).toMatchObject({ ended: 1, held: 2 });
    }
  });

  test('counts what it passes as bytes of the request and of the answer', () => {
    const { own, upstream, exchange } = world();
    own.say('four');
    upstream.say('eight by');
    upstream.say('te');
    expect([exchange.requestBytes, exchange.responseBytes]).toEqual([4, 10]);
  });

  test.each([
    ['authentication', 'closed 4006 its credentials are no longer right'],
    ['match', 'closed 4007 its request would no longer be let in'],
    ['addresses', 'closed 4007 its request would no longer be let in'],
  ] as const)('ends within a second of what refuses it, idle or not: %s', async (stage, told) => {
    let verdict: Reviewed = LET_IN;
    const { own, upstream, pass, counts } = world(async () => verdict);
    await pass(5);
    verdict = { version: 2, refusal: { code: 'access_denied', stage } };
    expect(own.told).toEqual([]);
    await pass(1);
    expect([own.told, upstream.told, counts.ended]).toEqual([[told], [told], 1]);
    own.say('still here');
    expect(upstream.told).toEqual([told]);
  });

  test('is held against each version once', async () => {
    let version = 1;
    const { pass, seen } = world(async () => ({ version, refusal: null }));
    await pass(1);
    version = 7;
    await pass(2);
    expect(seen).toEqual([1, 1, 7]);
  });

  test('goes on while nobody can say whether it may, and for ten seconds at most', async () => {
    let fails = true;
    const { own, pass } = world(async () => {
      if (fails) throw new Error('away');
      return LET_IN;
    });
    await pass(8);
    fails = false;
    await pass(1);
    fails = true;
    await pass(9);
    expect(own.told).toEqual([]);
    await pass(1);
    expect(own.told).toEqual(['closed 1013 its credentials cannot be checked']);
  });
});
