import { PER_DAY } from '../../columns/instant.ts';
import { type ColumnType, INT64, NULL_TYPE, TIMESTAMP } from '../../columns/types.ts';
import { datePartNamed } from '../functions/calendar.ts';
import { type Interval, parseInterval } from '../functions/interval.ts';
import { castTo, integer } from './bound.ts';
import { argumentType, makeCall } from './calls.ts';
import { sqlError } from './errors.ts';
import type { Bound } from './logical.ts';

/**
 * Spans of time. No column has that type, so they live only while a statement is bound, as their three parts,
 * and end up in date arithmetic, in comparisons or as text.
 */
export type IntervalExpression = Extract<Bound, { node: 'interval' }>;

/** An interval of three integer expressions. */
export function interval(months: Bound, days: Bound, micros: Bound, at: number): IntervalExpression {
  return { node: 'interval', months, days, micros, type: NULL_TYPE, at };
}

function constantInterval({ months, days, micros }: Interval, at: number): IntervalExpression {
  return interval(integer(months, at), integer(days, at), integer(micros, at), at);
}

/** The unit a mask of PostgreSQL's interval fields names; undefined for several, or all. */
const FIELD_MASKS: Readonly<Record<number, string>> = {
  2: 'month',
  4: 'year',
  8: 'day',
  1024: 'hour',
  2048: 'minute',
  4096: 'second',
};

/** `INTERVAL '…'`, `INTERVAL '…' DAY`, `'…'::interval`. Throws `type_error` where the text is no interval. */
export function intervalOfText(text: string, fieldMask: number | undefined, at: number): IntervalExpression {
  const parsed = parseInterval(text, fieldMask === undefined ? undefined : FIELD_MASKS[fieldMask]);
  if (parsed === undefined) throw sqlError('type_error', at, `'${text}' is not an interval`);
  return constantInterval(parsed, at);
}

/** `to_days(n)` and its like: so many units. */
export function unitsInterval(name: string, amount: Bound, at: number): IntervalExpression | undefined {
  const whole = () => castTo(amount, INT64);
  const times = (factor: bigint) => makeCall('*', [whole(), integer(factor, at)], at);
  const micros = (factor: bigint) => {
    if (amount.type.kind === 'int64' || amount.type.kind === 'null') return times(factor);
    return castTo(makeCall('round', [makeCall('*', [amount, integer(factor, at)], at)], at), INT64);
  };
  const zero = integer(0n, at);
  switch (name) {
    case 'to_millennia':
      return interval(times(12_000n), zero, zero, at);
    case 'to_centuries':
      return interval(times(1200n), zero, zero, at);
    case 'to_decades':
      return interval(times(120n), zero, zero, at);
    case 'to_years':
      return interval(times(12n), zero, zero, at);
    case 'to_quarters':
      return interval(times(3n), zero, zero, at);
    case 'to_months':
      return interval(whole(), zero, zero, at);
    case 'to_weeks':
      return interval(zero, times(7n), zero, at);
    case 'to_days':
      return interval(zero, whole(), zero, at);
    case 'to_hours':
      return interval(zero, zero, micros(3_600_000_000n), at);
    case 'to_minutes':
      return interval(zero, zero, micros(60_000_000n), at);
    case 'to_seconds':
      return interval(zero, zero, micros(1_000_000n), at);
    case 'to_milliseconds':
      return interval(zero, zero, micros(1000n), at);
    case 'to_microseconds':
      return interval(zero, zero, whole(), at);
    default:
      return undefined;
  }
}

function isInstant(type: ColumnType): boolean {
  return type.kind === 'date' || type.kind === 'timestamp';
}

function parts(value: IntervalExpression, map: (part: Bound) => Bound): IntervalExpression {
  return interval(map(value.months), map(value.days), map(value.micros), value.at);
}

/** The interval backwards. */
export function negateInterval(value: IntervalExpression): IntervalExpression {
  return parts(value, (part) => makeCall('negate', [part], value.at));
}

function addTo(instant: Bound, value: IntervalExpression, at: number): Bound {
  const base = argumentType(instant).untyped ? castTo(instant, TIMESTAMP) : instant;
  return makeCall('add_interval', [base, value.months, value.days, value.micros], at);
}

/** The span between two instants: whole days and the rest. */
function betweenInstants(later: Bound, earlier: Bound, at: number): IntervalExpression {
  const micros = makeCall('micros_between', [later, earlier], at);
  const day = integer(PER_DAY.us, at);
  return interval(integer(0n, at), makeCall('//', [micros, day], at), makeCall('%', [micros, day], at), at);
}

