import { beforeAll, describe, expect, test } from 'vitest';
import type { JsonObject, JsonValue } from '../../../src/control/json.ts';
import { gatewaySchema } from '../../../src/control/kinds/generated/gateway.ts';
import { httprouteSchema } from '../../../src/control/kinds/generated/httproute.ts';
import type { StructuralSchema } from '../../../src/control/structural-schema.ts';
import { GATEWAYS, ROUTES } from './fixture.ts';
import { gatewayPlane } from './gateway-plane.ts';

/**
 * A field of the standard that is not built is refused, never ignored: a change of any field changes what is published
 * or what is said of the object. The tables have every field of the schemas, each with two values of it.
 */

type Change = readonly [from: JsonObject, to: JsonObject];

const service = { name: 'shop', port: 80 };
const upstream = (name: string): JsonObject => ({ group: 'orasi.io', kind: 'Upstream', name });
const ofRoute = (members: JsonObject): JsonObject => ({
  parentRefs: [{ name: 'default' }],
  hostnames: ['a.example.com'],
  rules: [{ backendRefs: [upstream('shop')] }],
  ...members,
});
const parent = (members: JsonObject) => ofRoute({ parentRefs: [{ name: 'default', ...members }] });
const rule = (members: JsonObject) => ofRoute({ rules: [{ backendRefs: [upstream('shop')], ...members }] });
const match = (members: JsonObject) => rule({ matches: [members] });
const header = (members: JsonObject) => match({ headers: [{ name: 'a', value: 'b', ...members }] });
const query = (members: JsonObject) => match({ queryParams: [{ name: 'a', value: 'b', ...members }] });
const backend = (members: JsonObject) => rule({ backendRefs: [{ ...service, ...members }] });
const session = (members: JsonObject) => rule({ sessionPersistence: members });
const prefix = { matches: [{ path: { type: 'PathPrefix', value: '/a' } }] };
const filtered = (type: string, member: string, value: JsonValue): JsonObject =>
  ofRoute({
    rules: [
      {
        ...prefix,
        filters: [{ type, [member]: value }],
        ...(type === 'RequestRedirect' ? {} : { backendRefs: [upstream('shop')] }),
      },
    ],
  });
const modifiers = (type: string, member: string): Record<string, Change> => {
  const of = (name: string, value: JsonValue) => filtered(type, member, { [name]: value });
  const named = (list: string): Record<string, Change> => ({
    [`${member}.${list}[].name`]: [of(list, [{ name: 'a', value: 'b' }]), of(list, [{ name: 'c', value: 'b' }])],
    [`${member}.${list}[].value`]: [of(list, [{ name: 'a', value: 'b' }]), of(list, [{ name: 'a', value: 'c' }])],
  });
  return { ...named('set'), ...named('add'), [`${member}.remove[]`]: [of('remove', ['a']), of('remove', ['b'])] };
};
const mirror = (members: JsonObject) =>
  filtered('RequestMirror', 'requestMirror', { backendRef: upstream('shop'), ...members });
const mirrorTo = (members: JsonObject) => mirror({ backendRef: { ...service, ...members } });
const redirect = (members: JsonObject) => filtered('RequestRedirect', 'requestRedirect', members);
const rewrite = (members: JsonObject) => filtered('URLRewrite', 'urlRewrite', members);
const paths = (put: (members: JsonObject) => JsonObject, member: string): Record<string, Change> => {
  const full = (value: string) => put({ path: { type: 'ReplaceFullPath', replaceFullPath: value } });
  const part = (value: string) => put({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: value } });
  return {
    [`${member}.path.type`]: [full('/b'), part('/b')],
    [`${member}.path.replaceFullPath`]: [full('/b'), full('/c')],
    [`${member}.path.replacePrefixMatch`]: [part('/b'), part('/c')],
  };
};
const cors = (members: JsonObject) => filtered('CORS', 'cors', { allowOrigins: ['https://a.example'], ...members });
const plain = rule(prefix);

