import type { MatchConditions, RequestMatch, ValueMatch, ValueSource } from '../../core/protocol/gateway.ts';
import type { Regex } from '../../core/regex/regex.ts';
import { compileExpression } from './expression.ts';
import type { RequestFacts } from './facts.ts';
import { mediaTypeVersion, plainVersion } from './media-type-version.ts';

/** One condition of a match beside its path. */
export interface Condition {
  /** What it is about: `method`, `header x-env`, `query q`, `country`, … Conditions of one subject look at one thing. */
  readonly subject: string;
  /** What it wants there, for explain. */
  readonly expected: string;
  /** It holds where one of these is found, and nowhere else; null where that cannot be said so. */
  readonly values: ReadonlySet<string> | null;
  holds(facts: RequestFacts): boolean;
  /** What the request has there, for explain. */
  found(facts: RequestFacts): string | null;
}

/** The conditions of a match, cheapest first. Expressions are compiled when they are first asked. */
export function conditionsOf(match: RequestMatch): Condition[] {
  const conditions: Condition[] = [];
  const { method } = match;
  if (method !== null) {
    conditions.push(oneOf('method', [method], (facts) => facts.target.method));
  }
  for (const header of firstOfEach(match.headers)) {
    conditions.push(valueCondition(`header ${header.name}`, header, (facts) => facts.header(header.name)));
  }
  for (const query of firstOfEach(match.query)) {
    conditions.push(valueCondition(`query ${query.name}`, query, (facts) => facts.query(query.name)));
  }
  if (match.conditions !== null) conditions.push(...policyConditions(match.conditions));
  return conditions;
}

/** Of entries with one name only the first counts. */
function firstOfEach(matches: readonly ValueMatch[]): ValueMatch[] {
  return matches.filter((match, i) => matches.findIndex((other) => other.name === match.name) === i);
}

function valueCondition(subject: string, match: ValueMatch, found: Condition['found']): Condition {
  if (match.type === 'Exact') return oneOf(subject, [match.value], found);
  let expression: Regex | null = null;
  return {
    subject,
    expected: `a match of ${match.value}`,
    values: null,
    found,
    holds(facts) {
      const value = found(facts);
      if (value === null) return false;
      expression ??= compileExpression(match.value, facts.meter);
      return expression.matchesWhole(value, facts.meter);
    },
  };
}

function oneOf(subject: string, values: readonly string[], found: Condition['found']): Condition {
  const wanted: ReadonlySet<string> = new Set(values);
  return {
    subject,
    expected: values.length === 1 ? values[0] : `one of ${values.join(', ')}`,
    values: wanted,
    found,
    holds(facts) {
      const value = found(facts);
      return value !== null && wanted.has(value);
    },
  };
}

function policyConditions(policy: MatchConditions): Condition[] {
  const { countries, continents, colos, tenant, clientCertificate, apiVersion } = policy;
  const conditions: Condition[] = [];
  if (countries !== undefined) conditions.push(oneOf('country', countries, ({ place }) => place.country ?? null));
  if (continents !== undefined) conditions.push(oneOf('continent', continents, ({ place }) => place.continent ?? null));
  if (colos !== undefined) conditions.push(oneOf('colo', colos, ({ place }) => place.colo ?? null));
  if (tenant !== undefined) {
    conditions.push(
      oneOf(`tenant of the ${sourceName(tenant.from)}`, tenant.values, (facts) => facts.valueAt(tenant.from)),
    );
  }
  if (clientCertificate !== undefined) conditions.push(...certificateConditions(clientCertificate));
  if (apiVersion !== undefined) {
    const { from, values } = apiVersion;
    conditions.push(
      from.type === 'mediaType'
        ? oneOf('API version of the media type', values.map(plainVersion), mediaTypeVersion)
        : oneOf(`API version of the ${sourceName(from)}`, values, (facts) => facts.valueAt(from)),
    );
  }
  return conditions;
}

function sourceName(source: ValueSource): string {
  switch (source.type) {
    case 'header':
    case 'query':
      return `${source.type} ${source.name}`;
    case 'pathSegment':
      return `path segment ${source.index}`;
    case 'hostLabel':
      return `host label ${source.index}`;
  }
}

/** Names and fingerprints count for a verified certificate only: anybody can make one with any name. */
function certificateConditions(wanted: NonNullable<MatchConditions['clientCertificate']>): Condition[] {
  const conditions: Condition[] = [];
  const { verified, fingerprintsSha256, subjects } = wanted;
  if (verified !== undefined) {
    conditions.push(oneOf('certificate verified', [String(verified)], (facts) => String(isVerified(facts))));
  }
  if (fingerprintsSha256 !== undefined) {
    conditions.push(
      oneOf('certificate fingerprint', fingerprintsSha256.map(plainFingerprint), (facts) =>
        isVerified(facts) ? plainFingerprint(facts.place.tlsClientAuth?.certFingerprintSHA256 ?? '') : null,
      ),
    );
  }
  if (subjects !== undefined) {
    conditions.push(
      oneOf('certificate subject', subjects, (facts) =>
        isVerified(facts) ? (facts.place.tlsClientAuth?.certSubjectDN ?? null) : null,
      ),
    );
  }
  return conditions;
}

function isVerified({ place: { tlsClientAuth } }: RequestFacts): boolean {
  return (
    tlsClientAuth?.certPresented === '1' &&
    tlsClientAuth.certVerified === 'SUCCESS' &&
    tlsClientAuth.certRevoked !== '1'
  );
}

function plainFingerprint(fingerprint: string): string {
  return fingerprint.replaceAll(':', '').toLowerCase();
}
