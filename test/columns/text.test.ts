import { describe, expect, test, vi } from 'vitest';
import {
  type AnalyzerOptions,
  analyzerOf,
  checkAnalyzer,
  DEFAULT_ANALYZER,
  fulltextDefinition,
} from '../../src/columns/text/analyzer.ts';
import { foldText } from '../../src/columns/text/fold.ts';
import { parseTextQuery } from '../../src/columns/text/parse-query.ts';
import { stemEnglish } from '../../src/columns/text/stem-english.ts';
import { ENGLISH_STOP_WORDS } from '../../src/columns/text/stop-words.ts';
import { MAX_TERM_BYTES, Tokenizer } from '../../src/columns/text/tokenizer.ts';
import { OrasiError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';

vi.setConfig({ testTimeout: 600_000 });

function terms(text: string, options: Partial<AnalyzerOptions> = {}): string[] {
  const tokenizer = new Tokenizer({ ...DEFAULT_ANALYZER, ...options });
  tokenizer.runText(text);
  return Array.from({ length: tokenizer.count }, (_, i) => `${tokenizer.positions[i]}:${tokenizer.term(i)}`);
}
const plain = (text: string, options?: Partial<AnalyzerOptions>) =>
  terms(text, options).map((term) => term.replace(/^\d+:/, ''));

describe('the tokenizer', () => {
  test('keeps letters and numbers together and lets everything else separate', () => {
    expect(terms("Don't panic: 3.14 foo_bar, e-mail@example.org!")).toEqual([
      '0:don',
      '1:t',
      '2:panic',
      '3:3',
      '4:14',
      '5:foo',
      '6:bar',
      '7:e',
      '8:mail',
      '9:example',
      '10:org',
    ]);
    expect(plain('')).toEqual([]);
    expect(plain(' \u{1F600} —')).toEqual([]);
  });

  test('folds case and diacritics unless told to keep them', () => {
    expect(plain('Straße CAFÉ Σίσυφος İstanbul ＡＢＣ１２ ﬁne')).toEqual([
      'strasse',
      'cafe',
      'σισυφοσ',
      'istanbul',
      'abc12',
      'fine',
    ]);
    expect(plain('CAFÉ', { diacritics: 'keep' })).toEqual(['café']);
    expect(plain('Café Bar', { case: 'keep' })).toEqual(['Cafe', 'Bar']);
    expect(plain('Cafe\u0301', { diacritics: 'keep' })).toEqual(plain('Caf\u00e9', { diacritics: 'keep' }));
  });

  test('keeps the vowel signs of Indic scripts, which are no diacritics', () => {
    expect(plain('हिन्दी भाषा')).toEqual(['हिन्दी', 'भाषा'].map((word) => word.normalize('NFKC')));
  });

  test('makes each letter of a script without spaces a term', () => {
    expect(terms('東京tower サーバー 2024年')).toEqual([
      '0:東',
      '1:京',
      '2:tower',
      '3:サ',
      '4:ー',
      '5:バ',
      '6:ー',
      '7:2024',
      '8:年',
    ]);
  });

  test('lets stop words keep their place', () => {
    expect(terms('The state of THE art', { stopWords: 'english' })).toEqual(['1:state', '4:art']);
    expect(terms('The state', { stopWords: 'english', case: 'keep' })).toEqual(['1:state']);
    expect(ENGLISH_STOP_WORDS.length).toBe(39);
    expect(new Set(ENGLISH_STOP_WORDS).size).toBe(39);
  });

  test('stems after folding, where asked to', () => {
    expect(plain('Running CONNECTIONS ponies café', { stemming: 'english' })).toEqual([
      'run',
      'connect',
      'poni',
      'cafe',
    ]);
  });

  test('cuts a long term between characters, and hashes what is left', () => {
    const [ascii] = plain('x'.repeat(1000));
    expect(ascii.length).toBe(MAX_TERM_BYTES);
    const [greek] = plain('ω'.repeat(1000));
    expect(greek).toBe('ω'.repeat(Math.floor(MAX_TERM_BYTES / 2)));
    const tokenizer = new Tokenizer(DEFAULT_ANALYZER);
    tokenizer.runText(`${'x'.repeat(1000)} next`);
    const hash = tokenizer.hashes[0];
    expect(tokenizer.term(1)).toBe('next');
    tokenizer.runText('x'.repeat(MAX_TERM_BYTES));
    expect(tokenizer.hashes[0]).toBe(hash);
  });

  test('agrees with the regular expression it stands for, on ASCII and beyond', () => {
    const random = seededRandom(1);
    const alphabet = [
      ...'abcXYZ019 .,-_\'"/',
      'é',
      'É',
      'ß',
      'ω',
      'Ж',
      '\u0301',
      'ि',
      'ह',
      '\u{1D400}',
      '½',
      '²',
      '\u00a0',
      '\u200b',
    ];
    for (let i = 0; i < 2000; i++) {
      const text = Array.from(
        { length: Math.floor(random.next() * 30) },
        () => alphabet[Math.floor(random.next() * alphabet.length)],
      ).join('');
      const expected = foldText(text, DEFAULT_ANALYZER).match(/[\p{L}\p{N}][\p{L}\p{N}\p{M}]*/gu) ?? [];
      expect(plain(text)).toEqual([...expected]);
    }
  });

  test('reads bytes that are no UTF-8 as separators', () => {
    const tokenizer = new Tokenizer(DEFAULT_ANALYZER);
    tokenizer.run(Uint8Array.of(97, 0xff, 98, 0xc3, 99, 0xf0, 0x9f), 0, 7);
    expect(Array.from({ length: tokenizer.count }, (_, i) => tokenizer.term(i))).toEqual(['a', 'b', 'c']);
  });
});

test('folding what is folded changes nothing, for every code point', () => {
  for (const diacritics of ['fold', 'keep'] as const) {
    const options = { ...DEFAULT_ANALYZER, diacritics };
    for (let code = 0; code < 0x30000; code++) {
      if (code >= 0xd800 && code < 0xe000) continue;
      const folded = foldText(String.fromCodePoint(code), options);
      if (foldText(folded, options) !== folded) expect.fail(`U+${code.toString(16)} folds twice`);
    }
  }
});

test('stems as Snowball English does', () => {
  // Drawn from the algorithm's own vocabulary, one or more for each of its rules.
  const stems = {
    consist: 'consist',
    consisted: 'consist',
    consistency: 'consist',
    consistently: 'consist',
    knightly: 'knight',
    caresses: 'caress',
    ties: 'tie',
    cries: 'cri',
    gas: 'gas',
    this: 'this',
    gaps: 'gap',
    kiwis: 'kiwi',
    abyss: 'abyss',
    agreed: 'agre',
    feed: 'feed',
    hopping: 'hop',
    hoping: 'hope',
    falling: 'fall',
    filing: 'file',
    luxuriated: 'luxuri',
    dying: 'die',
    skies: 'sky',
    news: 'news',
    early: 'earli',
    say: 'say',
    cry: 'cri',
    by: 'by',
    yelled: 'yell',
    conditional: 'condit',
    rational: 'ration',
    vietnamization: 'vietnam',
    predication: 'predic',
    feudalism: 'feudal',
    hopefulness: 'hope',
    callousness: 'callous',
    decisiveness: 'decis',
    sensibiliti: 'sensibl',
    archaeologist: 'archaeolog',
    triplicate: 'triplic',
    formative: 'format',
    electrical: 'electr',
    goodness: 'good',
    adjustment: 'adjust',
    adoption: 'adopt',
    effective: 'effect',
    probate: 'probat',
    rate: 'rate',
    cease: 'ceas',
    controll: 'control',
    generate: 'generat',
    communism: 'communism',
    university: 'universiti',
    pasted: 'paste',
    proceed: 'proceed',
    inning: 'inning',
    herring: 'herring',
    boycott: 'boycott',
    flying: 'fli',
    youth: 'youth',
    toy: 'toy',
  };
  expect(Object.fromEntries(Object.keys(stems).map((word) => [word, stemEnglish(word)]))).toEqual(stems);
});

describe('the text of MATCH', () => {
  const parse = (text: string, options: Partial<AnalyzerOptions> = {}) =>
    parseTextQuery(text, { ...DEFAULT_ANALYZER, ...options }).groups;
  const term = (name: string) => ({ kind: 'term', term: name });

  test('wants all of its words, or one side of OR', () => {
    expect(parse('Disk failure')).toEqual([{ all: [term('disk'), term('failure')], none: [] }]);
    expect(parse('disk AND failure disk')).toEqual([{ all: [term('disk'), term('failure')], none: [] }]);
    expect(parse('a b OR c')).toEqual([
      { all: [term('a'), term('b')], none: [] },
      { all: [term('c')], none: [] },
    ]);
  });

  test('excludes by a sign or by NOT', () => {
    const groups = [{ all: [term('disk')], none: [term('spare')] }];
    expect(parse('disk -spare')).toEqual(groups);
    expect(parse('NOT spare disk')).toEqual(groups);
    expect(parse('disk - spare')).toEqual([{ all: [term('disk'), term('spare')], none: [] }]);
    expect(parse('disk -"hot spare"')[0].none).toEqual([
      {
        kind: 'phrase',
        terms: [
          { term: 'hot', position: 0 },
          { term: 'spare', position: 1 },
        ],
      },
    ]);
  });

  test('makes a phrase of quoted words and of a word that is several terms', () => {
    const phrase = {
      kind: 'phrase',
      terms: [
        { term: '10', position: 0 },
        { term: '0', position: 1 },
        { term: '1', position: 2 },
      ],
    };
    expect(parse('"10 0 1"')).toEqual([{ all: [phrase], none: [] }]);
    expect(parse('10.0.1')).toEqual([{ all: [phrase], none: [] }]);
    expect(parse('"single"')).toEqual([{ all: [term('single')], none: [] }]);
    expect(parse('"open end')[0].all).toEqual([
      {
        kind: 'phrase',
        terms: [
          { term: 'open', position: 0 },
          { term: 'end', position: 1 },
        ],
      },
    ]);
    expect(parse('"state of the art"', { stopWords: 'english' })[0].all).toEqual([
      {
        kind: 'phrase',
        terms: [
          { term: 'state', position: 0 },
          { term: 'art', position: 3 },
        ],
      },
    ]);
  });

  test('takes a star for any ending, unstemmed', () => {
    expect(parse('Runn*', { stemming: 'english' })[0].all).toEqual([{ kind: 'prefix', prefix: 'runn' }]);
    expect(parse('user-agen*')[0].all).toEqual([term('user'), { kind: 'prefix', prefix: 'agen' }]);
    expect(parse('*')).toEqual([]);
  });

  test('takes a tilde for spelling, its distance by length or as said', () => {
    expect(parse('it~ disk~ failure~ failure~1 disk~0')[0].all).toEqual([
      term('it'),
      { kind: 'fuzzy', term: 'disk', distance: 1 },
      { kind: 'fuzzy', term: 'failure', distance: 2 },
      { kind: 'fuzzy', term: 'failure', distance: 1 },
      term('disk'),
    ]);
  });

  test('finds nothing by punctuation or stop words alone', () => {
    expect(parse('')).toEqual([]);
    expect(parse('?! ""')).toEqual([]);
    expect(parse('the', { stopWords: 'english' })).toEqual([]);
    expect(parse('the -spare', { stopWords: 'english' })).toEqual([]);
    expect(parse('the disk', { stopWords: 'english' })).toEqual([{ all: [term('disk')], none: [] }]);
  });

  test.each(['-spare', 'disk OR -spare', 'disk~3', '"a b"~', '"a b"*', 'disk -user-ag*', 'x '.repeat(65)])(
    'refuses %s',
    (text) => {
      expect(() => parse(text)).toThrow(OrasiError);
    },
  );

  test('is never a crash, whatever is typed', () => {
    const random = seededRandom(2);
    const pieces = ['-', '"', '*', '~', ' ', 'OR', 'NOT', 'AND', 'a', 'é', '東', '2', '\ud800', '(', ':', '~2'];
    for (let i = 0; i < 3000; i++) {
      const text = Array.from(
        { length: Math.floor(random.next() * 8) },
        () => pieces[Math.floor(random.next() * pieces.length)],
      ).join('');
      try {
        for (const group of parse(text)) expect(group.all.length).toBeGreaterThan(0);
      } catch (error) {
        expect(error).toBeInstanceOf(OrasiError);
      }
    }
  });
});

test('a fulltext index declares its analyzer by options', () => {
  expect(checkAnalyzer({ stemming: 'english', case: 'keep' })).toEqual([]);
  expect(checkAnalyzer({ stemming: 'latin', x: 1 }).map(({ path }) => path)).toEqual(['options.stemming', 'options.x']);
  const definition = { name: 'z', kind: 'fulltext', fields: ['body'], options: { stemming: 'english' } } as const;
  const first = { ...definition, name: 'a', options: {} };
  expect(fulltextDefinition([definition, first], 'body')).toBe(first);
  expect(fulltextDefinition([definition], 'title')).toBeUndefined();
  expect(analyzerOf(definition.options).stemming).toBe('english');
  expect(analyzerOf({})).toEqual(DEFAULT_ANALYZER);
});