const FILTERS: Readonly<Record<string, Change>> = {
  type: [
    plain,
    rule({ ...prefix, filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { remove: ['a'] } }] }),
  ],
  ...modifiers('RequestHeaderModifier', 'requestHeaderModifier'),
  ...modifiers('ResponseHeaderModifier', 'responseHeaderModifier'),
  'requestMirror.backendRef.name': [mirrorTo({}), mirrorTo({ name: 'other' })],
  'requestMirror.backendRef.group': [mirrorTo({}), mirrorTo({ group: 'other.io' })],
  'requestMirror.backendRef.kind': [mirrorTo({}), mirrorTo({ kind: 'Bucket' })],
  'requestMirror.backendRef.namespace': [mirrorTo({}), mirrorTo({ namespace: 'team' })],
  'requestMirror.percent': [mirror({}), mirror({ percent: 10 })],
  'requestMirror.fraction.numerator': [mirror({ fraction: { numerator: 1 } }), mirror({ fraction: { numerator: 2 } })],
  'requestMirror.fraction.denominator': [
    mirror({ fraction: { numerator: 1 } }),
    mirror({ fraction: { numerator: 1, denominator: 10 } }),
  ],
  'requestRedirect.scheme': [redirect({ port: 1 }), redirect({ port: 1, scheme: 'https' })],
  'requestRedirect.hostname': [redirect({ port: 1 }), redirect({ port: 1, hostname: 'b.example' })],
  'requestRedirect.port': [redirect({ port: 1 }), redirect({ port: 2 })],
  'requestRedirect.statusCode': [redirect({ port: 1 }), redirect({ port: 1, statusCode: 301 })],
  ...paths(redirect, 'requestRedirect'),
  'urlRewrite.hostname': [rewrite({}), rewrite({ hostname: 'b.example' })],
  ...paths(rewrite, 'urlRewrite'),
  'cors.allowOrigins[]': [cors({}), cors({ allowOrigins: ['https://b.example'] })],
  'cors.allowCredentials': [cors({}), cors({ allowCredentials: true })],
  'cors.allowMethods[]': [cors({}), cors({ allowMethods: ['PUT'] })],
  'cors.allowHeaders[]': [cors({}), cors({ allowHeaders: ['x-a'] })],
  'cors.exposeHeaders[]': [cors({}), cors({ exposeHeaders: ['x-a'] })],
  'cors.maxAge': [cors({}), cors({ maxAge: 60 })],
};

