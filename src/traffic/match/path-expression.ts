import { isSpent, type StepMeter } from '../../core/regex/match.ts';
import type { Regex } from '../../core/regex/regex.ts';
import type { Condition } from './conditions.ts';
import { compileExpression } from './expression.ts';
import type { RequestFacts } from './facts.ts';
import { literalHead } from './literal-head.ts';

/** Of a path that is matched by no named group. */
export const NO_VARIABLES: Readonly<Record<string, string>> = Object.freeze({});

/** A path's regular expression, a full match of the canonical path. One for all rules of a page that have the same. */
export class PathExpression implements Condition {
  readonly subject = 'path';
  readonly values = null;
  readonly expected: string;
  /** What a path has to begin with, where that can be said: it finds the expression among many. */
  readonly head: Condition | null;
  readonly #pattern: string;
  #compiled: Regex | null = null;
  /** Rules that share the expression ask in turn about one request. */
  #lastPath: string | null = null;
  #lastHeld = false;

  constructor(pattern: string) {
    this.#pattern = pattern;
    this.head = literalHead(pattern);
    this.expected = `a match of ${pattern}`;
  }

  found(facts: RequestFacts): string {
    return facts.target.path;
  }

  holds({ target: { path }, meter }: RequestFacts): boolean {
    if (path !== this.#lastPath) {
      const held = path !== '*' && this.#regex(meter).matchesWhole(path, meter);
      // What was given up is not known of the path, and another request may have it too.
      if (isSpent(meter)) return false;
      this.#lastHeld = held;
      this.#lastPath = path;
    }
    return this.#lastHeld;
  }

  /** What the expression's named groups have matched; of groups that took no part nothing. */
  variables({ target: { path }, meter }: RequestFacts): Readonly<Record<string, string>> {
    const regex = this.#regex(meter);
    return regex.names.size === 0 ? NO_VARIABLES : (regex.namedGroups(path, meter) ?? NO_VARIABLES);
  }

  #regex(meter: StepMeter): Regex {
    this.#compiled ??= compileExpression(this.#pattern, meter);
    return this.#compiled;
  }
}
