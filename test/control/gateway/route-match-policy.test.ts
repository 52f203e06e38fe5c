import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/control/json.ts';
import type { Resource } from '../../../src/control/resource.ts';
import { compileRouteMatch } from '../../../src/control/route-match-spec.ts';
import { verdicts } from './fixture.ts';

const POLICIES = { group: 'orasi.io', version: 'v1alpha1', resource: 'routematchpolicies' };
const target = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', name: 'shop' };
const policy = (spec: JsonObject): JsonObject => ({
  apiVersion: 'orasi.io/v1alpha1',
  kind: 'RouteMatchPolicy',
  metadata: { name: 'a' },
  spec: { targetRefs: [target], ...spec },
});
const compile = (spec: JsonObject) => compileRouteMatch(policy(spec) as Resource);

describe('a RouteMatchPolicy compiles to what requests are held against', () => {
  test('a priority alone has no conditions; without one it is 0', () => {
    expect(compile({ priority: 7 })).toEqual({ priority: 7, conditions: null });
    expect(compile({ countries: ['DE'] })).toEqual({ priority: 0, conditions: { countries: ['DE'] } });
  });

  test('every condition that is given, and no other', () => {
    const { conditions } = compile({
      countries: ['DE', 'T1'],
      continents: ['EU'],
      colos: ['FRA'],
      tenant: { from: { type: 'header', name: 'X-Tenant' }, values: ['acme'] },
      clientCertificate: { verified: true, subjects: ['CN=a'], fingerprintsSha256: ['ab'.repeat(32)] },
      apiVersion: { from: { type: 'mediaType' }, values: ['2'] },
    });
    expect(conditions).toEqual({
      countries: ['DE', 'T1'],
      continents: ['EU'],
      colos: ['FRA'],
      tenant: { from: { type: 'header', name: 'x-tenant' }, values: ['acme'] },
      clientCertificate: { verified: true, subjects: ['CN=a'], fingerprintsSha256: ['ab'.repeat(32)] },
      apiVersion: { from: { type: 'mediaType' }, values: ['2'] },
    });
    expect(compile({ clientCertificate: { verified: false } }).conditions).toEqual({
      clientCertificate: { verified: false },
    });
  });

  test.each([
    [
      { type: 'query', name: 'Version' },
      { type: 'query', name: 'Version' },
    ],
    [
      { type: 'pathSegment', index: 1 },
      { type: 'pathSegment', index: 1 },
    ],
    [
      { type: 'hostLabel', index: 0 },
      { type: 'hostLabel', index: 0 },
    ],
  ])('%j is a place of a request', (from, compiled) => {
    expect(compile({ tenant: { from, values: ['a'] } }).conditions?.tenant?.from).toEqual(compiled);
  });
});

describe('a RouteMatchPolicy is refused', () => {
  const judge = verdicts();
  const tenant = (from: JsonObject): JsonObject => ({ tenant: { from, values: ['a'] } });
  const version = (from: JsonObject): JsonObject => ({ apiVersion: { from, values: ['2'] } });

  test.each<[string, JsonObject, string]>([
    ['without a condition or a priority', {}, 'spec: Required value: a condition or a priority'],
    [
      'where it targets a Gateway, which has no matches',
      { priority: 1, targetRefs: [{ ...target, kind: 'Gateway' }] },
      'spec.targetRefs[0].kind: Unsupported value: "Gateway": supported values: "HTTPRoute"',
    ],
    [
      'where a country is not two capital letters',
      { countries: ['de'] },
      'spec.countries[0]: Invalid value: "de": spec.countries[0] in body should match \'^[A-Z][A-Z0-9]$\'',
    ],
    [
      'where a list is empty, since nothing would ever match',
      { colos: [] },
      'spec.colos: Invalid value: 0: spec.colos in body should have at least 1 items',
    ],
    [
      'where a header has no name',
      tenant({ type: 'header' }),
      'spec.tenant.from.name: Required value: type header has one',
    ],
    [
      'where a segment has a name instead of a place',
      version({ type: 'pathSegment', name: 'v' }),
      'spec.apiVersion.from.index: Required value: type pathSegment has one\nspec.apiVersion.from.name: Forbidden: type pathSegment has none',
    ],
    [
      'where a media type has a place',
      version({ type: 'mediaType', index: 0 }),
      'spec.apiVersion.from.index: Forbidden: type mediaType has none',
    ],
    [
      'where it asks nothing of a certificate',
      { clientCertificate: {} },
      'spec.clientCertificate: Required value: verified, fingerprintsSha256 or subjects',
    ],
    [
      'where it names certificates that are not verified',
      { clientCertificate: { verified: false, subjects: ['CN=a'] } },
      'spec.clientCertificate.verified: Invalid value: false: must not be false where a certificate is named: only verified ones are compared',
    ],
    [
      'where a priority is beyond its bounds',
      { priority: 1_001 },
      'spec.priority: Invalid value: 1001: spec.priority in body should be less than or equal to 1000',
    ],
  ])('%s', (_, spec, fault) => {
    expect(judge(policy(spec), POLICIES)).toBe(fault);
  });

  test('and taken where it says one thing, to a rule by its name', () => {
    expect(judge(policy({ targetRefs: [{ ...target, sectionName: 'checkout' }], priority: -5 }), POLICIES)).toBe('');
    expect(judge(policy({ clientCertificate: { fingerprintsSha256: [`${'AB:'.repeat(31)}ab`] } }), POLICIES)).toBe('');
  });
});

describe('a HostnameGrant', () => {
  const judge = verdicts();
  const GRANTS = { group: 'orasi.io', version: 'v1alpha1', resource: 'hostnamegrants', namespace: null };
  const grant = (spec: JsonObject): JsonObject => ({
    apiVersion: 'orasi.io/v1alpha1',
    kind: 'HostnameGrant',
    metadata: { name: 'a' },
    spec,
  });

  test('gives a hostname or a wildcard to one namespace, and is outside of all', () => {
    expect(judge(grant({ hostname: 'a.example', namespace: 'team' }), GRANTS)).toBe('');
    expect(judge(grant({ hostname: '*.a.example', namespace: 'team' }), GRANTS)).toBe('');
    expect(judge(grant({ hostname: 'a.*.example', namespace: 'team' }), GRANTS)).toContain(
      'spec.hostname: Invalid value',
    );
    expect(judge(grant({ hostname: 'a.example' }), GRANTS)).toBe('spec.namespace: Required value');
    expect(judge(grant({ hostname: 'a.example', namespace: 'team' }), { ...GRANTS, namespace: 'default' })).not.toBe(
      '',
    );
  });
});
