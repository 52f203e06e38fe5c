import flexsearch from 'flexsearch';
import { describe, expect, test, vi } from 'vitest';
import { analyzerOf } from '../../../src/columns/text/analyzer.ts';
import { parseTextQuery } from '../../../src/columns/text/parse-query.ts';
import type { TextQuery } from '../../../src/columns/text/query.ts';
import { memorySink } from '../../../src/core/bytes.ts';
import { OrasiError } from '../../../src/core/errors.ts';
import { type Random, seededRandom } from '../../../src/core/random.ts';
import { bestRows, mergeStatistics } from '../../../src/segment/fulltext/bm25.ts';
import { buildFulltext } from '../../../src/segment/fulltext/build.ts';
import { fuzzyWeight } from '../../../src/segment/fulltext/match-term.ts';
import { TextScan } from '../../../src/segment/fulltext/scan.ts';
import type { TextSearch } from '../../../src/segment/fulltext/search.ts';
import type { RowRanges } from '../../../src/segment/read-plan.ts';
import { seedCount, sized } from '../../scale.ts';
import { batchesOf, build, definitionOf, textColumn, Zipf } from './corpus.ts';
import { editDistance, naiveSearch } from './naive.ts';

const SEEDS = seedCount(1);
vi.setConfig({ testTimeout: 600_000 });
const int = (random: Random, below: number) => Math.floor(random.next() * below);

function randomTexts(random: Random, zipf: Zipf, rows: number): (string | null)[] {
  return Array.from({ length: rows }, () => {
    const kind = random.next();
    if (kind < 0.03) return null;
    if (kind < 0.06) return kind < 0.045 ? '' : '?! --';
    if (kind < 0.08) return zipf.text(300 + int(random, 200));
    if (kind < 0.12) return `${zipf.text(3)} 東京 ${zipf.word()} Straße ${int(random, 40)}.${int(random, 9)}`;
    return zipf.text(1 + int(random, 30));
  });
}

function randomMask(random: Random, rows: number): RowRanges {
  if (random.next() < 0.4) return [];
  const cuts = [...new Set(Array.from({ length: 6 }, () => int(random, rows)))].sort((a, b) => a - b);
  const ranges: [number, number][] = [];
  for (let i = 0; i + 1 < cuts.length; i += 2) ranges.push([cuts[i], cuts[i + 1]]);
  return ranges;
}

function randomQuery(random: Random, zipf: Zipf): string {
  // Words by rank, so that common and rare ones meet.
  const word = () => (random.next() < 0.1 ? '東京' : zipf.words[Math.floor(random.next() ** 3 * zipf.words.length)]);
  const clause = (): string => {
    const kind = random.next();
    if (kind < 0.5) return word();
    if (kind < 0.65) return `"${zipf.text(2 + int(random, 2))}"`;
    if (kind < 0.7) return `"${word()} ${word()}"`;
    if (kind < 0.85) return `${word().slice(0, 1 + int(random, 3))}*`;
    return `${word()}x~`;
  };
  const group = (): string => {
    const positive = Array.from({ length: 1 + int(random, 3) }, clause);
    const negative = random.next() < 0.25 ? [`-${word()}`] : [];
    return [...positive, ...negative].join(' ');
  };
  return Array.from({ length: random.next() < 0.35 ? 2 + int(random, 2) : 1 }, group).join(' OR ');
}

async function scanned(
  texts: readonly (string | null)[],
  query: TextQuery,
  masked: RowRanges,
  dictionary: boolean,
): Promise<TextScan> {
  const scan = new TextScan(query, masked);
  for (let start = 0; start < texts.length; start += 700)
    scan.add(textColumn(texts.slice(start, start + 700), dictionary), start);
  return scan;
}

interface Row {
  segment: number;
  row: number;
  score: number;
}

