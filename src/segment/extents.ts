import { LIMITS } from '../core/limits.ts';
import type { PagedFile } from './paged-file.ts';

/** A part of a file's body that is wanted. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/** Extents fetched together: `extents` lie within `offset` and `offset + length`, in order. */
export interface PlannedRead<E extends Extent> extends Extent {
  readonly extents: readonly E[];
}

/** Nearby extents are read as one: a round trip costs more than this many bytes. */
const GAP_BYTES = 65_536;
/** A read is split here, so that an isolate never holds much more at once. */
const READ_BYTES = 1024 * 1024;

/** Reading on over more than this is dearer than another read, whatever the count. */
const WIDEST_GAP_BYTES = 4 * 1024 * 1024;

/** The fewest reads for extents sorted by offset; the plan is all a read costs, known before the first one. */
export function planReads<E extends Extent>(
  extents: readonly E[],
  gapBytes = GAP_BYTES,
  readBytes = READ_BYTES,
): PlannedRead<E>[] {
  const reads: { offset: number; length: number; extents: E[] }[] = [];
  for (const extent of extents) {
    const last = reads.at(-1);
    const end = extent.offset + extent.length;
    if (
      last !== undefined &&
      extent.offset - (last.offset + last.length) <= gapBytes &&
      end - last.offset <= readBytes
    ) {
      last.length = Math.max(last.length, end - last.offset);
      last.extents.push(extent);
    } else {
      reads.push({ offset: extent.offset, length: extent.length, extents: [extent] });
    }
  }
  return reads;
}

/** As `planReads`, but reads on over wider gaps until there are at most `most` reads, or the gaps are megabytes. */
export function planFewReads<E extends Extent>(extents: readonly E[], most: number): PlannedRead<E>[] {
  let gapBytes = GAP_BYTES;
  let reads = planReads(extents);
  while (reads.length > most && gapBytes < WIDEST_GAP_BYTES) {
    gapBytes *= 4;
    reads = planReads(extents, gapBytes, WIDEST_GAP_BYTES * 2);
  }
  return reads;
}

/** Reads and bytes that a plan takes from the store. */
export function planCost(file: PagedFile, reads: readonly Extent[]): { reads: number; bytes: number } {
  const costs = reads.map((read) => file.cost(read.offset, read.length)).filter((bytes) => bytes > 0);
  return { reads: costs.length, bytes: costs.reduce((sum, bytes) => sum + bytes, 0) };
}

/**
 * Runs a plan, a few reads at a time, handing each extent's bytes to `take` in order. What is held is
 * bounded by the reads in flight.
 */
export async function runReads<E extends Extent>(
  file: PagedFile,
  reads: readonly PlannedRead<E>[],
  take: (extent: E, bytes: Uint8Array) => void,
): Promise<void> {
  for (let i = 0; i < reads.length; i += LIMITS.concurrentReads) {
    const some = reads.slice(i, i + LIMITS.concurrentReads);
    const chunks = await Promise.all(some.map((read) => file.read(read.offset, read.length)));
    for (const [j, read] of some.entries()) {
      for (const extent of read.extents) {
        const start = extent.offset - read.offset;
        take(extent, chunks[j].subarray(start, start + extent.length));
      }
    }
  }
}
