import type { SeriesTotal } from '../../core/protocol/metrics-hub.ts';
import { FAMILIES, type MetricFamily } from './families.ts';

/** The two texts a scraper may ask for. */
export const PROMETHEUS_TEXT = 'text/plain; version=0.0.4; charset=utf-8';
export const OPENMETRICS_TEXT = 'application/openmetrics-text; version=1.0.0; charset=utf-8';

/**
 * Whether a scraper prefers OpenMetrics. The quality of a media range decides, as Prometheus gives it; of two equals
 * the plain text wins, which every reader knows.
 */
export function prefersOpenMetrics(accept: string | null): boolean {
  return qualityOf(accept, 'application/openmetrics-text') > qualityOf(accept, 'text/plain');
}

function qualityOf(accept: string | null, type: string): number {
  let best = 0;
  for (const range of (accept ?? '').split(',')) {
    const [name, ...parameters] = range.split(';').map((part) => part.trim().toLowerCase());
    if (name !== type) continue;
    const given = parameters.find((parameter) => parameter.startsWith('q='));
    const quality = given === undefined ? 1 : Number(given.slice(2));
    if (quality > best) best = quality;
  }
  return best;
}

/** Adds up series that have the same family and labels: those of several hubs. Families in the order they are declared. */
export function addUp(parts: Iterable<readonly SeriesTotal[]>): SeriesTotal[] {
  const sums = new Map<string, SeriesTotal>();
  for (const part of parts) {
    for (const series of part) {
      const key = JSON.stringify([series.family, series.labels]);
      const present = sums.get(key);
      sums.set(key, present === undefined ? series : sum(present, series));
    }
  }
  return [...sums.values()];
}

function sum(a: SeriesTotal, b: SeriesTotal): SeriesTotal {
  const { family, labels } = a;
  if ('counts' in a && 'counts' in b) {
    return { family, labels, counts: a.counts.map((count, i) => count + (b.counts[i] ?? 0)), sum: a.sum + b.sum };
  }
  if ('value' in a && 'value' in b) return { family, labels, value: a.value + b.value };
  // A family has one type in one version of the Worker; of two versions the first stands.
  return a;
}

/**
 * Series as text: Prometheus' format (https://prometheus.io/docs/instrumenting/exposition_formats/), or OpenMetrics 1.0
 * (https://prometheus.io/docs/specs/om/open_metrics_spec/). Series of families not known here are left out.
 */
export function exposition(series: readonly SeriesTotal[], openMetrics: boolean): string {
  const byFamily = new Map<string, SeriesTotal[]>();
  for (const one of series) {
    const present = byFamily.get(one.family);
    if (present === undefined) byFamily.set(one.family, [one]);
    else present.push(one);
  }
  let text = '';
  for (const family of Object.values(FAMILIES)) {
    const own = byFamily.get(family.name);
    if (own === undefined) continue;
    // In OpenMetrics a counter's family has no suffix, its sample does.
    const name = openMetrics && family.type === 'counter' ? family.name.replace(/_total$/, '') : family.name;
    text += `# HELP ${name} ${helpText(family.help, openMetrics)}\n# TYPE ${name} ${family.type}\n`;
    for (const one of own) text += samples(family, one);
  }
  return openMetrics ? `${text}# EOF\n` : text;
}

function samples(family: MetricFamily, series: SeriesTotal): string {
  const labels = family.labels.map((label, i) => `${label}="${escaped(series.labels[i] ?? '')}"`);
  if (!('counts' in series)) return `${family.name}${braced(labels)} ${series.value}\n`;
  let text = '';
  let count = 0;
  for (let i = 0; i <= family.buckets.length; i++) {
    count += series.counts[i] ?? 0;
    const bound = i < family.buckets.length ? String(family.buckets[i]) : '+Inf';
    text += `${family.name}_bucket${braced([...labels, `le="${bound}"`])} ${count}\n`;
  }
  return `${text}${family.name}_sum${braced(labels)} ${series.sum}\n${family.name}_count${braced(labels)} ${count}\n`;
}

function braced(labels: readonly string[]): string {
  return labels.length === 0 ? '' : `{${labels.join(',')}}`;
}

function escaped(value: string): string {
  return value.replace(/\\/g, '\\\\').replace(/"/g, '\\"').replace(/\n/g, '\\n');
}

function helpText(help: string, openMetrics: boolean): string {
  const text = help.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
  return openMetrics ? text.replace(/"/g, '\\"') : text;
}
