import type { LabelValues, MetricsDelta, SeriesDelta, SeriesTotal } from '../../core/protocol/metrics-hub.ts';
import { FAMILIES, familyOf } from './families.ts';

/** Bounds of what a hub remembers. */
export interface HubBounds {
  readonly series: number;
  /** A series that nobody has counted in for so long gives way to a new one where there are too many. */
  readonly idleMs: number;
  /** One that nobody has counted in for so long is forgotten in any case. */
  readonly forgetMs: number;
  /** An isolate not heard of for so long is taken for gone: its gauges no longer count. */
  readonly isolateMs: number;
  /** Until then a delta may come a second time. */
  readonly repeatMs: number;
}

type Total = SeriesTotal & { touchedMs: number };

interface Isolate {
  sequence: number;
  heardMs: number;
  gauges: MetricsDelta['gauges'];
}

/** What is written of a hub, and read when it begins again. */
export interface HubRecord {
  readonly series: readonly Total[];
  readonly isolates: readonly { readonly id: string; readonly sequence: number; readonly heardMs: number }[];
}

/** Stands for the labels of series beyond the bound. */
const FOLDED = '(other)';

/** What the isolates of one hub have counted, added up. Decides all that a hub decides; time is passed in. */
export class HubTotals {
  readonly #bounds: HubBounds;
  readonly #series = new Map<string, Total>();
  readonly #isolates = new Map<string, Isolate>();

  constructor(bounds: HubBounds, record: HubRecord = { series: [], isolates: [] }) {
    this.#bounds = bounds;
    for (const total of record.series) this.#series.set(keyOf(total.family, total.labels), total);
    for (const { id, sequence, heardMs } of record.isolates) {
      this.#isolates.set(id, { sequence, heardMs, gauges: [] });
    }
  }

  /** Whether that delta has been taken before. */
  has({ isolate, sequence }: MetricsDelta): boolean {
    return sequence <= (this.#isolates.get(isolate)?.sequence ?? 0);
  }

  /** Adds a delta, unless it was added before. */
  take(delta: MetricsDelta, nowMs: number): void {
    if (this.has(delta)) return;
    const { isolate, sequence, gauges } = delta;
    this.#isolates.set(isolate, { sequence, heardMs: nowMs, gauges });
    for (const series of delta.series) this.#add(series, nowMs);
  }

  /** Forgets isolates and series that are gone. */
  forget(nowMs: number): void {
    const { forgetMs, isolateMs, repeatMs } = this.#bounds;
    for (const [id, { heardMs }] of this.#isolates) {
      if (nowMs - heardMs > Math.max(isolateMs, 2 * repeatMs)) this.#isolates.delete(id);
    }
    for (const [key, { touchedMs }] of this.#series) if (nowMs - touchedMs > forgetMs) this.#series.delete(key);
  }

  /** Everything as it stands, gauges as isolates heard of lately have them, added up. */
  read(nowMs: number): SeriesTotal[] {
    const totals: SeriesTotal[] = [...this.#series.values()].map(({ touchedMs: _, ...total }) => total);
    const gauges = new Map<string, { family: string; labels: LabelValues; value: number }>();
    let isolates = 0;
    for (const isolate of this.#isolates.values()) {
      if (nowMs - isolate.heardMs > this.#bounds.isolateMs) continue;
      isolates += 1;
      for (const { family, labels, value } of isolate.gauges) {
        const key = keyOf(family, labels);
        const present = gauges.get(key);
        if (present === undefined) gauges.set(key, { family, labels, value });
        else present.value += value;
      }
    }
    totals.push(...gauges.values(), { family: FAMILIES.isolates.name, labels: [], value: isolates });
    return totals;
  }

  record(): HubRecord {
    const isolates = [...this.#isolates].map(([id, { sequence, heardMs }]) => ({ id, sequence, heardMs }));
    return { series: [...this.#series.values()], isolates };
  }

  #add(series: SeriesDelta, nowMs: number): void {
    const family = familyOf(series.family);
    // Another version of the Worker counts what this one does not know.
    if (family === undefined || family.labels.length !== series.labels.length) return;
    const key = keyOf(series.family, series.labels);
    const present = this.#series.get(key);
    if (present !== undefined) addTo(present, series, nowMs);
    else if (this.#series.size < this.#bounds.series || this.#makeRoom(nowMs)) {
      this.#series.set(key, totalOf(series, series.labels, nowMs));
    } else this.#fold(series, nowMs);
  }

  /** Forgets series that have been idle for long; whether there were any. */
  #makeRoom(nowMs: number): boolean {
    const before = this.#series.size;
    for (const [key, { touchedMs }] of this.#series) {
      if (nowMs - touchedMs > this.#bounds.idleMs) this.#series.delete(key);
    }
    return this.#series.size < before;
  }

  /** Counts without labels, so that sums over a family stay right. */
  #fold(series: SeriesDelta, nowMs: number): void {
    const labels = series.labels.map(() => FOLDED);
    const folds: SeriesDelta[] = [
      { ...series, labels },
      { type: 'counter', family: FAMILIES.seriesFolded.name, labels: [series.family], add: 1 },
    ];
    for (const fold of folds) {
      const key = keyOf(fold.family, fold.labels);
      const present = this.#series.get(key);
      if (present === undefined) this.#series.set(key, totalOf(fold, fold.labels, nowMs));
      else addTo(present, fold, nowMs);
    }
  }
}

function totalOf(series: SeriesDelta, labels: LabelValues, touchedMs: number): Total {
  const { family } = series;
  return series.type === 'counter'
    ? { family, labels, value: series.add, touchedMs }
    : { family, labels, counts: [...series.counts], sum: series.sum, touchedMs };
}

function addTo(total: Total, series: SeriesDelta, nowMs: number): void {
  total.touchedMs = nowMs;
  if (series.type === 'counter' && 'value' in total) Object.assign(total, { value: total.value + series.add });
  else if (series.type === 'histogram' && 'counts' in total) {
    const counts = total.counts.map((count, i) => count + (series.counts[i] ?? 0));
    Object.assign(total, { counts, sum: total.sum + series.sum });
  }
}

function keyOf(family: string, labels: LabelValues): string {
  return JSON.stringify([family, labels]);
}
