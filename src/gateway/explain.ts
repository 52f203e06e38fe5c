import type { Clock } from '../core/clock.ts';
import { OrasiError } from '../core/errors.ts';
import { newId } from '../core/ids.ts';
import type {
  ExplainedBackend,
  ExplainedCheck,
  ExplainedLimit,
  ExplainedOutcome,
  ExplainRequest,
  Explanation,
} from '../core/protocol/explanation.ts';
import type { CompiledBackend, RuleAction } from '../core/protocol/gateway.ts';
import type { Random } from '../core/random.ts';
import { takeUpTrace } from '../observe/trace-context.ts';
import { type CanonicalRequest, canonicalRequest } from '../traffic/canonical.ts';
import { type Candidate, explainMatch, type MatchExplanation } from '../traffic/match/explain.ts';
import { RequestFacts } from '../traffic/match/facts.ts';
import { matchRequest } from '../traffic/match/match.ts';
import { upstreamEntryKey } from '../traffic/snapshot/keys.ts';
import { credentialsGiven } from './authenticate.ts';
import type { ControlLink } from './control-link.ts';
import { describeFilter, describePath, describeRule } from './describe.ts';
import type { Check, EntryReader, Exchange, RequestPlace } from './exchange.ts';
import { findEntry, findPolicies } from './find-entries.ts';
import { HeaderList } from './header-list.ts';
import { newExchange } from './new-exchange.ts';
import type { Stages } from './pipeline.ts';
import type { RateLimits } from './rate-limits.ts';
import { COSTLY_DETAIL } from './refusal.ts';
import { applyRequestFilters, redirectOf, redirectTo } from './route-filters.ts';
import type { Snapshots } from './snapshot.ts';
import type { Upstreams } from './upstreams.ts';

/** The parts of the gateway that explaining asks: the same as serve requests. */
export interface ExplainParts {
  readonly snapshots: Pick<Snapshots, 'reader'>;
  readonly link: Pick<ControlLink, 'refresh' | 'askNow'>;
  readonly stages: Pick<Stages, 'addresses' | 'validation' | 'authentication' | 'authorisation'>;
  readonly rateLimits: Pick<RateLimits, 'explain'>;
  readonly upstreams: Pick<Upstreams, 'peek' | 'sessionUpstream'>;
  readonly clock: Clock;
  readonly random: Random;
}

/** Says what the gateway would do with a request; throws `bad_request` where it is none, `unavailable` without configuration. */
export type Explain = (request: ExplainRequest, waitUntil: (work: Promise<unknown>) => void) => Promise<Explanation>;

/** Rules looked at, and listed, of the hosts concerned. */
const RULES_LOOKED_AT = 2_000;
const RULES_LISTED = 50;

/**
 * Walks a request through the stages that it would pass, as far as that neither sends anything nor counts it: the same
 * code on the same entries, so that the answer is not another opinion.
 */
export function createExplain(parts: ExplainParts): Explain {
  return async (asked, waitUntil) => {
    const refreshed = parts.link.refresh(waitUntil);
    if (refreshed !== null) await refreshed;
    const entries = parts.snapshots.reader();
    if (entries === null) throw new OrasiError('unavailable', 'no configuration could be read yet');
    const { request, target } = readRequest(asked);
    const facts = new RequestFacts(target, request.headers, asked.cf as RequestPlace);
    const explained = await explainRules(facts, entries);
    const exchange = newExchange({
      request,
      target,
      entries,
      clientIp: asked.clientIp,
      place: asked.cf as RequestPlace,
      requestId: newId(parts.clock, parts.random),
      trace: takeUpTrace(undefined, parts.random),
      given: HeaderList.of(request.headers),
      headers: HeaderList.of(request.headers),
      waitUntil,
      startedMs: parts.clock.now(),
    });
    return new Walk(parts, asked, exchange, explained).explain(facts);
  };
}

