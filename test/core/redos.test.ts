import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OrasiError } from '../../src/core/errors.ts';
import { seededRandom } from '../../src/core/random.ts';
import { LazyDfa } from '../../src/core/regex/dfa.ts';
import { runRegex } from '../../src/core/regex/match.ts';
import { compileRegex } from '../../src/core/regex/program.ts';
import { Regex } from '../../src/core/regex/regex.ts';
import { parseRegex } from '../../src/core/regex/syntax.ts';
import { sized } from '../scale.ts';

const FLAGS = { ignoreCase: false, dotAll: false, multiline: false };

/**
 * Patterns that make backtracking engines take time exponential or polynomial in the text, with a text that does it: the
 * part that is repeated, and an end at which the match fails. After the classes in J. Davis, "The Impact of Regular
 * Expression Denial of Service (ReDoS) in Practice" (2018), and shapes that have been reported against real programs.
 */
const EVIL: readonly (readonly [pattern: string, pumped: string, end: string])[] = [
  // Exponential: one repetition within another.
  ['(a+)+', 'a', '!'],
  ['(a*)*', 'a', '!'],
  ['(a|aa)+', 'a', '!'],
  ['(a|a?)+', 'a', '!'],
  ['([a-zA-Z]+)*', 'a', '1'],
  ['(.*a){20}', 'a', '!'],
  ['(a?){30}a{30}', 'a', '!'],
  ['(x+x+)+y', 'x', '!'],
  ['(\\d+)*\\.html', '1', '/'],
  ['((a*)*)*', 'a', '!'],
  ['(([^/]+)+/)+', 'a', '!'],
  ['(a|b|ab)*c', 'ab', '!'],
  ['([a-z]+)+$', 'a', '1'],
  ['(?:(?:a{0,5}){0,5}){0,5}', 'a', '!'],
  ['(\\w+\\s?)*$', 'aaaa ', '!'],
  ['^(([a-z])+.)+[A-Z]([a-z])+$', 'a', '!'],
  ['([a-z0-9]+[_.-]?)+@x', 'a', '!'],
  ['(/[a-z]+)+(/[a-z]+)+x', '/a', '!'],
  ['(%[0-9A-F]{2}|[^%])*%', '%41', '!'],
  ['(\\(|\\)|[^()])*\\)', '(', '!'],
  ['(.|\\n)*x', 'ab', '!'],
  ['((.+)*,)+z', 'a,', '!'],
  ['([^"]|"")*"x', '""', '!'],
  // Polynomial: repetitions side by side that can take the same text.
  ['a*a*a*a*a*b', 'a', '!'],
  ['.*.*.*=.*', 'x', '!'],
  ['\\s+$', ' ', 'x'],
  ['.*\\.jpg.*\\.jpg', 'x.jpg', '!'],
  ['[0-9]*[0-9a-f]*[0-9a-z]*!!', '0', '!'],
  ['/api/.*/users/.*/posts/.*/x', '/api/users/posts', '!'],
  ['(?:.*,){5}.*;', ',', '!'],
  ['\\d{0,100}\\d{0,100}\\d{0,100}x', '1', '!'],
  ['[^?]*[^#]*[^&]*!$', 'a', '?'],
  ['.*[a-z]{50}', 'a', '!'],
  // Many states of the deterministic automaton: which of the last characters were an a.
  ['(.*)a.{12}', 'ab', '!'],
  ['.*a[ab]{20}', 'aab', '!'],
  ['(a|b)*a(a|b){14}c', 'abbaba', '!'],
  // With what states cannot answer.
  ['(\\ba+\\b)+', 'a', '!'],
  ['(?m:^(a+)+$)', 'a', '!'],
];

describe('patterns that make backtracking engines explode', () => {
  it('are thirty and more', () => {
    expect(EVIL.length).toBeGreaterThanOrEqual(30);
  });

  it.each(EVIL)('%s over %j: steps grow with the text and with the program, and no faster', (pattern, pumped, end) => {
    const regex = new Regex(pattern, FLAGS);
    for (const length of [200, 400, 800]) {
      const text = pumped.repeat(length) + end;
      const meter = { steps: 0 };
      expect(regex.matchesWhole(text, meter)).toBe(
        regex.exec(text)?.[1] === text.length && wholeByMachine(pattern, text),
      );
      // An instruction is looked at a bounded number of times for a character, whatever the pattern.
      expect(meter.steps).toBeLessThanOrEqual(6 * (text.length + 2) * regex.size);
    }
  });

  it.each(['(a|b)*a(a|b){14}z', '(a|b|\\b)*z'])('%s: matching is given up where the meter is spent', (pattern) => {
    const regex = new Regex(pattern, FLAGS);
    const meter = { steps: 0, most: 5_000 };
    const random = seededRandom(1);
    const text = Array.from({ length: 20_000 }, () => (random.next() < 0.5 ? 'a' : 'b')).join('');
    expect(regex.matchesWhole(text, meter)).toBe(false);
    // What is begun is finished: one character, and the states it leads to; and a walk over what is known.
    expect(meter.steps).toBeLessThan(5_000 + text.length + 12 * regex.size);
    const again = { steps: 0, most: 5_000 };
    regex.namedGroups(text, again);
    expect(again.steps).toBeLessThan(5_000 + 12 * regex.size);
  });

  it('cost what they copy of groups', () => {
    const steps = (groups: number) => {
      const meter = { steps: 0 };
      new Regex(`(?P<n>${'()'.repeat(groups)}a)*`, FLAGS).namedGroups('a'.repeat(100), meter);
      return meter.steps;
    };
    expect(steps(80)).toBeGreaterThan(100 * 80 * 20);
  });

  it('are refused where nothing is repeated so often that writing it out would not end', () => {
    const nothing = '(?:'.repeat(9) + '){1000}'.repeat(9);
    expect(() => new Regex(nothing, FLAGS)).toThrow('repeats too much');
  });
});

