import { describe, expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { ANONYMOUS } from '../../src/core/protocol/auth-policy.ts';
import type { CompiledLimit, CompiledRateLimits } from '../../src/core/protocol/rate-limit.ts';
import type { RateLimiterCalls } from '../../src/core/protocol/rate-limiter.ts';
import type { EdgeLimiter } from '../../src/gateway/edge-limits.ts';
import type { Exchange, RateLimitEntry } from '../../src/gateway/exchange.ts';
import { HeaderList } from '../../src/gateway/header-list.ts';
import { createRateLimits } from '../../src/gateway/rate-limits.ts';
import { Counters } from '../../src/traffic/limit/counters.ts';
import { limitOf } from '../traffic/limit/rules.ts';

function policy(name: string, given: Partial<CompiledRateLimits>, ...limits: Partial<CompiledLimit>[]): RateLimitEntry {
  const usual = { mode: 'exact', tier: null, dryRun: false, onFailure: 'closed', shards: 1 } as const;
  const spec = { ...usual, ...given, limits: limits.map((limit) => limitOf(limit)) };
  return { kind: 'RateLimitPolicy', name, namespaceUid: 'u', spec };
}

/** A stage, its objects, and a clock that only the test moves: timers ring when it passes them. */
function world() {
  const clock = manualClock(1_000_000);
  const objects = new Map<string, Counters>();
  const timers: { atMs: number; ring: () => void }[] = [];
  const background: Promise<unknown>[] = [];
  const world = {
    clock,
    calls: [] as string[],
    edge: true,
    silent: false,
    left(object: string, limit: Partial<CompiledLimit>): number {
      const ask = { rule: limitOf(limit), key: '', need: 0, take: 0, lease: 0, holder: null };
      return objects.get(object)?.peek([ask], clock.now()).verdicts[0].available ?? Number.NaN;
    },
    async pass(ms: number): Promise<void> {
      clock.advance(ms);
      for (const timer of timers.splice(0)) {
        if (timer.atMs <= clock.now()) timer.ring();
        else timers.push(timer);
      }
      await new Promise((resolve) => setImmediate(resolve));
    },
    exchange(...policies: RateLimitEntry[]): Exchange {
      const attached = { kind: 'RateLimitPolicy', key: 'k', target: 'HTTPRoute' } as const;
      const request = new Request('http://a.test/');
      return {
        request,
        given: new HeaderList(),
        body: null,
        heldLimits: null,
        target: { path: '/' },
        clientIp: '203.0.113.1',
        identity: ANONYMOUS,
        pathVariables: {},
        policies: { auth: null, security: null, rateLimits: policies.map((entry) => ({ attached, policy: entry })) },
        waitUntil: (work: Promise<unknown>) => void background.push(work),
        requestId: 'r',
        limits: [],
        refusal: null,
        requestBytes: 0,
        responseBytes: null,
        watchBody: false,
        cost: 1,
      } as unknown as Exchange;
    },
    stage: createRateLimits({
      clock,
      timer(ms, ring) {
        const timer = { atMs: clock.now() + ms, ring };
        timers.push(timer);
        return () => void timers.splice(timers.indexOf(timer), timers.includes(timer) ? 1 : 0);
      },
      newHolder: (): string => `h${world.calls.length}`,
      mostKeys: 100,
      limiter(name): Omit<RateLimiterCalls, 'firstUse'> {
        const counters = objects.get(name) ?? new Counters(100);
        objects.set(name, counters);
        const answer = async <T>(call: string, work: () => T): Promise<T> => {
          world.calls.push(`${call} ${name}`);
          if (world.silent) await new Promise(() => {});
          return work();
        };
        return {
          take: (asks, changes) =>
            answer('take', () => {
              counters.change(changes, clock.now());
              return counters.take(asks, clock.now());
            }),
          change: (changes) => answer('change', () => counters.change(changes, clock.now())),
          peek: (asks) => answer('peek', () => counters.peek(asks, clock.now())),
          reset: (limits, key) => answer('reset', () => counters.reset(limits, key)),
        };
      },
      edge: (binding): EdgeLimiter | undefined =>
        binding === 'EDGE' ? { limit: async () => ({ success: world.edge }) } : undefined,
    }),
  };
  return world;
}

describe('the stage of rate limits', () => {
  test('waits for nothing while what was lent is in hand', async () => {
    const { stage, exchange, calls, pass } = world();
    const leased = policy('p', { mode: 'leased' }, { limit: 10_000, windowMs: 60_000 });
    for (let i = 0; i < 50; i++) await stage.before(exchange(leased));
    const asked = calls.length;
    expect(asked).toBeLessThan(8);
    for (let i = 0; i < 5; i++) expect(stage.before(exchange(leased))).toBeNull();
    expect(calls.length).toBe(asked);
    expect(stage.before(exchange())).toBeNull();
    await pass(0);
  });

  test('returns what was lent and not used, without being asked for anything', async () => {
    const { stage, exchange, left, pass } = world();
    const limit = { limit: 10_000, windowMs: 10_000 };
    const leased = policy('p', { mode: 'leased' }, limit);
    for (let i = 0; i < 5; i++) await stage.before(exchange(leased));
    expect(left('u/p/0', limit)).toBeLessThan(9_995);
    await pass(2_100);
    expect(left('u/p/0', limit)).toBe(9_995);
  });

  test('asks the platform last, and gives back what was taken where that refuses', async () => {
    const given = world();
    const { stage, exchange, left, pass, calls } = given;
    const exact = policy('p', {}, { limit: 10 });
    const edge = policy('e', { mode: 'edge', tier: 'EDGE' }, { name: 'tier', limit: 10 });
    expect(await stage.before(exchange(edge, exact))).toBeNull();
    given.edge = false;
    const refused = exchange(edge, exact);
    const answer = await stage.before(refused);
    expect([answer?.status, answer?.headers.get('ratelimit-policy')]).toEqual([429, '"tier";q=10;w=10']);
    expect(refused.limits).toEqual([
      { policy: 'p', limit: 'a', allowed: true, asked: true, dryRun: false },
      { policy: 'e', limit: 'tier', allowed: false, asked: true, dryRun: false },
    ]);
    await pass(0);
    expect(left('u/p/0', { limit: 10 })).toBe(9);
    expect(calls.at(-1)).toBe('change u/p/0');
  });

  test('counts a dry run, and holds nothing up by it', async () => {
    const { stage, exchange, pass } = world();
    const dry = policy('d', { dryRun: true }, { limit: 1 });
    const exchanges = [exchange(dry), exchange(dry)];
    for (const each of exchanges) {
      // Not even a promise, though the object has to be asked.
      expect(stage.before(each)).toBeNull();
      await pass(0);
    }
    expect(exchanges.map(({ limits }) => limits[0])).toEqual([
      { policy: 'd', limit: 'a', allowed: true, asked: true, dryRun: true },
      { policy: 'd', limit: 'a', allowed: false, asked: true, dryRun: true },
    ]);
    const headers = new Headers();
    for (const each of exchanges) stage.after(each, headers, headers);
    expect([...headers]).toEqual([]);
  });

  test('takes nothing for a dry run of a request that was refused', async () => {
    const { stage, exchange, left, pass } = world();
    const [exact, dry] = [policy('p', {}, { limit: 1 }), policy('d', { dryRun: true }, { limit: 10 })];
    for (let i = 0; i < 3; i++) await stage.before(exchange(exact, dry));
    await pass(0);
    expect(left('u/d/0', { limit: 10 })).toBe(9);
  });

  test('waits for an object that is silent no longer than a second', async () => {
    const given = world();
    const { stage, exchange, pass } = given;
    given.silent = true;
    const answer = Promise.resolve(stage.before(exchange(policy('p', { onFailure: 'closed' }, {}))));
    await pass(999);
    let status: number | undefined;
    void answer.then((response) => {
      status = response?.status;
    });
    await pass(0);
    expect(status).toBeUndefined();
    await pass(1);
    expect(status).toBe(503);
    // Meanwhile it is not asked again: this answer is there at once.
    const unasked = exchange(policy('p', { onFailure: 'open' }, {}));
    expect(stage.before(unasked)).toBeNull();
    expect(unasked.limits).toEqual([{ policy: 'p', limit: 'a', allowed: true, asked: false, dryRun: false }]);
  });

  test('charges bytes while they pass, and the rest at the end', async () => {
    const { stage, exchange, left, pass } = world();
    const bytes = policy('b', {}, { measure: 'bytes', limit: 10_000, windowMs: 60_000 });
    const stream = exchange(bytes);
    const pieces = new TransformStream<Uint8Array, Uint8Array>();
    Object.assign(stream, { requestBytes: null, body: pieces.readable });
    await stage.before(stream);
    expect(stream.watchBody).toBe(true);
    const limit = { measure: 'bytes', limit: 10_000, windowMs: 60_000 } as const;
    const uploaded = new Response(stream.body as ReadableStream).arrayBuffer();
    const writer = pieces.writable.getWriter();
    await writer.write(new Uint8Array(300));
    stream.responseBytes = 2_000;
    await pass(1_000);
    expect(left('u/b/0', limit)).toBe(7_700);
    await writer.write(new Uint8Array(50));
    await writer.close();
    await uploaded;
    stream.responseBytes = 4_000;
    await pass(500);
    expect(left('u/b/0', limit)).toBe(7_700);
    stage.finished(stream);
    await pass(0);
    expect(left('u/b/0', limit)).toBe(5_650);
    await pass(5_000);
    expect(left('u/b/0', limit)).toBe(5_650);
  });

  test('holds the place of an open WebSocket beyond the time after which a request is forgotten, and gives it back', async () => {
    const { stage, exchange, left, pass } = world();
    const flight = { algorithm: 'concurrency', limit: 2, holdMs: 60_000 } as const;
    const [socket, lost] = [exchange(policy('f', {}, flight)), exchange(policy('f', {}, flight))];
    await stage.before(socket);
    await pass(1);
    await stage.before(lost);
    expect(left('u/f/0', flight)).toBe(0);
    for (let i = 0; i < 300; i++) {
      await pass(1_000);
      stage.stillOpen(socket);
    }
    expect(left('u/f/0', flight)).toBe(1);
    stage.finished(socket);
    await pass(0);
    expect(left('u/f/0', flight)).toBe(2);
    stage.stillOpen(socket);
    await pass(0);
    expect(left('u/f/0', flight)).toBe(2);
  });

  test('explains what each limit would say, and takes nothing', async () => {
    const given = world();
    const { stage, exchange } = given;
    const exact = policy('p', { shards: 3 }, { name: 'a', limit: 1, key: [{ type: 'ip' }] }, { name: 'b', limit: 5 });
    const edge = policy('e', { mode: 'edge', tier: 'EDGE' }, { limit: 10 });
    await stage.before(exchange(exact));
    for (let i = 0; i < 2; i++) {
      expect(await stage.explain(exchange(exact, edge))).toEqual([
        {
          policy: 'p',
          limit: 'a',
          mode: 'exact',
          dryRun: false,
          key: 'ip=203.0.113.1',
          allowed: false,
          remaining: 0,
          retryAfterSeconds: expect.any(Number),
        },
        {
          policy: 'p',
          limit: 'b',
          mode: 'exact',
          dryRun: false,
          key: '',
          allowed: true,
          remaining: 4,
          retryAfterSeconds: null,
        },
        {
          policy: 'e',
          limit: 'a',
          mode: 'edge',
          dryRun: false,
          key: '',
          allowed: null,
          remaining: null,
          retryAfterSeconds: null,
        },
      ]);
    }
  });
});
