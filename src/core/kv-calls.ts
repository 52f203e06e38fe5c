import type { KvInterval, KvOperation, KvPut, KvRange } from './protocol/cluster-kv.ts';

/** Calls of a cluster's state with everything that is not said as it usually is. */

const NOTHING = new Uint8Array(0);
const ZERO = new Uint8Array(1);

/** A key alone. */
export function keyInterval(key: Uint8Array): KvInterval {
  return { key, rangeEnd: NOTHING };
}

/** The keys with a prefix; with an empty one all of them. */
export function prefixInterval(prefix: Uint8Array): KvInterval {
  if (prefix.length === 0) return { key: ZERO, rangeEnd: ZERO };
  for (let last = prefix.length - 1; last >= 0; last--) {
    if (prefix[last] === 0xff) continue;
    // The first key behind them: their last byte that can grow, one larger.
    const rangeEnd = prefix.slice(0, last + 1);
    rangeEnd[last] += 1;
    return { key: prefix, rangeEnd };
  }
  return { key: prefix, rangeEnd: ZERO };
}

export function rangeCall(interval: KvInterval, range: Partial<KvRange> = {}): KvOperation & { op: 'range' } {
  return {
    op: 'range',
    limit: 0,
    revision: 0,
    sortOrder: 'none',
    sortTarget: 'key',
    keysOnly: false,
    countOnly: false,
    minModRevision: 0,
    maxModRevision: 0,
    minCreateRevision: 0,
    maxCreateRevision: 0,
    ...interval,
    ...range,
  };
}

export function putCall(key: Uint8Array, value: Uint8Array, put: Partial<KvPut> = {}): KvOperation & { op: 'put' } {
  return { op: 'put', leaseId: '0', previous: false, ignoreValue: false, ignoreLease: false, ...put, key, value };
}

export function deleteCall(interval: KvInterval, previous = false): KvOperation & { op: 'deleteRange' } {
  return { op: 'deleteRange', ...interval, previous };
}
