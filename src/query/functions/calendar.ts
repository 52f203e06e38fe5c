import { floorDivide } from '../../columns/floor-divide.ts';
import { civilFromDays, daysFromCivil, daysInMonth, PER_DAY } from '../../columns/instant.ts';
import { fitsInt64 } from '../../columns/text.ts';
import { OrasiError } from '../../core/errors.ts';

/** An instant as a day and what has passed of it; both exact as numbers. */
export interface DayTime {
  /** Days since 1970-01-01. */
  readonly days: number;
  /** Nanoseconds since midnight, below 86,400 · 10^9. */
  readonly nanos: number;
}

const DAY_NANOS = 86_400_000_000_000;

/** An instant counted in `unit` since the epoch, as its day and what has passed of it. */
export function dayTimeOf(count: bigint, unit: 'us' | 'ns'): DayTime {
  const days = floorDivide(count, PER_DAY[unit]);
  return { days: Number(days), nanos: Number(count - days * PER_DAY[unit]) * (unit === 'us' ? 1000 : 1) };
}

/** The count of an instant; what is below the unit is dropped. Throws `type_error` beyond int64. */
export function countOf({ days, nanos }: DayTime, unit: 'us' | 'ns'): bigint {
  const rest = BigInt(unit === 'us' ? Math.floor(nanos / 1000) : nanos);
  const count = BigInt(days) * PER_DAY[unit] + rest;
  if (!fitsInt64(count)) throw new OrasiError('type_error', 'an instant leaves the range of its type');
  return count;
}

/** The parts of an instant by their full names; `PART_NAMES` has the others they go by. */
export type DatePart =
  | 'nanosecond'
  | 'microsecond'
  | 'millisecond'
  | 'second'
  | 'minute'
  | 'hour'
  | 'day'
  | 'week'
  | 'month'
  | 'quarter'
  | 'year'
  | 'decade'
  | 'century'
  | 'millennium'
  | 'dow'
  | 'isodow'
  | 'doy'
  | 'isoyear'
  | 'yearweek'
  | 'epoch'
  | 'era'
  | 'julian';

const PART_NAMES: Readonly<Record<string, DatePart>> = {
  ns: 'nanosecond',
  us: 'microsecond',
  usec: 'microsecond',
  ms: 'millisecond',
  msec: 'millisecond',
  s: 'second',
  sec: 'second',
  m: 'minute',
  min: 'minute',
  h: 'hour',
  hr: 'hour',
  d: 'day',
  dayofmonth: 'day',
  w: 'week',
  weekofyear: 'week',
  mon: 'month',
  y: 'year',
  yr: 'year',
  dec: 'decade',
  cent: 'century',
  c: 'century',
  mil: 'millennium',
  millenium: 'millennium',
  dayofweek: 'dow',
  weekday: 'dow',
  dayofyear: 'doy',
};

const PARTS: ReadonlySet<string> = new Set<DatePart>([
  'nanosecond',
  'microsecond',
  'millisecond',
  'second',
  'minute',
  'hour',
  'day',
  'week',
  'month',
  'quarter',
  'year',
  'decade',
  'century',
  'millennium',
  'dow',
  'isodow',
  'doy',
  'isoyear',
  'yearweek',
  'epoch',
  'era',
  'julian',
]);

/** The part a name stands for, singular or plural or short. Throws `type_error` for any other. */
export function datePartNamed(name: string): DatePart {
  const lower = name.toLowerCase();
  for (const candidate of [lower, lower.replace(/s$/, ''), lower.replace(/ies$/, 'y')]) {
    const part = Object.hasOwn(PART_NAMES, candidate) ? PART_NAMES[candidate] : candidate;
    if (PARTS.has(part)) return part as DatePart;
  }
  throw new OrasiError('type_error', `'${name}' is not a part of a date`);
}

/** Sunday is 0. */
function dayOfWeek(days: number): number {
  return (((days + 4) % 7) + 7) % 7;
}

/** ISO 8601: weeks begin on Monday and belong to the year their Thursday is in. */
function isoWeek(days: number): { year: number; week: number } {
  const thursday = days - ((dayOfWeek(days) + 6) % 7) + 3;
  const { year } = civilFromDays(thursday);
  return { year, week: Math.floor((thursday - daysFromCivil(year, 1, 1)) / 7) + 1 };
}