function wholeByMachine(pattern: string, text: string): boolean {
  return runRegex(compileRegex(parseRegex(pattern, FLAGS)), text, 0, 2, true, true) !== null;
}

describe('the automaton of states', () => {
  it('matches what the machine of threads matches, also when it forgets its states', () => {
    const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '^', '$', '(?:ab)', '(a|b)', '()', '\\w');
    const repeated = fc.tuple(atom, fc.constantFrom('', '', '*', '+', '?', '*?', '{2}', '{0,3}')).map(([one, many]) => {
      return ['^', '$'].includes(one) ? one : one + many;
    });
    const sequence = fc.array(repeated, { maxLength: 5 }).map((parts) => parts.join(''));
    const pattern = fc.array(sequence, { minLength: 1, maxLength: 3 }).map((options) => options.join('|'));
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '\n', 'é'), maxLength: 12 });
    fc.assert(
      fc.property(pattern, fc.array(text, { minLength: 1, maxLength: 8 }), (written, texts) => {
        const regex = new Regex(written, FLAGS);
        for (const one of texts)
          expect(regex.matchesWhole(one), `${written} on ${one}`).toBe(wholeByMachine(written, one));
      }),
      { numRuns: sized(300) },
    );
    const forgetful = '(a|b)*a(a|b){14}';
    const regex = new Regex(forgetful, FLAGS);
    for (let seed = 1; seed < 40; seed++) {
      const bits = Array.from({ length: 60 }, (_, i) => ((seed * 2654435761 * (i + 1)) >>> 13) % 2);
      const one = bits.map((bit) => 'ab'[bit]).join('');
      expect(regex.matchesWhole(one)).toBe(/^(?:(a|b)*a(a|b){14})$/.test(one));
    }
  });

  it('knows the start of a text from a place that looks like it', () => {
    const regex = new Regex('a*$^', FLAGS);
    expect(regex.matchesWhole('')).toBe(true);
    expect(regex.matchesWhole('a')).toBe(false);
  });

  it('looks once at each character when it is warm', () => {
    const regex = new Regex('/api/v[0-9]+/users/[^/]+', FLAGS);
    const path = '/api/v2/users/12345';
    expect(regex.matchesWhole(path)).toBe(true);
    const meter = { steps: 0 };
    regex.matchesWhole(path, meter);
    expect(meter.steps).toBe(path.length);
  });

  it('leaves to the machine what it cannot know', () => {
    const program = (pattern: string) => compileRegex(parseRegex(pattern, FLAGS));
    expect(LazyDfa.of(program('a\\b'))).toBeNull();
    expect(LazyDfa.of(program('(?m)^a'))).toBeNull();
    expect(LazyDfa.of(program('a'))?.matchesWhole('bé')).toBe(false);
    expect(LazyDfa.of(program('.'))?.matchesWhole('é')).toBeNull();
  });
});

describe('what is wrong with a pattern', () => {
  it.each([
    ['/a(?=b)', 'look-around that is not supported, at character 3'],
    ['/a(?<!b)', 'look-around that is not supported, at character 3'],
    ['(?>a)', 'a group that is not supported, at character 1'],
    ['(a)\\1', 'a reference back to a group, which is not supported, at character 4'],
    ['(?P<n>a)\\k<n>', 'a reference back to a group, which is not supported, at character 9'],
    ['a\\y', "an escape '\\y' that is not supported, at character 2"],
    ['ab(c', "has a '(' without its ')', at character 3"],
    ['ab)', "has a ')' without its '(', at character 3"],
    ['ab[c', "has a '[' without its ']', at character 3"],
    ['a**', 'a quantifier after a quantifier, at character 3'],
    ['+', "nothing for '+' to repeat, at character 1"],
    ['a{3,2}', 'repeats something a wrong number of times, at character 6'],
    ['a'.repeat(1001), 'is longer than 1000 characters'],
    ['(?:a{100}){100}', 'repeats too much'],
  ])('%s: %s', (pattern, message) => {
    expect(() => new Regex(pattern, FLAGS)).toThrow(OrasiError);
    expect(() => new Regex(pattern, FLAGS)).toThrow(message);
  });
});
