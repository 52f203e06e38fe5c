import { OrasiError } from '../../core/errors.ts';
import type { AnalyzerOptions } from './analyzer.ts';
import type { TextClause, TextGroup, TextQuery } from './query.ts';
import { Tokenizer } from './tokenizer.ts';

/** Nobody types more; each costs a look into the dictionary of every segment. */
const MAX_CLAUSES = 64;

/**
 * The text of MATCH:
 * - `disk failure`: both terms; `disk OR failure`: either (OR binds looser; AND may be written)
 * - `"disk failure"`: the terms next to each other; a word that is several terms (`10.0.0.1`) is such a phrase
 * - `-spare` or `NOT spare`: without it
 * - `fail*`: terms that begin so
 * - `falure~`: terms within an edit distance: 0 for words of one or two letters, 1 to five letters, 2 beyond;
 *   or as said, `~1` or `~2`
 *
 * Throws `bad_request` where a part only excludes, since there is nothing then to rank or to look up.
 */
export function parseTextQuery(text: string, analyzer: AnalyzerOptions): TextQuery {
  const terms = new Tokenizer(analyzer);
  // A prefix is the beginning of a word and no word: it has no stem and is no stop word.
  const plain = analyzer.stemming === 'none' && analyzer.stopWords === 'none';
  const prefixes = plain ? terms : new Tokenizer({ ...analyzer, stemming: 'none', stopWords: 'none' });
  const groups: TextGroup[] = [];
  let all: TextClause[] = [];
  let none: TextClause[] = [];
  let clauses = 0;
  let negate = false;
  // Whether the group names something to look for, be it a stop word that is nothing in the end.
  let wants = false;

  function endGroup(): void {
    if (all.length > 0) groups.push({ all: distinct(all), none: distinct(none) });
    else if (none.length > 0 && !wants) throw fault('a search needs something to look for beside what it excludes');
    wants = false;
    all = [];
    none = [];
    negate = false;
  }

  function add(found: readonly TextClause[]): void {
    clauses += found.length;
    if (clauses > MAX_CLAUSES) throw fault(`a search has at most ${MAX_CLAUSES} terms`);
    if (negate && found.length > 1) throw fault('what a search excludes is one word or one "phrase"');
    if (!negate) wants = true;
    (negate ? none : all).push(...found);
    negate = false;
  }

  for (const part of split(text)) {
    if (part.quoted) {
      negate = part.negated || negate;
      add(phraseOf(terms, part.text));
    } else if (part.text === 'OR') {
      endGroup();
    } else if (part.text === 'NOT') {
      negate = true;
    } else if (part.text !== 'AND') {
      negate = part.negated || negate;
      add(wordClauses(part.text, terms, prefixes));
    }
  }
  endGroup();
  return { analyzer, groups };
}

function fault(message: string): OrasiError {
  return new OrasiError('bad_request', message, { errors: [{ path: 'query', message }] });
}

interface Part {
  readonly text: string;
  readonly quoted: boolean;
  readonly negated: boolean;
}

function* split(text: string): Iterable<Part> {
  // An unclosed quotation runs to the end.
  for (const match of text.matchAll(/(-?)"([^"]*)(?:"([*~]?)|$)|(-?)([^\s"]+)/g)) {
    const [, quoteSign, quoted, operator, wordSign, word] = match;
    if (quoted === undefined) {
      // A sign by itself excludes nothing.
      yield { text: word, quoted: false, negated: wordSign === '-' };
      continue;
    }
    if (operator) throw fault(`${operator} stands behind a word, not behind a "phrase"`);
    yield { text: quoted, quoted: true, negated: quoteSign === '-' };
  }
}

function phraseOf(tokenizer: Tokenizer, text: string): TextClause[] {
  tokenizer.runText(text);
  const terms = Array.from({ length: tokenizer.count }, (_, i) => ({
    term: tokenizer.term(i),
    position: tokenizer.positions[i] - tokenizer.positions[0],
  }));
  if (terms.length === 0) return [];
  return [terms.length === 1 ? { kind: 'term', term: terms[0].term } : { kind: 'phrase', terms }];
}

function wordClauses(word: string, terms: Tokenizer, prefixes: Tokenizer): TextClause[] {
  const fuzzy = /^(.*)~(\d*)$/su.exec(word);
  if (fuzzy !== null) return fuzzyClauses(fuzzy[1], fuzzy[2], terms, prefixes);
  if (!word.endsWith('*')) return phraseOf(terms, word);
  prefixes.runText(word.slice(0, -1));
  const pieces = Array.from({ length: prefixes.count }, (_, i) => prefixes.term(i));
  const prefix = pieces.pop();
  if (prefix === undefined) return [];
  // What stands before the last term is whole: `user-agen*` is the term `user` and a term from `agen` on.
  return [...pieces.flatMap((piece) => phraseOf(terms, piece)), { kind: 'prefix', prefix }];
}

function fuzzyClauses(word: string, digits: string, terms: Tokenizer, prefixes: Tokenizer): TextClause[] {
  if (digits !== '' && Number(digits) > 2) throw fault('an edit distance is ~0, ~1 or ~2');
  prefixes.runText(word);
  const lengths = Array.from({ length: prefixes.count }, (_, i) => [...prefixes.term(i)].length);
  terms.runText(word);
  return Array.from({ length: terms.count }, (_, i) => {
    const letters = lengths[terms.positions[i]];
    const usual = letters < 3 ? 0 : letters < 6 ? 1 : 2;
    const distance = digits === '' ? usual : Number(digits);
    const term = terms.term(i);
    return distance === 0 ? { kind: 'term', term } : { kind: 'fuzzy', term, distance };
  });
}

/** Saying a thing twice does not make it count twice. */
function distinct(clauses: readonly TextClause[]): TextClause[] {
  const seen = new Set<string>();
  return clauses.filter((clause) => {
    const key = JSON.stringify(clause);
    return !seen.has(key) && seen.add(key);
  });
}