/** One part of an instant as a whole number (`epoch` and `julian` have fractions and are not asked here). */
export function datePart(part: Exclude<DatePart, 'epoch' | 'julian'>, { days, nanos }: DayTime): number {
  const { year, month, day } = civilFromDays(days);
  switch (part) {
    case 'nanosecond':
      return nanos % 60_000_000_000;
    case 'microsecond':
      return Math.floor((nanos % 60_000_000_000) / 1000);
    case 'millisecond':
      return Math.floor((nanos % 60_000_000_000) / 1_000_000);
    case 'second':
      return Math.floor(nanos / 1_000_000_000) % 60;
    case 'minute':
      return Math.floor(nanos / 60_000_000_000) % 60;
    case 'hour':
      return Math.floor(nanos / 3_600_000_000_000);
    case 'day':
      return day;
    case 'week':
      return isoWeek(days).week;
    case 'month':
      return month;
    case 'quarter':
      return Math.floor((month + 2) / 3);
    case 'year':
      return year;
    case 'decade':
      return Math.trunc(year / 10);
    case 'century':
      return year > 0 ? Math.floor((year - 1) / 100) + 1 : Math.trunc(year / 100) - 1;
    case 'millennium':
      return year > 0 ? Math.floor((year - 1) / 1000) + 1 : Math.trunc(year / 1000) - 1;
    case 'dow':
      return dayOfWeek(days);
    case 'isodow':
      return dayOfWeek(days) || 7;
    case 'doy':
      return days - daysFromCivil(year, 1, 1) + 1;
    case 'isoyear':
      return isoWeek(days).year;
    case 'yearweek': {
      const iso = isoWeek(days);
      return iso.year * 100 + iso.week * (iso.year > 0 ? 1 : -1);
    }
    case 'era':
      return year > 0 ? 1 : 0;
  }
}

const NANOS: Readonly<Partial<Record<DatePart, number>>> = {
  nanosecond: 1,
  microsecond: 1000,
  millisecond: 1_000_000,
  second: 1_000_000_000,
  minute: 60_000_000_000,
  hour: 3_600_000_000_000,
};

/** The start of the part an instant lies in. */
export function truncateTo(part: DatePart, { days, nanos }: DayTime): DayTime {
  const size = NANOS[part];
  if (size !== undefined) return { days, nanos: nanos - (nanos % size) };
  const { year, month } = civilFromDays(days);
  const startOf = (startYear: number, startMonth = 1) => ({ days: daysFromCivil(startYear, startMonth, 1), nanos: 0 });
  switch (part) {
    case 'day':
    case 'dow':
    case 'isodow':
    case 'doy':
    case 'julian':
      return { days, nanos: 0 };
    case 'week':
    case 'yearweek':
      return { days: days - ((dayOfWeek(days) + 6) % 7), nanos: 0 };
    case 'isoyear':
      return { days: truncateTo('week', { days: daysFromCivil(isoWeek(days).year, 1, 4), nanos: 0 }).days, nanos: 0 };
    case 'month':
      return startOf(year, month);
    case 'quarter':
      return startOf(year, month - ((month - 1) % 3));
    case 'decade':
      return startOf(year - (year % 10));
    case 'century':
      return startOf(year - (year % 100));
    case 'millennium':
      return startOf(year - (year % 1000));
    case 'epoch':
      return { days, nanos: nanos - (nanos % 1_000_000_000) };
    default:
      return startOf(year);
  }
}

/** The same day so many months later, or the month's last where it has no such day. */
export function addMonths(days: number, months: number): number {
  const { year, month, day } = civilFromDays(days);
  const total = year * 12 + (month - 1) + months;
  const toYear = Math.floor(total / 12);
  const toMonth = total - toYear * 12 + 1;
  return daysFromCivil(toYear, toMonth, Math.min(day, daysInMonth(toYear, toMonth)));
}