/**
 * Arithmetic and comparison where a side is an interval, or gives one (`timestamp - timestamp`); undefined for
 * any other.
 */
export function intervalOperation(operator: string, left: Bound, right: Bound, at: number): Bound | undefined {
  const [a, b] = [left.node === 'interval' ? left : undefined, right.node === 'interval' ? right : undefined];
  if (a === undefined && b === undefined) {
    const bothInstants = isInstant(left.type) && isInstant(right.type);
    const bothDates = left.type.kind === 'date' && right.type.kind === 'date';
    return operator === '-' && bothInstants && !bothDates ? betweenInstants(left, right, at) : undefined;
  }
  if (a !== undefined && b !== undefined) return betweenIntervals(operator, a, b, at);
  if (b !== undefined) {
    if (operator === '+') return addTo(left, b, at);
    if (operator === '-') return addTo(left, negateInterval(b), at);
    if (operator === '*') return scaled(b, left, at);
    return undefined;
  }
  if (a === undefined) return undefined;
  if (operator === '+') return addTo(right, a, at);
  if (operator === '*') return scaled(a, right, at);
  if (operator === '/' || operator === '//') return parts(a, (part) => makeCall('//', [part, right], at));
  return undefined;
}

function scaled(value: IntervalExpression, factor: Bound, at: number): IntervalExpression {
  if (factor.type.kind !== 'int64') throw sqlError('unsupported_sql', at, 'an interval is multiplied by integers only');
  return parts(value, (part) => makeCall('*', [part, factor], at));
}

function betweenIntervals(
  operator: string,
  a: IntervalExpression,
  b: IntervalExpression,
  at: number,
): Bound | undefined {
  if (operator === '+' || operator === '-') {
    return interval(
      makeCall(operator, [a.months, b.months], at),
      makeCall(operator, [a.days, b.days], at),
      makeCall(operator, [a.micros, b.micros], at),
      at,
    );
  }
  if (['=', '<>', '<', '<=', '>', '>='].includes(operator)) {
    return makeCall(operator, [approximateMicros(a), approximateMicros(b)], at);
  }
  return undefined;
}

/** For comparing: a month counts 30 days, as in PostgreSQL. */
function approximateMicros({ months, days, micros, at }: IntervalExpression): Bound {
  const allDays = makeCall('+', [makeCall('*', [months, integer(30n, at)], at), days], at);
  return makeCall('+', [makeCall('*', [allDays, integer(PER_DAY.us, at)], at), micros], at);
}

/** The text of an interval, written when the statement runs. */
export function intervalText({ months, days, micros, at }: IntervalExpression): Bound {
  return makeCall('interval_text', [months, days, micros], at);
}

/** One part of an interval, as `extract` gives it. */
export function intervalPart(name: string, { months, days, micros, at }: IntervalExpression): Bound {
  const by = (operator: '//' | '%', value: Bound, amount: bigint) =>
    makeCall(operator, [value, integer(amount, at)], at);
  switch (datePartNamed(name)) {
    case 'millennium':
      return by('//', months, 12_000n);
    case 'century':
      return by('//', months, 1200n);
    case 'decade':
      return by('//', months, 120n);
    case 'year':
      return by('//', months, 12n);
    case 'quarter':
      return makeCall('+', [by('//', by('%', months, 12n), 3n), integer(1n, at)], at);
    case 'month':
      return by('%', months, 12n);
    case 'day':
      return days;
    case 'hour':
      return by('//', micros, 3_600_000_000n);
    case 'minute':
      return by('%', by('//', micros, 60_000_000n), 60n);
    case 'second':
      return by('%', by('//', micros, 1_000_000n), 60n);
    case 'millisecond':
      return by('%', by('//', micros, 1000n), 60_000n);
    case 'microsecond':
      return by('%', micros, 60_000_000n);
    case 'epoch': {
      const years = makeCall('*', [by('//', months, 12n), integer(31_557_600n, at)], at);
      const rest = makeCall('*', [by('%', months, 12n), integer(2_592_000n, at)], at);
      const whole = makeCall(
        '+',
        [years, makeCall('+', [rest, makeCall('*', [days, integer(86_400n, at)], at)], at)],
        at,
      );
      return makeCall('+', [makeCall('/', [micros, integer(1_000_000n, at)], at), whole], at);
    }
    default:
      throw sqlError('type_error', at, `an interval has no part '${name}'`);
  }
}
