import type { TextClause, TextQuery } from '../../../src/columns/text/query.ts';
import { Tokenizer } from '../../../src/columns/text/tokenizer.ts';
import type { RowRanges } from '../../../src/segment/read-plan.ts';

/** Full text in the plainest words: what the index and the scan are held against. */
export function naiveSearch(
  segments: readonly { texts: readonly (string | null)[]; masked: RowRanges }[],
  query: TextQuery,
): { segment: number; row: number; score: number }[] {
  const tokenizer = new Tokenizer(query.analyzer);
  const documents: { segment: number; row: number; terms: { term: string; position: number }[] }[] = [];
  for (const [segment, { texts, masked }] of segments.entries()) {
    for (const [row, text] of texts.entries()) {
      if (text === null || masked.some(([start, end]) => row >= start && row < end)) continue;
      tokenizer.runText(text);
      const terms = Array.from({ length: tokenizer.count }, (_, i) => ({
        term: tokenizer.term(i),
        position: tokenizer.positions[i],
      }));
      if (terms.length > 0) documents.push({ segment, row, terms });
    }
  }
  const total = documents.reduce((sum, { terms }) => sum + terms.length, 0);
  const average = total / documents.length;
  const frequency = new Map<string, number>();
  for (const { terms } of documents) {
    for (const term of new Set(terms.map(({ term }) => term))) frequency.set(term, (frequency.get(term) ?? 0) + 1);
  }
  const idf = (term: string) => {
    const count = frequency.get(term) ?? 0;
    return Math.log(1 + (documents.length - count + 0.5) / (count + 0.5));
  };
  const weight = (clause: TextClause): number => {
    if (clause.kind === 'phrase') return clause.terms.reduce((sum, { term }) => sum + idf(term), 0);
    const stands = [...frequency.keys()].filter((term) => likeness(clause, term) > 0);
    return Math.min(Number.MAX_VALUE, ...stands.map(idf));
  };
  const weights = new Map(query.groups.flatMap(({ all }) => all).map((clause) => [clause, weight(clause)]));

  const found: { segment: number; row: number; score: number }[] = [];
  for (const { segment, row, terms } of documents) {
    let score = 0;
    let matches = false;
    for (const { all, none } of query.groups) {
      if (!all.every((clause) => times(clause, terms) > 0) || none.some((clause) => times(clause, terms) > 0)) continue;
      matches = true;
      for (const clause of all) {
        const often = times(clause, terms);
        score += (weights.get(clause)! * often * 2.2) / (often + 1.2 * (0.25 + (0.75 * terms.length) / average));
      }
    }
    if (matches) found.push({ segment, row, score });
  }
  return found;
}

function times(clause: TextClause, terms: readonly { term: string; position: number }[]): number {
  if (clause.kind !== 'phrase') return terms.reduce((sum, { term }) => sum + likeness(clause, term), 0);
  return terms.filter(
    ({ term, position }) =>
      term === clause.terms[0].term &&
      clause.terms.every((wanted) =>
        terms.some((other) => other.term === wanted.term && other.position === position + wanted.position),
      ),
  ).length;
}

const known = new WeakMap<TextClause, Map<string, number>>();

function likeness(clause: TextClause, term: string): number {
  const terms = known.get(clause) ?? new Map<string, number>();
  known.set(clause, terms);
  const value = terms.get(term) ?? compare(clause, term);
  terms.set(term, value);
  return value;
}

function compare(clause: TextClause, term: string): number {
  switch (clause.kind) {
    case 'term':
      return term === clause.term ? 1 : 0;
    case 'prefix':
      return term.startsWith(clause.prefix) ? 1 : 0;
    case 'fuzzy': {
      const distance = editDistance([...clause.term], [...term]);
      if (distance > clause.distance) return 0;
      return Math.max(0, 1 - distance / Math.min([...clause.term].length, [...term].length));
    }
    case 'phrase':
      return 0;
  }
}

export function editDistance(a: readonly string[], b: readonly string[]): number {
  const cost: number[][] = [];
  for (let i = 0; i <= a.length; i++) {
    cost.push([]);
    for (let j = 0; j <= b.length; j++) {
      if (i === 0 || j === 0) {
        cost[i][j] = i + j;
        continue;
      }
      cost[i][j] = Math.min(
        cost[i - 1][j] + 1,
        cost[i][j - 1] + 1,
        cost[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1),
      );
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost[i][j] = Math.min(cost[i][j], cost[i - 2][j - 2] + 1);
    }
  }
  return cost[a.length][b.length];
}
