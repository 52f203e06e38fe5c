import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../../src/control/json.ts';
import { GATEWAYS, gateway, gatewayApi, ROUTES, route, verdicts } from './fixture.ts';

/** Every form that routes and Gateways of the standard's own examples have, in manifests of our own. */

const judge = verdicts();
const service = { name: 'shop', port: 8080 };
const prefix = (value: string) => ({ path: { type: 'PathPrefix', value } });
const ofRule = (members: JsonObject): JsonObject => ({ parentRefs: [{ name: 'default' }], rules: [members] });
const filtered = (...filters: JsonObject[]) => ofRule({ matches: [prefix('/')], filters });

describe('an HTTPRoute', () => {
  test.each<[string, JsonObject]>([
    ['to a Service, with neither rules’ matches nor hostnames', ofRule({ backendRefs: [service] })],
    [
      'with paths, headers, queries and methods, exact and by regular expressions',
      ofRule({
        matches: [
          { path: { type: 'Exact', value: '/login' }, method: 'POST', headers: [{ name: 'version', value: '2' }] },
          { path: { type: 'RegularExpression', value: '/v[0-9]+/.*' } },
          {
            queryParams: [
              { name: 'color', type: 'RegularExpression', value: 'red|blue' },
              { name: 'size', value: 'xl' },
            ],
          },
        ],
        backendRefs: [service],
      }),
    ],
    [
      'split by weight',
      ofRule({
        backendRefs: [
          { ...service, weight: 90 },
          { name: 'shop-next', port: 80, weight: 0 },
        ],
      }),
    ],
    [
      'to a Service of another namespace',
      ofRule({ backendRefs: [{ kind: 'Service', name: 'shop', namespace: 'store', port: 80 }] }),
    ],
    ['to an Upstream', ofRule({ backendRefs: [{ group: 'orasi.io', kind: 'Upstream', name: 'shop' }] })],
    [
      'to a kind that nobody serves',
      ofRule({ backendRefs: [{ group: 'multicluster.x-k8s.io', kind: 'ServiceImport', name: 'shop', port: 80 }] }),
    ],
    [
      'that changes headers of requests and answers',
      filtered(
        {
          type: 'RequestHeaderModifier',
          requestHeaderModifier: {
            set: [{ name: 'a', value: 'b' }],
            add: [{ name: 'c', value: 'd e' }],
            remove: ['x'],
          },
        },
        { type: 'ResponseHeaderModifier', responseHeaderModifier: { add: [{ name: 'x-a', value: 'b' }] } },
      ),
    ],
    [
      'that redirects to HTTPS for good',
      filtered({ type: 'RequestRedirect', requestRedirect: { scheme: 'https', statusCode: 301 } }),
    ],
    [
      'that redirects a prefix, by 303, 307 and 308',
      {
        rules: [303, 307, 308].map((statusCode, i) => ({
          matches: [prefix(`/old${i}`)],
          filters: [
            {
              type: 'RequestRedirect',
              requestRedirect: { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/new' }, statusCode },
            },
          ],
        })),
      },
    ],
    [
      'that redirects to another host, path and port',
      filtered({
        type: 'RequestRedirect',
        requestRedirect: {
          hostname: 'b.example',
          port: 8443,
          path: { type: 'ReplaceFullPath', replaceFullPath: '/moved' },
        },
      }),
    ],
    [
      'that rewrites host and prefix',
      filtered({
        type: 'URLRewrite',
        urlRewrite: { hostname: 'b.example', path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/api' } },
      }),
    ],
    [
      'that mirrors, all and a share',
      filtered(
        { type: 'RequestMirror', requestMirror: { backendRef: service } },
        { type: 'RequestMirror', requestMirror: { backendRef: service, percent: 42 } },
        {
          type: 'RequestMirror',
          requestMirror: { backendRef: service, fraction: { numerator: 1, denominator: 1000 } },
        },
      ),
    ],
    [
      'with CORS',
      filtered({
        type: 'CORS',
        cors: {
          allowOrigins: ['https://a.example', 'https://*.b.example:8443'],
          allowMethods: ['GET', 'OPTIONS'],
          allowHeaders: ['x-a'],
          exposeHeaders: ['x-b'],
          allowCredentials: true,
          maxAge: 86400,
        },
      }),
    ],
    [
      'with filters of one backend',
      ofRule({
        backendRefs: [
          {
            ...service,
            filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'a', value: 'b' }] } }],
          },
        ],
      }),
    ],
    ['with timeouts', ofRule({ timeouts: { request: '10s', backendRequest: '2s500ms' }, backendRefs: [service] })],
    [
      'with retries and sessions',
      ofRule({
        retry: { codes: [500, 503], attempts: 2, backoff: '100ms' },
        sessionPersistence: { sessionName: 's', type: 'Cookie', absoluteTimeout: '1h', cookieConfig: {} },
      }),
    ],
    ['with named rules', { rules: [{ name: 'first' }, { name: 'second.part' }] }],
    [
      'attached to a listener, a port, a Gateway of another namespace and to a Service',
      {
        parentRefs: [
          { name: 'default', sectionName: 'https' },
          { name: 'other', port: 8080 },
          { name: 'shared', namespace: 'infra' },
          { group: '', kind: 'Service', name: 'shop', port: 80 },
        ],
        hostnames: ['a.example', '*.b.example'],
      },
    ],
  ])('%s', (_, spec) => {
    expect(judge(route('shop', spec), ROUTES)).toBe('');
  });
});

