import { OrasiError } from '../errors.ts';

/** What one position of a pattern accepts: ranges of code points, in order, perhaps negated. */
export interface CharSet {
  readonly ranges: readonly (readonly [low: number, high: number])[];
  readonly negated: boolean;
  /** A Unicode property, tested by the engine of the language. */
  readonly property: RegExp | null;
}

/** What holds at a place between two characters, and takes none. */
export type Assertion = 'start' | 'end' | 'lineStart' | 'lineEnd' | 'boundary' | 'notBoundary';

/** A parsed pattern. Groups are numbered from 1 by their opening parenthesis. */
export type RegexNode =
  | { readonly node: 'empty' }
  | { readonly node: 'set'; readonly sets: readonly CharSet[]; readonly negated: boolean }
  | { readonly node: 'assert'; readonly assertion: Assertion }
  | { readonly node: 'concat'; readonly parts: readonly RegexNode[] }
  | { readonly node: 'alternate'; readonly options: readonly RegexNode[] }
  | { readonly node: 'group'; readonly index: number; readonly body: RegexNode }
  | {
      readonly node: 'repeat';
      readonly body: RegexNode;
      readonly min: number;
      readonly max: number;
      readonly greedy: boolean;
    };

/** A pattern with the groups in it; names of groups lead to their numbers. */
export interface ParsedRegex {
  readonly root: RegexNode;
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;
}

/** What holds for a pattern as a whole. */
export interface RegexFlags {
  readonly ignoreCase: boolean;
  /** `.` takes newlines too. */
  readonly dotAll: boolean;
  /** `^` and `$` hold at lines. */
  readonly multiline: boolean;
}

const MAX_PATTERN = 1000;
const MAX_REPEAT = 1000;
const MAX_NESTING = 100;

const DIGIT: CharSet = { ranges: [[48, 57]], negated: false, property: null };
const WORD_RANGES: readonly (readonly [number, number])[] = [
  [48, 57],
  [65, 90],
  [95, 95],
  [97, 122],
];
const WORD: CharSet = { ranges: WORD_RANGES, negated: false, property: null };
const SPACE: CharSet = {
  ranges: [
    [9, 10],
    [12, 13],
    [32, 32],
  ],
  negated: false,
  property: null,
};

const POSIX: Readonly<Record<string, CharSet['ranges']>> = {
  alpha: [
    [65, 90],
    [97, 122],
  ],
  digit: [[48, 57]],
  alnum: [
    [48, 57],
    [65, 90],
    [97, 122],
  ],
  upper: [[65, 90]],
  lower: [[97, 122]],
  space: [
    [9, 13],
    [32, 32],
  ],
  blank: [
    [9, 9],
    [32, 32],
  ],
  punct: [
    [33, 47],
    [58, 64],
    [91, 96],
    [123, 126],
  ],
  xdigit: [
    [48, 57],
    [65, 70],
    [97, 102],
  ],
  word: WORD_RANGES,
  ascii: [[0, 127]],
  cntrl: [
    [0, 31],
    [127, 127],
  ],
  graph: [[33, 126]],
  print: [[32, 126]],
};

/** Whether a set holds a code point. */
export function setHas(set: CharSet, point: number): boolean {
  if (set.property !== null) return set.property.test(String.fromCodePoint(point)) !== set.negated;
  for (const [low, high] of set.ranges) if (point >= low && point <= high) return !set.negated;
  return set.negated;
}

/**
 * Reads a pattern in RE2's syntax (https://github.com/google/re2/wiki/Syntax), which is DuckDB's: no look-around
 * and no back references, so that matching takes time linear in the text.
 *
 * @throws OrasiError `type_error` where it is no such pattern, with the place of what is wrong.
 */
