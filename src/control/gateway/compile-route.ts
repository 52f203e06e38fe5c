import { assert } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type {
  CompiledBackend,
  CompiledRetry,
  CompiledSession,
  PathMatch,
  RequestMatch,
  RuleAction,
  UpstreamKey,
  ValueMatch,
} from '../../core/protocol/gateway.ts';
import type { CompiledUpstream } from '../../core/protocol/upstream.ts';
import { canonicalPath } from '../../traffic/canonical.ts';
import { expressionFault, instructionsOf } from '../../traffic/match/expression.ts';
import { isJsonObject, type JsonObject, type JsonValue, numberIn, objectIn, objectsIn } from '../json.ts';
import type { Resource } from '../resource.ts';
import { clipped } from './clipped.ts';
import { compileBackendFilters, compileFilters, type RuleFault } from './compile-filters.ts';
import { durationMs } from './durations.ts';

/** Repetitions where a rule asks for some and does not say how many. */
const DEFAULT_ATTEMPTS = 2;
const DEFAULT_BACKOFF_MS = 100;

/** A reference to a backend, as a rule has it; the namespace is filled in. */
export interface BackendReference {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** The upstream of a reference, or why there is none. */
export type ResolvedBackend =
  | { readonly key: UpstreamKey; readonly upstream: CompiledUpstream }
  | { readonly reason: BackendFault; readonly message: string };

/** Reasons of the standard's condition `ResolvedRefs`. */
export type BackendFault = 'InvalidKind' | 'RefNotPermitted' | 'BackendNotFound';

/** What a reference of this route comes to. */
export type ResolveBackend = (reference: BackendReference) => ResolvedBackend;

/** A match of a rule, ready to be placed under its path. */
export interface CompiledMatch {
  readonly path: PathMatch;
  readonly match: RequestMatch;
  /** Of the expressions in both. */
  readonly instructions: number;
}

/** What a rule comes to, wherever its route is attached. */
export interface CompiledRouteRule {
  readonly name: string | null;
  readonly matches: readonly CompiledMatch[];
  readonly action: Omit<RuleAction, 'gateway' | 'policies'>;
  /** Upstreams that its requests may go to, mirrors aside: the policies of those are its too. */
  readonly upstreams: readonly BackendReference[];
  /** Those, and the ones that its mirrors send copies to. */
  readonly reached: readonly BackendReference[];
  /** Whether it depends on what the addresses of those are. */
  readonly readsAddresses: boolean;
  readonly faults: readonly RuleFault[];
}

/** What a route comes to, wherever it is attached. */
export interface CompiledRoute {
  readonly rules: readonly CompiledRouteRule[];
  /** References that do not resolve. */
  readonly unresolved: readonly { readonly reason: BackendFault; readonly message: string }[];
}

/** A match that no rule can be made of. */
export interface MatchFault {
  readonly field: string;
  readonly message: string;
}

/** What keeps a route's matches from being compiled: expressions outside of what runs in linear time, impossible paths. */
export function matchFaults(spec: JsonObject): MatchFault[] {
  return objectsIn(spec.rules).flatMap((rule, ruleIndex) =>
    objectsIn(rule.matches).flatMap((match, index) => {
      const at = `spec.rules[${ruleIndex}].matches[${index}]`;
      return [
        ...pathFaults(objectIn(match.path), `${at}.path`),
        ...objectsIn(match.headers).flatMap((header, i) => expressionFaults(header, `${at}.headers[${i}]`)),
        ...objectsIn(match.queryParams).flatMap((param, i) => expressionFaults(param, `${at}.queryParams[${i}]`)),
      ];
    }),
  );
}

/** Paths are written as requests have them in canonical form; what no request can have is a fault. */
function pathFaults(path: JsonObject, at: string): MatchFault[] {
  if (path.type === 'RegularExpression') return expressionFaults(path, at);
  const canonical = canonicalPath(typeof path.value === 'string' ? path.value : '/');
  return typeof canonical === 'string' ? [] : [{ field: `${at}.value`, message: canonical.message }];
}

function expressionFaults(matcher: JsonObject, at: string): MatchFault[] {
  if (matcher.type !== 'RegularExpression') return [];
  const fault = expressionFault(String(matcher.value));
  return fault === null ? [] : [{ field: `${at}.value`, message: fault }];
}

/** Compiles a route whose matches have no faults. Everything else that is wrong with it is in the outcome. */
export function compileRoute(
  route: Resource,
  spec: JsonObject,
  generation: number,
  resolve: ResolveBackend,
): CompiledRoute {
  const unresolved: { reason: BackendFault; message: string }[] = [];
  const rules = objectsIn(spec.rules).map((rule, index) =>
    compileRule(route, rule, index, generation, resolve, unresolved),
  );
  return { rules, unresolved };
}

function compileRule(
  route: Resource,
  rule: JsonObject,
  index: number,
  generation: number,
  resolve: ResolveBackend,
  unresolved: { reason: BackendFault; message: string }[],
): CompiledRouteRule {
  const namespace = route.metadata.namespace ?? '';
  const matches = matchesOf(rule);
  const upstreams: BackendReference[] = [];
  const compiledUpstreams: CompiledUpstream[] = [];
  const backendOf = (item: JsonObject, field: string): CompiledBackend => {
    const reference = backendReference(item, namespace);
    const resolved = resolve(reference);
    const name = `${reference.namespace}/${reference.name}`;
    const filters = compileBackendFilters(objectsIn(item.filters), `${field}.filters`);
    faults.push(...filters.faults);
    const weight = numberIn(item.weight, 1);
    if ('reason' in resolved) {
      unresolved.push({ reason: resolved.reason, message: `spec.rules[${index}].${field}: ${resolved.message}` });
      return { upstream: null, weight, filters: filters.filters, reason: resolved.reason, name };
    }
    upstreams.push(reference);
    compiledUpstreams.push(resolved.upstream);
    return { upstream: resolved.key, weight, filters: filters.filters, reason: null, name };
  };
  const faults: RuleFault[] = [];
  const backends = objectsIn(rule.backendRefs).map((item, i) => backendOf(item, `backendRefs[${i}]`));
  const onlyPrefixes = matches.length === 1 && matches[0].path.type === 'PathPrefix';
  const behind = [...compiledUpstreams];
  const upstreamsBehind = [...upstreams];
  const { filters, faults: filterFaults } = compileFilters(
    objectsIn(rule.filters),
    'filters',
    onlyPrefixes,
    (item, field) => {
      const backend = backendOf(item, field);
      return backend.upstream === null ? null : backend;
    },
  );
  faults.push(...filterFaults);
  let readsAddresses = false;
  for (const filter of filters) {
    if (filter.type !== 'URLRewrite' || filter.rewrite.hostname === null) continue;
    const { hostname } = filter.rewrite;
    readsAddresses = true;
    const deaf = behind.find((upstream) => !answersTo(upstream, hostname));
    if (deaf !== undefined) {
      faults.push({
        reason: 'UnsupportedValue',
        field: 'filters.urlRewrite.hostname',
        message: `Upstream ${deaf.namespace}/${deaf.name} has an address of another host, which is what it sees as Host`,
      });
    }
  }
  const retry = retryOf(rule.retry, faults);
  return {
    name: typeof rule.name === 'string' ? rule.name : null,
    matches,
    upstreams: upstreamsBehind,
    reached: upstreams,
    readsAddresses,
    faults,
    action: {
      route: { namespace, name: route.metadata.name, uid: route.metadata.uid, generation },
      rule: { index, name: typeof rule.name === 'string' ? rule.name : null },
      filters,
      backends,
      timeouts: {
        requestMs: durationMs(objectIn(rule.timeouts).request),
        backendRequestMs: durationMs(objectIn(rule.timeouts).backendRequest),
      },
      retry,
      sessionPersistence: sessionOf(rule.sessionPersistence, route.metadata.uid, index),
      broken: brokenBy(faults),
    },
  };
}

/** How a rule with faults answers. */
export function brokenBy(
  faults: readonly { readonly reason: string; readonly field: string; readonly message: string }[],
): RuleAction['broken'] {
  if (faults.length === 0) return null;
  return {
    status: 500,
    reason: faults[0].reason,
    message: clipped(faults.map((fault) => `${fault.field}: ${fault.message}`).join('; ')),
  };
}

function matchesOf(rule: JsonObject): CompiledMatch[] {
  const matches = objectsIn(rule.matches);
  return (matches.length === 0 ? [{}] : matches).map((declared) => {
    const path = pathOf(objectIn(declared.path));
    const match: RequestMatch = {
      method: typeof declared.method === 'string' ? declared.method : null,
      headers: valueMatches(declared.headers, (name) => name.toLowerCase()),
      query: valueMatches(declared.queryParams, (name) => name),
      conditions: null,
    };
    return { path, match, instructions: instructionsOf(path, match) };
  });
}

function pathOf(path: JsonObject): PathMatch {
  const type = path.type === 'Exact' || path.type === 'RegularExpression' ? path.type : 'PathPrefix';
  const value = typeof path.value === 'string' ? path.value : '/';
  const canonical = type === 'RegularExpression' ? value : canonicalPath(value);
  assert(typeof canonical === 'string', 'a path whose faults were asked for has none');
  return { type, value: canonical };
}

/** Of entries with equivalent names the first counts (standard). */
function valueMatches(value: JsonValue | undefined, naming: (name: string) => string): ValueMatch[] {
  const matches = new Map<string, ValueMatch>();
  for (const item of objectsIn(value)) {
    const name = naming(String(item.name));
    const type = item.type === 'RegularExpression' ? 'RegularExpression' : 'Exact';
    if (!matches.has(name)) matches.set(name, { type, name, value: String(item.value) });
  }
  return [...matches.values()];
}

function backendReference(item: JsonObject, namespace: string): BackendReference {
  return {
    group: typeof item.group === 'string' ? item.group : '',
    kind: typeof item.kind === 'string' ? item.kind : 'Service',
    namespace: typeof item.namespace === 'string' ? item.namespace : namespace,
    name: String(item.name),
  };
}

/**
 * Whether an upstream can be sent requests for this host: the runtime sends the address's own host whatever the header
 * says, and only a service binding takes another.
 */
function answersTo(upstream: CompiledUpstream, hostname: string): boolean {
  if (upstream.source.type === 'serviceBinding') return true;
  if (upstream.source.type !== 'static') return false;
  return upstream.endpoints.every((endpoint) => new URL(endpoint.address).hostname === hostname);
}

function retryOf(value: JsonValue | undefined, faults: RuleFault[]): CompiledRetry | null {
  if (!isJsonObject(value)) return null;
  const attempts = numberIn(value.attempts, DEFAULT_ATTEMPTS);
  if (attempts < 0 || attempts > LIMITS.retryAttempts) {
    faults.push({ reason: 'UnsupportedValue', field: 'retry.attempts', message: `from 0 to ${LIMITS.retryAttempts}` });
  }
  const codes = Array.isArray(value.codes) ? value.codes.filter((code) => typeof code === 'number') : [];
  return { attempts, backoffMs: value.backoff === undefined ? DEFAULT_BACKOFF_MS : durationMs(value.backoff), codes };
}

function sessionOf(value: JsonValue | undefined, routeUid: string, rule: number): CompiledSession | null {
  if (!isJsonObject(value)) return null;
  const named = typeof value.sessionName === 'string' && value.sessionName !== '';
  return {
    type: value.type === 'Header' ? 'Header' : 'Cookie',
    // A name of its own, so that the sessions of two rules on one host are not taken for each other.
    name: named ? String(value.sessionName) : `orasi-session-${routeUid.slice(0, 8)}-${rule}`,
    absoluteTimeoutMs: durationMs(value.absoluteTimeout),
    idleTimeoutMs: durationMs(value.idleTimeout),
    cookieLifetime: objectIn(value.cookieConfig).lifetimeType === 'Permanent' ? 'Permanent' : 'Session',
  };
}
