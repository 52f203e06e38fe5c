import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, it } from 'vitest';
import { seededRandom } from '../../src/core/random.ts';
import { Regex } from '../../src/core/regex/regex.ts';
import { pick } from '../query/samples.ts';
import { seedCount } from '../scale.ts';

const FLAGS = { ignoreCase: false, dotAll: true, multiline: false };

describe('regular expressions', () => {
  it('find what RE2 finds, group by group, for patterns at random', { timeout: 120_000 }, async () => {
    const connection = await (await DuckDBInstance.create(':memory:')).connect();
    const random = seededRandom(11);
    const below = (limit: number) => Math.floor(random.next() * limit);
    const atom = (depth: number): string => {
      if (depth > 0 && random.next() < 0.35) return `(${alternation(depth - 1)})`;
      return pick(random, ['a', 'b', 'c', '.', '[ab]', '[^a]', '[b-d]', '\\w', '\\d', '\\b', '^', '$', 'é', '(?:ab)']);
    };
    const repeated = (depth: number): string => {
      const one = atom(depth);
      if (['\\b', '^', '$'].includes(one) || random.next() < 0.5) return one;
      return one + pick(random, ['*', '+', '?', '*?', '+?', '??', '{2}', '{1,3}', '{0,2}?']);
    };
    const sequence = (depth: number) => Array.from({ length: 1 + below(3) }, () => repeated(depth)).join('');
    const alternation = (depth: number): string =>
      Array.from({ length: 1 + below(2) }, () => sequence(depth)).join('|');
    for (let round = 0; round < 40 * seedCount(3); round++) {
      const pattern = alternation(2);
      const texts = Array.from({ length: 6 }, () =>
        Array.from({ length: below(9) }, () => pick(random, [...'abcdé1 '])).join(''),
      );
      const groups = pattern.replaceAll('(?:', '').split('(').length - 1;
      // DuckDB extracts nine groups at most.
      if (groups > 9) continue;
      const quoted = pattern.replaceAll("'", "''");
      for (const text of texts) {
        const parts = Array.from({ length: groups + 1 }, (_, g) => `regexp_extract('${text}', '${quoted}', ${g})`);
        const sql = `SELECT regexp_matches('${text}', '${quoted}'), ${parts.join(', ')}`;
        const [row] = (await connection.runAndReadAll(sql)).getRows();
        const regex = new Regex(pattern, FLAGS);
        const match = regex.exec(text);
        const ours = parts.map((_, g) => {
          const start = match?.[2 * g] ?? -1;
          return start < 0 ? '' : text.slice(start, match?.[2 * g + 1]);
        });
        expect([match !== null, ...ours], `${pattern} in '${text}'`).toEqual(row);
      }
    }
  });

  it('take time linear in the text for patterns that make others explode', { timeout: 60_000 }, () => {
    const text = 'a'.repeat(20_000);
    const started = performance.now();
    for (const pattern of ['(a+)+$', '(a|aa)+b', '(a*)*b', '(.*a){12}b', '(a?){30}b']) {
      expect(new Regex(pattern, FLAGS).occursIn(`${text}!`)).toBe(false);
    }
    expect(performance.now() - started).toBeLessThan(20_000);
  });

  it('refuse what would not be linear or is not there', () => {
    for (const pattern of ['(?=a)', '(?<!a)', '\\1', 'a**', '(', ')', '[a', 'a{2000}', '(?:a{1000}){1000}', '\\pQ']) {
      expect(() => new Regex(pattern, FLAGS), pattern).toThrow(/regular expression/);
    }
  });
});
