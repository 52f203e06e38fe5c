import type { CompiledRule, RulePage } from '../../core/protocol/gateway.ts';
import { literalPath } from '../snapshot/keys.ts';
import { PathExpression } from './path-expression.ts';
import type { RankedRule } from './precedence.ts';
import { type PreparedRule, RuleSet } from './rule-set.ts';

/** The rules of one literal path; sets are made when a request first comes for them. */
interface PathRules {
  readonly exact: CompiledRule[];
  readonly prefix: CompiledRule[];
  exactSet: RuleSet | null;
  prefixSet: RuleSet | null;
}

/** A page made ready for requests: its rules by path. */
class PreparedPage {
  readonly #page: RulePage;
  readonly #paths = new Map<string, PathRules>();
  readonly #expressionRules: readonly CompiledRule[];
  #expressionSet: RuleSet | null = null;

  constructor(page: RulePage) {
    this.#page = page;
    const expressionRules: CompiledRule[] = [];
    this.#expressionRules = expressionRules;
    for (const rule of page.rules) {
      if (rule.path.type === 'RegularExpression') {
        expressionRules.push(rule);
        continue;
      }
      const path = literalPath(rule.path);
      let rules = this.#paths.get(path);
      if (rules === undefined) {
        rules = { exact: [], prefix: [], exactSet: null, prefixSet: null };
        this.#paths.set(path, rules);
      }
      rules[rule.path.type === 'Exact' ? 'exact' : 'prefix'].push(rule);
    }
  }

  /** Rules whose path is exactly that one. */
  exact(path: string): RuleSet | null {
    const rules = this.#paths.get(path);
    if (rules === undefined || rules.exact.length === 0) return null;
    rules.exactSet ??= this.#setOf(rules.exact);
    return rules.exactSet;
  }

  /** Rules whose prefix is that literal path. */
  prefix(path: string): RuleSet | null {
    const rules = this.#paths.get(path);
    if (rules === undefined || rules.prefix.length === 0) return null;
    rules.prefixSet ??= this.#setOf(rules.prefix);
    return rules.prefixSet;
  }

  /** Rules whose path is a regular expression. */
  expressions(): RuleSet | null {
    if (this.#expressionRules.length === 0) return null;
    this.#expressionSet ??= this.#setOf(this.#expressionRules);
    return this.#expressionSet;
  }

  /** Every rule of the page. */
  *all(): Generator<PreparedRule> {
    for (const path of this.#paths.keys()) {
      yield* this.exact(path)?.rules ?? [];
      yield* this.prefix(path)?.rules ?? [];
    }
    yield* this.expressions()?.rules ?? [];
  }

  #setOf(rules: readonly CompiledRule[]): RuleSet {
    const { actions } = this.#page;
    const expressions = new Map<string, PathExpression>();
    const ranked = rules.map((rule): RankedRule => ({ rule, action: actions[rule.action] }));
    return new RuleSet(ranked, ({ type, value }) => {
      if (type !== 'RegularExpression') return null;
      const expression = expressions.get(value) ?? new PathExpression(value);
      expressions.set(value, expression);
      return expression;
    });
  }
}

const prepared = new WeakMap<RulePage, PreparedPage>();

/** The page made ready; once for each page in memory, since readers hand out the same object. */
export function preparedPage(page: RulePage): PreparedPage {
  let ready = prepared.get(page);
  if (ready === undefined) {
    ready = new PreparedPage(page);
    prepared.set(page, ready);
  }
  return ready;
}
