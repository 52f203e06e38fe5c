import type { LabelValues, SeriesDelta } from '../../core/protocol/metrics-hub.ts';
import type { MetricFamily } from '../../observe/metrics/families.ts';

/** What has changed since the last delta. A series is in it once, however often it changes. */
export class ChangedSeries {
  #changed: Series[] = [];

  add(series: Series): void {
    this.#changed.push(series);
  }

  get size(): number {
    return this.#changed.length;
  }

  /** At most so many, which then stand at nothing again; the rest are taken by the next call. */
  take(most: number): SeriesDelta[] {
    const taken = this.#changed.slice(0, most);
    this.#changed = this.#changed.slice(most);
    return taken.map((series) => series.take());
  }
}

/**
 * A series of this isolate: what it came to since the last delta. Whoever counts holds it, and nobody else: a series
 * nobody holds any more goes once it is told, so a long life of an isolate gathers none.
 */
export interface Series {
  take(): SeriesDelta;
}

/** A count under one set of labels. */
export class Counter implements Series {
  readonly #changes: ChangedSeries;
  readonly #family: MetricFamily;
  readonly #labels: LabelValues;
  #value = 0;

  constructor(changes: ChangedSeries, family: MetricFamily, labels: LabelValues) {
    this.#changes = changes;
    this.#family = family;
    this.#labels = labels;
  }

  add(amount = 1): void {
    if (amount === 0) return;
    if (this.#value === 0) this.#changes.add(this);
    this.#value += amount;
  }

  take(): SeriesDelta {
    const add = this.#value;
    this.#value = 0;
    return { type: 'counter', family: this.#family.name, labels: this.#labels, add };
  }
}

/** What was measured under one set of labels, counted by size. */
export class Histogram implements Series {
  readonly #changes: ChangedSeries;
  readonly #family: MetricFamily;
  readonly #labels: LabelValues;
  #counts: number[] | null = null;
  #sum = 0;

  constructor(changes: ChangedSeries, family: MetricFamily, labels: LabelValues) {
    this.#changes = changes;
    this.#family = family;
    this.#labels = labels;
  }

  observe(value: number): void {
    const { buckets } = this.#family;
    if (this.#counts === null) {
      this.#counts = new Array<number>(buckets.length + 1).fill(0);
      this.#changes.add(this);
    }
    let bucket = 0;
    while (bucket < buckets.length && value > buckets[bucket]) bucket += 1;
    this.#counts[bucket] += 1;
    this.#sum += value;
  }

  take(): SeriesDelta {
    const counts = this.#counts ?? [];
    const sum = this.#sum;
    this.#counts = null;
    this.#sum = 0;
    return { type: 'histogram', family: this.#family.name, labels: this.#labels, counts, sum };
  }
}