/** Months first, then days, then time, as PostgreSQL adds intervals. */
export function addInterval(at: DayTime, months: bigint, days: bigint, micros: bigint): DayTime {
  const startDays = addMonths(at.days, Number(months)) + Number(days);
  const total = BigInt(at.nanos) + micros * 1000n;
  const carried = floorDivide(total, PER_DAY.ns);
  return { days: startDays + Number(carried), nanos: Number(total - carried * PER_DAY.ns) };
}

/** Boundaries of a part between two instants (`date_diff`): the difference of their truncations. */
export function boundariesBetween(part: DatePart, from: DayTime, to: DayTime): bigint {
  const months = ({ days }: DayTime) => {
    const { year, month } = civilFromDays(days);
    return year * 12 + month - 1;
  };
  switch (part) {
    case 'month':
      return BigInt(months(to) - months(from));
    case 'quarter':
      return BigInt(Math.floor(months(to) / 3) - Math.floor(months(from) / 3));
    case 'year':
    case 'decade':
    case 'century':
    case 'millennium':
    case 'isoyear':
      return BigInt(datePart(part, to) - datePart(part, from));
    case 'week':
    case 'yearweek':
      // Sevens of days, not boundaries of calendar weeks: so DuckDB has it.
      return BigInt(Math.trunc((to.days - from.days) / 7));
    case 'day':
    case 'dow':
    case 'isodow':
    case 'doy':
    case 'julian':
      return BigInt(to.days - from.days);
    default: {
      const size = BigInt(NANOS[part] ?? 1_000_000_000);
      const floor = (at: DayTime) => {
        return floorDivide(BigInt(at.days) * PER_DAY.ns + BigInt(at.nanos), size);
      };
      return floor(to) - floor(from);
    }
  }
}

/** Whole parts that fit between two instants (`date_sub`). */
export function wholePartsBetween(part: DatePart, from: DayTime, to: DayTime): bigint {
  const monthsOf = { month: 1, quarter: 3, year: 12, isoyear: 12, decade: 120, century: 1200, millennium: 12_000 };
  if (Object.hasOwn(monthsOf, part)) {
    return BigInt(Math.trunc(wholeMonthsBetween(from, to) / monthsOf[part as keyof typeof monthsOf]));
  }
  const sizes = { week: 7 * DAY_NANOS, yearweek: 7 * DAY_NANOS, day: DAY_NANOS, dow: DAY_NANOS, isodow: DAY_NANOS };
  const size = Object.hasOwn(sizes, part) ? sizes[part as keyof typeof sizes] : (NANOS[part] ?? DAY_NANOS);
  const total = (at: DayTime) => BigInt(at.days) * PER_DAY.ns + BigInt(at.nanos);
  return (total(to) - total(from)) / BigInt(size);
}

function wholeMonthsBetween(from: DayTime, to: DayTime): number {
  const backwards = from.days > to.days || (from.days === to.days && from.nanos > to.nanos);
  if (backwards) return -wholeMonthsBetween(to, from);
  const [a, b] = [civilFromDays(from.days), civilFromDays(to.days)];
  const months = b.year * 12 + b.month - (a.year * 12 + a.month);
  // A last day of a month counts as reached on the shorter month's last day.
  const lastDay = b.day === daysInMonth(b.year, b.month) && b.day < a.day;
  const reached = b.day > a.day || lastDay || (b.day === a.day && to.nanos >= from.nanos);
  return reached ? months : months - 1;
}

/** The difference as people say it: years and months, then days, then time, all of one sign. */
export function ageBetween(later: DayTime, earlier: DayTime): { months: bigint; days: bigint; micros: bigint } {
  const backwards = later.days < earlier.days || (later.days === earlier.days && later.nanos < earlier.nanos);
  if (backwards) {
    const age = ageBetween(earlier, later);
    return { months: -age.months, days: -age.days, micros: -age.micros };
  }
  const [a, b] = [civilFromDays(earlier.days), civilFromDays(later.days)];
  let months = b.year * 12 + b.month - (a.year * 12 + a.month);
  let days = b.day - a.day;
  let nanos = later.nanos - earlier.nanos;
  if (nanos < 0) {
    nanos += DAY_NANOS;
    days--;
  }
  if (days < 0) {
    days += daysInMonth(a.year, a.month);
    months--;
  }
  return { months: BigInt(months), days: BigInt(days), micros: BigInt(Math.floor(nanos / 1000)) };
}
