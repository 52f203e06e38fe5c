import type { MatchConditions, ValueSource } from '../core/protocol/gateway.ts';
import { isJsonObject, type JsonValue, numberIn, objectIn, objectsIn, textsIn } from './json.ts';
import { targetFaults } from './policy-targets.ts';
import type { Resource } from './resource.ts';
import { type Cause, forbiddenField, invalidValue, required, unsupportedValue } from './status.ts';

/** Cloudflare's codes of continents. */
export const CONTINENTS = ['AF', 'AN', 'AS', 'EU', 'NA', 'OC', 'SA'] as const;

/** Where a tenant's name may stand. */
export const VALUE_SOURCES = ['header', 'query', 'pathSegment', 'hostLabel'] as const;

/** Where a version may stand: also in what Accept or Content-Type says. */
export const VERSION_SOURCES = ['header', 'query', 'pathSegment', 'mediaType'] as const;

/** Priorities lie between this and its negative. */
export const HIGHEST_PRIORITY = 1_000;

/** What a validated `RouteMatchPolicy` adds to the matches of its targets. */
export interface CompiledRouteMatch {
  readonly priority: number;
  /** Null where the policy has a priority alone. */
  readonly conditions: MatchConditions | null;
}

/** What a policy comes to in which `routeMatchFaults` has found nothing. */
export function compileRouteMatch(policy: Resource): CompiledRouteMatch {
  const { priority, countries, continents, colos, tenant, clientCertificate, apiVersion } = objectIn(policy.spec);
  const conditions: MatchConditions = {
    ...given('countries', countries),
    ...given('continents', continents),
    ...given('colos', colos),
    ...(isJsonObject(tenant) ? { tenant: { from: compileSource(tenant.from), values: textsIn(tenant.values) } } : {}),
    ...(isJsonObject(clientCertificate)
      ? {
          clientCertificate: {
            ...(typeof clientCertificate.verified === 'boolean' ? { verified: clientCertificate.verified } : {}),
            ...given('fingerprintsSha256', clientCertificate.fingerprintsSha256),
            ...given('subjects', clientCertificate.subjects),
          },
        }
      : {}),
    ...(isJsonObject(apiVersion)
      ? {
          apiVersion: {
            from:
              objectIn(apiVersion.from).type === 'mediaType'
                ? { type: 'mediaType' as const }
                : compileSource(apiVersion.from),
            values: textsIn(apiVersion.values),
          },
        }
      : {}),
  };
  return { priority: numberIn(priority, 0), conditions: Object.keys(conditions).length > 0 ? conditions : null };
}

/** Faults of a policy that its schema cannot express. */
export function routeMatchFaults(policy: Resource): Cause[] {
  const spec = objectIn(policy.spec);
  const causes = targetFaults(spec);
  for (const [at, target] of objectsIn(spec.targetRefs).entries()) {
    if (target.kind === 'Gateway' || target.kind === 'Upstream') {
      causes.push(unsupportedValue(`spec.targetRefs[${at}].kind`, target.kind, ['HTTPRoute']));
    }
  }
  const { targetRefs: _targets, ...asked } = spec;
  if (Object.keys(asked).length === 0) causes.push(required('spec', 'a condition or a priority'));
  const certificate = spec.clientCertificate;
  if (isJsonObject(certificate)) {
    const { verified, ...named } = certificate;
    if (Object.keys(certificate).length === 0) {
      causes.push(required('spec.clientCertificate', 'verified, fingerprintsSha256 or subjects'));
    } else if (verified === false && Object.keys(named).length > 0) {
      const rule = 'must not be false where a certificate is named: only verified ones are compared';
      causes.push(invalidValue('spec.clientCertificate.verified', verified, rule));
    }
  }
  for (const member of ['tenant', 'apiVersion'] as const) {
    if (isJsonObject(spec[member])) causes.push(...sourceFaults(spec[member].from, `spec.${member}.from`));
  }
  return causes;
}

/** A source has the member that its type asks for, and no other. */
function sourceFaults(source: JsonValue | undefined, path: string): Cause[] {
  const { type, name, index } = objectIn(source);
  const wantsName = type === 'header' || type === 'query';
  const wantsIndex = type === 'pathSegment' || type === 'hostLabel';
  const causes: Cause[] = [];
  if (wantsName && name === undefined) causes.push(required(`${path}.name`, `type ${type} has one`));
  if (wantsIndex && index === undefined) causes.push(required(`${path}.index`, `type ${type} has one`));
  if (!wantsName && name !== undefined) causes.push(forbiddenField(`${path}.name`, `type ${String(type)} has none`));
  if (!wantsIndex && index !== undefined) causes.push(forbiddenField(`${path}.index`, `type ${String(type)} has none`));
  return causes;
}

function compileSource(source: JsonValue | undefined): ValueSource {
  const { type, name, index } = objectIn(source);
  switch (type) {
    case 'pathSegment':
    case 'hostLabel':
      return { type, index: numberIn(index, 0) };
    case 'query':
      return { type, name: String(name) };
    default:
      return { type: 'header', name: String(name).toLowerCase() };
  }
}

function given<K extends string>(name: K, value: JsonValue | undefined): { [name in K]?: string[] } {
  return Array.isArray(value) ? ({ [name]: textsIn(value) } as { [name in K]: string[] }) : {};
}
