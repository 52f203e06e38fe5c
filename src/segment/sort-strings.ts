import { assert } from '../core/errors.ts';

/** Byte strings in flat memory: string `i` is `bytesOf(i)[startOf(i) .. startOf(i) + lengthOf(i))`. All differ. */
export interface StringSet {
  readonly size: number;
  bytesOf(string: number): Uint8Array;
  startOf(string: number): number;
  lengthOf(string: number): number;
}

/** A sort key is four bytes and a place below this, together 53 bits: exact in a double. */
const MOST_STRINGS = 2 ** 21;
/** A group this small is put in order by comparing. */
const FEW = 12;

/**
 * The strings' numbers in byte order. Four bytes of every string become numbers that the engine sorts natively;
 * groups equal in them are sorted by the next four, from where their common beginning ends. A million addresses
 * that begin alike take a tenth of what comparing them takes.
 */
export function sortStrings(strings: StringSet): Int32Array {
  assert(strings.size <= MOST_STRINGS, `${strings.size} strings are sorted at once`);
  const order = new Int32Array(strings.size);
  for (let i = 0; i < order.length; i++) order[i] = i;
  const keys = new Float64Array(strings.size);
  const moved = new Int32Array(strings.size);
  const groups: [from: number, to: number, depth: number][] = [[0, order.length, 0]];
  for (let group = groups.pop(); group !== undefined; group = groups.pop()) {
    const [from, to, shared] = group;
    if (to - from <= FEW) {
      sortFew(strings, order, from, to, shared);
      continue;
    }
    const depth = commonDepth(strings, order, from, to, shared);
    for (let i = from; i < to; i++) keys[i] = keyAt(strings, order[i], depth) * MOST_STRINGS + (i - from);
    keys.subarray(from, to).sort();
    for (let i = from; i < to; i++) moved[i] = order[from + (keys[i] % MOST_STRINGS)];
    order.set(moved.subarray(from, to), from);
    for (let start = from; start < to; ) {
      const key = Math.floor(keys[start] / MOST_STRINGS);
      let end = start + 1;
      while (end < to && Math.floor(keys[end] / MOST_STRINGS) === key) end++;
      if (end - start > 1) {
        const ended = endedFirst(strings, order, start, end, depth + 4);
        if (end - ended > 1) groups.push([ended, end, depth + 4]);
      }
      start = end;
    }
  }
  return order;
}

/** The four bytes at a depth; behind its end a string has zeros. */
function keyAt(strings: StringSet, string: number, depth: number): number {
  const bytes = strings.bytesOf(string);
  const at = strings.startOf(string) + depth;
  const left = strings.lengthOf(string) - depth;
  if (left >= 4) return ((bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3]) >>> 0;
  let key = 0;
  for (let i = 0; i < 4; i++) key = key * 256 + (i < left ? bytes[at + i] : 0);
  return key;
}

/** The depth to which all strings of a group agree, from one to which they are known to. */
function commonDepth(strings: StringSet, order: Int32Array, from: number, to: number, known: number): number {
  const first = strings.bytesOf(order[from]);
  const firstAt = strings.startOf(order[from]);
  let depth = strings.lengthOf(order[from]);
  for (let i = from + 1; i < to && depth > known; i++) {
    const bytes = strings.bytesOf(order[i]);
    const at = strings.startOf(order[i]);
    const most = Math.min(depth, strings.lengthOf(order[i]));
    let same = known;
    while (same < most && bytes[at + same] === first[firstAt + same]) same++;
    depth = same;
  }
  return depth;
}

/**
 * Strings that end before a depth come before those that go on, shorter ones first: they differ from the others
 * only by zeros. Answers where those that go on begin.
 */
function endedFirst(strings: StringSet, order: Int32Array, from: number, to: number, depth: number): number {
  let ended = from;
  for (let i = from; i < to; i++) {
    const string = order[i];
    if (strings.lengthOf(string) > depth) continue;
    let place = ended++;
    order[i] = order[place];
    for (; place > from && strings.lengthOf(order[place - 1]) > strings.lengthOf(string); place--) {
      order[place] = order[place - 1];
    }
    order[place] = string;
  }
  return ended;
}

function sortFew(strings: StringSet, order: Int32Array, from: number, to: number, depth: number): void {
  for (let i = from + 1; i < to; i++) {
    const string = order[i];
    let place = i;
    for (; place > from && isBefore(strings, string, order[place - 1], depth); place--) order[place] = order[place - 1];
    order[place] = string;
  }
}

function isBefore(strings: StringSet, a: number, b: number, depth: number): boolean {
  const aBytes = strings.bytesOf(a);
  const bBytes = strings.bytesOf(b);
  const aAt = strings.startOf(a);
  const bAt = strings.startOf(b);
  const aLength = strings.lengthOf(a);
  const bLength = strings.lengthOf(b);
  const most = Math.min(aLength, bLength);
  for (let i = depth; i < most; i++) {
    const difference = aBytes[aAt + i] - bBytes[bAt + i];
    if (difference !== 0) return difference < 0;
  }
  return aLength < bLength;
}