describe('a Gateway', () => {
  const terminated = { mode: 'Terminate', certificateRefs: [{ kind: 'Secret', group: '', name: 'certificate' }] };
  test.each<[string, JsonObject]>([
    [
      'with wildcard listeners and certificates',
      { listeners: [{ name: 'a', hostname: '*.example', port: 443, protocol: 'HTTPS', tls: terminated }] },
    ],
    [
      'that takes routes of namespaces by their labels, of some kinds',
      {
        listeners: [
          {
            name: 'a',
            port: 80,
            protocol: 'HTTP',
            allowedRoutes: {
              kinds: [{ kind: 'HTTPRoute' }],
              namespaces: {
                from: 'Selector',
                selector: {
                  matchLabels: { shared: 'true' },
                  matchExpressions: [{ key: 'kubernetes.io/metadata.name', operator: 'In', values: ['a', 'b'] }],
                },
              },
            },
          },
        ],
      },
    ],
    [
      'with a certificate of another namespace, and passthrough',
      {
        listeners: [
          { name: 'a', port: 443, protocol: 'HTTPS', tls: { certificateRefs: [{ name: 'c', namespace: 'certs' }] } },
          { name: 'b', port: 8443, protocol: 'TLS', tls: { mode: 'Passthrough' } },
        ],
      },
    ],
    [
      'that asks for addresses',
      {
        addresses: [
          { type: 'IPAddress', value: '192.0.2.7' },
          { type: 'Hostname', value: 'gw.example' },
        ],
        listeners: [{ name: 'a', port: 80, protocol: 'HTTP' }],
      },
    ],
    [
      'that checks certificates of clients, by port',
      {
        tls: {
          frontend: {
            default: { validation: { caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }] } },
            perPort: [
              {
                port: 8443,
                tls: {
                  validation: {
                    caCertificateRefs: [{ group: '', kind: 'ConfigMap', name: 'ca' }],
                    mode: 'AllowInsecureFallback',
                  },
                },
              },
            ],
          },
        },
        listeners: [{ name: 'a', port: 8443, protocol: 'HTTPS', tls: terminated }],
      },
    ],
    [
      'with labels of its infrastructure',
      { infrastructure: { labels: { 'a.example/team': 'x' } }, listeners: [{ name: 'a', port: 80, protocol: 'HTTP' }] },
    ],
  ])('%s', (_, spec) => {
    expect(judge(gateway('edge', { gatewayClassName: 'orasi', ...spec }), GATEWAYS)).toBe('');
  });
});

test.each(['v1', 'v1beta1'])('a ReferenceGrant of version %s', (version) => {
  const grant: JsonObject = {
    apiVersion: `gateway.networking.k8s.io/${version}`,
    kind: 'ReferenceGrant',
    metadata: { name: 'a' },
    spec: {
      from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'shop' }],
      to: [
        { group: '', kind: 'Service' },
        { group: '', kind: 'Secret', name: 'certificate' },
      ],
    },
  };
  expect(judge(grant, gatewayApi('referencegrants', version))).toBe('');
});

test('a field that the standard does not have is refused where that is asked for, else dropped with a warning', () => {
  expect(judge(route('shop', ofRule({ priority: 1 })), ROUTES)).toContain('unknown field "spec.rules[0].priority"');
});
