import { describe, expect, it } from 'vitest';
import { sessionSigner } from '../../src/access/session-signature.ts';
import { manualClock } from '../../src/core/clock.ts';
import type { CompiledUpstream } from '../../src/core/protocol/upstream.ts';
import type { UpstreamState } from '../../src/core/protocol/upstream-monitor.ts';
import type { CallOutcome, Exchange } from '../../src/gateway/exchange.ts';
import type { Attempt, NoAttempt } from '../../src/gateway/pipeline.ts';
import { Upstreams } from '../../src/gateway/upstreams.ts';
import { DEFAULT_BREAKER, DEFAULT_RETRY } from '../traffic/upstream/settings.ts';
import { exchange, KEY, upstream } from './fleet.ts';

const OK: CallOutcome = { status: 200, fault: null, headMs: 10 };
const FAILED: CallOutcome = { status: 503, fault: null, headMs: 10 };

function stage(given: { askNow?: () => Promise<void> } = {}) {
  const clock = manualClock(1_700_000_000_000);
  const sign = sessionSigner(new Uint8Array(32).fill(9));
  const upstreams = new Upstreams({ clock, chance: () => 0.5, sign, askNow: async () => {}, ...given });
  const begin = (request: Exchange, entry: CompiledUpstream) => {
    // As if the monitor had been asked for it before.
    upstreams.of(KEY, entry).isAsked = true;
    const begun = upstreams.begin(request, KEY, entry);
    if (begun instanceof Promise) throw new Error('there is nothing to wait for');
    return begun;
  };
  /** Makes a call whose answer is `outcome`. */
  const call = (request: Exchange, entry: CompiledUpstream, outcome: CallOutcome): string => {
    const attempt = begin(request, entry);
    if ('refused' in attempt) return attempt.refused;
    end(request, attempt, outcome);
    return attempt.address;
  };
  return { clock, upstreams, begin, call };
}

function end(request: Exchange, attempt: Attempt, outcome: CallOutcome): void {
  request.calls.push({ endpoint: attempt.address, outcome } as Exchange['calls'][number]);
  attempt.answered(outcome);
  attempt.end();
}

const state = (given: Partial<UpstreamState>): UpstreamState => ({
  version: 1,
  endpoints: null,
  stale: null,
  health: {},
  breakers: {},
  ...given,
});

const DISCOVERED = upstream({
  endpoints: [],
  circuitBreaker: null,
  source: {
    type: 'discovery',
    backend: 'members',
    cluster: 'default',
    service: '',
    etcd: null,
    consul: null,
    secretName: null,
    scheme: 'http',
    intervalMs: 5_000,
  },
});

const STICKY = upstream({
  circuitBreaker: null,
  sessionPersistence: {
    type: 'Cookie',
    name: 'sid',
    absoluteTimeoutMs: 0,
    idleTimeoutMs: 60_000,
    cookieLifetime: 'Session',
  },
});

