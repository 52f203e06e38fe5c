import { civilFromDays, daysFromCivil, daysInMonth } from '../../columns/instant.ts';
import { OrasiError } from '../../core/errors.ts';
import { type DayTime, datePart } from './calendar.ts';

const MONTHS = 'January February March April May June July August September October November December'.split(' ');
const DAYS = 'Sunday Monday Tuesday Wednesday Thursday Friday Saturday'.split(' ');

/** January is 1. */
export function monthName(month: number): string {
  return MONTHS[month - 1];
}

/** Sunday is 0. */
export function dayName(dayOfWeek: number): string {
  return DAYS[dayOfWeek];
}

/**
 * An instant in the form that strftime's specifiers say; `%-d` is `%d` without its leading zeros.
 * Source: https://duckdb.org/docs/stable/sql/functions/dateformat. Throws `type_error` for a specifier not there.
 */
export function formatInstant(at: DayTime, format: string): string {
  return format.replaceAll(/%(-?)([A-Za-z%])|%/g, (specifier, dash: string | undefined, letter: string | undefined) => {
    const written = letter === undefined ? undefined : specifierText(letter, at);
    if (written === undefined) throw new OrasiError('type_error', `strftime does not know '${specifier}'`);
    return dash === '-' ? written.replace(/^0+(?=\d)/, '') : written;
  });
}

function specifierText(letter: string, at: DayTime): string | undefined {
  const { year, month, day } = civilFromDays(at.days);
  const hour = datePart('hour', at);
  const dayOfWeek = datePart('dow', at);
  const dayOfYear = datePart('doy', at);
  const pad = (value: number, width = 2) => String(value).padStart(width, '0');
  const time = () => `${pad(hour)}:${pad(datePart('minute', at))}:${pad(datePart('second', at))}`;
  switch (letter) {
    case 'Y':
      return pad(year, 4);
    case 'y':
      return pad(((year % 100) + 100) % 100);
    case 'm':
      return pad(month);
    case 'd':
      return pad(day);
    case 'H':
      return pad(hour);
    case 'I':
      return pad(hour % 12 || 12);
    case 'M':
      return pad(datePart('minute', at));
    case 'S':
      return pad(datePart('second', at));
    case 'f':
      return pad(Math.floor((at.nanos % 1_000_000_000) / 1000), 6);
    case 'g':
      return pad(Math.floor((at.nanos % 1_000_000_000) / 1_000_000), 3);
    case 'n':
      return pad(at.nanos % 1_000_000_000, 9);
    case 'p':
      return hour < 12 ? 'AM' : 'PM';
    case 'a':
      return DAYS[dayOfWeek].slice(0, 3);
    case 'A':
      return DAYS[dayOfWeek];
    case 'b':
    case 'h':
      return MONTHS[month - 1].slice(0, 3);
    case 'B':
      return MONTHS[month - 1];
    case 'j':
      return pad(dayOfYear, 3);
    case 'w':
      return String(dayOfWeek);
    case 'u':
      return String(dayOfWeek || 7);
    case 'U':
      return pad(Math.floor((dayOfYear - 1 + 7 - dayOfWeek) / 7));
    case 'W':
      return pad(Math.floor((dayOfYear - 1 + 7 - ((dayOfWeek + 6) % 7)) / 7));
    case 'V':
      return pad(datePart('week', at));
    case 'G':
      return pad(datePart('isoyear', at), 4);
    case 'x':
      return `${pad(year, 4)}-${pad(month)}-${pad(day)}`;
    case 'X':
      return time();
    case 'c':
      return `${pad(year, 4)}-${pad(month)}-${pad(day)} ${time()}`;
    case 'z':
      return '+00';
    case 'Z':
      return 'UTC';
    case '%':
      return '%';
    default:
      return undefined;
  }
}

