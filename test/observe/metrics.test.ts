import { expect, test } from 'vitest';
import type { MetricsDelta, SeriesDelta, SeriesTotal } from '../../src/core/protocol/metrics-hub.ts';
import { seededRandom } from '../../src/core/random.ts';
import { addUp, exposition, prefersOpenMetrics } from '../../src/observe/metrics/exposition.ts';
import { FAMILIES } from '../../src/observe/metrics/families.ts';
import { HubJournal } from '../../src/observe/metrics/hub-journal.ts';
import { type HubBounds, HubTotals } from '../../src/observe/metrics/hub-totals.ts';
import { objectDatabase } from '../object-database.ts';
import { seedCount } from '../scale.ts';

const BOUNDS: HubBounds = { series: 100, idleMs: 1_000, forgetMs: 100_000, isolateMs: 60_000, repeatMs: 600_000 };

const retries = (upstream: string, add = 1): SeriesDelta => ({
  type: 'counter',
  family: FAMILIES.retries.name,
  labels: ['shop', upstream],
  add,
});
const delta = (isolate: string, sequence: number, ...series: SeriesDelta[]): MetricsDelta => ({
  isolate,
  sequence,
  series,
  gauges: [],
});

function countOf(totals: readonly SeriesTotal[], family: string, ...labels: string[]): number | undefined {
  const found = totals.find((total) => total.family === family && total.labels.join() === labels.join());
  return found !== undefined && 'value' in found ? found.value : undefined;
}

test('a delta that comes again counts once, one of another isolate counts', () => {
  const totals = new HubTotals(BOUNDS);
  const first = delta('a', 1, retries('api', 3));
  totals.take(first, 0);
  totals.take(first, 0);
  totals.take(delta('b', 1, retries('api', 2)), 0);
  totals.take(delta('a', 2, retries('api')), 0);
  totals.take(first, 0);
  expect(countOf(totals.read(0), FAMILIES.retries.name, 'shop', 'api')).toBe(6);
});

test('a gauge is what isolates heard of lately say, added up', () => {
  const totals = new HubTotals(BOUNDS);
  const inFlight = (isolate: string, sequence: number, value: number): MetricsDelta => ({
    ...delta(isolate, sequence),
    gauges: [{ family: FAMILIES.inFlight.name, labels: ['shop', 'r', '0'], value }],
  });
  totals.take(inFlight('a', 1, 5), 0);
  totals.take(inFlight('b', 1, 7), 30_000);
  totals.take(inFlight('a', 2, 1), 40_000);
  const at = (nowMs: number) => countOf(totals.read(nowMs), FAMILIES.inFlight.name, 'shop', 'r', '0');
  expect([at(40_000), at(95_000), at(110_000)]).toEqual([8, 1, undefined]);
  expect(countOf(totals.read(95_000), FAMILIES.isolates.name)).toBe(1);
});

test('series beyond the bound are counted without their labels, and idle ones give way to new ones', () => {
  const totals = new HubTotals({ ...BOUNDS, series: 2 });
  totals.take(delta('a', 1, retries('one'), retries('two'), retries('three', 4), retries('four', 5)), 0);
  const read = totals.read(0);
  expect(countOf(read, FAMILIES.retries.name, '(other)', '(other)')).toBe(9);
  expect(countOf(read, FAMILIES.seriesFolded.name, FAMILIES.retries.name)).toBe(2);
  totals.take(delta('a', 2, retries('five')), 2_000);
  expect(countOf(totals.read(2_000), FAMILIES.retries.name, 'shop', 'five')).toBe(1);
  expect(countOf(totals.read(2_000), FAMILIES.retries.name, 'shop', 'one')).toBeUndefined();
});

test('what a hub has taken it still has when it begins again, whatever was written between', () => {
  for (let seed = 1; seed <= seedCount(3); seed++) {
    const random = seededRandom(seed);
    const database = objectDatabase();
    let journal = new HubJournal(database, BOUNDS);
    const expected = new Map<string, number>();
    const sequences = [0, 0, 0];
    for (let step = 0; step < 300; step++) {
      const isolate = Math.floor(random.next() * 3);
      // A delta whose answer was lost comes again.
      const again = random.next() < 0.2 && sequences[isolate] > 0;
      if (!again) sequences[isolate] += 1;
      const upstream = `u${Math.floor(random.next() * 5)}`;
      if (!again) expected.set(upstream, (expected.get(upstream) ?? 0) + 1);
      journal.take(delta(`i${isolate}`, sequences[isolate], retries(upstream)), step);
      if (random.next() < 0.05) journal = new HubJournal(database, BOUNDS);
    }
    const read = new HubJournal(database, BOUNDS).totals.read(300);
    for (const [upstream, count] of expected) {
      expect(countOf(read, FAMILIES.retries.name, 'shop', upstream), `seed ${seed}`).toBe(count);
    }
  }
});

test('a delta costs about one row written', () => {
  const database = objectDatabase();
  let written = 0;
  const counting = {
    ...database,
    exec: (...call: Parameters<typeof database.exec>) => {
      if (/^(INSERT|DELETE|UPDATE)/.test(call[0])) written += 1;
      return database.exec(...call);
    },
  };
  const journal = new HubJournal(counting, BOUNDS);
  written = 0;
  for (let sequence = 1; sequence <= 1_000; sequence++) journal.take(delta('a', sequence, retries('api')), 0);
  expect(written / 1_000).toBeLessThan(1.1);
});

const HISTOGRAM: SeriesTotal = {
  family: FAMILIES.upstreamDuration.name,
  labels: ['shop', 'shop/api', 'http://a'],
  counts: [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  sum: 40.25,
};

test('series are written as Prometheus has them, and as OpenMetrics has them where that is asked for', () => {
  const counter: SeriesTotal = { family: FAMILIES.retries.name, labels: ['shop', 'a"b\\c\nd'], value: 3 };
  const plain = exposition([HISTOGRAM, counter], false).split('\n');
  expect(plain).toContain('# TYPE orasi_gateway_retries_total counter');
  expect(plain).toContain('orasi_gateway_retries_total{namespace="shop",upstream="a\\"b\\\\c\\nd"} 3');
  const labels = 'namespace="shop",upstream="shop/api",endpoint="http://a"';
  const name = 'orasi_gateway_upstream_call_duration_seconds';
  expect(plain.filter((line) => line.startsWith(name))).toEqual([
    ...[0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, '+Inf'].map(
      (bound) => `${name}_bucket{${labels},le="${bound}"} ${bound === 0.005 ? 2 : bound === '+Inf' ? 4 : 3}`,
    ),
    `${name}_sum{${labels}} 40.25`,
    `${name}_count{${labels}} 4`,
  ]);
  const open = exposition([counter], true).split('\n');
  expect(open).toContain('# TYPE orasi_gateway_retries counter');
  expect(open.slice(-2)).toEqual(['# EOF', '']);
  const prometheus =
    'application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4,text/plain;q=0.3,*/*;q=0.2';
  expect([prometheus, 'text/plain', '*/*', null].map(prefersOpenMetrics)).toEqual([true, false, false, false]);
});

test('the series of several hubs are added up', () => {
  const counter: SeriesTotal = { family: FAMILIES.retries.name, labels: ['shop', 'api'], value: 3 };
  expect(addUp([[counter, HISTOGRAM], [HISTOGRAM], [counter]])).toEqual([
    { ...counter, value: 6 },
    { ...HISTOGRAM, counts: HISTOGRAM.counts.map((count) => 2 * count), sum: 80.5 },
  ]);
});
