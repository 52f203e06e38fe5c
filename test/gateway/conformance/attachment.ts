import { type CaseResource, type ConformanceCase, gateway, prefix, route, to } from './case.ts';

const NOT_FOUND = { status: 404 };
const HTTP_ONLY = { namespaces: { from: 'Same' } };

function grant(name: string, namespace: string, from: object, target: object): CaseResource {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1beta1',
    kind: 'ReferenceGrant',
    metadata: { name, namespace },
    spec: {
      from: [{ group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'default', ...from }],
      to: [{ group: '', kind: 'Service', ...target }],
    },
  };
}

function accepted(name: string, status: 'True' | 'False', reason: string, parent = 0) {
  return { route: name, parent, type: 'Accepted' as const, status, reason };
}

function resolved(name: string, status: 'True' | 'False', reason: string) {
  return { route: name, type: 'ResolvedRefs' as const, status, reason };
}

const AWAY = { backendRefs: [{ name: 'v1', namespace: 'web', port: 8080 }] };

/** Which routes are attached where, and what their references resolve to. */
export const ATTACHMENT_CASES: readonly ConformanceCase[] = [
  {
    name: 'hostnames that a listener and a route share',
    features: ['Gateway', 'HTTPRoute'],
    host: 'very.specific.example',
    resources: [
      gateway('intersection', [
        { name: 'listener-1', hostname: 'very.specific.example', allowedRoutes: HTTP_ONLY },
        { name: 'listener-2', hostname: '*.wildcard.example', allowedRoutes: HTTP_ONLY },
        { name: 'listener-3', hostname: '*.anotherwildcard.example', allowedRoutes: HTTP_ONLY },
      ]),
      route(
        'intersection-specific',
        ['non.matching.example', '*.nonmatchingwildcard.example', 'very.specific.example'],
        [{ matches: [prefix('/s1')], ...to('v1') }],
        { parentRefs: [{ name: 'intersection' }] },
      ),
      route(
        'intersection-below-wildcard',
        [
          'non.matching.example',
          'wildcard.example',
          'foo.wildcard.example',
          'bar.wildcard.example',
          'foo.bar.wildcard.example',
        ],
        [{ matches: [prefix('/s2')], ...to('v2') }],
        { parentRefs: [{ name: 'intersection' }] },
      ),
      route(
        'intersection-wildcard',
        ['non.matching.example', '*.specific.example'],
        [{ matches: [prefix('/s3')], ...to('v3') }],
        {
          parentRefs: [{ name: 'intersection' }],
        },
      ),
      route('intersection-wildcards', '*.anotherwildcard.example', [{ matches: [prefix('/s4')], ...to('v1') }], {
        parentRefs: [{ name: 'intersection' }],
      }),
      route(
        'intersection-none',
        ['specific.but.wrong.example', 'wildcard.example'],
        [{ matches: [prefix('/s5')], ...to('v2') }],
        {
          parentRefs: [{ name: 'intersection' }],
        },
      ),
    ],
    requests: [
      [{ path: '/s1' }, { backend: 'v1' }],
      [{ host: 'very.specific.example:1234', path: '/s1' }, { backend: 'v1' }],
      [{ host: 'non.matching.example', path: '/s1' }, NOT_FOUND],
      [{ host: 'foo.nonmatchingwildcard.example', path: '/s1' }, NOT_FOUND],
      [{ host: 'foo.wildcard.example', path: '/s1' }, NOT_FOUND],
      [{ path: '/non-matching-prefix' }, NOT_FOUND],
      [{ host: 'foo.wildcard.example', path: '/s2' }, { backend: 'v2' }],
      [{ host: 'bar.wildcard.example', path: '/s2' }, { backend: 'v2' }],
      [{ host: 'foo.bar.wildcard.example', path: '/s2' }, { backend: 'v2' }],
      [{ host: 'wildcard.example', path: '/s2' }, NOT_FOUND],
      [{ path: '/s2' }, NOT_FOUND],
      [{ path: '/s3' }, { backend: 'v3' }],
      [{ host: 'foo.specific.example', path: '/s3' }, NOT_FOUND],
      [{ host: 'foo.anotherwildcard.example', path: '/s4' }, { backend: 'v1' }],
      [{ host: 'foo.bar.anotherwildcard.example', path: '/s4' }, { backend: 'v1' }],
      [{ host: 'anotherwildcard.example', path: '/s4' }, NOT_FOUND],
      [{ host: 'specific.but.wrong.example', path: '/s5' }, NOT_FOUND],
      [{ host: 'wildcard.example', path: '/s5' }, NOT_FOUND],
    ],
    conditions: [
      accepted('default/intersection-specific', 'True', 'Accepted'),
      accepted('default/intersection-wildcards', 'True', 'Accepted'),
      accepted('default/intersection-none', 'False', 'NoMatchingListenerHostname'),
    ],
    attached: {
      'default/intersection/listener-1': 2,
      'default/intersection/listener-2': 1,
      'default/intersection/listener-3': 1,
    },
  },
  {
    name: 'listeners by hostname, each with routes of its own',
    features: ['Gateway', 'HTTPRoute'],
    host: 'bar.example',
    resources: [
      gateway('listeners', [
        { name: 'listener-1', hostname: 'bar.example' },
        { name: 'listener-2', hostname: 'foo.bar.example' },
        { name: 'listener-3', hostname: '*.bar.example' },
        { name: 'listener-4', hostname: '*.foo.example' },
      ]),
      route('listeners-v1', null, [to('v1')], { parentRefs: [{ name: 'listeners', sectionName: 'listener-1' }] }),
      route('listeners-v2', null, [to('v2')], { parentRefs: [{ name: 'listeners', sectionName: 'listener-2' }] }),
      route('listeners-v3', null, [to('v3')], {
        parentRefs: [
          { name: 'listeners', sectionName: 'listener-3' },
          { name: 'listeners', sectionName: 'listener-4' },
        ],
      }),
    ],
    requests: [
      [{ path: '/' }, { backend: 'v1' }],
      [{ host: 'foo.bar.example', path: '/' }, { backend: 'v2' }],
      [{ host: 'baz.bar.example', path: '/' }, { backend: 'v3' }],
      [{ host: 'multiple.prefixes.bar.example', path: '/' }, { backend: 'v3' }],
      [{ host: 'multiple.prefixes.foo.example', path: '/' }, { backend: 'v3' }],
      [{ host: 'foo.example', path: '/' }, NOT_FOUND],
      [{ host: 'no.matching.host', path: '/' }, NOT_FOUND],
    ],
    conditions: [
      accepted('default/listeners-v3', 'True', 'Accepted'),
      accepted('default/listeners-v3', 'True', 'Accepted', 1),
    ],
  },
  {
    name: 'a parent that is not there in that way',
    features: ['Gateway', 'HTTPRoute'],
    host: 'parents.conformance.test',
    resources: [
      gateway('parents', [{ name: 'http', port: 80, hostname: '*.conformance.test' }]),
      route('parents-section', 'parents.conformance.test', [to('v1')], {
        parentRefs: [{ name: 'parents', sectionName: 'nothing' }],
      }),
      route('parents-port', 'parents.conformance.test', [to('v1')], { parentRefs: [{ name: 'parents', port: 81 }] }),
      route('parents-both', 'parents.conformance.test', [to('v1')], {
        parentRefs: [{ name: 'parents', sectionName: 'http', port: 81 }],
      }),
    ],
    requests: [[{ path: '/' }, NOT_FOUND]],
    conditions: [
      accepted('default/parents-section', 'False', 'NoMatchingParent'),
      accepted('default/parents-port', 'False', 'NoMatchingParent'),
      accepted('default/parents-both', 'False', 'NoMatchingParent'),
    ],
    attached: { 'default/parents/http': 0 },
  },
  {
    name: 'routes of other namespaces, where the listener allows them',
    features: ['Gateway', 'HTTPRoute'],
    host: 'all.conformance.example.org',
    resources: [
      gateway('away', [
        { name: 'all', hostname: 'all.conformance.example.org', allowedRoutes: { namespaces: { from: 'All' } } },
        { name: 'same', hostname: 'same.conformance.example.org', allowedRoutes: HTTP_ONLY },
        {
          name: 'selected',
          hostname: 'selected.conformance.example.org',
          allowedRoutes: {
            namespaces: { from: 'Selector', selector: { matchLabels: { 'kubernetes.io/metadata.name': 'web' } } },
          },
        },
        {
          name: 'kind',
          hostname: 'kind.conformance.example.org',
          allowedRoutes: { kinds: [{ kind: 'TLSRoute' }], namespaces: { from: 'All' } },
        },
      ]),
      ...['all', 'same', 'selected', 'kind'].map((sectionName) =>
        route(`web-${sectionName}`, `${sectionName}.conformance.example.org`, [to('v1')], {
          namespace: 'web',
          parentRefs: [{ name: 'away', namespace: 'default', sectionName }],
        }),
      ),
    ],
    requests: [
      [{ path: '/' }, { backend: 'v1' }],
      [{ host: 'same.conformance.example.org', path: '/' }, NOT_FOUND],
      [{ host: 'selected.conformance.example.org', path: '/' }, { backend: 'v1' }],
      [{ host: 'kind.conformance.example.org', path: '/' }, NOT_FOUND],
    ],
    conditions: [
      accepted('web/web-all', 'True', 'Accepted'),
      accepted('web/web-same', 'False', 'NotAllowedByListeners'),
      accepted('web/web-selected', 'True', 'Accepted'),
      accepted('web/web-kind', 'False', 'NotAllowedByListeners'),
    ],
  },
  {
    name: 'a backend of a kind that nobody knows',
    features: ['HTTPRoute'],
    host: 'unknown-kind.conformance.test',
    resources: [
      route('unknown-kind', 'unknown-kind.conformance.test', [
        { backendRefs: [{ group: 'unknown.example.com', kind: 'NonExistent', name: 'v1', port: 8080 }] },
      ]),
    ],
    requests: [[{ path: '/' }, { status: 500 }]],
    conditions: [
      accepted('default/unknown-kind', 'True', 'Accepted'),
      resolved('default/unknown-kind', 'False', 'InvalidKind'),
    ],
  },
  {
    name: 'a backend that is not there, never a less specific rule',
    features: ['HTTPRoute'],
    host: 'absent.conformance.test',
    resources: [
      route('absent', 'absent.conformance.test', [{ matches: [prefix('/absent')], ...to('nobody') }, to('v1')]),
    ],
    requests: [
      [{ path: '/absent' }, { status: 500 }],
      [{ path: '/' }, { backend: 'v1' }],
    ],
    conditions: [resolved('default/absent', 'False', 'BackendNotFound')],
  },
  {
    name: 'a share of requests for a backend that is not there',
    features: ['HTTPRoute'],
    host: 'half.conformance.test',
    resources: [route('half', 'half.conformance.test', [to('v1', 'nobody')])],
    shares: [{ request: { path: '/' }, count: 100, answered: { v1: 0.5, '500': 0.5 }, tolerance: 0.2 }],
    conditions: [resolved('default/half', 'False', 'BackendNotFound')],
  },
  {
    name: 'a backend of another namespace without a grant',
    features: ['HTTPRoute', 'ReferenceGrant'],
    host: 'ungranted.conformance.test',
    resources: [
      route('ungranted', 'ungranted.conformance.test', [
        { backendRefs: [{ name: 'v2', namespace: 'web', port: 8080 }] },
      ]),
      // Grants that say something else.
      grant('another-namespace', 'web', { namespace: 'elsewhere' }, { name: 'v2' }),
      grant('another-kind', 'web', { kind: 'TLSRoute' }, { name: 'v2' }),
      grant('another-name', 'web', {}, { name: 'v3' }),
      grant('another-target', 'web', {}, { kind: 'Secret', name: 'v2' }),
    ],
    requests: [[{ path: '/' }, { status: 500 }]],
    conditions: [
      accepted('default/ungranted', 'True', 'Accepted'),
      resolved('default/ungranted', 'False', 'RefNotPermitted'),
    ],
  },
  {
    name: 'a backend of another namespace with a grant',
    features: ['HTTPRoute', 'ReferenceGrant'],
    host: 'granted.conformance.test',
    resources: [
      route('granted', 'granted.conformance.test', [AWAY]),
      grant('v1-for-default', 'web', {}, { name: 'v1' }),
    ],
    requests: [[{ path: '/' }, { backend: 'v1' }]],
    conditions: [resolved('default/granted', 'True', 'ResolvedRefs')],
  },
  {
    name: 'rules whose references resolve serve beside those whose do not',
    features: ['HTTPRoute', 'ReferenceGrant'],
    host: 'partly.conformance.test',
    resources: [
      route('partly', 'partly.conformance.test', [
        { matches: [prefix('/forbidden')], backendRefs: [{ name: 'v2', namespace: 'web', port: 8080 }] },
        { matches: [prefix('/good')], ...to('v2') },
      ]),
      grant('v1-for-partly', 'web', {}, { name: 'v1' }),
    ],
    requests: [
      [{ path: '/forbidden' }, { status: 500 }],
      [{ path: '/good' }, { backend: 'v2' }],
    ],
    conditions: [
      accepted('default/partly', 'True', 'Accepted'),
      resolved('default/partly', 'False', 'RefNotPermitted'),
    ],
  },
];
