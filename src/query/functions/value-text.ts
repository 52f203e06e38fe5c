import type { Scalar } from '../../columns/column.ts';
import { floorDivide } from '../../columns/floor-divide.ts';
import { civilFromDays, PER_DAY, PER_SECOND } from '../../columns/instant.ts';
import { bytesText, decimalText } from '../../columns/text.ts';
import { reprText } from '../../columns/text-forms.ts';
import type { ColumnType } from '../../columns/types.ts';

/**
 * The text of a value as `CAST(… AS VARCHAR)` and `||` write it, which is DuckDB's: a double keeps its point
 * (`1.0`), a decimal all its digits, an instant a space between date and time. Two other texts stay apart from it on
 * purpose: what a column becomes when it widens (`canonicalText`, columns/text.ts), made to be read back, and what
 * answers show in JSON and CSV (results/value-text.ts).
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

function sqlDoubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  return Number.isFinite(value) ? reprText(value) : value < 0 ? '-inf' : 'inf';
}

function sqlDateText(days: number): string {
  const { year, month, day } = civilFromDays(days);
  const date = `${pad(year > 0 ? year : 1 - year, 4)}-${pad(month, 2)}-${pad(day, 2)}`;
  return year > 0 ? date : `${date} (BC)`;
}

/** `2024-01-05 10:00:00.5`: the fraction without zeros at its end. */
function sqlTimestampText(count: bigint, unit: 'us' | 'ns'): string {
  const days = floorDivide(count, PER_DAY[unit]);
  return `${sqlDateText(Number(days))} ${sqlTimeText(count - days * PER_DAY[unit], unit)}`;
}

/** `10:00:00.5` for a count since midnight; hours may pass 24, as they do in intervals. */
export function sqlTimeText(count: bigint, unit: 'us' | 'ns'): string {
  const seconds = count / PER_SECOND[unit];
  const fraction = (count % PER_SECOND[unit])
    .toString()
    .padStart(unit === 'us' ? 6 : 9, '0')
    .replace(/0+$/, '');
  const clock = [seconds / 3600n, (seconds / 60n) % 60n, seconds % 60n].map((part) => pad(Number(part), 2)).join(':');
  return fraction === '' ? clock : `${clock}.${fraction}`;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}