/** What strptime's specifiers read, as pieces of a pattern; each names the field it fills. */
const READERS: Readonly<Record<string, string>> = {
  Y: '(?<Y>[+-]?\\d{1,5})',
  y: '(?<y>\\d{1,2})',
  m: '(?<m>\\d{1,2})',
  d: '(?<d>\\d{1,2})',
  H: '(?<H>\\d{1,2})',
  I: '(?<I>\\d{1,2})',
  M: '(?<M>\\d{1,2})',
  S: '(?<S>\\d{1,2})',
  f: '(?<f>\\d{1,9})',
  g: '(?<g>\\d{1,3})',
  n: '(?<f>\\d{1,9})',
  p: '(?<p>[AaPp][Mm])',
  b: `(?<b>${MONTHS.map((name) => name.slice(0, 3)).join('|')})`,
  B: `(?<b>${MONTHS.join('|')})`,
  a: `(?:${DAYS.map((name) => name.slice(0, 3)).join('|')})`,
  A: `(?:${DAYS.join('|')})`,
  j: '(?<j>\\d{1,3})',
  z: '(?<z>Z|[+-]\\d{2}(?::?\\d{2})?)',
  Z: '(?:UTC|GMT|Z)',
  '%': '%',
};

const patterns = new Map<string, RegExp>();

/** The instant a text says in the form of strptime; undefined where it does not have that form or is no date. */
export function parseInstant(text: string, format: string): DayTime | undefined {
  const fields = patternOf(format).exec(text.trim())?.groups;
  if (fields === undefined) return undefined;
  const number = (name: string, otherwise: number) => (fields[name] === undefined ? otherwise : Number(fields[name]));
  let year = number('Y', 1900);
  if (fields.y !== undefined) year = Number(fields.y) + (Number(fields.y) < 69 ? 2000 : 1900);
  let month = number('m', 1);
  if (fields.b !== undefined) {
    month = MONTHS.findIndex((name) => name.slice(0, 3).toLowerCase() === fields.b.slice(0, 3).toLowerCase()) + 1;
  }
  let day = number('d', 1);
  let hour = number('H', 0);
  if (fields.I !== undefined) hour = (Number(fields.I) % 12) + (/^p/i.test(fields.p ?? '') ? 12 : 0);
  const [minute, second] = [number('M', 0), number('S', 0)];
  if (month < 1 || month > 12 || day < 1 || day > daysInMonth(year, month)) return undefined;
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  let days = daysFromCivil(year, month, day);
  if (fields.j !== undefined) {
    days = daysFromCivil(year, 1, 1) + Number(fields.j) - 1;
    day = 1;
  }
  const fraction = fields.f?.padEnd(9, '0') ?? fields.g?.padStart(3, '0').padEnd(9, '0') ?? '0';
  const offset = /^([+-])(\d{2}):?(\d{2})?$/.exec(fields.z ?? '');
  const east = offset === null ? 0 : (offset[1] === '-' ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3] ?? 0));
  const seconds = (hour * 60 + minute - east) * 60 + second;
  const shift = Math.floor(seconds / 86_400);
  return { days: days + shift, nanos: (seconds - shift * 86_400) * 1_000_000_000 + Number(fraction) };
}

function patternOf(format: string): RegExp {
  const known = patterns.get(format);
  if (known !== undefined) return known;
  if (format.length > 200) throw new OrasiError('type_error', 'the form given to strptime is too long');
  let source = '';
  for (let i = 0; i < format.length; i++) {
    if (format[i] !== '%') {
      source += /\s/.test(format[i]) ? '\\s+' : format[i].replace(/[.*+?^${}()|[\]\\/]/, '\\$&');
      continue;
    }
    if (format[i + 1] === '-') i++;
    const reader = READERS[format[++i] ?? ''];
    if (reader === undefined) throw new OrasiError('type_error', `strptime does not know '%${format[i] ?? ''}'`);
    source += reader;
  }
  let pattern: RegExp;
  try {
    pattern = new RegExp(`^${source}$`, 'i');
  } catch {
    throw new OrasiError('type_error', `strptime: '${format}' says a part twice`);
  }
  if (patterns.size >= 64) patterns.clear();
  patterns.set(format, pattern);
  return pattern;
}
