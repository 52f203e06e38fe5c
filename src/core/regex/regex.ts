import { LazyDfa } from './dfa.ts';
import { type MatchSlots, runRegex, type StepMeter } from './match.ts';
import { compileRegex, type Instruction } from './program.ts';
import { parseRegex, type RegexFlags } from './syntax.ts';

/** A compiled regular expression whose matching time is linear in the text. */
export class Regex {
  readonly #program: readonly Instruction[];
  readonly #slots: number;
  /** Made at the first question that it can answer. */
  #dfa: LazyDfa | 'none' | undefined;
  readonly groups: number;
  readonly names: ReadonlyMap<string, number>;

  /** Throws `type_error` where the pattern is not RE2 syntax. */
  constructor(pattern: string, flags: RegexFlags) {
    const parsed = parseRegex(pattern, flags);
    this.#program = compileRegex(parsed);
    this.groups = parsed.groups;
    this.names = parsed.names;
    this.#slots = 2 * (parsed.groups + 1);
  }

  /** Instructions of the program: what a character of a text costs at most is a multiple of it. */
  get size(): number {
    return this.#program.length;
  }

  /** Whether the pattern occurs in the text. */
  occursIn(text: string): boolean {
    return runRegex(this.#program, text, 0, 2, false, false) !== null;
  }

  /** Whether the pattern matches the text from its start to its end; no answer where the meter is spent. */
  matchesWhole(text: string, meter?: StepMeter): boolean {
    this.#dfa ??= LazyDfa.of(this.#program) ?? 'none';
    const known = this.#dfa === 'none' ? null : this.#dfa.matchesWhole(text, meter);
    return known ?? runRegex(this.#program, text, 0, 2, true, true, meter) !== null;
  }

  /** What the named groups took of a text that the pattern matches whole, without those that took no part; else null. */
  namedGroups(text: string, meter?: StepMeter): Record<string, string> | null {
    const match = runRegex(this.#program, text, 0, this.#slots, true, true, meter);
    if (match === null) return null;
    const groups: Record<string, string> = {};
    for (const [name, group] of this.names) {
      const taken = groupText(text, match, group);
      if (taken !== undefined) groups[name] = taken;
    }
    return groups;
  }

  /** The leftmost match at or after an offset. */
  exec(text: string, from = 0): MatchSlots | null {
    return runRegex(this.#program, text, from, this.#slots, false, false);
  }

  /** Replaces the first match, or all of them. In `replacement`, `\0` to `\9` stand for groups and `\\` for a backslash. */
  replace(text: string, replacement: string, all: boolean): string {
    let out = '';
    let at = 0;
    let from = 0;
    let lastEnd = -1;
    while (from <= text.length) {
      const match = this.exec(text, from);
      if (match === null) break;
      const [start, end] = match;
      // Nothing right behind a match is not a match of its own.
      if (end > start || start !== lastEnd) {
        out += text.slice(at, start) + expand(replacement, text, match);
        at = end;
        lastEnd = end;
        if (!all) break;
      }
      // An empty match moves on by one character, or it would be found again.
      from = end > start ? end : end + ((text.codePointAt(end) ?? 0) > 0xffff ? 2 : 1);
    }
    return out + text.slice(at);
  }
}

function expand(replacement: string, text: string, match: MatchSlots): string {
  return replacement.replaceAll(/\\(\d|\\)/g, (_, what: string) => {
    if (what === '\\') return '\\';
    return groupText(text, match, Number(what)) ?? '';
  });
}

/** The text a group matched, or undefined. */
export function groupText(text: string, match: MatchSlots, group: number): string | undefined {
  const start = match[2 * group] ?? -1;
  return start < 0 ? undefined : text.slice(start, match[2 * group + 1]);
}
