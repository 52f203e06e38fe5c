import type { Scalar } from '../../columns/column.ts';
import { civilFromDays, daysFromCivil, daysInMonth, PER_DAY } from '../../columns/instant.ts';
import { type ColumnType, DATE, DOUBLE, INT64, STRING, TIMESTAMP, TIMESTAMP_NS } from '../../columns/types.ts';
import { OrasiError } from '../../core/errors.ts';
import {
  addInterval,
  addMonths,
  ageBetween,
  boundariesBetween,
  countOf,
  type DayTime,
  datePart,
  datePartNamed,
  dayTimeOf,
  truncateTo,
  wholePartsBetween,
} from './calendar.ts';
import type { Signature } from './coercion.ts';
import { define, type ScalarFunctionDefinition } from './definition.ts';
import { intervalText } from './interval.ts';
import { dayName, formatInstant, monthName, parseInstant } from './time-format.ts';

const takes = (args: readonly ColumnType[], type: ColumnType): Signature => ({ args, type });

/** The signatures over a date and over instants of both units; `type` may depend on which. */
function overInstants(
  shape: (instant: ColumnType) => readonly ColumnType[],
  type: (instant: ColumnType) => ColumnType,
): Signature[] {
  return [DATE, TIMESTAMP, TIMESTAMP_NS].map((instant) => takes(shape(instant), type(instant)));
}

const asTimestamp = (type: ColumnType): ColumnType => (type.kind === 'date' ? TIMESTAMP : type);

function instantOf(value: Scalar, type: ColumnType): DayTime {
  if (type.kind === 'timestamp') return dayTimeOf(value as bigint, type.unit);
  return { days: Number(value), nanos: 0 };
}

/** An instant in a result type; a date drops the time. */
function instantAs(at: DayTime, type: ColumnType): Scalar {
  return type.kind === 'timestamp' ? countOf(at, type.unit) : at.days;
}

/** Seconds since the epoch, exact to the microsecond as far as a double is. */
function epochSeconds(at: DayTime): number {
  return at.days * 86_400 + Math.floor(at.nanos / 1000) / 1_000_000;
}

function partOf(name: string, at: DayTime): Scalar {
  const part = datePartNamed(name);
  if (part === 'epoch') return epochSeconds(at);
  if (part === 'julian') return at.days + 2_440_588 + at.nanos / 86_400_000_000_000;
  return BigInt(datePart(part, at));
}

/** `year(x)` and its like: one part by its own name. */
function partFunction(name: string, aliases: readonly string[] = []): ScalarFunctionDefinition {
  return define({
    name,
    aliases,
    signatures: overInstants(
      (instant) => [instant],
      () => INT64,
    ),
    evaluate: ([value], [type]) => partOf(name, instantOf(value, type)),
  });
}

/** Counts since the epoch in a unit; the other way round where the argument is a number. */
function epochCount(name: string, nanosPerUnit: bigint): ScalarFunctionDefinition {
  return define({
    name,
    signatures: [
      ...overInstants(
        (instant) => [instant],
        () => INT64,
      ),
      ...(name === 'epoch_ms' ? [takes([INT64], TIMESTAMP)] : []),
    ],
    evaluate([value], [type]) {
      if (type.kind === 'int64') return (value as bigint) * 1000n;
      const { days, nanos } = instantOf(value, type);
      const total = BigInt(days) * PER_DAY.ns + BigInt(nanos);
      return total / nanosPerUnit;
    },
  });
}

function ageFunction(name: string, field: 'months' | 'days' | 'micros'): ScalarFunctionDefinition {
  return define({
    name,
    signatures: [takes([TIMESTAMP, TIMESTAMP], INT64)],
    evaluate: ([later, earlier]) =>
      ageBetween(dayTimeOf(later as bigint, 'us'), dayTimeOf(earlier as bigint, 'us'))[field],
  });
}

function makeDate(year: number, month: number, day: number): number {
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) {
    throw new OrasiError('type_error', `${year}-${month}-${day} is not a date`);
  }
  return daysFromCivil(year, month, day);
}