async function ranked(searches: readonly TextSearch[], query: TextQuery, topK?: number): Promise<Row[]> {
  const statistics = mergeStatistics(query, await Promise.all(searches.map((search) => search.statistics())));
  const found: Row[] = [];
  for (const [segment, search] of searches.entries()) {
    const { rows, scores } = await search.score(statistics, topK);
    expect([...rows]).toEqual([...rows].sort((a, b) => a - b));
    for (const [i, row] of rows.entries()) found.push({ segment, row, score: scores[i] });
  }
  return found;
}

function expectSame(found: readonly Row[], expected: readonly Row[], what: string): void {
  const places = (rows: readonly Row[]) => rows.map(({ segment, row }) => `${segment}/${row}`);
  expect(places(found), what).toEqual(places(expected));
  for (const [i, { score }] of found.entries()) {
    if (Math.abs(score - expected[i].score) > 1e-6) expect.fail(`${what}: ${score} is not ${expected[i].score}`);
  }
}

const best = (rows: readonly Row[], count: number): Row[] =>
  [...rows].sort((a, b) => b.score - a.score || a.segment - b.segment || a.row - b.row).slice(0, count);

const ANALYSES: readonly Readonly<Record<string, string>>[] = [
  {},
  { stopWords: 'english', stemming: 'english' },
  { case: 'keep', diacritics: 'keep' },
];

