import type { CompiledRule, HostEntry, HostKey, RuleAction } from '../../core/protocol/gateway.ts';
import { hostKeys } from '../host-keys.ts';
import { hasHash } from '../snapshot/hash-set.ts';
import { hashText } from '../snapshot/key-hash.ts';
import { type EntryAt, type EntryKey, hostEntryKey, hostHash, pageEntryKey, pageOf } from '../snapshot/keys.ts';
import type { RequestFacts } from './facts.ts';
import { preparedPage } from './page.ts';
import { NO_VARIABLES } from './path-expression.ts';
import { knownPaths } from './path-filter.ts';
import { prefixesOf } from './prefixes.ts';
import type { PreparedRule, RuleSet } from './rule-set.ts';

/** The entries of one version, as far as they are in memory. */
export interface MatchSource {
  /** Hashes of the host keys that have rules: the manifest's, decoded. */
  readonly hosts: Uint32Array;
  /**
   * The entry under a whole key (`host:http://…`); null where there is none, undefined where its shard is not in
   * memory. What is made ready for requests hangs on the object, so the same one is given as long as it is kept.
   */
  read<K extends EntryKey>(key: K): EntryAt<K> | null | undefined;
}

/** The rule that a request goes by. */
export interface Match {
  readonly type: 'match';
  readonly hostKey: HostKey;
  readonly host: HostEntry;
  readonly rule: CompiledRule;
  readonly action: RuleAction;
  /** What the named groups of the path's expression matched. */
  readonly pathVariables: Readonly<Record<string, string>>;
}

/** The rule of a request, that there is none, or the entries that have to be read first. */
export type MatchResult =
  | Match
  /** No rule: 404. */
  | { readonly type: 'none' }
  /** The expressions of the rules cost more than one request may: it is refused, and goes by no rule. */
  | { readonly type: 'costly' }
  /** These entries have to be in memory first; then ask again. */
  | { readonly type: 'missing'; readonly keys: readonly EntryKey[] };

const NONE: MatchResult = { type: 'none' };
const COSTLY: MatchResult = { type: 'costly' };

/**
 * The rule for a request: of the most specific host key that has a rule which the request meets, the first in order of
 * precedence (`comparePrecedence`). Only keys of the namespace that has the most specific one are asked. Costs a look
 * into each page of a prefix of the path that has rules, however many rules there are, and what expressions cost, which
 * is bounded by the meter of `facts`.
 */
export function matchRequest(facts: RequestFacts, source: MatchSource): MatchResult {
  const { scheme, host, path } = facts.target;
  if (path === '*') return NONE;
  facts.meter.steps = 0;
  let owner: string | null = null;
  for (const hostKey of hostKeys(scheme, host)) {
    if (!hasHash(source.hosts, hostHash(hostKey))) continue;
    const key = hostEntryKey(hostKey);
    const entry = source.read(key);
    if (entry === undefined) return { type: 'missing', keys: [key] };
    if (entry === null) continue;
    // A host is one namespace's: what its rules leave over is not found, and not a wider key of somebody else.
    owner ??= entry.namespaceUid;
    if (entry.namespaceUid !== owner) continue;
    const search = new HostSearch(facts, entry);
    const missing = searchHost(search, hostKey, source);
    if (facts.isSpent) return COSTLY;
    if (missing.length > 0) return { type: 'missing', keys: missing };
    const { best } = search;
    if (best !== null) {
      const pathVariables = best.expression?.variables(facts) ?? NO_VARIABLES;
      if (facts.isSpent) return COSTLY;
      return { type: 'match', hostKey, host: entry, rule: best.rule, action: best.action, pathVariables };
    }
  }
  return NONE;
}

/** The best rule so far among sets that are asked in the order of their paths' precedence. */
class HostSearch {
  readonly facts: RequestFacts;
  readonly host: HostEntry;
  best: PreparedRule | null = null;

  constructor(facts: RequestFacts, host: HostEntry) {
    this.facts = facts;
    this.host = host;
  }

  /** Whether no further set can have a better rule, or may be asked. */
  get isOver(): boolean {
    return this.facts.isSpent || (this.best !== null && !this.host.hasPriorities);
  }

  ask(set: RuleSet | null): void {
    if (set === null || this.isOver) return;
    if (this.best !== null && set.priority <= this.best.rule.priority) return;
    const found = set.find(this.facts);
    if (found !== null && (this.best === null || found.rule.priority > this.best.rule.priority)) this.best = found;
  }
}

/** Asks the host's sets; returns the pages that it could not ask, and has then decided nothing. */
function searchHost(search: HostSearch, hostKey: HostKey, source: MatchSource): EntryKey[] {
  const { host, facts } = search;
  const { path } = facts.target;
  const missing: EntryKey[] = [];
  const known = knownPaths(host);
  const ask = (literal: string, hash: number | null, type: 'exact' | 'prefix') => {
    const pathHash = known === null ? 0 : (hash ?? hashText(literal));
    if (known !== null && !hasHash(known, pathHash)) return;
    const key = pageEntryKey(hostKey, known === null ? 0 : pageOf(pathHash, host.pages));
    const page = source.read(key);
    if (page === undefined) {
      if (!missing.includes(key)) missing.push(key);
    } else if (page !== null && missing.length === 0) {
      search.ask(preparedPage(page)[type](literal));
    }
  };
  ask(path, null, 'exact');
  if (missing.length === 0) search.ask(preparedPage(host.expressions).expressions());
  if (search.isOver) return missing;
  const prefixes = prefixesOf(path, host.maxSegments, known !== null);
  for (let i = prefixes.ends.length - 1; i >= 0 && !search.isOver; i--) {
    ask(path.slice(0, prefixes.ends[i]), known === null ? null : prefixes.hashes[i], 'prefix');
  }
  if (!search.isOver) ask('/', null, 'prefix');
  return missing;
}
