import { expect, test } from 'vitest';
import { QueueScaler } from '../../durable-objects/queue-scaler.ts';
import { blocksOf } from '../../src/core/address-blocks.ts';
import { manualClock } from '../../src/core/clock.ts';
import { DEFAULT_SCALING, type ScalingPolicy, type ScalingSignals } from '../../src/core/protocol/scaling.ts';
import { seededRandom } from '../../src/core/random.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {}, with: () => SILENT };
const IDLE: ScalingSignals = {
  givesOut: true,
  backlog: 0,
  running: 0,
  oldestAgeSeconds: 0,
  arrivalsPerSecond: 0,
  servicePerSecond: 0,
  serviceSeconds: 1,
};

/** A scaler whose webhook answers what it is told to, on a clock of its own. */
function world(webhook: ScalingPolicy['webhook'] = { url: 'https://ops.example/scale', secretName: 'hook' }) {
  const clock = manualClock(1_700_000_000_000);
  const sent: { url: string; init: RequestInit }[] = [];
  const state = {
    signals: IDLE as ScalingSignals | Error,
    status: 204,
    secret: 'shared' as string | null,
    allowed: '',
    saved: null as string | null,
    saves: 0,
  };
  const open = () =>
    new QueueScaler({
      queue: 'q',
      policy: () => ({ ...DEFAULT_SCALING, webhook }),
      signals: async () => {
        if (state.signals instanceof Error) throw state.signals;
        return state.signals;
      },
      load: () => state.saved,
      save: (text) => {
        state.saved = text;
        state.saves += 1;
      },
      secret: async () => state.secret,
      namespace: async () => 'default',
      allowed: () => blocksOf(state.allowed),
      fetch: (async (url: string, init: RequestInit) => {
        sent.push({ url, init });
        return new Response(null, { status: state.status });
      }) as typeof fetch,
      clock,
      random: seededRandom(1),
      log: SILENT,
    });
  const it = {
    clock,
    sent,
    state,
    scaler: open(),
    restart() {
      it.scaler = open();
    },
    /** Runs when it asks to be run, so many times. */
    async runWhenDue(times: number) {
      for (let i = 0; i < times; i++) {
        clock.advance(Math.max(0, (it.scaler.nextDueMs() ?? 0) - clock.now()));
        await it.scaler.run();
      }
    },
    told: () => sent.map(({ init }) => JSON.parse(String(init.body)).data.desiredAgents),
  };
  return it;
}

const wanting = (agents: number): ScalingSignals => ({ ...IDLE, arrivalsPerSecond: agents });

test('a webhook hears the first number and each new one, and redirects are not followed', async () => {
  const it = world();
  await it.scaler.run();
  await it.scaler.run();
  it.state.signals = wanting(4);
  await it.scaler.run();
  expect(it.told()).toEqual([0, 4]);
  const { url, init } = it.sent[1];
  expect([url, init.method, init.redirect]).toEqual(['https://ops.example/scale', 'POST', 'manual']);
  expect(JSON.parse(String(init.body)).data).toMatchObject({ queue: 'q', sequence: 2, previousAgents: 0 });
});

test('one that fails is tried again until it listens, also by the next life of the object', async () => {
  const it = world();
  it.state.status = 500;
  await it.runWhenDue(3);
  expect((await it.scaler.look()).webhook).toMatchObject({
    toldAgents: null,
    failures: 3,
    lastError: 'it answered 500',
  });
  it.restart();
  await it.scaler.run();
  expect(it.sent).toHaveLength(3);
  it.state.status = 204;
  await it.runWhenDue(1);
  expect((await it.scaler.look()).webhook).toMatchObject({ toldAgents: 0, failures: 0, lastError: null });
});

test('a newer number does not wait for the older one to be heard', async () => {
  const it = world();
  it.state.status = 503;
  await it.runWhenDue(4);
  it.state.signals = wanting(3);
  it.state.status = 200;
  await it.scaler.run();
  expect(it.told()).toEqual([0, 0, 0, 0, 3]);
});

test('nothing is sent to a private address that is not allowed, nor without the secret to sign with', async () => {
  const it = world({ url: 'http://10.0.0.7/', secretName: 'hook' });
  await it.scaler.run();
  expect((await it.scaler.look()).webhook?.lastError).toMatch(/private address/);
  it.state.allowed = '10.0.0.0/8';
  it.state.secret = null;
  await it.runWhenDue(1);
  expect((await it.scaler.look()).webhook?.lastError).toMatch(/no secret "hook"/);
  expect(it.sent).toEqual([]);
  it.state.secret = 'shared';
  await it.runWhenDue(1);
  expect(it.sent).toHaveLength(1);
});

test('a shard that does not answer stops nothing, and is asked again', async () => {
  const it = world();
  it.state.signals = wanting(2);
  await it.scaler.run();
  it.state.signals = new Error('a shard is away');
  await it.scaler.run();
  it.state.signals = wanting(5);
  await it.scaler.run();
  expect(it.told()).toEqual([2, 5]);
});

test('what cannot be decided is looked at again after half a minute, whatever is due', async () => {
  const it = world();
  it.state.signals = new Error('a shard is away');
  await it.scaler.run();
  expect((it.scaler.nextDueMs() ?? 0) - it.clock.now()).toBe(30_000);
  it.state.signals = wanting(3);
  it.state.status = 500;
  await it.runWhenDue(1);
  it.state.signals = new Error('a shard is away');
  await it.runWhenDue(1);
  expect((it.scaler.nextDueMs() ?? 0) - it.clock.now()).toBe(30_000);
  it.state.signals = wanting(3);
  it.state.status = 204;
  await it.runWhenDue(1);
  expect((await it.scaler.look()).webhook).toMatchObject({ toldAgents: 3 });
});

test('the alarm is asked for while there is something to do, and for the moment the number may fall', async () => {
  const it = world();
  it.state.signals = { ...wanting(2), running: 1 };
  await it.scaler.run();
  expect((it.scaler.nextDueMs() ?? 0) - it.clock.now()).toBe(30_000);
  it.state.signals = IDLE;
  await it.scaler.run();
  const fallsInMs = (it.scaler.nextDueMs() ?? 0) - it.clock.now();
  expect(fallsInMs).toBeGreaterThanOrEqual(300_000);
  expect(fallsInMs).toBeLessThanOrEqual(330_000);
  await it.runWhenDue(1);
  expect(it.told()).toEqual([2, 0]);
  expect(it.scaler.nextDueMs()).toBeNull();
});

test('without a webhook nobody is told and no alarm is asked for, and the window is remembered all the same', async () => {
  const it = world(null);
  it.state.signals = wanting(6);
  expect((await it.scaler.look()).desiredAgents).toBe(6);
  it.restart();
  it.state.signals = IDLE;
  expect(await it.scaler.look()).toMatchObject({ desiredAgents: 6, heldBy: 'scaleDownWindow', webhook: null });
  await it.scaler.run();
  expect([it.sent, it.scaler.nextDueMs()]).toEqual([[], null]);
  const { saves } = it.state;
  await it.scaler.look();
  expect(it.state.saves).toBe(saves);
});
