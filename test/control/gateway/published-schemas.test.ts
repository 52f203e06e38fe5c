import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import type { JsonObject } from '../../../src/control/json.ts';
import { gatewaySchema } from '../../../src/control/kinds/generated/gateway.ts';
import { gatewayclassSchema } from '../../../src/control/kinds/generated/gatewayclass.ts';
import { httprouteSchema } from '../../../src/control/kinds/generated/httproute.ts';
import { referencegrantSchema } from '../../../src/control/kinds/generated/referencegrant.ts';
import { type StructuralSchema, validate } from '../../../src/control/structural-schema.ts';
import { fullValue, variants } from './full-value.ts';

const PROJECT_ROOT = join(import.meta.dirname, '../../..');

/** Each kind, and the digest of its schema in v1.5.1's CustomResourceDefinitions (experimental channel, version v1). */
const KINDS = [
  { kind: 'HTTPRoute', plural: 'httproutes', schema: httprouteSchema, digest: 'e71acfd37f3dd0e9' },
  { kind: 'Gateway', plural: 'gateways', schema: gatewaySchema, digest: 'a4d77779a83568a6' },
  { kind: 'GatewayClass', plural: 'gatewayclasses', schema: gatewayclassSchema, digest: '3c9ee6e187a07c9d' },
  { kind: 'ReferenceGrant', plural: 'referencegrants', schema: referencegrantSchema, digest: '29fad4d8d06710d0' },
] as const;

describe('the schemas are those of Gateway API v1.5.1', () => {
  test.each(KINDS)('$kind', ({ schema, digest }) => {
    expect(digestOf(schema)).toBe(digest);
  });

  // GATEWAY_CRDS=…/config/crd/experimental of a checkout of the standard shows where another release differs.
  const crds = process.env.GATEWAY_CRDS;
  if (crds === undefined) return;
  test('and of the files that GATEWAY_CRDS names', () => {
    for (const { plural, schema } of KINDS) {
      const text = readFileSync(join(crds, `gateway.networking.k8s.io_${plural}.yaml`), 'utf8');
      const versions: { name: string; schema: { openAPIV3Schema: StructuralSchema } }[] = parse(text).spec.versions;
      const published = versions.find(({ name }) => name === 'v1')?.schema.openAPIV3Schema ?? {};
      const { apiVersion: _a, kind: _k, metadata: _m, ...properties } = published.properties ?? {};
      expect(normalForm(schema)).toEqual(normalForm({ ...published, properties }));
    }
  });
});

const packages = join(PROJECT_ROOT, '.orasi/kubernetes/node_modules/@kubernetes-models/gateway-api/_schemas');
const isThere = existsSync(packages);
if (!isThere) {
  console.warn(
    'SKIPPED: no schemas of the Gateway API: npm install --prefix .orasi/kubernetes @kubernetes-models/gateway-api@2.0.0',
  );
}

/** Where the package, made of an older release's Go types, says less than v1.5.1's CustomResourceDefinitions. */
const SAYS_LESS: readonly RegExp[] = [
  // Conditions are those of Kubernetes, whose bounds it does not repeat.
  /^status\.(.*\.)?conditions\[\]\./,
  /^spec\.rules\[\]\.matches\[\]\.headers\[\]\.value: beside the pattern/,
  /HeaderModifier\.(set|add)\[\]\.value: beside the pattern/,
  // The type of an experimental filter is in the experimental files alone; its member is in both.
  /filters\[\]\.type: is ExternalAuth/,
  // Of a class it checks the controller's name alone.
  /^spec\.description: /,
];

describe.skipIf(!isThere)('other people’s validators of the standard', () => {
  test.each(KINDS)('judge a $kind with every field, and at every bound of its schema, as ours does', async (each) => {
    const { kind, schema } = each;
    const group = `IoK8sSigsGatewayApiApis${kind === 'ReferenceGrant' ? 'V1beta1' : 'V1'}`;
    const module = await import(pathToFileURL(join(packages, `${group}${kind}.js`)).href);
    const theirs = (value: JsonObject): boolean =>
      module.validate({
        apiVersion: `gateway.networking.k8s.io/${kind === 'ReferenceGrant' ? 'v1beta1' : 'v1'}`,
        kind,
        metadata: { name: 'a' },
        ...value,
      });
    const full = fullValue(schema);
    expect(validate(schema, full)).toEqual([]);
    let refused = 0;
    const differences: string[] = [];
    for (const { what, value } of [{ what: 'with every field', value: full }, ...variants(schema, full)]) {
      // Filters of backends are those of rules, and as many again.
      if (typeof value !== 'object' || what.startsWith('spec.rules[].backendRefs[].filters[].')) continue;
      const ours = validate(schema, value).length === 0;
      if (!ours) refused += 1;
      const agree = ours === theirs(value as JsonObject) || SAYS_LESS.some((pattern) => pattern.test(what));
      if (!agree) differences.push(`${what}: ${ours ? 'taken' : 'refused'} here`);
    }
    expect(differences).toEqual([]);
    expect(refused).toBeGreaterThan(0);
  });
});

/** A schema without what is said to people, in one order and spelling. */
function normalForm(schema: unknown, key = ''): unknown {
  if (Array.isArray(schema)) return key === 'required' || key === 'enum' ? [...schema].sort() : schema;
  if (typeof schema === 'string') return key === 'pattern' ? schema.replaceAll('\\/', '/') : schema;
  if (typeof schema !== 'object' || schema === null) return schema;
  const members = Object.entries(schema)
    .filter(([name, value]) => !(name === 'description' && typeof value === 'string' && key !== 'properties'))
    // Said by rules: docs/decisions/0151.
    .filter(([name]) => name !== 'x-kubernetes-validations' && name !== 'oneOf')
    .map(([name, value]) => [name, normalForm(value, key === 'properties' ? '' : name)] as const);
  return Object.fromEntries(members.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function digestOf(schema: StructuralSchema): string {
  return createHash('sha256')
    .update(JSON.stringify(normalForm(schema)))
    .digest('hex')
    .slice(0, 16);
}