export function parseRegex(pattern: string, flags: RegexFlags): ParsedRegex {
  const refused = (why: string): OrasiError => {
    return new OrasiError('type_error', `the regular expression '${pattern.slice(0, 80)}' ${why}`);
  };
  /** `place`: how many characters stand before what is wrong. */
  const broken = (why: string, place = Math.max(0, at - 1)): OrasiError => {
    return refused(`${why}, at character ${place + 1}`);
  };
  if (pattern.length > MAX_PATTERN) throw refused(`is longer than ${MAX_PATTERN} characters`);
  const chars = Array.from(pattern);
  const names = new Map<string, number>();
  let at = 0;
  let groups = 0;
  let present = flags;

  const startsWith = (text: string) => text === chars.slice(at, at + text.length).join('');

  function alternation(depth: number): RegexNode {
    if (depth > MAX_NESTING) throw broken('is nested too deeply');
    const outer = present;
    const options = [sequence(depth)];
    while (chars[at] === '|') {
      at++;
      options.push(sequence(depth));
    }
    present = outer;
    return options.length === 1 ? options[0] : { node: 'alternate', options };
  }

  function sequence(depth: number): RegexNode {
    const parts: RegexNode[] = [];
    while (at < chars.length && chars[at] !== '|' && chars[at] !== ')') {
      const atom = quantified(atomAt(depth));
      if (atom.node !== 'empty') parts.push(atom);
    }
    return parts.length === 1 ? parts[0] : { node: 'concat', parts };
  }

  function quantified(atom: RegexNode): RegexNode {
    let node = atom;
    let times = 0;
    for (;;) {
      const bounds = quantifier();
      if (bounds === undefined) return node;
      if (++times > 1) throw broken('has a quantifier after a quantifier');
      const greedy = chars[at] !== '?';
      if (!greedy) at++;
      node = { node: 'repeat', body: node, min: bounds[0], max: bounds[1], greedy };
    }
  }

  function quantifier(): [number, number] | undefined {
    switch (chars[at]) {
      case '*':
        at++;
        return [0, Number.POSITIVE_INFINITY];
      case '+':
        at++;
        return [1, Number.POSITIVE_INFINITY];
      case '?':
        at++;
        return [0, 1];
      case '{': {
        const counted = /^\{(\d{1,4})(,(\d{0,4}))?\}/.exec(chars.slice(at, at + 12).join(''));
        if (counted === null) return undefined;
        at += counted[0].length;
        const min = Number(counted[1]);
        const max = counted[2] === undefined ? min : counted[3] === '' ? Number.POSITIVE_INFINITY : Number(counted[3]);
        if (min > MAX_REPEAT || (max !== Number.POSITIVE_INFINITY && max > MAX_REPEAT) || max < min) {
          throw broken('repeats something a wrong number of times');
        }
        return [min, max];
      }
      default:
        return undefined;
    }
  }

  function atomAt(depth: number): RegexNode {
    const char = chars[at++];
    switch (char) {
      case '(':
        return groupAt(depth);
      case '[':
        return classAt();
      case '.':
        return setNode(present.dotAll ? [] : [10], true);
      case '^':
        return { node: 'assert', assertion: present.multiline ? 'lineStart' : 'start' };
      case '$':
        return { node: 'assert', assertion: present.multiline ? 'lineEnd' : 'end' };
      case '\\':
        return escapeAt();
      case '*':
      case '+':
      case '?':
        throw broken(`has nothing for '${char}' to repeat`);
      default:
        return literal(char);
    }
  }

  function literal(char: string): RegexNode {
    const points = present.ignoreCase ? [...new Set([char, char.toLowerCase(), char.toUpperCase()])] : [char];
    return setNode(
      points.filter((point) => Array.from(point).length === 1).map((point) => point.codePointAt(0) ?? 0),
      false,
    );
  }

  function setNode(points: readonly number[], negated: boolean): RegexNode {
    const ranges = points.map((point): readonly [number, number] => [point, point]);
    return { node: 'set', sets: [{ ranges, negated: false, property: null }], negated };
  }

  function groupAt(depth: number): RegexNode {
    const opened = at - 1;
    let index = 0;
    let body: RegexNode;
    if (startsWith('?')) {
      at++;
      const named = /^P?<([A-Za-z_][A-Za-z0-9_]*)>/.exec(chars.slice(at, at + 80).join(''));
      if (named !== null) {
        at += named[0].length;
        index = ++groups;
        names.set(named[1], index);
        body = alternation(depth + 1);
      } else {
        const setting = /^([imsU]*)(?:-([imsU]+))?([:)])/.exec(chars.slice(at, at + 12).join(''));
        if (setting === null) {
          const isLookAround = /^<?[=!]/.test(chars.slice(at, at + 2).join(''));
          throw broken(`has ${isLookAround ? 'look-around' : 'a group'} that is not supported`, opened);
        }
        at += setting[0].length;
        const on = setting[1];
        const off = setting[2] ?? '';
        if (on.includes('U') || off.includes('U')) throw broken('uses the flag U, which is not supported');
        const outer = present;
        const flag = (letter: string, now: boolean) =>
          on.includes(letter) ? true : off.includes(letter) ? false : now;
        present = {
          ignoreCase: flag('i', present.ignoreCase),
          dotAll: flag('s', present.dotAll),
          multiline: flag('m', present.multiline),
        };
        // `(?i)` holds to the end of the enclosing group, whose alternation puts the flags back.
        if (setting[3] === ')') return { node: 'empty' };
        body = alternation(depth + 1);
        present = outer;
      }
    } else {
      index = ++groups;
      body = alternation(depth + 1);
    }
    if (chars[at] !== ')') throw broken("has a '(' without its ')'", opened);
    at++;
    return index === 0 ? body : { node: 'group', index, body };
  }

  function escapeAt(): RegexNode {
    const char = chars[at++];
    switch (char) {
      case undefined:
        throw broken('ends in a backslash');
      case 'A':
        return { node: 'assert', assertion: 'start' };
      case 'z':
        return { node: 'assert', assertion: 'end' };
      case 'b':
        return { node: 'assert', assertion: 'boundary' };
      case 'B':
        return { node: 'assert', assertion: 'notBoundary' };
      case 'Q': {
        const rest = chars.slice(at).join('');
        const end = rest.indexOf('\\E');
        const quoted = end < 0 ? rest : rest.slice(0, end);
        at += Array.from(quoted).length + (end < 0 ? 0 : 2);
        return { node: 'concat', parts: Array.from(quoted, literal) };
      }
    }
    const set = escapedSet(char);
    if (set !== undefined) return { node: 'set', sets: [set], negated: false };
    return literal(String.fromCodePoint(escapedPoint(char)));
  }

  /** `\d` and its like, `\pL`, `\p{Greek}`. */
  function escapedSet(char: string): CharSet | undefined {
    switch (char) {
      case 'd':
        return DIGIT;
      case 'D':
        return { ...DIGIT, negated: true };
      case 'w':
        return WORD;
      case 'W':
        return { ...WORD, negated: true };
      case 's':
        return SPACE;
      case 'S':
        return { ...SPACE, negated: true };
      case 'p':
      case 'P': {
        const named = /^(?:([A-Z])|\{(\^?)([A-Za-z_]+)\})/.exec(chars.slice(at, at + 60).join(''));
        if (named === null) throw broken('names no Unicode class');
        at += named[0].length;
        const name = named[1] ?? named[3];
        const negated = (char === 'P') !== (named[2] === '^');
        for (const spelling of [name, `Script=${name}`]) {
          try {
            return { ranges: [], negated, property: new RegExp(`^\\p{${spelling}}$`, 'u') };
          } catch {
            // Not a category: perhaps a script.
          }
        }
        throw broken(`names a Unicode class '${name}' that does not exist`);
      }
      default:
        return undefined;
    }
  }

  function escapedPoint(char: string): number {
    const controls: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13, a: 7 };
    if (Object.hasOwn(controls, char)) return controls[char];
    if (char === 'x') {
      const hex = /^(?:\{([0-9a-fA-F]{1,6})\}|([0-9a-fA-F]{2}))/.exec(chars.slice(at, at + 8).join(''));
      if (hex === null) throw broken('has a broken \\x');
      at += hex[0].length;
      return Number.parseInt(hex[1] ?? hex[2], 16);
    }
    if (/[0-7]/.test(char) && char === '0') return 0;
    if (/[1-9k]/.test(char)) throw broken('has a reference back to a group, which is not supported', at - 2);
    if (/[A-Za-z0-9]/.test(char)) throw broken(`has an escape '\\${char}' that is not supported`, at - 2);
    return char.codePointAt(0) ?? 0;
  }

  function classAt(): RegexNode {
    const opened = at - 1;
    const sets: CharSet[] = [];
    const ranges: [number, number][] = [];
    const negated = chars[at] === '^';
    if (negated) at++;
    let first = true;
    while (first || chars[at] !== ']') {
      if (at >= chars.length) throw broken("has a '[' without its ']'", opened);
      first = false;
      const posix = /^\[:(\^?)([a-z]+):\]/.exec(chars.slice(at, at + 14).join(''));
      if (posix !== null) {
        if (!Object.hasOwn(POSIX, posix[2])) throw broken(`names a class '${posix[2]}' that does not exist`);
        at += posix[0].length;
        sets.push({ ranges: POSIX[posix[2]], negated: posix[1] === '^', property: null });
        continue;
      }
      const low = classPoint();
      if (typeof low !== 'number') {
        sets.push(low);
        continue;
      }
      let high = low;
      if (chars[at] === '-' && chars[at + 1] !== ']' && at + 1 < chars.length) {
        at++;
        const end = classPoint();
        if (typeof end !== 'number' || end < low) throw broken('has a range that ends before it begins');
        high = end;
      }
      ranges.push([low, high]);
    }
    at++;
    if (present.ignoreCase) ranges.push(...bothCases(ranges));
    return { node: 'set', sets: [...sets, { ranges, negated: false, property: null }], negated };
  }

  function classPoint(): number | CharSet {
    const char = chars[at++];
    if (char !== '\\') return char.codePointAt(0) ?? 0;
    const escaped = chars[at++];
    if (escaped === undefined) throw broken('ends in a backslash');
    return escapedSet(escaped) ?? escapedPoint(escaped);
  }

  const root = alternation(0);
  if (at < chars.length) throw broken("has a ')' without its '('", at);
  return { root, groups, names };
}

/** The other case of the ranges' characters; wide ranges are taken as they are. */
function bothCases(ranges: readonly (readonly [number, number])[]): [number, number][] {
  const out: [number, number][] = [];
  for (const [low, high] of ranges) {
    if (high - low > 2000) continue;
    for (let point = low; point <= high; point++) {
      const char = String.fromCodePoint(point);
      for (const other of [char.toLowerCase(), char.toUpperCase()]) {
        const value = other.codePointAt(0) ?? 0;
        if (other !== char && Array.from(other).length === 1) out.push([value, value]);
      }
    }
  }
  return out;
}
