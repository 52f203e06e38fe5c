import type { PathMatch } from '../../core/protocol/gateway.ts';
import { type Condition, conditionsOf } from './conditions.ts';
import type { RequestFacts } from './facts.ts';
import type { PathExpression } from './path-expression.ts';
import { comparePrecedence, type RankedRule } from './precedence.ts';

/** Fewer rules than this are asked one after the other. */
const INDEXED_FROM = 8;

/** A rule whose conditions are ready to be asked; that of an expression for its path is the last. */
export interface PreparedRule extends RankedRule {
  readonly conditions: readonly Condition[];
  readonly expression: PathExpression | null;
}

/** Rules by what is found at one place of a request: their ranks, ascending, by the value that they want there. */
interface Lookup {
  readonly found: Condition['found'];
  readonly ranks: Map<string, number[]>;
}

/**
 * Rules among which the request's path decides nothing any more, but for expressions, best first. Each lies under one
 * exact value that it wants, the rarest; a request looks up what it has, so that rules which differ by a value cost as
 * much as one.
 */
export class RuleSet {
  readonly rules: readonly PreparedRule[];
  readonly #lookups: readonly Lookup[];
  /** Ranks of the rules that want no exact value, ascending. */
  readonly #others: readonly number[];

  constructor(rules: readonly RankedRule[], expressionOf: (path: PathMatch) => PathExpression | null) {
    this.rules = [...rules].sort(comparePrecedence).map(({ rule, action }) => {
      const expression = expressionOf(rule.path);
      const conditions = conditionsOf(rule.match);
      if (expression !== null) conditions.push(...(expression.head === null ? [] : [expression.head]), expression);
      return { rule, action, expression, conditions };
    });
    const { lookups, others } = this.rules.length < INDEXED_FROM ? unindexed(this.rules) : indexed(this.rules);
    this.#lookups = lookups;
    this.#others = others;
  }

  /** The highest priority of its rules. */
  get priority(): number {
    return this.rules[0]?.rule.priority ?? Number.NEGATIVE_INFINITY;
  }

  /** The best rule that the request meets, or null. */
  find(facts: RequestFacts): PreparedRule | null {
    let best = this.#firstOf(this.#others, this.rules.length, facts);
    for (const lookup of this.#lookups) {
      const value = lookup.found(facts);
      const ranks = value === null ? undefined : lookup.ranks.get(value);
      if (ranks !== undefined) best = this.#firstOf(ranks, best, facts);
    }
    return this.rules[best] ?? null;
  }

  /** The first of the ranks below `bound` whose rule the request meets, else `bound`. */
  #firstOf(ranks: readonly number[], bound: number, facts: RequestFacts): number {
    for (const rank of ranks) {
      // Where the meter is spent nothing is known any more, and whoever asked will see so.
      if (rank >= bound || facts.isSpent) return bound;
      if (failing(this.rules[rank], facts) === null) return rank;
    }
    return bound;
  }
}

/** The first condition of a rule that a request does not meet, or null. */
export function failing(rule: { readonly conditions: readonly Condition[] }, facts: RequestFacts): Condition | null {
  for (const condition of rule.conditions) if (!condition.holds(facts)) return condition;
  return null;
}

function unindexed(rules: readonly PreparedRule[]): { lookups: Lookup[]; others: number[] } {
  return { lookups: [], others: rules.map((_, rank) => rank) };
}

function indexed(rules: readonly PreparedRule[]): { lookups: Lookup[]; others: number[] } {
  const wanted = new Map<string, Map<string, number>>();
  for (const { conditions } of rules) {
    for (const { subject, values } of conditions) {
      const counts = entryOf(wanted, subject, () => new Map<string, number>());
      for (const value of values ?? []) counts.set(value, (counts.get(value) ?? 0) + 1);
    }
  }
  const commonness = ({ subject, values }: Condition) => {
    let most = 0;
    for (const value of values ?? []) most = Math.max(most, wanted.get(subject)?.get(value) ?? 0);
    return most;
  };
  const lookups = new Map<string, Lookup>();
  const others: number[] = [];
  rules.forEach(({ conditions }, rank) => {
    let rarest: Condition | null = null;
    for (const condition of conditions) {
      if (condition.values === null) continue;
      if (rarest === null || commonness(condition) < commonness(rarest)) rarest = condition;
    }
    if (rarest === null) {
      others.push(rank);
      return;
    }
    const { subject, found, values } = rarest;
    const lookup = entryOf(lookups, subject, () => ({ found, ranks: new Map<string, number[]>() }));
    for (const value of values ?? []) entryOf(lookup.ranks, value, (): number[] => []).push(rank);
  });
  return { lookups: [...lookups.values()], others };
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const present = map.get(key);
  if (present !== undefined) return present;
  const made = make();
  map.set(key, made);
  return made;
}