describe('calls of an upstream', () => {
  it('go again to an endpoint that was not tried, as often as the retry says', () => {
    const { upstreams, call } = stage();
    const entry = upstream({ retry: DEFAULT_RETRY, circuitBreaker: null });
    const request = exchange();
    const called: string[] = [];
    let delays = 0;
    for (;;) {
      called.push(call(request, entry, FAILED));
      const delayMs = upstreams.retryAfterMs(request, entry, FAILED, true);
      if (delayMs === null) break;
      delays += delayMs;
    }
    expect(new Set(called).size).toBe(4);
    // Half of 100, 200 and 400.
    expect(delays).toBe(350);
  });

  it.each([
    ['a method that may not be sent twice', exchange({ method: 'POST' }), FAILED, true],
    ['a body that is gone', exchange(), FAILED, false],
    ['an answer that is none of the conditions', exchange(), OK, true],
    ['a client that left', exchange(), { status: null, fault: 'cancelled' as const, headMs: 1 }, true],
  ])('do not go again for %s', (_why, request, outcome, repeatable) => {
    const { upstreams, call } = stage();
    const entry = upstream({ retry: DEFAULT_RETRY, circuitBreaker: null });
    call(request, entry, outcome);
    expect(upstreams.retryAfterMs(request, entry, outcome, repeatable)).toBeNull();
  });

  it('go again for a share of what is under way and no more, however many fail at once', () => {
    const { upstreams, begin } = stage();
    const entry = upstream({ retry: DEFAULT_RETRY, circuitBreaker: null });
    const requests = Array.from({ length: 100 }, () => exchange());
    const attempts = requests.map((request) => begin(request, entry) as Attempt);
    const granted = requests.filter((request, at) => {
      request.calls.push({ endpoint: attempts[at].address, outcome: FAILED } as Exchange['calls'][number]);
      attempts[at].answered(FAILED);
      return upstreams.retryAfterMs(request, entry, FAILED, true) !== null;
    });
    expect(granted.length).toBe(20);
    // A grant that nobody makes use of lapses.
    expect(upstreams.of(KEY, entry).repetitions()).toBe(20);
  });

  it('are refused with the time until a breaker lets probes through', () => {
    const { begin, call, clock } = stage();
    const entry = upstream();
    for (let i = 0; i < 5; i++) call(exchange(), entry, FAILED);
    clock.advance(1_500);
    const refused = begin(exchange(), entry) as NoAttempt;
    expect(refused).toEqual({
      refused: 'the circuit breaker is open: 5 failures in a row, the last: status 503',
      retryAfterSeconds: 4,
    });
  });

  it('wait to be a probe where nothing else may be called, and ask for it once in a while', async () => {
    let upstreams: Upstreams | undefined;
    const shared = { round: 2, sinceMs: 0, retryInMs: 0, closedForMs: 0, reason: 'status 503' };
    let asked = 0;
    const askNow = async () => {
      asked += 1;
      await null;
      expect(upstreams?.takeWishes()).toEqual([KEY]);
      upstreams?.apply({ [KEY]: state({ version: 3, breakers: { '': { ...shared, state: 'HalfOpen', probes: 1 } } }) });
    };
    const made = stage({ askNow });
    upstreams = made.upstreams;
    const entry = upstream();
    upstreams.of(KEY, entry).isAsked = true;
    upstreams.apply({ [KEY]: state({ version: 2, breakers: { '': { ...shared, state: 'Open', probes: 0 } } }) });
    const waiting = upstreams.begin(exchange(), KEY, entry);
    expect(made.begin(exchange(), entry)).toHaveProperty('refused');
    expect(await waiting).toHaveProperty('address');
    expect(made.begin(exchange(), entry)).toHaveProperty('refused');
    expect(asked).toBe(1);
  });

  it('wait for what others know of an upstream that this isolate has not called before', async () => {
    let upstreams: Upstreams | undefined;
    const health = { 'http://10.0.0.1': { healthy: false, sinceMs: 0, reason: 'status 500' } };
    const made = stage({ askNow: async () => upstreams?.apply({ [KEY]: state({ health }) }) });
    upstreams = made.upstreams;
    const entry = upstream();
    const waiting = upstreams.begin(exchange(), KEY, entry);
    // Others that come meanwhile do not wait for an answer that may not come.
    expect(upstreams.begin(exchange(), KEY, entry)).toHaveProperty('address');
    expect(waiting).toBeInstanceOf(Promise);
    await waiting;
    const called = Array.from({ length: 6 }, () => made.call(exchange(), entry, OK));
    expect(called).not.toContain('http://10.0.0.1');
  });

  it('wait for the first word of discovery, and keep the last good set when it is stale', async () => {
    let upstreams: Upstreams | undefined;
    const endpoints = [{ address: 'http://10.0.0.9', weight: 1, zone: null, draining: false }];
    const made = stage({ askNow: async () => upstreams?.apply({ [KEY]: state({ endpoints }) }) });
    upstreams = made.upstreams;
    const first = (await made.upstreams.begin(exchange(), KEY, DISCOVERED)) as Attempt;
    expect(first.address).toBe('http://10.0.0.9');
    upstreams.apply({ [KEY]: state({ version: 2, endpoints, stale: { sinceMs: 0, reason: 'gone' } }) });
    expect(made.call(exchange(), DISCOVERED, OK)).toBe('http://10.0.0.9');
    upstreams.apply({ [KEY]: state({ version: 3, endpoints: [] }) });
    expect(made.begin(exchange(), DISCOVERED)).toEqual({ refused: 'there is no endpoint', retryAfterSeconds: 1 });
  });

  it('keep what was counted of endpoints that stay when others come and go', () => {
    const { upstreams, call } = stage();
    const entry = upstream({ outlierDetection: null });
    for (let i = 0; i < 4; i++) call(exchange(), entry, OK);
    const before = upstreams.of(KEY, entry).known;
    const changed = {
      ...entry,
      endpoints: [...entry.endpoints.slice(1), { ...entry.endpoints[0], address: 'http://10.0.0.7' }],
    };
    const after = upstreams.of(KEY, changed).known;
    expect(after.slice(0, 3)).toEqual(before.slice(1));
    expect(after[3].sinceMs).toBeGreaterThan(0);
  });

  it('stay with the endpoint of their session, also while it drains, and go elsewhere when it is ill', () => {
    const { upstreams, call } = stage();
    const first = exchange();
    const address = call(first, STICKY, OK);
    const headers = new Headers();
    upstreams.responseHeaders(Object.assign(first, { upstream: STICKY }), headers);
    const cookie = headers.get('set-cookie')?.split(';')[0] ?? '';
    expect(cookie).toMatch(/^sid=/);
    const draining = {
      ...STICKY,
      endpoints: STICKY.endpoints.map((each) => ({ ...each, draining: each.address === address })),
    };
    for (let i = 0; i < 8; i++) {
      expect(call(exchange({ headers: { cookie } }), draining, OK)).toBe(address);
      expect(call(exchange(), draining, OK)).not.toBe(address);
    }
    const again = exchange({ headers: { cookie } });
    call(again, draining, OK);
    const quiet = new Headers();
    upstreams.responseHeaders(Object.assign(again, { upstream: draining }), quiet);
    expect(quiet.get('set-cookie')).toBeNull();
    upstreams.apply({ [KEY]: state({ health: { [address]: { healthy: false, sinceMs: 0, reason: 'status 500' } } }) });
    expect(call(exchange({ headers: { cookie } }), draining, OK)).not.toBe(address);
  });

  it('stay with the upstream of their session where a rule has several', () => {
    const { upstreams, call } = stage();
    const action = { sessionPersistence: STICKY.sessionPersistence } as Exchange['action'];
    const first = Object.assign(exchange(), { action, upstream: STICKY });
    call(first, STICKY, OK);
    const headers = new Headers();
    upstreams.responseHeaders(first, headers);
    const cookie = headers.get('set-cookie')?.split(';')[0] ?? '';
    const next = Object.assign(exchange({ headers: { cookie } }), { action });
    expect(upstreams.sessionUpstream(next, ['uid/other', null, KEY])).toBe(KEY);
    expect(upstreams.sessionUpstream(next, ['uid/other'])).toBeNull();
    expect(upstreams.sessionUpstream(Object.assign(exchange(), { action }), [KEY])).toBeNull();
  });

  it('come back to nothing under way, however they end', () => {
    const { upstreams, begin } = stage();
    const entry = upstream({ bulkhead: { maxInFlight: 2, maxQueued: 0, queueTimeoutMs: 100 } });
    const attempts = [begin(exchange(), entry), begin(exchange(), entry)] as Attempt[];
    expect(begin(exchange(), entry)).toEqual({ refused: 'too many requests are under way', retryAfterSeconds: 1 });
    // Given up without an answer, and ended twice.
    attempts[0].end();
    attempts[0].end();
    attempts[1].answered(OK);
    attempts[1].end();
    expect(upstreams.of(KEY, entry).requestsInFlight).toBe(0);
    for (const { inFlight } of upstreams.of(KEY, entry).known) expect(inFlight).toBe(0);
    expect([begin(exchange(), entry), begin(exchange(), entry)].some((each) => 'refused' in each)).toBe(false);
    expect(begin(exchange(), entry)).toHaveProperty('refused');
  });

  it('say of each endpoint why it would not be called, and change nothing by it', () => {
    const { upstreams } = stage();
    const entry = upstream({
      endpoints: [
        { address: 'http://a', weight: 1, zone: null, draining: true },
        { address: 'http://b', weight: 0, zone: null, draining: false },
        { address: 'http://c', weight: 1, zone: null, draining: false },
        { address: 'http://d', weight: 1, zone: null, draining: false },
      ],
    });
    upstreams.of(KEY, entry);
    upstreams.apply({ [KEY]: state({ health: { 'http://c': { healthy: false, sinceMs: 0, reason: 'status 500' } } }) });
    const peek = upstreams.peek(exchange(), KEY, entry);
    expect(peek).toMatchObject({ chosen: 'http://d', reason: null, breaker: 'Closed', panic: false });
    expect(peek.endpoints.map(({ reason }) => reason)).toEqual([
      'it is draining',
      'its weight is 0',
      'it is unhealthy: status 500',
      null,
    ]);
    expect(upstreams.peek(exchange(), KEY, entry)).toEqual(peek);
  });

  it('are said to be in panic where an endpoint that is ill is called, and not where breakers alone keep them out', () => {
    const ill = (address: string) => [address, { healthy: false, sinceMs: 0, reason: 'status 500' }] as const;
    const { upstreams } = stage();
    const entry = upstream();
    upstreams.of(KEY, entry);
    upstreams.apply({ [KEY]: state({ health: Object.fromEntries(entry.endpoints.map((each) => ill(each.address))) }) });
    expect(upstreams.peek(exchange(), KEY, entry)).toMatchObject({ panic: true, reason: null });

    const broken = stage();
    // Of one endpoint both breakers open at the same failure.
    const single = upstream({ endpoints: entry.endpoints.slice(0, 1) });
    for (let n = 0; n < DEFAULT_BREAKER.failureThreshold; n++) broken.call(exchange(), single, FAILED);
    const peek = broken.upstreams.peek(exchange(), KEY, single);
    expect(peek).toMatchObject({ panic: false, chosen: null, breaker: 'Open', endpoints: [{ breaker: 'Open' }] });
    expect(peek.reason).toContain('the circuit breaker is open');
  });
});
