import type {
  CompiledRule,
  HostEntry,
  HostKey,
  PathMatch,
  RequestMatch,
  RuleAction,
  RulePage,
} from '../../src/core/protocol/gateway.ts';
import { canonicalRequest } from '../../src/traffic/canonical.ts';
import { RequestFacts, type RequestPlace } from '../../src/traffic/match/facts.ts';
import type { MatchSource } from '../../src/traffic/match/match.ts';
import { encodeHashes } from '../../src/traffic/snapshot/hash-set.ts';
import { hashText } from '../../src/traffic/snapshot/key-hash.ts';
import {
  type EntryAt,
  type EntryKey,
  hostEntryKey,
  hostHash,
  literalPath,
  pageEntryKey,
  pageOf,
  segmentsOf,
} from '../../src/traffic/snapshot/keys.ts';

/** A rule of a host as a test states it; what is left out matches everything. */
export interface StatedRule {
  readonly path?: PathMatch;
  readonly match?: Partial<RequestMatch>;
  readonly priority?: number;
  readonly createdMs?: number;
  readonly route?: string;
  readonly index?: number;
  readonly matchIndex?: number;
}

export function exact(value: string): PathMatch {
  return { type: 'Exact', value };
}

export function prefix(value: string): PathMatch {
  return { type: 'PathPrefix', value };
}

export function expression(value: string): PathMatch {
  return { type: 'RegularExpression', value };
}

/** Rules by host, compiled into pages as the control plane lays them out; `pages` a power of two. */
export function sourceOf(
  hosts: Readonly<Partial<Record<HostKey, readonly StatedRule[]>>>,
  pages = 1,
): MatchSource & { readonly reads: EntryKey[]; readonly entries: Map<string, unknown> } {
  const entries = new Map<string, unknown>();
  const reads: EntryKey[] = [];
  for (const [host, stated] of Object.entries(hosts)) layOut(entries, host as HostKey, stated ?? [], pages);
  return {
    hosts: Uint32Array.from(Object.keys(hosts), (host) => hostHash(host as HostKey)).sort(),
    entries,
    reads,
    read<K extends EntryKey>(key: K) {
      reads.push(key);
      return (entries.get(key) ?? null) as EntryAt<K> | null;
    },
  };
}

function layOut(entries: Map<string, unknown>, host: HostKey, stated: readonly StatedRule[], pages: number): void {
  const rules = stated.map(compiled);
  const literal = rules.filter(({ rule }) => rule.path.type !== 'RegularExpression');
  const hashOf = (path: PathMatch) => hashText(literalPath(path));
  const entry: HostEntry = {
    namespace: 'default',
    namespaceUid: 'uid',
    pages,
    paths: pages === 1 ? null : encodeHashes(literal.map(({ rule }) => hashOf(rule.path))),
    maxSegments: literal.reduce((most, { rule }) => Math.max(most, segmentsOf(literalPath(rule.path))), 0),
    expressions: pageOfRules(rules.filter(({ rule }) => rule.path.type === 'RegularExpression')),
    hasPriorities: rules.some(({ rule }) => rule.priority !== 0),
  };
  entries.set(hostEntryKey(host), entry);
  const byPage = new Map<number, typeof literal>();
  for (const one of literal) {
    const page = pages === 1 ? 0 : pageOf(hashOf(one.rule.path), pages);
    const here = byPage.get(page);
    if (here === undefined) byPage.set(page, [one]);
    else here.push(one);
  }
  for (const [page, here] of byPage) entries.set(pageEntryKey(host, page), pageOfRules(here));
}

function pageOfRules(rules: readonly { rule: CompiledRule; action: RuleAction }[]): RulePage {
  return { rules: rules.map(({ rule }, action) => ({ ...rule, action })), actions: rules.map(({ action }) => action) };
}

/** One rule with an action that names it. */
export function compiled(stated: StatedRule): { rule: CompiledRule; action: RuleAction } {
  const name = stated.route ?? 'route';
  return {
    rule: {
      path: stated.path ?? prefix('/'),
      match: { method: null, headers: [], query: [], conditions: null, ...stated.match },
      priority: stated.priority ?? 0,
      createdMs: stated.createdMs ?? 0,
      action: 0,
      matchIndex: stated.matchIndex ?? 0,
    },
    action: {
      route: { namespace: 'default', name, uid: name, generation: 1 },
      rule: { index: stated.index ?? 0, name: null },
      gateway: { namespace: 'default', name: 'default', listener: 'http' },
      filters: [],
      backends: [],
      timeouts: { requestMs: 0, backendRequestMs: 0 },
      retry: null,
      sessionPersistence: null,
      policies: [],
      broken: null,
    },
  };
}

/** A request as a test states it: `GET http://host/path?query`. */
export function request(
  line: string,
  headers: Readonly<Record<string, string>> | readonly (readonly [string, string])[] = {},
  place: RequestPlace = {},
): RequestFacts {
  const [method, url] = line.split(' ');
  const canonical = canonicalRequest(method, url, null);
  if (!canonical.ok) throw new Error(canonical.fault.message);
  const all = new Headers();
  for (const [name, value] of Array.isArray(headers) ? headers : Object.entries(headers)) all.append(name, value);
  return new RequestFacts(canonical.request, all, place);
}
