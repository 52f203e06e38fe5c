import type { CompiledRule, RuleAction } from '../../core/protocol/gateway.ts';
import { literalPath } from '../snapshot/keys.ts';

/** A rule with what it does, as its order needs both. */
export interface RankedRule {
  readonly rule: CompiledRule;
  readonly action: RuleAction;
}

/** Regular expressions between the two: behind prefixes none would ever be asked on a host that has a rule for `/`. */
const PATH_TYPES = ['Exact', 'RegularExpression', 'PathPrefix'];

/**
 * The order in which rules of one host are asked, for `sort`: an explicit priority, then what the Gateway API says of
 * HTTPRouteMatch: exact path, longer path, a method, more headers, more query parameters, the oldest route, the first by
 * name, the first in the route.
 */
export function comparePrecedence(a: RankedRule, b: RankedRule): number {
  return (
    b.rule.priority - a.rule.priority ||
    comparePaths(a.rule, b.rule) ||
    Number(b.rule.match.method !== null) - Number(a.rule.match.method !== null) ||
    b.rule.match.headers.length - a.rule.match.headers.length ||
    b.rule.match.query.length - a.rule.match.query.length ||
    a.rule.createdMs - b.rule.createdMs ||
    compareTexts(routeName(a.action), routeName(b.action)) ||
    a.action.rule.index - b.action.rule.index ||
    a.rule.matchIndex - b.rule.matchIndex
  );
}

function comparePaths(a: CompiledRule, b: CompiledRule): number {
  return (
    PATH_TYPES.indexOf(a.path.type) - PATH_TYPES.indexOf(b.path.type) ||
    literalPath(b.path).length - literalPath(a.path).length
  );
}

function routeName(action: RuleAction): string {
  return `${action.route.namespace}/${action.route.name}`;
}

function compareTexts(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