describe('a full-text search', () => {
  for (const segments of [1, 5]) {
    for (const options of ANALYSES) {
      test(`gives the same rows and scores with no, some and all of ${segments} segments indexed (${JSON.stringify(options)})`, async () => {
        for (let seed = 0; seed < SEEDS; seed++) {
          const random = seededRandom(seed * 7 + segments);
          const zipf = new Zipf(random, 400);
          if (Object.keys(options).length > 0) zipf.words.splice(3, 4, 'the', 'running', 'Runs', 'is');
          const rows = Math.ceil(sized(150) / segments);
          const parts = Array.from({ length: segments }, () => ({
            texts: randomTexts(random, zipf, rows),
            masked: randomMask(random, rows),
          }));
          const indexes = await Promise.all(
            parts.map(({ texts }) => build(batchesOf(texts, 333, random.next() < 0.3), options)),
          );
          for (let i = 0; i < 10; i++) {
            const text = randomQuery(random, zipf);
            const query = parseTextQuery(text, analyzerOf(options));
            const expected = naiveSearch(parts, query);
            const byIndex = () => parts.map(({ masked }, s) => indexes[s].text.search(query, masked));
            const byScan = () =>
              Promise.all(parts.map(({ texts, masked }) => scanned(texts, query, masked, random.next() < 0.3)));
            const mixed = async () =>
              Promise.all(
                parts.map(({ texts, masked }, s) =>
                  s % 2 === 0 ? indexes[s].text.search(query, masked) : scanned(texts, query, masked, false),
                ),
              );

            expectSame(await ranked(await byScan(), query), expected, `none built: ${text}`);
            expectSame(await ranked(await mixed(), query), expected, `some built: ${text}`);
            expectSame(await ranked(byIndex(), query), expected, `all built: ${text}`);
            const top = 1 + int(random, 12);
            expectSame(best(await ranked(byIndex(), query, top), top), best(expected, top), `top ${top}: ${text}`);
            expectSame(
              best(await ranked(await byScan(), query, top), top),
              best(expected, top),
              `top ${top} by scan: ${text}`,
            );

            const unranked = await Promise.all([...byIndex(), ...(await byScan())].map((search) => search.rows()));
            for (const [s, found] of unranked.entries()) {
              expect([...found]).toEqual(
                expected.filter(({ segment }) => segment === s % segments).map(({ row }) => row),
              );
            }
            expect((await Promise.all(byIndex().map((search) => search.statistics()))).map(plain)).toEqual(
              (await Promise.all((await byScan()).map((search) => search.statistics()))).map(plain),
            );
          }
        }
      });
    }
  }

  const plain = ({ documentFrequencies, ...rest }: Awaited<ReturnType<TextSearch['statistics']>>) => ({
    ...rest,
    documentFrequencies: documentFrequencies.map((terms) => [...terms].sort(([a], [b]) => (a < b ? -1 : 1))),
  });

  test('answers MATCH as a predicate, estimated from the dictionary', async () => {
    const random = seededRandom(9);
    const zipf = new Zipf(random, 300);
    const texts = randomTexts(random, zipf, 600);
    const { index } = await build(batchesOf(texts));
    for (let i = 0; i < 60; i++) {
      const text = randomQuery(random, zipf);
      const expected = naiveSearch([{ texts, masked: [] }], parseTextQuery(text, analyzerOf({})));
      const estimate = await index.estimate({ op: 'match', field: 'text', query: text });
      const { rows } = await index.lookup({ op: 'match', field: 'text', query: text });
      expect([...rows]).toEqual(expected.map(({ row }) => row));
      if (estimate!.exact) expect(estimate!.rows).toBe(rows.length);
      else expect(estimate!.rows).toBeGreaterThanOrEqual(rows.length);
    }
    expect(
      await index.estimate({ op: 'equals', field: 'text', type: { kind: 'string' }, values: ['a'] }),
    ).toBeUndefined();
  });

  test('finds the best rows of long lists as ranking all of them does, built in one run or in many', async () => {
    for (let seed = 0; seed < SEEDS; seed++) {
      const random = seededRandom(seed);
      const zipf = new Zipf(random, 2000);
      const texts = Array.from({ length: sized(2_500) }, () => zipf.text(4 + int(random, 12)));
      const whole = await build(batchesOf(texts));
      const sink = memorySink();
      const summary = await buildFulltext(batchesOf(texts), definitionOf(), sink, 400_000);
      expect(Buffer.compare(sink.bytes(), whole.bytes)).toBe(0);
      expect(summary).toEqual(whole.summary);
      const masked: RowRanges = [
        [50, 90],
        [3000, 6000],
      ];
      for (let i = 0; i < 40; i++) {
        const words = Array.from(
          { length: 2 + int(random, 3) },
          () => zipf.words[int(random, 10 ** (1 + int(random, 3)))],
        );
        // Unions of plain terms, and anything.
        const asked = i % 2 === 0 ? words.join(' OR ') : randomQuery(random, zipf);
        const query = parseTextQuery(asked, analyzerOf({}));
        const hidden = i % 3 === 0 ? masked : [];
        const scan = await scanned(texts, query, hidden, false);
        const statistics = await scan.statistics();
        const all = await scan.score(statistics);
        const { rows, scores } = await whole.text.search(query, hidden).score(statistics);
        expect(Buffer.compare(new Uint8Array(rows.slice().buffer), new Uint8Array(all.rows.slice().buffer))).toBe(0);
        for (let j = 0; j < rows.length; j++)
          if (Math.abs(scores[j] - all.scores[j]) > 1e-9) expect.fail('scores differ');
        const top = await whole.text.search(query, hidden).score(statistics, 10);
        const ranking = bestRows(rows, scores, 10);
        expect([...top.rows]).toEqual([...ranking.rows]);
        expect([...top.scores]).toEqual([...ranking.scores]);
      }
    }
  });

  test('of an empty query, an empty segment or a segment of nulls finds nothing', async () => {
    const few: readonly (readonly (string | null)[])[] = [[], [null, null], ['', '?!'], ['something']];
    for (const texts of few) {
      const { text } = await build(batchesOf(texts));
      for (const asked of ['', 'absent', 'absent OR missing', 'abs*', 'abs~1', '"absent thing"']) {
        const query = parseTextQuery(asked, analyzerOf({}));
        const search = text.search(query);
        const statistics = await search.statistics();
        expect([...(await search.score(statistics)).rows]).toEqual([]);
        expect([...(await search.score(statistics, 10)).rows]).toEqual([]);
        expect([...(await search.rows())]).toEqual([]);
        expect(statistics.documents).toBe(texts.includes('something') ? 1 : 0);
      }
    }
  });

  test('ranks rows by known figures', async () => {
    // One term in two of three documents of 4, 2 and 3 terms: idf = ln(1 + 1.5 / 2.5), average length 3.
    const texts = ['red red fox den', 'red dog', 'a blue bird'];
    const query = parseTextQuery('red', analyzerOf({}));
    const { text } = await build(batchesOf(texts));
    const search = text.search(query);
    const { rows, scores } = await search.score(await search.statistics());
    const idf = Math.log(1.6);
    expect([...rows]).toEqual([0, 1]);
    expect(scores[0]).toBeCloseTo((idf * 2 * 2.2) / (2 + 1.2 * (0.25 + 0.75 * (4 / 3))), 12);
    expect(scores[1]).toBeCloseTo((idf * 2.2) / (1 + 1.2 * (0.25 + 0.75 * (2 / 3))), 12);
  });

  test('refuses a prefix that stands for too many terms, indexed or not', async () => {
    const texts = Array.from({ length: 110 }, (_, i) =>
      Array.from({ length: 100 }, (_, j) => `x${i * 100 + j}`).join(' '),
    );
    const query = parseTextQuery('x*', analyzerOf({}));
    const { text } = await build(batchesOf(texts));
    await expect(text.search(query).statistics()).rejects.toMatchObject({ code: 'query_too_large' });
    const scan = new TextScan(query);
    expect(() => scan.add(textColumn(texts), 0)).toThrow(OrasiError);
    // Each half is within bounds, and both together are not.
    const halves = await Promise.all([texts.slice(0, 60), texts.slice(60)].map((half) => build(batchesOf(half))));
    const parts = await Promise.all(halves.map((half) => half.text.search(query).statistics()));
    expect(() => mergeStatistics(query, parts)).toThrow(OrasiError);
  });
});