/** The start of the bucket of `width` that an instant lies in. Buckets of months count from 2000-01, others from 2000-01-03. */
function bucketStart(months: bigint, days: bigint, micros: bigint, at: DayTime): DayTime {
  if (months !== 0n) {
    if (months < 0n || days !== 0n || micros !== 0n) {
      throw new OrasiError('type_error', 'a bucket is of months, or of days and time');
    }
    const { year, month } = civilFromDays(at.days);
    const since = (year - 2000) * 12 + month - 1;
    const width = Number(months);
    return { days: addMonths(daysFromCivil(2000, 1, 1), Math.floor(since / width) * width), nanos: 0 };
  }
  const width = days * PER_DAY.us + micros;
  if (width <= 0n) throw new OrasiError('type_error', 'a bucket is wider than nothing');
  const origin = BigInt(daysFromCivil(2000, 1, 3)) * PER_DAY.us;
  const since = countOf(at, 'us') - origin;
  const rest = ((since % width) + width) % width;
  return dayTimeOf(origin + since - rest, 'us');
}

const fromParts = (args: readonly Scalar[]): Scalar => {
  const [year, month, day, hour, minute] = args.map(Number);
  const seconds = Number(args[5]);
  if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || seconds < 0 || seconds >= 60) {
    throw new OrasiError('type_error', 'the time of day is out of range');
  }
  const micros = Math.round(seconds * 1_000_000);
  return (
    countOf(dayTimeOf(BigInt((hour * 60 + minute) * 60_000_000 + micros), 'us'), 'us') +
    BigInt(makeDate(year, month, day)) * PER_DAY.us
  );
};

