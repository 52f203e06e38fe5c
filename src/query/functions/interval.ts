import { sqlTimeText } from './value-text.ts';

/** A span of time that keeps its parts apart, since a month has no fixed length. */
export interface Interval {
  readonly months: bigint;
  readonly days: bigint;
  readonly micros: bigint;
}

const SECOND = 1_000_000n;

/** One of each unit: months, days, microseconds. */
const UNITS: Readonly<Record<string, readonly [months: bigint, days: bigint, micros: bigint]>> = {
  millennium: [12_000n, 0n, 0n],
  century: [1200n, 0n, 0n],
  decade: [120n, 0n, 0n],
  year: [12n, 0n, 0n],
  quarter: [3n, 0n, 0n],
  month: [1n, 0n, 0n],
  week: [0n, 7n, 0n],
  day: [0n, 1n, 0n],
  hour: [0n, 0n, 3600n * SECOND],
  minute: [0n, 0n, 60n * SECOND],
  second: [0n, 0n, SECOND],
  millisecond: [0n, 0n, 1000n],
  microsecond: [0n, 0n, 1n],
};

const SHORT: Readonly<Record<string, string>> = {
  y: 'year',
  yr: 'year',
  mon: 'month',
  w: 'week',
  d: 'day',
  h: 'hour',
  hr: 'hour',
  m: 'minute',
  min: 'minute',
  s: 'second',
  sec: 'second',
  ms: 'millisecond',
  msec: 'millisecond',
  us: 'microsecond',
  usec: 'microsecond',
  centuries: 'century',
  millennia: 'millennium',
};

/** The unit a name stands for: singular, plural or short. */
function intervalUnit(name: string): readonly [bigint, bigint, bigint] | undefined {
  const lower = name.toLowerCase();
  for (const candidate of [lower, lower.replace(/s$/, '')]) {
    const unit = Object.hasOwn(SHORT, candidate) ? SHORT[candidate] : candidate;
    if (Object.hasOwn(UNITS, unit)) return UNITS[unit];
  }
  return undefined;
}

/**
 * Reads `1 year 2 months`, `3 days ago`, `-1 day`, `1.5 hours`, `1 day 02:30:00`, `90` (with `defaultUnit`).
 * Undefined where the text is anything else. Fractions spill into days and time: half a month is 15 days.
 */
export function parseInterval(text: string, defaultUnit?: string): Interval | undefined {
  let months = 0n;
  let days = 0n;
  let micros = 0n;
  let rest = text.trim();
  let ago = 1n;
  if (/\sago$/i.test(rest)) {
    ago = -1n;
    rest = rest.slice(0, -4).trim();
  }
  if (rest === '') return undefined;
  while (rest !== '') {
    const clock = /^([+-]?)(\d{1,9}):(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,6})\d*)?)?(?:\s+|$)/.exec(rest);
    if (clock !== null) {
      const [all, sign, hours, minutes, seconds = '0', fraction = ''] = clock;
      const time = (BigInt(hours) * 3600n + BigInt(minutes) * 60n + BigInt(seconds)) * SECOND;
      const total = time + BigInt(fraction.padEnd(6, '0'));
      micros += sign === '-' ? -total : total;
      rest = rest.slice(all.length);
      continue;
    }
    const part = /^([+-]?)\s*(\d{1,15})(?:\.(\d{1,9}))?\s*([a-z]+)?\s*,?\s*/i.exec(rest);
    if (part === null || part[0] === '') return undefined;
    const [all, sign, whole, fraction = '', unitName] = part;
    const unit = intervalUnit(unitName ?? defaultUnit ?? 'second');
    if (unit === undefined) return undefined;
    const factor = sign === '-' ? -1n : 1n;
    const amount = BigInt(whole) * factor;
    months += amount * unit[0];
    days += amount * unit[1];
    micros += amount * unit[2];
    if (fraction !== '') {
      const scale = 10n ** BigInt(fraction.length);
      const part = BigInt(fraction) * factor;
      const partMonths = part * unit[0];
      months += partMonths / scale;
      const partDays = (partMonths % scale) * 30n + part * unit[1];
      days += partDays / scale;
      micros += ((partDays % scale) * 86_400n * SECOND + part * unit[2]) / scale;
    }
    rest = rest.slice(all.length);
  }
  return { months: months * ago, days: days * ago, micros: micros * ago };
}

/** `1 year 2 months 3 days 04:05:06.5`, as DuckDB writes it; nothing at all is `00:00:00`. */
export function intervalText(months: bigint, days: bigint, micros: bigint): string {
  const parts: string[] = [];
  const add = (amount: bigint, unit: string) => {
    if (amount !== 0n) parts.push(`${amount} ${unit}${amount === 1n || amount === -1n ? '' : 's'}`);
  };
  add(months / 12n, 'year');
  add(months % 12n, 'month');
  add(days, 'day');
  if (micros !== 0n || parts.length === 0) {
    const clock = sqlTimeText(micros < 0n ? -micros : micros, 'us');
    parts.push(micros < 0n ? `-${clock}` : clock);
  }
  return parts.join(' ');
}
