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

  holds(facts: RequestFacts): boolean {
    const { path } = facts.target;
    if (path !== this.#lastPath) {
      this.#lastHeld = path !== '*' && this.#regex().matchesWhole(path);
      this.#lastPath = path;
    }
    return this.#lastHeld;
  }

  /** What the expression's named groups have matched; of groups that took no part nothing. */
  variables(path: string): Readonly<Record<string, string>> {
    const regex = this.#regex();
    return regex.names.size === 0 ? NO_VARIABLES : (regex.namedGroups(path) ?? NO_VARIABLES);
  }

  #regex(): Regex {
    this.#compiled ??= compileExpression(this.#pattern);
    return this.#compiled;
  }
}
