import type { HostKey, MatchConditions, PathMatch, ValueMatch, ValueSource } from '../../src/core/protocol/gateway.ts';
import type { RequestFacts } from '../../src/traffic/match/facts.ts';
import type { StatedRule } from './rules.ts';

/**
 * The Gateway API's text on HTTPRoute matching, sentence by sentence and without a thought for speed: every rule of
 * every host is looked at, those that match are sorted. It knows of the matcher's code no more than its input.
 */
export function naiveMatch(
  hosts: Readonly<Partial<Record<HostKey, readonly StatedRule[]>>>,
  facts: RequestFacts,
): { readonly host: HostKey; readonly rule: StatedRule } | null {
  const matching = Object.entries(hosts).flatMap(([host, rules]) =>
    hostMatches(host, facts)
      ? (rules ?? []).filter((rule) => ruleMatches(rule, facts)).map((rule) => ({ host: host as HostKey, rule }))
      : [],
  );
  // An exact name before wildcards, longer names before shorter ones.
  const hostWeight = (host: string) => {
    const name = host.slice(host.indexOf('//') + 2);
    return name.startsWith('*') ? name.length : name === '' ? 0 : 1000 + name.length;
  };
  const order: ((one: (typeof matching)[number]) => number | string)[] = [
    ({ host }) => -hostWeight(host),
    ({ rule }) => -(rule.priority ?? 0),
    ({ rule }) => ({ Exact: 0, RegularExpression: 1, PathPrefix: 2 })[pathOf(rule).type],
    ({ rule }) => -withoutSlash(pathOf(rule)).length,
    ({ rule }) => ((rule.match?.method ?? null) === null ? 1 : 0),
    ({ rule }) => -(rule.match?.headers ?? []).length,
    ({ rule }) => -(rule.match?.query ?? []).length,
    ({ rule }) => rule.createdMs ?? 0,
    ({ rule }) => `default/${rule.route ?? 'route'}`,
    ({ rule }) => rule.index ?? 0,
    ({ rule }) => rule.matchIndex ?? 0,
  ];
  matching.sort((a, b) => {
    for (const key of order) {
      if (key(a) < key(b)) return -1;
      if (key(a) > key(b)) return 1;
    }
    return 0;
  });
  return matching[0] ?? null;
}

function pathOf(rule: StatedRule): PathMatch {
  return rule.path ?? { type: 'PathPrefix', value: '/' };
}

/** "When specified, a trailing `/` is ignored." */
function withoutSlash({ type, value }: PathMatch): string {
  return type === 'PathPrefix' && value !== '/' ? value.replace(/\/$/, '') : value;
}

function hostMatches(key: string, { target }: RequestFacts): boolean {
  const [scheme, name] = key.split('://');
  if (scheme !== target.scheme) return false;
  if (name === '') return true;
  // A suffix match: a.b.c matches *.b.c and *.c, b.c does not match *.b.c.
  return name.startsWith('*.') ? target.host.endsWith(name.slice(1)) : target.host === name;
}

function ruleMatches(rule: StatedRule, facts: RequestFacts): boolean {
  const { method, headers, query, conditions } = {
    method: null,
    headers: [],
    query: [],
    conditions: null,
    ...rule.match,
  };
  return (
    pathMatches(pathOf(rule), facts.target.path) &&
    (method === null || method === facts.target.method) &&
    firsts(headers).every((match) => valueMatches(match, facts.header(match.name))) &&
    firsts(query).every((match) => valueMatches(match, facts.query(match.name))) &&
    (conditions === null || conditionsMatch(conditions, facts))
  );
}

/** "If multiple entries specify equivalent header names, only the first entry MUST be considered." */
function firsts(matches: readonly ValueMatch[]): ValueMatch[] {
  const seen = new Set<string>();
  return matches.filter(({ name }) => !seen.has(name) && seen.add(name));
}

function valueMatches({ type, value }: ValueMatch, present: string | null): boolean {
  if (present === null) return false;
  return type === 'Exact' ? present === value : new RegExp(`^(?:${value})$`).test(present);
}

/** "Matching is done on a path element by element basis." */
function pathMatches(match: PathMatch, path: string): boolean {
  if (path === '*') return false;
  if (match.type === 'Exact') return path === match.value;
  if (match.type === 'RegularExpression') return new RegExp(`^(?:${match.value})$`).test(path);
  const wanted = withoutSlash(match).split('/').slice(1);
  const present = path.split('/').slice(1);
  return match.value === '/' || wanted.every((element, i) => element === present[i]);
}

function conditionsMatch(conditions: MatchConditions, facts: RequestFacts): boolean {
  const { countries, continents, colos, tenant, apiVersion } = conditions;
  const oneOf = (values: readonly string[] | undefined, value: string | null | undefined) =>
    values === undefined || (value !== null && value !== undefined && values.includes(value));
  return (
    oneOf(countries, facts.place.country) &&
    oneOf(continents, facts.place.continent) &&
    oneOf(colos, facts.place.colo) &&
    (tenant === undefined || oneOf(tenant.values, at(tenant.from, facts))) &&
    (apiVersion === undefined ||
      apiVersion.from.type === 'mediaType' ||
      oneOf(apiVersion.values, at(apiVersion.from, facts)))
  );
}

function at(source: ValueSource, facts: RequestFacts): string | null | undefined {
  switch (source.type) {
    case 'header':
      return facts.header(source.name);
    case 'query':
      return new URLSearchParams(facts.target.search).get(source.name);
    case 'pathSegment':
      return facts.target.path.split('/').slice(1)[source.index];
    case 'hostLabel':
      return facts.target.host.split('.')[source.index];
  }
}
