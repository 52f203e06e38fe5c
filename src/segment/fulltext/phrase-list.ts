import { grownInt32 } from '../../core/grow.ts';
import { corruptFile } from '../byte-codec.ts';
import { type Extent, planFewReads, runReads } from '../extents.ts';
import type { PagedFile } from '../paged-file.ts';
import { ListCursor, PostingsCursor } from './cursor.ts';
import { countPhrase, type Positions } from './phrase.ts';
import { NO_MORE, type PostingsBlocks } from './postings.ts';

/** A term of a phrase with its postings at hand. */
export interface PhraseTerm {
  readonly postings: PostingsBlocks;
  readonly documents: number;
  readonly positionsOffset: number;
}

/** A phrase as distinct terms, and which of them stands where. */
export interface PhraseShape {
  readonly terms: readonly PhraseTerm[];
  /** By place in the phrase: which term, and how far from the first place. */
  readonly slots: readonly { readonly term: number; readonly offset: number }[];
}

/** Where a term's posting of each candidate document is, and then its positions. */
interface Found {
  readonly blocks: Int32Array;
  readonly places: Uint8Array;
  values: Int32Array;
  /** By candidate, with an end behind the last. */
  readonly starts: Int32Array;
}

/**
 * The documents that hold a phrase, and how often. Reads the positions of those blocks alone in which all
 * terms meet in a document.
 */
export async function phraseList(file: PagedFile, { terms, slots }: PhraseShape): Promise<ListCursor> {
  const { documents, found } = meet(terms);
  const extents = terms
    .flatMap((term, t) => {
      const blocks = found[t].blocks.filter((block, i) => i === 0 || block !== found[t].blocks[i - 1]);
      return Array.from(blocks, (block): Extent & { t: number; block: number } => ({
        offset: term.positionsOffset + term.postings.positions[block],
        length: term.postings.positions[block + 1] - term.postings.positions[block],
        t,
        block,
      }));
    })
    .sort((a, b) => a.offset - b.offset);
  // Extents of a term come in order, so its candidates are met in order.
  const next = terms.map(() => 0);
  await runReads(file, planFewReads(extents, 2 * terms.length), ({ t, block }, bytes) => {
    next[t] = readPositions(terms[t].postings, found[t], next[t], block, bytes);
  });

  const rows = new Int32Array(documents.length);
  const times = new Float64Array(documents.length);
  const offsets = slots.map(({ offset }) => offset);
  const positions: Positions[] = slots.map(({ term }) => ({ values: found[term].values, start: 0, end: 0 }));
  let count = 0;
  for (let i = 0; i < documents.length; i++) {
    for (let slot = 0; slot < slots.length; slot++) {
      const { starts } = found[slots[slot].term];
      positions[slot].start = starts[i];
      positions[slot].end = starts[i + 1];
    }
    const occurrences = countPhrase(positions, offsets);
    if (occurrences === 0) continue;
    rows[count] = documents[i];
    times[count++] = occurrences;
  }
  return new ListCursor(rows.subarray(0, count), times.subarray(0, count));
}

/** Documents that hold every term, and where in each term's postings they are. */
function meet(terms: readonly PhraseTerm[]): { documents: Int32Array; found: Found[] } {
  const cursors = terms.map(({ postings, documents: size }) => new PostingsCursor(postings, size));
  const [lead, ...others] = [...cursors].sort((a, b) => a.size - b.size);
  // No more documents than the rarest term has.
  const most = lead.size;
  const documents = new Int32Array(most);
  const blocks = terms.map(() => new Int32Array(most));
  const places = terms.map(() => new Uint8Array(most));
  let count = 0;
  while (lead.document !== NO_MORE) {
    let furthest = lead.document;
    for (const cursor of others) {
      cursor.seek(furthest);
      furthest = cursor.document;
      if (furthest !== lead.document) break;
    }
    if (furthest !== lead.document) {
      lead.seek(furthest);
      continue;
    }
    documents[count] = furthest;
    for (let t = 0; t < cursors.length; t++) {
      blocks[t][count] = cursors[t].block;
      places[t][count] = cursors[t].place;
    }
    count++;
    lead.next();
  }
  const found = terms.map((_, t) => ({
    blocks: blocks[t].subarray(0, count),
    places: places[t].subarray(0, count),
    values: new Int32Array(count + 16),
    starts: new Int32Array(count + 1),
  }));
  return { documents: documents.subarray(0, count), found };
}

/** Takes the candidates' positions out of a block's; answers the first candidate of the blocks after. */
function readPositions(
  postings: PostingsBlocks,
  found: Found,
  first: number,
  block: number,
  bytes: Uint8Array,
): number {
  postings.decode(block);
  const { times } = postings;
  const { blocks, places, starts } = found;
  let candidate = first;
  let place = 0;
  let at = 0;
  let count = starts[first];
  for (; candidate < places.length && blocks[candidate] === block; candidate++, place++) {
    let skipped = 0;
    for (; place < places[candidate]; place++) skipped += times[place];
    // What a block says is no more than it has bytes.
    if (skipped + times[place] > bytes.length - at) throw corruptFile('a block of positions is cut short');
    while (skipped > 0) if ((bytes[at++] & 128) === 0) skipped--;
    if (count + times[place] > found.values.length) {
      found.values = grownInt32(found.values, (count + times[place]) * 2);
    }
    let position = 0;
    for (let left = times[place]; left > 0; left--) {
      let delta = bytes[at++];
      if (delta > 127) {
        let shift = 7;
        let byte: number;
        delta &= 127;
        do {
          byte = bytes[at++];
          delta |= (byte & 127) << shift;
          shift += 7;
        } while (byte > 127);
      }
      position += delta;
      found.values[count++] = position;
    }
    if (at > bytes.length) throw corruptFile('a block of positions is cut short');
    starts[candidate + 1] = count;
  }
  return candidate;
}