const ROUTE_FIELDS: Readonly<Record<string, Change>> = {
  'parentRefs[].group': [parent({}), parent({ group: 'other.io' })],
  'parentRefs[].kind': [parent({}), parent({ kind: 'Mesh' })],
  'parentRefs[].namespace': [parent({}), parent({ namespace: 'team' })],
  'parentRefs[].name': [parent({}), parent({ name: 'other' })],
  'parentRefs[].sectionName': [parent({}), parent({ sectionName: 'https' })],
  'parentRefs[].port': [parent({}), parent({ port: 443 })],
  useDefaultGateways: [ofRoute({}), ofRoute({ useDefaultGateways: 'All' })],
  'hostnames[]': [ofRoute({}), ofRoute({ hostnames: ['b.example.com'] })],
  'rules[].name': [rule({}), rule({ name: 'first' })],
  'rules[].matches[].path.type': [match({}), match({ path: { type: 'Exact', value: '/' } })],
  'rules[].matches[].path.value': [match({}), match({ path: { value: '/b' } })],
  'rules[].matches[].headers[].name': [header({}), header({ name: 'c' })],
  'rules[].matches[].headers[].type': [header({}), header({ type: 'RegularExpression' })],
  'rules[].matches[].headers[].value': [header({}), header({ value: 'c' })],
  'rules[].matches[].queryParams[].name': [query({}), query({ name: 'c' })],
  'rules[].matches[].queryParams[].type': [query({}), query({ type: 'RegularExpression' })],
  'rules[].matches[].queryParams[].value': [query({}), query({ value: 'c' })],
  'rules[].matches[].method': [match({}), match({ method: 'GET' })],
  'rules[].backendRefs[].group': [backend({}), backend({ group: 'other.io' })],
  'rules[].backendRefs[].kind': [backend({}), backend({ kind: 'Bucket' })],
  'rules[].backendRefs[].name': [backend({}), backend({ name: 'other' })],
  'rules[].backendRefs[].namespace': [backend({}), backend({ namespace: 'team' })],
  'rules[].backendRefs[].weight': [backend({}), backend({ weight: 7 })],
  'rules[].timeouts.request': [rule({}), rule({ timeouts: { request: '5s' } })],
  'rules[].timeouts.backendRequest': [rule({}), rule({ timeouts: { backendRequest: '5s' } })],
  'rules[].retry.codes[]': [rule({ retry: {} }), rule({ retry: { codes: [503] } })],
  'rules[].retry.attempts': [rule({ retry: {} }), rule({ retry: { attempts: 5 } })],
  'rules[].retry.backoff': [rule({ retry: {} }), rule({ retry: { backoff: '7ms' } })],
  'rules[].sessionPersistence.sessionName': [session({}), session({ sessionName: 's' })],
  'rules[].sessionPersistence.type': [session({}), session({ type: 'Header' })],
  'rules[].sessionPersistence.absoluteTimeout': [session({}), session({ absoluteTimeout: '1h' })],
  'rules[].sessionPersistence.idleTimeout': [session({}), session({ idleTimeout: '1h' })],
  'rules[].sessionPersistence.cookieConfig.lifetimeType': [
    session({ absoluteTimeout: '1h' }),
    session({ absoluteTimeout: '1h', cookieConfig: { lifetimeType: 'Permanent' } }),
  ],
  ...Object.fromEntries(Object.entries(FILTERS).map(([field, change]) => [`rules[].filters[].${field}`, change])),
};

/** Filters that are refused whole, and fields that have nothing to say here: docs/gateway.md says so. */
const WITHOUT_MEANING: readonly RegExp[] = [
  // A Service stands for the Upstream of its name, which has the port in its addresses.
  /backendRefs?(\[\])?\.port$/,
  // Refused by their type: see below.
  /\.(extensionRef|externalAuth)\./,
  /^rules\[\]\.backendRefs\[\]\.filters\[\]/,
  // Nothing is made for a Gateway that could be labelled.
  /^infrastructure\.(labels|annotations)\.\*$/,
  // Of options, none but who terminates is known, and that says what is so.
  /^listeners\[\]\.tls\.options\.\*$/,
];

const listener = (members: JsonObject): JsonObject => ({
  gatewayClassName: 'orasi',
  listeners: [{ name: 'a', port: 80, protocol: 'HTTP', ...members }],
});
const ofGateway = (members: JsonObject): JsonObject => ({ ...listener({}), ...members });
const https = (members: JsonObject) =>
  listener({ protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'certificate', ...members }] } });
const allowed = (namespaces: JsonObject) => listener({ allowedRoutes: { namespaces } });
const selected = (selector: JsonObject) => allowed({ from: 'Selector', selector });
const labelled = (expression: JsonObject) => selected({ matchExpressions: [expression] });
const name = 'kubernetes.io/metadata.name';
const reference = { group: '', kind: 'ConfigMap', name: 'a' };
const frontend = (members: JsonObject) => ofGateway({ tls: { frontend: { default: {}, ...members } } });

