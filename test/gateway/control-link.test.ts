import { describe, expect, test, vi } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { LIMITS } from '../../src/core/limits.ts';
import type { SyncAnswer, SyncRequest } from '../../src/core/protocol/upstream-monitor.ts';
import { ControlLink } from '../../src/gateway/control-link.ts';
import { Snapshots } from '../../src/gateway/snapshot.ts';
import { createLogs } from '../../src/observe/log.ts';
import { publication, rule, upstream } from './entries.ts';

const NEWS: SyncAnswer = { config: { version: 7, manifest: 'gateway/manifests/7' }, upstreams: {} };
const NO_NEWS: SyncAnswer = { config: null, upstreams: {} };

interface Read {
  readonly request: SyncRequest;
  answer(answer: SyncAnswer): void;
  fail(error: Error): void;
}

/** A link whose monitor answers when the test says so. */
async function link() {
  const clock = manualClock(1_000_000);
  const reads: Read[] = [];
  const { files } = await publication(7, {
    upstreams: { a: upstream(['http://one']) },
    hosts: { 'http://a.example': [rule('/', 'a')] },
  });
  const readFile = async (key: string) => files.get(key) ?? null;
  const snapshots = new Snapshots(readFile, 1_000_000);
  const work: Promise<unknown>[] = [];
  const applied: SyncAnswer['upstreams'][] = [];
  const reports = { urgent: false };
  const made = new ControlLink({
    isolate: 'i',
    snapshots,
    upstreams: {
      versions: () => ({ 'ns/a': 3 }),
      takeReports: () => [],
      takeWishes: () => [],
      hasUrgentReports: () => reports.urgent,
      apply: (states) => applied.push(states),
    },
    monitor: () => ({
      sync: (request) =>
        new Promise((resolve, reject) => {
          reads.push({ request, answer: resolve, fail: reject });
        }),
    }),
    readFile,
    clock,
    log: createLogs({ '*': 'off' }, () => undefined, clock)('test'),
  });
  const refresh = () => made.refresh((promise) => work.push(promise));
  /** Has the first read answered, as the first request of an isolate does. */
  const begin = async () => {
    const waiting = refresh();
    reads[0].answer(NEWS);
    await waiting;
    await Promise.all(work);
  };
  return { clock, reads, snapshots, refresh, begin, work, applied, reports };
}

describe('the first request of an isolate', () => {
  test('waits for the configuration, and has it', async () => {
    const { reads, snapshots, refresh, work, applied } = await link();
    const waiting = refresh();
    expect(waiting).not.toBeNull();
    expect(reads[0].request).toEqual({
      isolate: 'i',
      configVersion: 0,
      upstreams: { 'ns/a': 3 },
      probes: [],
      reports: [],
      waitMs: 0,
    });
    reads[0].answer(NEWS);
    await waiting;
    await Promise.all(work);
    expect(snapshots.version).toBe(7);
    expect(applied).toEqual([{}]);
  });

  test('where nothing was ever published there is a configuration too, an empty one', async () => {
    const { reads, snapshots, refresh } = await link();
    const waiting = refresh();
    reads[0].answer(NO_NEWS);
    await waiting;
    expect(snapshots.version).toBe(0);
  });

  test('others that come meanwhile wait as well, and ask nothing', async () => {
    const { reads, snapshots, refresh } = await link();
    const waiting = [refresh(), refresh(), refresh()];
    expect(reads).toHaveLength(1);
    reads[0].answer(NEWS);
    await Promise.all(waiting);
    expect(snapshots.version).toBe(7);
  });

  test('waits no longer than its patience, and the next ones do not wait at all', async () => {
    vi.useFakeTimers();
    try {
      const { clock, reads, refresh } = await link();
      const waiting = refresh();
      clock.advance(LIMITS.gatewaySyncPatienceMs);
      await vi.advanceTimersByTimeAsync(10);
      await waiting;
      expect(refresh()).toBeNull();
      expect(reads).toHaveLength(1);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('an isolate with requests', () => {
  test('holds one read that waits for news, and requests wait for nothing', async () => {
    const { clock, reads, refresh, begin } = await link();
    await begin();
    clock.advance(LIMITS.gatewaySyncPauseMs);
    for (let i = 0; i < 50; i++) {
      expect(refresh()).toBeNull();
      clock.advance(90);
    }
    expect(reads.map(({ request }) => request.waitMs)).toEqual([0, LIMITS.gatewaySyncMs]);
    expect(reads[1].request.configVersion).toBe(7);
  });

  test('reads once in five seconds where nothing changes', async () => {
    const { clock, reads, refresh, begin, work } = await link();
    await begin();
    const startedMs = clock.now();
    while (clock.now() - startedMs < 60_000) {
      expect(refresh()).toBeNull();
      clock.advance(100);
      const last = reads.at(-1);
      if (last !== undefined && last.request.waitMs > 0 && (clock.now() - startedMs) % 5_000 === 0) {
        last.answer(NO_NEWS);
        await Promise.all(work);
      }
    }
    expect(reads.length).toBeLessThanOrEqual(14);
  });

  test('goes on with what it has while reads fail, and asks once a second', async () => {
    const { clock, reads, snapshots, refresh, begin, work } = await link();
    await begin();
    clock.advance(LIMITS.gatewaySyncPauseMs);
    for (let i = 0; i < 10; i++) {
      expect(refresh()).toBeNull();
      reads.at(-1)?.fail(new Error('the object is away'));
      await Promise.all(work);
      expect(refresh()).toBeNull();
      clock.advance(LIMITS.gatewaySyncPauseMs);
    }
    expect(snapshots.version).toBe(7);
    expect(reads).toHaveLength(11);
  });

  test('gives a read up that never ends', async () => {
    const { clock, reads, refresh, begin } = await link();
    await begin();
    clock.advance(LIMITS.gatewaySyncPauseMs);
    refresh();
    clock.advance(LIMITS.gatewaySyncMs + 2_500);
    const waiting = refresh();
    expect(reads).toHaveLength(3);
    reads[2].answer(NO_NEWS);
    await waiting;
  });

  test('does not wait with what is urgent until the read under way ends', async () => {
    const { clock, reads, refresh, begin, reports } = await link();
    await begin();
    clock.advance(LIMITS.gatewaySyncPauseMs);
    refresh();
    reports.urgent = true;
    refresh();
    refresh();
    expect(reads.map(({ request }) => request.waitMs)).toEqual([0, LIMITS.gatewaySyncMs, 0]);
  });
});

test('an isolate that had no requests for a while asks before it answers', async () => {
  const { clock, reads, refresh, begin } = await link();
  await begin();
  clock.advance(LIMITS.gatewaySyncMs + 1);
  const waiting = [refresh(), refresh()];
  expect(waiting.every((promise) => promise !== null)).toBe(true);
  expect(reads.map(({ request }) => request.waitMs)).toEqual([0, 0]);
  reads[1].answer(NO_NEWS);
  await Promise.all(waiting);
});

test('where it is told nothing it goes on with what it has, and asks no sooner than in a second', async () => {
  const { clock, reads, refresh, begin, work } = await link();
  await begin();
  clock.advance(LIMITS.gatewaySyncMs + 1);
  const waiting = refresh();
  reads[1].fail(new Error('the object is away'));
  await waiting;
  await Promise.all(work);
  expect(refresh()).toBeNull();
  expect(reads).toHaveLength(2);
  clock.advance(LIMITS.gatewaySyncPauseMs + 1);
  expect(refresh()).not.toBeNull();
});
