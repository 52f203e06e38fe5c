import type { TextClause } from '../../columns/text/query.ts';

/**
 * How much a term counts for a clause: 1 where it is what was asked for, less where it is only spelled alike,
 * 0 where it is something else. The same for a term of a dictionary and a term of a text.
 */
export type TermWeight = (bytes: Uint8Array, start: number, end: number) => number;

/** 1 for the term, 0 for any other. */
export function exactWeight(term: string): TermWeight {
  const wanted = new TextEncoder().encode(term);
  return (bytes, start, end) => {
    if (end - start !== wanted.length) return 0;
    for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return 0;
    return 1;
  };
}

/** 1 for terms that begin so, 0 for others. */
export function prefixWeight(prefix: string): TermWeight {
  const wanted = new TextEncoder().encode(prefix);
  return (bytes, start, end) => {
    if (end - start < wanted.length) return 0;
    for (let i = 0; i < wanted.length; i++) if (bytes[start + i] !== wanted[i]) return 0;
    return 1;
  };
}

/**
 * Terms within an edit distance count 1 - distance / characters of the shorter (as in Lucene's FuzzyQuery);
 * where that leaves nothing they are something else.
 */
export function fuzzyWeight(term: string, most: number): TermWeight {
  const asked = Int32Array.from(term, (character) => character.codePointAt(0) ?? 0);
  const found = new Int32Array(256);
  return (bytes, start, end) => {
    // A character is one to four bytes long.
    if (end - start < asked.length - most || end - start > 4 * (asked.length + most)) return 0;
    const length = codePoints(bytes, start, end, found);
    if (Math.abs(length - asked.length) > most) return 0;
    const distance = editDistance(asked, asked.length, found, length, most);
    return distance > most ? 0 : Math.max(0, 1 - distance / Math.min(length, asked.length));
  };
}

/** The terms a clause of one term, prefix or spelling stands for; undefined for a phrase. */
export function clauseWeight(clause: TextClause): TermWeight | undefined {
  switch (clause.kind) {
    case 'term':
      return exactWeight(clause.term);
    case 'prefix':
      return prefixWeight(clause.prefix);
    case 'fuzzy':
      return fuzzyWeight(clause.term, clause.distance);
    case 'phrase':
      return undefined;
  }
}

/** Decodes well-formed UTF-8 of at most 255 bytes. */
function codePoints(bytes: Uint8Array, start: number, end: number, into: Int32Array): number {
  let length = 0;
  for (let i = start; i < end; length++) {
    const lead = bytes[i++];
    if (lead < 0x80) into[length] = lead;
    else if (lead < 0xe0) into[length] = ((lead & 31) << 6) | (bytes[i++] & 63);
    else if (lead < 0xf0) into[length] = ((lead & 15) << 12) | ((bytes[i++] & 63) << 6) | (bytes[i++] & 63);
    else into[length] = ((lead & 7) << 18) | ((bytes[i++] & 63) << 12) | ((bytes[i++] & 63) << 6) | (bytes[i++] & 63);
  }
  return length;
}

const rows = [new Int32Array(260), new Int32Array(260), new Int32Array(260)];

/**
 * The optimal string alignment distance: inserts, deletes, replacements and swaps of neighbours, no part
 * edited twice (Boytsov, "Indexing methods for approximate dictionary searching", 2011, section 2.2).
 * Only the band of cells within `most` of the diagonal is filled; answers `most + 1` beyond.
 */
function editDistance(a: Int32Array, aLength: number, b: Int32Array, bLength: number, most: number): number {
  const beyond = most + 1;
  let [before, above, row] = rows;
  for (let j = 0; j <= Math.min(bLength, most + 1); j++) above[j] = j;
  let leastAbove = 0;
  for (let i = 1; i <= aLength; i++) {
    const from = i > most ? i - most : 1;
    const to = i + most < bLength ? i + most : bLength;
    row[from - 1] = from === 1 ? i : beyond;
    // Beyond the band; the next row looks there.
    row[to + 1] = beyond;
    let least = row[from - 1];
    const letter = a[i - 1];
    for (let j = from; j <= to; j++) {
      let cost = above[j - 1];
      if (letter !== b[j - 1]) {
        cost++;
        if (above[j] < cost) cost = above[j] + 1;
        if (row[j - 1] < cost) cost = row[j - 1] + 1;
        if (i > 1 && j > 1 && letter === b[j - 2] && a[i - 2] === b[j - 1] && before[j - 2] < cost)
          cost = before[j - 2] + 1;
      }
      row[j] = cost;
      if (cost < least) least = cost;
    }
    // A swap looks two rows back.
    if (least > most && leastAbove > most) return beyond;
    leastAbove = least;
    const spare = before;
    before = above;
    above = row;
    row = spare;
  }
  return above[bLength];
}