const GATEWAY_FIELDS: Readonly<Record<string, Change>> = {
  gatewayClassName: [ofGateway({}), ofGateway({ gatewayClassName: 'other' })],
  'listeners[].name': [listener({}), listener({ name: 'b' })],
  'listeners[].hostname': [listener({}), listener({ hostname: 'c.example.com' })],
  'listeners[].port': [
    ofGateway({ listeners: [...(listener({}).listeners as JsonObject[]), { name: 'b', port: 81, protocol: 'HTTPS' }] }),
    ofGateway({ listeners: [...(listener({}).listeners as JsonObject[]), { name: 'b', port: 80, protocol: 'HTTPS' }] }),
  ],
  'listeners[].protocol': [listener({}), listener({ protocol: 'TCP' })],
  'listeners[].tls.mode': [
    listener({ protocol: 'HTTPS' }),
    listener({ protocol: 'TLS', tls: { mode: 'Passthrough' } }),
  ],
  'listeners[].tls.certificateRefs[].name': [listener({ protocol: 'HTTPS' }), https({})],
  'listeners[].tls.certificateRefs[].group': [https({}), https({ group: 'other.io' })],
  'listeners[].tls.certificateRefs[].kind': [https({}), https({ kind: 'Certificate' })],
  'listeners[].tls.certificateRefs[].namespace': [https({}), https({ namespace: 'team' })],
  'listeners[].allowedRoutes.namespaces.from': [listener({}), selected({ matchLabels: { a: 'b' } })],
  'listeners[].allowedRoutes.namespaces.selector.matchLabels.*': [
    selected({ matchLabels: { [name]: 'default' } }),
    selected({ matchLabels: { [name]: 'other' } }),
  ],
  'listeners[].allowedRoutes.namespaces.selector.matchExpressions[].key': [
    labelled({ key: name, operator: 'Exists' }),
    labelled({ key: 'other', operator: 'Exists' }),
  ],
  'listeners[].allowedRoutes.namespaces.selector.matchExpressions[].operator': [
    labelled({ key: name, operator: 'Exists' }),
    labelled({ key: name, operator: 'DoesNotExist' }),
  ],
  'listeners[].allowedRoutes.namespaces.selector.matchExpressions[].values[]': [
    labelled({ key: name, operator: 'In', values: ['default'] }),
    labelled({ key: name, operator: 'In', values: ['other'] }),
  ],
  'listeners[].allowedRoutes.kinds[].kind': [
    listener({}),
    listener({ allowedRoutes: { kinds: [{ kind: 'GRPCRoute' }] } }),
  ],
  'listeners[].allowedRoutes.kinds[].group': [
    listener({ allowedRoutes: { kinds: [{ kind: 'HTTPRoute' }] } }),
    listener({ allowedRoutes: { kinds: [{ group: 'other.io', kind: 'HTTPRoute' }] } }),
  ],
  'addresses[].type': [ofGateway({}), ofGateway({ addresses: [{ type: 'Hostname' }] })],
  'addresses[].value': [ofGateway({}), ofGateway({ addresses: [{ value: '192.0.2.1' }] })],
  'infrastructure.parametersRef.group': [ofGateway({}), ofGateway({ infrastructure: { parametersRef: reference } })],
  'allowedListeners.namespaces.from': [ofGateway({}), ofGateway({ allowedListeners: { namespaces: { from: 'All' } } })],
  'tls.backend.clientCertificateRef.name': [
    ofGateway({}),
    ofGateway({ tls: { backend: { clientCertificateRef: { name: 'a' } } } }),
  ],
  'tls.frontend.default.validation.caCertificateRefs[].name': [
    ofGateway({}),
    frontend({ default: { validation: { caCertificateRefs: [reference] } } }),
  ],
  'tls.frontend.perPort[].port': [ofGateway({}), frontend({ perPort: [{ port: 443, tls: {} }] })],
  defaultScope: [ofGateway({}), ofGateway({ defaultScope: 'All' })],
};

/** Fields of these are told apart by nobody: the whole is refused. */
const REFUSED_WHOLE = [
  'infrastructure.parametersRef.',
  'allowedListeners.',
  'tls.backend.',
  'tls.frontend.default.',
  'tls.frontend.perPort[].',
];

/** Every field that has a value of its own: `rules[].name`, `listeners[].tls.options.*`. */
function leaves(schema: StructuralSchema | undefined, path = ''): string[] {
  if (schema === undefined) return [];
  if (schema.type === 'array') return leaves(schema.items, `${path}[]`);
  if (schema.type !== 'object') return [path];
  const members = Object.entries(schema.properties ?? {}).flatMap(([key, child]) =>
    leaves(child, path === '' ? key : `${path}.${key}`),
  );
  return [...members, ...leaves(schema.additionalProperties, `${path}.*`)];
}

