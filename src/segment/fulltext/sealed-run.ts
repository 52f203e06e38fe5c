import { ByteWriter } from '../../core/byte-writer.ts';
import { grownBytes } from '../../core/grow.ts';
import { compareKeys } from '../btree-keys.ts';
import type { Occurrences } from './occurrences.ts';

/**
 * Part of an index under construction, packed: the terms of a stretch of documents in byte order, each
 *
 * ```
 * bytes shared with the term before · length of the rest · the rest · documents · bytes of postings · bytes of positions
 * postings: (document delta << 1) | (occurs once) · times, unless once
 * positions: of each document, the differences of its positions, the first from 0
 * ```
 * all numbers varints. It is a third of what the same occurrences take while they are gathered.
 */
export type SealedRun = Uint8Array;

/** The occurrences of a run packed by term, in the order of the terms. */
export function sealRun(occurrences: Occurrences): SealedRun {
  const out = new ByteWriter(1 << 16);
  const postings = new ByteWriter(1 << 12);
  const positions = new ByteWriter(1 << 12);
  let before: Uint8Array = new Uint8Array(0);
  for (const term of occurrences.sorted()) {
    postings.clear();
    positions.clear();
    separate(occurrences.streamOf(term), postings, positions);
    const bytes = occurrences.textOf(term);
    let shared = 0;
    while (shared < before.length && shared < bytes.length && before[shared] === bytes[shared]) shared++;
    out.varint(shared);
    out.varint(bytes.length - shared);
    out.append(bytes, shared);
    out.varint(occurrences.documentFrequency(term));
    out.varint(postings.length);
    out.varint(positions.length);
    out.append(postings.view());
    out.append(positions.view());
    before = bytes;
  }
  return out.copy();
}

/** Takes a term's stream of occurrences apart into postings and positions. */
function separate(stream: { bytes: Uint8Array; length: number }, postings: ByteWriter, positions: ByteWriter): void {
  const { bytes, length } = stream;
  positions.reserve(length);
  let at = 0;
  let delta = 0;
  let times = 0;
  let first = false;
  while (at < length) {
    let value = 0;
    let shift = 0;
    let byte: number;
    do {
      byte = bytes[at++];
      value |= (byte & 127) << shift;
      shift += 7;
    } while (byte > 127);
    if (first) {
      positions.varint(value);
      first = false;
    } else if (value & 1) {
      if (times > 0) addPosting(postings, delta, times);
      delta = value >>> 1;
      times = 1;
      first = true;
    } else {
      positions.varint(value >>> 1);
      times++;
    }
  }
  addPosting(postings, delta, times);
}

function addPosting(postings: ByteWriter, delta: number, times: number): void {
  postings.varint(delta * 2 + (times === 1 ? 1 : 0));
  if (times > 1) postings.varint(times);
}

/** Steps through the terms of a run. */
export class RunCursor {
  readonly bytes: Uint8Array;
  #at = 0;
  #term = new Uint8Array(64);
  termLength = 0;
  documents = 0;
  postingsStart = 0;
  positionsStart = 0;
  positionsEnd = 0;

  constructor(run: SealedRun) {
    this.bytes = run;
  }

  /** The term stood on; a view that the next step changes. */
  get term(): Uint8Array {
    return this.#term.subarray(0, this.termLength);
  }

  /** To the next term; false at the end. */
  next(): boolean {
    if (this.#at === this.bytes.length) return false;
    const shared = this.#varint();
    const rest = this.#varint();
    if (shared + rest > this.#term.length) {
      this.#term = grownBytes(this.#term, (shared + rest) * 2);
    }
    this.#term.set(this.bytes.subarray(this.#at, this.#at + rest), shared);
    this.#at += rest;
    this.termLength = shared + rest;
    this.documents = this.#varint();
    const postingsBytes = this.#varint();
    const positionsBytes = this.#varint();
    this.postingsStart = this.#at;
    this.positionsStart = this.#at + postingsBytes;
    this.positionsEnd = this.positionsStart + positionsBytes;
    this.#at = this.positionsEnd;
    return true;
  }

  #varint(): number {
    let value = 0;
    let shift = 0;
    let byte: number;
    do {
      byte = this.bytes[this.#at++];
      value |= (byte & 127) << shift;
      shift += 7;
    } while (byte > 127);
    return value;
  }
}

/**
 * All terms of all runs in byte order; for each the runs that have it, in the runs' order, which is that of
 * their documents. The cursors stand on the term until the next step.
 */
export function* mergeTerms(runs: readonly SealedRun[]): Iterable<{ term: Uint8Array; parts: readonly RunCursor[] }> {
  let cursors = runs.map((run) => new RunCursor(run)).filter((cursor) => cursor.next());
  while (cursors.length > 0) {
    let { term } = cursors[0];
    let parts = [cursors[0]];
    for (let i = 1; i < cursors.length; i++) {
      const order = compareKeys(cursors[i].term, term);
      if (order > 0) continue;
      if (order < 0) {
        term = cursors[i].term;
        parts = [];
      }
      parts.push(cursors[i]);
    }
    yield { term, parts };
    let ended = false;
    for (const part of parts) {
      if (part.next()) continue;
      part.termLength = -1;
      ended = true;
    }
    if (ended) cursors = cursors.filter((cursor) => cursor.termLength >= 0);
  }
}
