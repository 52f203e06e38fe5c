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
  readonly blocks: number[];
  readonly places: number[];
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
      return blocks.map((block): Extent & { t: number; block: number } => ({
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
    for (const [slot, { term }] of slots.entries()) {
      positions[slot].start = found[term].starts[i];
      positions[slot].end = found[term].starts[i + 1];
    }
    const occurrences = countPhrase(positions, offsets);
    if (occurrences === 0) continue;
    rows[count] = documents[i];
    times[count++] = occurrences;
  }
  return new ListCursor(rows.subarray(0, count), times.subarray(0, count));
}

/** Documents that hold every term, and where in each term's postings they are. */
function meet(terms: readonly PhraseTerm[]): { documents: number[]; found: Found[] } {
  const documents: number[] = [];
  const places = terms.map(() => ({ blocks: [] as number[], places: [] as number[] }));
  const cursors = terms.map(({ postings, documents: size }) => new PostingsCursor(postings, size));
  const [lead, ...others] = [...cursors].sort((a, b) => a.size - b.size);
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
    documents.push(furthest);
    for (const [t, cursor] of cursors.entries()) {
      places[t].blocks.push(cursor.block);
      places[t].places.push(cursor.place);
    }
    lead.next();
  }
  const found = places.map((place) => ({
    ...place,
    values: new Int32Array(documents.length + 16),
    starts: new Int32Array(documents.length + 1),
  }));
  return { documents, found };
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
  const { times, size } = postings;
  let candidate = first;
  let at = 0;
  let count = found.starts[first];
  for (let place = 0; place < size; place++) {
    const wanted = found.blocks[candidate] === block && found.places[candidate] === place;
    if (wanted && count + times[place] > found.values.length) {
      // What a block says is no more than it has bytes.
      if (times[place] > bytes.length - at) throw corruptFile('a block of positions is cut short');
      const grown = new Int32Array((count + times[place]) * 2);
      grown.set(found.values);
      found.values = grown;
    }
    let position = 0;
    for (let left = times[place]; left > 0; left--) {
      let delta = 0;
      let shift = 0;
      let byte: number;
      do {
        byte = bytes[at++];
        delta |= (byte & 127) << shift;
        shift += 7;
      } while (byte > 127);
      if (at > bytes.length) throw corruptFile('a block of positions is cut short');
      position += delta;
      if (wanted) found.values[count++] = position;
    }
    if (wanted) found.starts[++candidate] = count;
  }
  if (at !== bytes.length) throw corruptFile('a block of positions does not end where it should');
  return candidate;
}