describe.each([
  { kind: 'HTTPRoute', schema: httprouteSchema, fields: ROUTE_FIELDS },
  { kind: 'Gateway', schema: gatewaySchema, fields: GATEWAY_FIELDS },
])('of a $kind', ({ kind, schema, fields }) => {
  let plane: ReturnType<typeof gatewayPlane>;
  beforeAll(() => {
    plane = gatewayPlane();
    plane.upstream('shop');
  });

  /** What is published and what is said, without times and versions. */
  async function outcome(spec: JsonObject): Promise<string> {
    if (kind === 'HTTPRoute') plane.route('r', spec);
    else {
      plane.gateway('default', spec);
      plane.route('r', ofRoute({}));
    }
    await plane.publish();
    const { entries } = await plane.published();
    const said = [plane.read(ROUTES, 'r').status, plane.read(GATEWAYS, 'default').status];
    const silent = ['generation', 'observedGeneration', 'lastTransitionTime', 'createdMs', 'uid'];
    return JSON.stringify([Object.entries(entries).sort(), said], (key, value) => (silent.includes(key) ? 0 : value));
  }

  test.each(Object.entries(fields))('%s means something', async (_, [from, to]) => {
    expect(await outcome(to)).not.toBe(await outcome(from));
  });

  test('the same again means the same', async () => {
    const [[from]] = Object.values(fields);
    expect(await outcome(from)).toBe(await outcome(from));
  });

  test('every field of the schema is here', () => {
    const known = (leaf: string) =>
      fields[leaf] !== undefined ||
      WITHOUT_MEANING.some((pattern) => pattern.test(leaf)) ||
      (kind === 'Gateway' && REFUSED_WHOLE.some((whole) => leaf.startsWith(whole)));
    expect(leaves(schema.properties?.spec).filter((leaf) => !known(leaf))).toEqual([]);
    expect(Object.keys(fields).filter((field) => !leaves(schema.properties?.spec).includes(field))).toEqual([]);
  });
});

test.each([
  ['ExtensionRef', { extensionRef: { group: 'a.io', kind: 'B', name: 'c' } }],
  ['ExternalAuth', { externalAuth: { protocol: 'HTTP', http: {}, backendRef: service } }],
] as const)('a filter %s is refused, and its rule answers nobody', async (type, member) => {
  const plane = gatewayPlane();
  plane.upstream('shop');
  plane.route('r', rule({ filters: [{ type, ...member }] }));
  await plane.publish();
  expect(plane.conditions('r').flat().join(' ')).toMatch(/=False\/(UnsupportedValue|InvalidKind)/);
  const { entries } = await plane.published();
  expect(JSON.stringify(entries)).toContain('"broken":{"status":500');
});

test.each(['RequestRedirect', 'URLRewrite', 'RequestMirror', 'CORS', 'ExternalAuth', 'ExtensionRef'])(
  'a filter %s of a backend is refused, since it is not built there',
  async (type) => {
    const members: Readonly<Record<string, JsonObject>> = {
      RequestRedirect: { requestRedirect: { port: 1 } },
      URLRewrite: { urlRewrite: { hostname: 'b.example' } },
      RequestMirror: { requestMirror: { backendRef: service } },
      CORS: { cors: {} },
      ExternalAuth: { externalAuth: { protocol: 'HTTP', http: {}, backendRef: service } },
      ExtensionRef: { extensionRef: { group: 'a.io', kind: 'B', name: 'c' } },
    };
    const plane = gatewayPlane();
    plane.upstream('shop');
    plane.route('r', backend({ filters: [{ type, ...members[type] }] }));
    await plane.publish();
    expect(plane.conditions('r').flat().join(' ')).toContain('=False/');
  },
);