export const TEMPORAL_FUNCTIONS: readonly ScalarFunctionDefinition[] = [
  define({
    name: 'date_trunc',
    aliases: ['datetrunc'],
    signatures: overInstants((instant) => [STRING, instant], asTimestamp),
    evaluate: ([part, value], argTypes, type) =>
      instantAs(truncateTo(datePartNamed(String(part)), instantOf(value, argTypes[1])), type),
  }),
  define({
    name: 'date_part',
    aliases: ['datepart', 'extract'],
    resolve(args, constants) {
      const instant = args[1]?.type;
      if (args.length !== 2 || (instant.kind !== 'date' && instant.kind !== 'timestamp')) return undefined;
      const part = constants[0] === undefined ? undefined : datePartNamed(String(constants[0]));
      const fractional = part === 'epoch' || part === 'julian';
      return takes([STRING, instant], fractional ? DOUBLE : INT64);
    },
    evaluate: ([part, value], argTypes) => partOf(String(part), instantOf(value, argTypes[1])),
  }),
  ...['year', 'month', 'day', 'hour', 'minute', 'second', 'millisecond', 'microsecond', 'nanosecond'].map((name) =>
    partFunction(name, name === 'day' ? ['dayofmonth'] : []),
  ),
  ...['week', 'quarter', 'decade', 'century', 'millennium', 'isodow', 'isoyear', 'yearweek', 'era'].map((name) =>
    partFunction(name, name === 'week' ? ['weekofyear'] : []),
  ),
  partFunction('dayofweek', ['weekday']),
  partFunction('dayofyear'),
  define({
    name: 'julian',
    signatures: overInstants(
      (instant) => [instant],
      () => DOUBLE,
    ),
    evaluate: ([value], [type]) => partOf('julian', instantOf(value, type)),
  }),
  define({
    name: 'epoch',
    signatures: overInstants(
      (instant) => [instant],
      () => DOUBLE,
    ),
    evaluate: ([value], [type]) => epochSeconds(instantOf(value, type)),
  }),
  epochCount('epoch_ms', 1_000_000n),
  epochCount('epoch_us', 1000n),
  epochCount('epoch_ns', 1n),
  define({
    name: 'to_timestamp',
    signatures: [takes([DOUBLE], TIMESTAMP)],
    evaluate([seconds]) {
      const micros = Math.round(Number(seconds) * 1_000_000);
      if (!Number.isSafeInteger(micros)) throw new OrasiError('type_error', 'an instant leaves the range of its type');
      return BigInt(micros);
    },
  }),
  define({
    name: 'date_diff',
    aliases: ['datediff'],
    signatures: overInstants(
      (instant) => [STRING, instant, instant],
      () => INT64,
    ),
    evaluate: ([part, from, to], argTypes) =>
      boundariesBetween(datePartNamed(String(part)), instantOf(from, argTypes[1]), instantOf(to, argTypes[2])),
  }),
  define({
    name: 'date_sub',
    aliases: ['datesub'],
    signatures: overInstants(
      (instant) => [STRING, instant, instant],
      () => INT64,
    ),
    evaluate: ([part, from, to], argTypes) =>
      wholePartsBetween(datePartNamed(String(part)), instantOf(from, argTypes[1]), instantOf(to, argTypes[2])),
  }),
  define({
    name: 'add_interval',
    signatures: overInstants((instant) => [instant, INT64, INT64, INT64], asTimestamp),
    evaluate: ([value, months, days, micros], [from], type) =>
      instantAs(addInterval(instantOf(value, from), months as bigint, days as bigint, micros as bigint), type),
  }),
  define({
    name: 'micros_between',
    signatures: [takes([TIMESTAMP, TIMESTAMP], INT64)],
    evaluate: ([later, earlier]) => (later as bigint) - (earlier as bigint),
  }),
  ageFunction('age_months', 'months'),
  ageFunction('age_days', 'days'),
  ageFunction('age_micros', 'micros'),
  define({
    name: 'interval_text',
    signatures: [takes([INT64, INT64, INT64], STRING)],
    evaluate: ([months, days, micros]) => intervalText(months as bigint, days as bigint, micros as bigint),
  }),
  define({
    name: 'time_bucket',
    signatures: overInstants(
      (instant) => [INT64, INT64, INT64, instant],
      (instant) => instant,
    ),
    evaluate: ([months, days, micros, value], argTypes, type) =>
      instantAs(bucketStart(months as bigint, days as bigint, micros as bigint, instantOf(value, argTypes[3])), type),
  }),
  define({
    name: 'last_day',
    signatures: overInstants(
      (instant) => [instant],
      () => DATE,
    ),
    evaluate([value], [type]) {
      const { year, month } = civilFromDays(instantOf(value, type).days);
      return daysFromCivil(year, month, daysInMonth(year, month));
    },
  }),
  define({
    name: 'monthname',
    signatures: overInstants(
      (instant) => [instant],
      () => STRING,
    ),
    evaluate: ([value], [type]) => monthName(datePart('month', instantOf(value, type))),
  }),
  define({
    name: 'dayname',
    signatures: overInstants(
      (instant) => [instant],
      () => STRING,
    ),
    evaluate: ([value], [type]) => dayName(datePart('dow', instantOf(value, type))),
  }),
  define({
    name: 'make_date',
    signatures: [takes([INT64, INT64, INT64], DATE), takes([INT64], DATE)],
    evaluate(args) {
      if (args.length === 1) return Number(args[0]);
      return makeDate(Number(args[0]), Number(args[1]), Number(args[2]));
    },
  }),
  define({
    name: 'make_timestamp',
    signatures: [takes([INT64, INT64, INT64, INT64, INT64, DOUBLE], TIMESTAMP), takes([INT64], TIMESTAMP)],
    evaluate: (args) => (args.length === 1 ? args[0] : fromParts(args)),
  }),
  define({
    name: 'strftime',
    signatures: [
      ...overInstants(
        (instant) => [instant, STRING],
        () => STRING,
      ),
      ...overInstants(
        (instant) => [STRING, instant],
        () => STRING,
      ),
    ],
    evaluate(args, argTypes) {
      const at = argTypes[0].kind === 'string' ? 1 : 0;
      return formatInstant(instantOf(args[at], argTypes[at]), String(args[1 - at]));
    },
  }),
  define({
    name: 'strptime',
    signatures: [takes([STRING, STRING], TIMESTAMP)],
    evaluate([text, format]) {
      const at = parseInstant(String(text), String(format));
      if (at === undefined) throw new OrasiError('type_error', `'${text}' does not have the form '${format}'`);
      return countOf(at, 'us');
    },
  }),
  define({
    name: 'try_strptime',
    signatures: [takes([STRING, STRING], TIMESTAMP)],
    evaluate([text, format]) {
      const at = parseInstant(String(text), String(format));
      return at === undefined ? null : countOf(at, 'us');
    },
  }),
];
