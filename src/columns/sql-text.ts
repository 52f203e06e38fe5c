import type { Scalar } from './column.ts';
import { canonicalText, dateText, decimalText, timestampText } from './text.ts';
import { reprText } from './text-forms.ts';
import type { ColumnType } from './types.ts';

/**
 * The text `CAST(value AS VARCHAR)` gives, which is DuckDB's: `1.0`, `1e-07`, `1.50` for a decimal of
 * scale 2, `2024-01-05 10:00:00.5`. What widening gives is `canonicalText`.
 */
export function sqlText(value: Exclude<Scalar, null>, type: ColumnType): string {
  switch (type.kind) {
    case 'double':
      return sqlDoubleText(Number(value));
    case 'decimal':
      return decimalText(BigInt(value as bigint), type.scale);
    case 'timestamp':
      return sqlTimestampText(BigInt(value as bigint), type.unit);
    case 'date':
      return sqlDateText(dateText(Number(value)));
    default:
      return canonicalText(value, type);
  }
}

function sqlDoubleText(value: number): string {
  if (Number.isNaN(value)) return 'nan';
  return Number.isFinite(value) ? reprText(value) : value > 0 ? 'inf' : '-inf';
}

/** Years before 1 count backwards from `(BC)`; years after 9999 have no sign. */
function sqlDateText(text: string): string {
  if (text.startsWith('+') && !text.startsWith('+000000')) return text.slice(1).replace(/^0+/, '');
  if (!text.startsWith('-') && !text.startsWith('+')) return text;
  const year = 1 + Number(text.slice(1, text.indexOf('-', 1)));
  return `${String(year).padStart(4, '0')}${text.slice(text.indexOf('-', 1))} (BC)`;
}

function sqlTimestampText(count: bigint, unit: 'us' | 'ns'): string {
  const text = timestampText(count, unit);
  const split = text.indexOf('T');
  const date = sqlDateText(text.slice(0, split));
  const clock = text
    .slice(split + 1, -1)
    .replace(/0+$/, '')
    .replace(/\.$/, '');
  return `${date} ${clock}`;
}
