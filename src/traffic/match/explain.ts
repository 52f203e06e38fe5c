import type { CompiledRule, HostKey, RuleAction } from '../../core/protocol/gateway.ts';
import { hostKeys } from '../host-keys.ts';
import { hasHash } from '../snapshot/hash-set.ts';
import { type EntryKey, hostEntryKey, hostHash, literalPath, pageEntryKey } from '../snapshot/keys.ts';
import type { Condition } from './conditions.ts';
import type { RequestFacts } from './facts.ts';
import { type MatchResult, type MatchSource, matchRequest } from './match.ts';
import { preparedPage } from './page.ts';
import { comparePrecedence } from './precedence.ts';
import { failing, type PreparedRule } from './rule-set.ts';

/** What became of one rule that was looked at. */
export type Outcome =
  /** The request goes by it. */
  | { readonly type: 'matched' }
  /** The request meets it, but a better one too. */
  | { readonly type: 'outranked' }
  /** The first condition that the request does not meet. */
  | {
      readonly type: 'failed';
      /** `path`, `method`, `header x-env`, `query q`, `country`, … */
      readonly subject: string;
      readonly expected: string;
      /** What the request has there; null where it has nothing. */
      readonly found: string | null;
    };

/** A rule that was looked at, and what came of it. */
export interface Candidate {
  readonly hostKey: HostKey;
  readonly rule: CompiledRule;
  readonly action: RuleAction;
  readonly outcome: Outcome;
}

/** How a request was matched, or not. */
export interface MatchExplanation {
  readonly type: 'explanation';
  /** Every host key that was tried, in order, and whether it has rules. */
  readonly hosts: readonly { readonly hostKey: HostKey; readonly hasRules: boolean }[];
  /** In order of precedence; those of one host before those of the next. */
  readonly candidates: readonly Candidate[];
  /** Rules that are not listed: those beyond `limit`, and those whose expressions cost too much to ask them too. */
  readonly omitted: number;
}

/**
 * What `matchRequest` decides, with every rule of the hosts concerned and why it was not the one: the rules that could
 * match by their path, and those whose path differs as far as `limit` allows. Reads every page of these hosts, so it is
 * for people, not for requests.
 */
export function explainMatch(
  facts: RequestFacts,
  source: MatchSource,
  limit: number,
): MatchExplanation | Exclude<MatchResult, { readonly type: 'none' | 'match' }> {
  const decided = matchRequest(facts, source);
  if (decided.type === 'missing' || decided.type === 'costly') return decided;
  // Rules that the request was not held against cost as well: as much again may be spent on them.
  facts.meter.steps = 0;
  const hosts: { hostKey: HostKey; hasRules: boolean }[] = [];
  const candidates: Candidate[] = [];
  let owner: string | null = null;
  let unasked = 0;
  for (const hostKey of hostKeys(facts.target.scheme, facts.target.host)) {
    const rules = rulesOf(hostKey, source);
    if (!Array.isArray(rules)) return rules;
    const entry = hasHash(source.hosts, hostHash(hostKey)) ? source.read(hostEntryKey(hostKey)) : null;
    owner ??= entry?.namespaceUid ?? null;
    // Another namespace's, whose rules are not asked.
    if (entry != null && entry.namespaceUid !== owner) continue;
    hosts.push({ hostKey, hasRules: rules.length > 0 });
    for (const rule of rules) {
      const isChosen = decided.type === 'match' && decided.rule === rule.rule;
      const outcome = isChosen || !facts.isSpent ? outcomeOf(rule, facts, isChosen) : null;
      if (outcome !== null && (isChosen || !facts.isSpent))
        candidates.push({ hostKey, rule: rule.rule, action: rule.action, outcome });
      else unasked += 1;
    }
  }
  // Where not all can be listed, rules of other paths are what says least.
  const telling = candidates.filter(({ outcome }) => outcome.type !== 'failed' || outcome.subject !== 'path');
  const listed = candidates.length <= limit ? candidates : telling.slice(0, limit);
  return { type: 'explanation', hosts, candidates: listed, omitted: candidates.length - listed.length + unasked };
}

function outcomeOf(rule: PreparedRule, facts: RequestFacts, isChosen: boolean): Outcome {
  if (isChosen) return { type: 'matched' };
  const failed = failingPath(rule, facts) ?? failing(rule, facts);
  if (failed === null) return { type: 'outranked' };
  const { subject, expected } = failed;
  return { type: 'failed', subject, expected, found: failed.found(facts) };
}

/** The path as a condition where the request has another one: of literal paths sets are asked only where they fit. */
function failingPath(
  { rule, expression }: PreparedRule,
  facts: RequestFacts,
): Omit<Condition, 'values' | 'holds'> | null {
  const { path } = facts.target;
  if (expression !== null) return expression.holds(facts) ? null : expression;
  const literal = literalPath(rule.path);
  const below = literal === '/' ? '/' : `${literal}/`;
  const isExact = rule.path.type === 'Exact';
  if (path !== '*' && (path === literal || (!isExact && path.startsWith(below)))) return null;
  return { subject: 'path', expected: isExact ? literal : `${literal} or below`, found: () => path };
}

function rulesOf(
  hostKey: HostKey,
  source: MatchSource,
): PreparedRule[] | { readonly type: 'missing'; readonly keys: readonly EntryKey[] } {
  if (!hasHash(source.hosts, hostHash(hostKey))) return [];
  const key = hostEntryKey(hostKey);
  const host = source.read(key);
  if (host === undefined) return { type: 'missing', keys: [key] };
  if (host === null) return [];
  const missing: EntryKey[] = [];
  const rules = [...preparedPage(host.expressions).all()];
  for (let page = 0; page < host.pages; page++) {
    const pageKey = pageEntryKey(hostKey, page);
    const entry = source.read(pageKey);
    if (entry === undefined) missing.push(pageKey);
    else if (entry !== null) rules.push(...preparedPage(entry).all());
  }
  return missing.length > 0 ? { type: 'missing', keys: missing } : rules.sort(comparePrecedence);
}
