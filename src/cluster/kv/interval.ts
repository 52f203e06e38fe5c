import type { SqlValue } from '../../core/object-database.ts';
import type { KvInterval } from '../../core/protocol/cluster-kv.ts';

/** Byte order: -1, 0 or 1. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let at = 0; at < shared; at++) if (a[at] !== b[at]) return a[at] < b[at] ? -1 : 1;
  return Math.sign(a.length - b.length);
}

/** How an interval ends: with its one key, nowhere, or before a key. */
export function endOf({ rangeEnd }: KvInterval): 'key' | 'open' | 'bounded' {
  if (rangeEnd.length === 0) return 'key';
  return rangeEnd.length === 1 && rangeEnd[0] === 0 ? 'open' : 'bounded';
}

export function isWithin(interval: KvInterval, key: Uint8Array): boolean {
  const end = endOf(interval);
  if (end === 'key') return compareBytes(key, interval.key) === 0;
  return compareBytes(key, interval.key) >= 0 && (end === 'open' || compareBytes(key, interval.rangeEnd) < 0);
}

/** The interval as a condition on the column `key`. */
export function intervalCondition(interval: KvInterval): { where: string; values: SqlValue[] } {
  switch (endOf(interval)) {
    case 'key':
      return { where: 'key = ?', values: [interval.key] };
    case 'open':
      return { where: 'key >= ?', values: [interval.key] };
    case 'bounded':
      return { where: 'key >= ? AND key < ?', values: [interval.key, interval.rangeEnd] };
  }
}