test('a prefix stands for the terms that a library of prefixes finds', async () => {
  const random = seededRandom(6);
  const zipf = new Zipf(random, 3000);
  const words = [...new Set(zipf.words.map((word) => word.replace('é', 'e')))];
  const library = new flexsearch.Index({ tokenize: 'forward', encoder: flexsearch.Charset.Exact });
  for (const [i, word] of words.entries()) library.add(i, word);
  const { text } = await build(batchesOf(words));
  for (let i = 0; i < 200; i++) {
    const word = words[int(random, words.length)];
    const prefix = word.slice(0, 1 + int(random, 4));
    const { documentFrequencies } = await text.search(parseTextQuery(`${prefix}*`, analyzerOf({}))).statistics();
    const found = library.search(prefix, { limit: words.length }).map((id) => words[Number(id)]);
    expect([...documentFrequencies[0].keys()].sort()).toEqual(found.sort());
  }
});

test('the banded edit distance is the plain one', () => {
  const random = seededRandom(5);
  const alphabet = [...'abcdé東'];
  const word = () => Array.from({ length: int(random, 9) }, () => alphabet[int(random, alphabet.length)]).join('');
  for (let i = 0; i < 20_000; i++) {
    const a = word();
    const b = random.next() < 0.5 ? word() : a.slice(0, int(random, 9)) + word().slice(0, 2) + a.slice(int(random, 9));
    const most = 1 + int(random, 2);
    const distance = editDistance([...a], [...b]);
    const shorter = Math.min([...a].length, [...b].length);
    const expected = distance > most || shorter === 0 ? 0 : Math.max(0, 1 - distance / shorter);
    if (shorter === 0) continue;
    const bytes = new TextEncoder().encode(b);
    expect(fuzzyWeight(a, most)(bytes, 0, bytes.length), `${a} ${b} ${most}`).toBeCloseTo(expected, 12);
  }
});
