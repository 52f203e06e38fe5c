import { scoredClauses, type TextClause, type TextQuery } from '../../columns/text/query.ts';
import { LIMITS } from '../../core/limits.ts';
import { compareKeys } from '../btree-keys.ts';
import { planFewReads, runReads } from '../extents.ts';
import type { PagedFile } from '../paged-file.ts';
import { checkExpansion } from './bm25.ts';
import { blockOf, type DictionaryBlock, DictionaryCursor, type TermEntry } from './dictionary.ts';
import type { FulltextDirectory } from './directory.ts';
import { exactWeight, fuzzyWeight, prefixWeight, type TermWeight } from './match-term.ts';

/** A term of this segment that a clause stands for. */
export interface ExpandedTerm extends TermEntry {
  readonly text: string;
  readonly weight: number;
}

/** The clauses of a query in this segment; a phrase has its distinct terms. */
export interface Expansion {
  /** By `scoredClauses`. */
  readonly scored: readonly (readonly ExpandedTerm[])[];
  /** By group, its `none` clauses. */
  readonly excluded: readonly (readonly (readonly ExpandedTerm[])[])[];
}

/** Someone who wants terms of the dictionary blocks `from` to `to`. */
interface Seeker {
  readonly weigh: TermWeight;
  /** Wants one term at most. */
  readonly exact: boolean;
  readonly from: number;
  readonly to: number;
  readonly found: ExpandedTerm[];
}

/** Terms are looked up in at most this many reads, even where that takes bytes between them along. */
const MOST_READS = 3;

/** Finds the terms a query stands for: one pass over the dictionary blocks that can hold any. */
export async function expandQuery(file: PagedFile, directory: FulltextDirectory, query: TextQuery): Promise<Expansion> {
  const { blocks } = directory;
  const seekers: Seeker[] = [];
  const exact = new Map<string, ExpandedTerm[]>();

  function seekTerm(term: string): ExpandedTerm[] {
    let found = exact.get(term);
    if (found === undefined) {
      found = [];
      exact.set(term, found);
      const bytes = new TextEncoder().encode(term);
      const block = blockOf(blocks, bytes);
      seekers.push({ weigh: exactWeight(term), exact: true, from: Math.max(0, block), to: block, found });
    }
    return found;
  }

  function seek(clause: TextClause): ExpandedTerm[][] {
    switch (clause.kind) {
      case 'term':
        return [seekTerm(clause.term)];
      case 'phrase':
        return [...new Set(clause.terms.map(({ term }) => term))].map(seekTerm);
      case 'prefix': {
        const found: ExpandedTerm[] = [];
        const bytes = new TextEncoder().encode(clause.prefix);
        const from = Math.max(0, blockOf(blocks, bytes));
        seekers.push({
          weigh: prefixWeight(clause.prefix),
          exact: false,
          from,
          to: lastWithPrefix(blocks, bytes, from),
          found,
        });
        return [found];
      }
      case 'fuzzy': {
        const found: ExpandedTerm[] = [];
        seekers.push({
          weigh: fuzzyWeight(clause.term, clause.distance),
          exact: false,
          from: 0,
          to: blocks.length - 1,
          found,
        });
        return [found];
      }
    }
  }

  const scored = scoredClauses(query).map(seek);
  const excluded = query.groups.map(({ none }) => none.map(seek));
  await readBlocks(file, blocks, seekers);
  for (const { found } of seekers) checkExpansion(found.length);
  return {
    scored: scored.map((lists) => lists.flat()),
    excluded: excluded.map((group) => group.map((lists) => lists.flat())),
  };
}

/** The last block that may hold terms of a prefix. */
function lastWithPrefix(blocks: readonly DictionaryBlock[], prefix: Uint8Array, from: number): number {
  let last = from;
  while (last + 1 < blocks.length && compareKeys(blocks[last + 1].first.subarray(0, prefix.length), prefix) <= 0)
    last++;
  return Math.min(last, blocks.length - 1);
}

async function readBlocks(
  file: PagedFile,
  blocks: readonly DictionaryBlock[],
  seekers: readonly Seeker[],
): Promise<void> {
  const seekersOf = new Map<number, Seeker[]>();
  for (const seeker of seekers) {
    for (let i = seeker.from; i <= seeker.to; i++) {
      const present = seekersOf.get(i);
      if (present === undefined) seekersOf.set(i, [seeker]);
      else present.push(seeker);
    }
  }
  const wanted = [...seekersOf]
    .sort(([a], [b]) => a - b)
    .map(([i, wanting]) => ({
      offset: blocks[i].offset,
      length: blocks[i].length,
      block: blocks[i],
      seekers: wanting,
    }));
  await runReads(file, planFewReads(wanted, MOST_READS), ({ block, seekers: wanting }, bytes) => {
    const cursor = new DictionaryCursor(block, bytes);
    // Who seeks one term has nothing to gain from what follows it.
    let left = wanting.every(({ exact }) => exact) ? wanting.length : Number.POSITIVE_INFINITY;
    while (left > 0 && cursor.next()) {
      for (const { weigh, found } of wanting) {
        const weight = weigh(cursor.bytes, 0, cursor.length);
        if (weight === 0) continue;
        left--;
        const entry = cursor.entry();
        found.push({ ...entry, text: new TextDecoder().decode(entry.term), weight });
        if (found.length > LIMITS.textExpansions) checkExpansion(found.length);
      }
    }
  });
}
