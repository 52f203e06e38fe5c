import type { Scalar } from '../../columns/column.ts';
import { civilFromDays } from '../../columns/instant.ts';
import { bytesText, decimalText } from '../../columns/text.ts';
import type { ColumnType } from '../../columns/types.ts';

/**
 * The text of a value as `CAST(… AS VARCHAR)` and `||` write it, which is DuckDB's: a double keeps its point
 * (`1.0`), a decimal all its digits, an instant a space between date and time. The text that files and
 * answers use is another (`canonicalText`), made to be read back.
 */
export function sqlText(value: Exclude<Scalar, null>, type: ColumnType): string {
  switch (type.kind) {
    case 'double':
      return sqlDoubleText(Number(value));
    case 'decimal':
      return decimalText(BigInt(value as bigint), type.scale);
    case 'date':
      return sqlDateText(Number(value));
    case 'timestamp':
      return sqlTimestampText(BigInt(value as bigint), type.unit);
    case 'bytes':
      return bytesText(value as Uint8Array);
    default:
      return String(value);
  }
}

/** Shortest digits that read back; an exponent below 1e-4 and from 1e16, of two digits at least. */
export function sqlDoubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  if (!Number.isFinite(value)) return value < 0 ? '-inf' : 'inf';
  const [mantissa, exponentText] = Math.abs(value).toExponential().split('e');
  const exponent = Number(exponentText);
  const sign = value < 0 || Object.is(value, -0) ? '-' : '';
  if (value !== 0 && (exponent < -4 || exponent >= 16)) {
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${sign}${mantissa}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  const digits = mantissa.replace('.', '');
  if (exponent < 0) return `${sign}0.${'0'.repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, '0');
  return `${sign}${whole}.${digits.slice(exponent + 1) || '0'}`;
}

export function sqlDateText(days: number): string {
  const { year, month, day } = civilFromDays(days);
  const date = `${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
  return year > 0 ? date : `${date} (BC)`;
}

/** `2024-01-05 10:00:00.5`: the fraction without zeros at its end. */
export function sqlTimestampText(count: bigint, unit: 'us' | 'ns'): string {
  const perDay = unit === 'us' ? 86_400_000_000n : 86_400_000_000_000n;
  let days = count / perDay;
  let rest = count % perDay;
  if (rest < 0n) {
    rest += perDay;
    days -= 1n;
  }
  const date = sqlDateText(Number(days));
  const time = sqlTimeText(rest, unit);
  return date.endsWith(' (BC)') ? `${date.slice(0, -5)} ${time} (BC)` : `${date} ${time}`;
}

/** `10:00:00.5` for a count since midnight; hours may pass 24, as they do in intervals. */
export function sqlTimeText(count: bigint, unit: 'us' | 'ns'): string {
  const perSecond = unit === 'us' ? 1_000_000n : 1_000_000_000n;
  const seconds = count / perSecond;
  const fraction = (count % perSecond)
    .toString()
    .padStart(unit === 'us' ? 6 : 9, '0')
    .replace(/0+$/, '');
  const clock = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map((part) => pad(Number(part), 2)).join(':');
  return fraction === '' ? clock : `${clock}.${fraction}`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