/** A Host header stands for the authority, as it does on the wire. */
function readRequest({ method, url, headers }: ExplainRequest): { request: Request; target: CanonicalRequest } {
  const given = new Headers(headers);
  const host = given.get('host');
  const parts = /^(https?:\/\/)[^/?#]*(.*)$/is.exec(url);
  if (parts === null) throw new OrasiError('bad_request', 'url: expected an address with http:// or https://');
  const verbatim = host === null ? url : `${parts[1]}${host}${parts[2]}`;
  const canonical = canonicalRequest(method, verbatim, host);
  if (!canonical.ok) {
    const { status, message } = canonical.fault;
    throw new OrasiError('bad_request', `the gateway answers ${status}: ${message}`);
  }
  try {
    return { request: new Request('http://explained/', { method, headers: given }), target: canonical.request };
  } catch (error) {
    throw new OrasiError('bad_request', `method: ${error instanceof Error ? error.message : 'not a method'}`);
  }
}

async function explainRules(facts: RequestFacts, entries: EntryReader): Promise<MatchExplanation> {
  for (;;) {
    const explained = explainMatch(facts, entries, RULES_LOOKED_AT);
    if (explained.type === 'explanation') return explained;
    if (explained.type === 'costly') throw new OrasiError('bad_request', `the gateway answers 400: ${COSTLY_DETAIL}`);
    for (const key of explained.keys) await entries.load(key);
  }
}

/** One explanation on its way. */
class Walk {
  readonly #parts: ExplainParts;
  readonly #asked: ExplainRequest;
  readonly #exchange: Exchange;
  readonly #explained: MatchExplanation;
  readonly #checks: ExplainedCheck[] = [];
  readonly #backends: ExplainedBackend[] = [];
  #limits: readonly ExplainedLimit[] = [];

  constructor(parts: ExplainParts, asked: ExplainRequest, exchange: Exchange, explained: MatchExplanation) {
    this.#parts = parts;
    this.#asked = asked;
    this.#exchange = exchange;
    this.#explained = explained;
  }

  async explain(facts: RequestFacts): Promise<Explanation> {
    const { candidates, hosts, omitted } = this.#explained;
    const matched = candidates.find(({ outcome }) => outcome.type === 'matched');
    const own = candidates.filter((candidate) => this.#isOwn(candidate));
    const chosen = matched !== undefined && this.#isOwn(matched) ? matched : null;
    const outcome = chosen === null ? this.#unmatched(matched !== undefined) : await this.#follow(chosen, facts);
    const { target, entries, action, policies, upstreamHost, upstreamPath } = this.#exchange;
    const isOwnHost = (hostKey: string) => own.some((candidate) => candidate.hostKey === hostKey);
    return {
      request: {
        method: target.method,
        scheme: target.scheme,
        host: target.host,
        path: target.path,
        query: target.search,
        clientIp: this.#asked.clientIp,
      },
      version: entries.version,
      outcome,
      hosts: hosts.map(({ hostKey, hasRules }) => ({
        host: hostKey,
        rules: !hasRules ? 'none' : isOwnHost(hostKey) ? 'yours' : 'not yours',
      })),
      match:
        chosen === null
          ? null
          : {
              route: routeName(chosen.action),
              rule: ruleName(chosen.action),
              gateway: `${chosen.action.gateway.namespace}/${chosen.action.gateway.name}, listener ${chosen.action.gateway.listener}`,
              host: chosen.hostKey,
              because: describeRule(chosen.rule),
              pathVariables: this.#exchange.pathVariables,
            },
      rules: own.slice(0, RULES_LISTED).map(explainedRule),
      omitted: own.length === 0 ? 0 : omitted + Math.max(0, own.length - RULES_LISTED),
      filters: action === null ? [] : action.filters.map(describeFilter),
      policies: (action?.policies ?? []).map(({ kind, key, target: attached }) => ({
        kind,
        name: key.slice(key.lastIndexOf('/') + 1),
        target: attached,
      })),
      checks: this.#checks,
      limits: policies.rateLimits.length === 0 ? [] : this.#limits,
      backends: this.#backends,
      forwarded:
        outcome.type === 'proxied'
          ? { path: upstreamPath, query: this.#exchange.target.search, host: upstreamHost }
          : null,
    };
  }

  #isOwn({ action }: Candidate): boolean {
    return action.route.namespace === this.#asked.namespace;
  }

  #unmatched(isElsewhere: boolean): ExplainedOutcome {
    const { method, path, host } = this.#exchange.target;
    const { hosts, candidates } = this.#explained;
    const isOthers = hosts.some(({ hasRules }) => hasRules) && !candidates.some((candidate) => this.#isOwn(candidate));
    if (isElsewhere || isOthers) {
      return { type: 'elsewhere', detail: `"${host}" is not a host of namespace "${this.#asked.namespace}"` };
    }
    const detail = `no route for ${method} ${path} on host "${host}"`;
    return { type: 'answered', status: 404, stage: 'match', code: 'no_route', detail };
  }

  /** The stages in their order; what a later one would say is told even where an earlier one refuses. */
  async #follow({ action, rule }: Candidate, facts: RequestFacts): Promise<ExplainedOutcome> {
    const exchange = this.#exchange;
    const matched = matchRequest(facts, exchange.entries);
    exchange.rule = rule;
    exchange.action = action;
    if (matched.type === 'match') exchange.pathVariables = matched.pathVariables;
    if (action.broken !== null) {
      const { status, message } = action.broken;
      return { type: 'answered', status, stage: 'match', code: 'route_broken', detail: message };
    }
    const policies = await findPolicies(exchange.entries, action);
    if ('missing' in policies)
      return { type: 'answered', status: 500, stage: 'match', code: 'route_broken', detail: policies.missing };
    exchange.policies = policies;
    await this.#check();
    this.#limits = await this.#parts.rateLimits.explain(exchange);
    const redirect = redirectOf(action);
    const location = redirect === null ? null : redirectTo(exchange, redirect, rule.path);
    applyRequestFilters(exchange, action.filters, rule.path);
    if (redirect === null) await this.#explainBackends(action);
    const refused = this.#checks.find(({ verdict }) => verdict === 'refuses');
    if (refused !== undefined) {
      const { stage, status, detail } = refused;
      return { type: 'answered', status: status ?? 500, stage, code: this.#exchange.refusal?.code ?? null, detail };
    }
    const limited = this.#limits.find(({ allowed, dryRun }) => allowed === false && !dryRun);
    if (limited !== undefined) {
      const detail = `refused by limit "${limited.limit}" of ${limited.policy}`;
      return { type: 'answered', status: 429, stage: 'rateLimit', code: 'rate_limited', detail };
    }
    if (location !== null) {
      const detail = `redirected to ${location.headers.get('location')}`;
      return { type: 'answered', status: location.status, stage: 'filters', code: null, detail };
    }
    return this.#proxied();
  }

  #proxied(): ExplainedOutcome {
    const serving = this.#backends.filter(({ share }) => share > 0);
    const faults = serving.filter(({ fault }) => fault !== null);
    if (serving.length === 0 || faults.length === serving.length) {
      const detail = faults[0]?.fault ?? 'the rule has no backend';
      const isUnavailable = faults.some(({ upstream }) => upstream !== null);
      const code = isUnavailable ? 'upstream_unavailable' : 'route_broken';
      return { type: 'answered', status: isUnavailable ? 503 : 500, stage: 'upstream', code, detail };
    }
    const told = serving.map(({ name, share, fault, upstream }) => {
      const whither = fault === null ? `${name} at ${upstream?.chosen}` : `${name}, which fails: ${fault}`;
      return serving.length === 1 ? whither : `${Math.round(share * 1_000) / 10} % to ${whither}`;
    });
    return { type: 'proxied', detail: told.join('; ') };
  }

  async #check(): Promise<void> {
    const { stages } = this.#parts;
    const { auth, security } = this.#exchange.policies;
    if (security !== null) {
      await this.#run('addresses', stages.addresses);
      if (security.spec.request.body === null) await this.#run('validation', stages.validation);
      else this.#unknown('validation', 'the body would be looked at');
    }
    if (auth === null) return;
    const given = credentialsGiven(this.#exchange, auth.spec);
    if (given?.way === 'jwt' || given?.way === 'hmac') {
      const what = given.way === 'jwt' ? 'the token' : 'the signature';
      this.#unknown('authentication', `${what} would be verified`);
      if (auth.spec.authorization !== null) this.#unknown('authorisation', `it depends on ${what}`);
      return;
    }
    const { anonymous } = auth.spec;
    const known = given === null ? (anonymous ? 'no credentials, and none are needed' : '') : `by ${given.way}`;
    if (await this.#run('authentication', stages.authentication, known)) {
      if (auth.spec.authorization !== null) await this.#run('authorisation', stages.authorisation);
    }
  }

  /** Runs a stage that neither asks anybody nor changes anything beside the exchange; whether the request goes on. */
  async #run(stage: string, check: Check, passed = ''): Promise<boolean> {
    const earlier = this.#exchange.refusal;
    const answer = await check(this.#exchange);
    if (answer === null) {
      this.#checks.push({ stage, verdict: 'passes', status: null, detail: passed });
      return true;
    }
    const body = (await answer.json().catch(() => ({}))) as { readonly detail?: string };
    this.#checks.push({ stage, verdict: 'refuses', status: answer.status, detail: body.detail ?? '' });
    // Of several refusals the first is the one that would be answered.
    this.#exchange.refusal = earlier ?? this.#exchange.refusal;
    return false;
  }

  #unknown(stage: string, detail: string): void {
    this.#checks.push({ stage, verdict: 'unknown', status: null, detail });
  }

  async #explainBackends(action: RuleAction): Promise<void> {
    const { backends, sessionPersistence } = action;
    const keys = backends.map(({ upstream }) => upstream);
    const session = sessionPersistence === null ? null : this.#parts.upstreams.sessionUpstream(this.#exchange, keys);
    const total = backends.reduce((sum, { weight }) => sum + weight, 0);
    for (const backend of backends) {
      const { upstream, weight } = backend;
      const share = session !== null ? Number(upstream === session) : total === 0 ? 0 : weight / total;
      this.#backends.push(await this.#explainBackend(backend, share));
    }
  }

  async #explainBackend({ name, upstream: key, reason }: CompiledBackend, share: number): Promise<ExplainedBackend> {
    if (key === null) return { name, share, fault: `it does not resolve: ${reason}`, upstream: null };
    const entry = await findEntry(this.#exchange.entries, upstreamEntryKey(key));
    if (entry === null) return { name, share, fault: 'it is not there', upstream: null };
    const { upstreams, link } = this.#parts;
    let peek = upstreams.peek(this.#exchange, key, entry);
    if (entry.source.type === 'discovery' || entry.healthCheck !== null || entry.circuitBreaker !== null) {
      // An isolate that has not called it knows nothing of it but what is declared.
      await link.askNow();
      peek = upstreams.peek(this.#exchange, key, entry);
    }
    const fault = peek.chosen === null ? peek.reason : null;
    // Who may refer to an upstream of another namespace may not read it: its addresses are not told.
    const isOwn = entry.namespace === this.#asked.namespace;
    const chosen = peek.chosen === null ? null : `an endpoint of namespace ${entry.namespace}`;
    return { name, share, fault, upstream: isOwn ? peek : { ...peek, chosen, endpoints: [] } };
  }
}

function explainedRule({ action, rule, hostKey, outcome }: Candidate): Explanation['rules'][number] {
  const why =
    outcome.type === 'failed'
      ? `${outcome.subject}: expected ${outcome.expected}, found ${outcome.found ?? 'nothing'}`
      : null;
  const path = describePath(rule.path);
  return { route: routeName(action), rule: ruleName(action), host: hostKey, path, outcome: outcome.type, why };
}

function routeName({ route }: RuleAction): string {
  return `${route.namespace}/${route.name}`;
}

function ruleName({ rule }: RuleAction): string {
  return rule.name ?? String(rule.index);
}
