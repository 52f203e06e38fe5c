import { type ConformanceCase, prefix, route, to } from './case.ts';

function requestHeaders(requestHeaderModifier: object): { filters: object[] } {
  return { filters: [{ type: 'RequestHeaderModifier', requestHeaderModifier }] };
}

function redirect(path: string, requestRedirect: object): object {
  return { matches: [prefix(path)], filters: [{ type: 'RequestRedirect', requestRedirect }] };
}

function rewrite(urlRewrite: object): { filters: object[] } {
  return { filters: [{ type: 'URLRewrite', urlRewrite }] };
}

function mirror(name: string, more: object = {}): object {
  return { type: 'RequestMirror', requestMirror: { backendRef: { name, port: 8080 }, ...more } };
}

function at(path: string, rest: object): object {
  return { matches: [prefix(path)], ...rest };
}

const MANY_CHANGES = {
  set: [
    { name: 'X-Header-Set-1', value: 'set-1' },
    { name: 'X-Header-Set-2', value: 'set-2' },
  ],
  add: [
    { name: 'X-Header-Add-1', value: 'add-1' },
    { name: 'X-Header-Add-2', value: 'add-2' },
  ],
  remove: ['X-Header-Remove-1', 'X-Header-Remove-2'],
};

/** What a modifier's rules make of headers, whichever side they are of. */
const CHANGES: readonly (readonly [
  path: string,
  changes: object,
  sent: Record<string, string>,
  seen: Record<string, string | null>,
])[] = [
  [
    '/set',
    { set: [{ name: 'X-Header-Set', value: 'new' }] },
    { 'some-other': 'kept' },
    { 'x-header-set': 'new', 'some-other': 'kept' },
  ],
  ['/set', { set: [{ name: 'X-Header-Set', value: 'new' }] }, { 'x-header-set': 'old' }, { 'x-header-set': 'new' }],
  ['/add', { add: [{ name: 'X-Header-Add', value: 'new' }] }, {}, { 'x-header-add': 'new' }],
  ['/add', { add: [{ name: 'X-Header-Add', value: 'new' }] }, { 'x-header-add': 'old' }, { 'x-header-add': 'old,new' }],
  [
    '/remove',
    { remove: ['X-Header-Remove'] },
    { 'x-header-remove': 'old', 'some-other': 'kept' },
    { 'x-header-remove': null, 'some-other': 'kept' },
  ],
  [
    '/multiple',
    MANY_CHANGES,
    { 'x-header-set-2': 'old', 'x-header-add-2': 'old', 'x-header-remove-2': 'old', 'another-header': 'kept' },
    {
      'x-header-set-1': 'set-1',
      'x-header-set-2': 'set-2',
      'x-header-add-1': 'add-1',
      'x-header-add-2': 'old,add-2',
      'x-header-remove-2': null,
      'another-header': 'kept',
    },
  ],
  [
    '/case',
    {
      set: [{ name: 'X-Header-SET', value: 'new' }],
      add: [{ name: 'x-HEADER-add', value: 'new' }],
      remove: ['X-HEADER-Remove'],
    },
    { 'x-header-set': 'old', 'x-header-add': 'old', 'x-header-remove': 'old' },
    { 'x-header-set': 'new', 'x-header-add': 'old,new', 'x-header-remove': null },
  ],
];

const CHANGED_PATHS = [...new Map(CHANGES.map(([path, changes]) => [path, changes]))];

/** What filters make of requests and answers. */
export const FILTER_CASES: readonly ConformanceCase[] = [
  {
    name: 'headers of the request',
    features: ['HTTPRoute'],
    host: 'request-headers.conformance.test',
    resources: [
      route(
        'request-headers',
        'request-headers.conformance.test',
        CHANGED_PATHS.map(([path, changes]) => at(path, { ...requestHeaders(changes), ...to('v1') })),
      ),
    ],
    requests: CHANGES.map(([path, , headers, seen]) => [
      { path, headers },
      { backend: 'v1', received: { headers: seen } },
    ]),
  },
  {
    name: 'headers of the request to one backend',
    features: ['HTTPRoute', 'HTTPRouteBackendRequestHeaderModification'],
    host: 'backend-headers.conformance.test',
    resources: [
      route(
        'backend-headers',
        'backend-headers.conformance.test',
        CHANGED_PATHS.map(([path, changes]) =>
          at(path, { backendRefs: [{ name: 'v1', port: 8080, ...requestHeaders(changes) }] }),
        ),
      ),
    ],
    requests: CHANGES.map(([path, , headers, seen]) => [
      { path, headers },
      { backend: 'v1', received: { headers: seen } },
    ]),
  },
  {
    name: 'headers of the answer',
    features: ['HTTPRoute', 'HTTPRouteResponseHeaderModification'],
    host: 'answer-headers.conformance.test',
    resources: [
      route(
        'answer-headers',
        'answer-headers.conformance.test',
        CHANGED_PATHS.map(([path, changes]) =>
          at(path, { filters: [{ type: 'ResponseHeaderModifier', responseHeaderModifier: changes }], ...to('v1') }),
        ),
      ),
    ],
    // The backends answer with the headers that this one lists.
    requests: CHANGES.map(([path, , headers, seen]) => [
      {
        path,
        headers: {
          'x-echo-set-header': Object.entries(headers)
            .map(([name, value]) => `${name}:${value}`)
            .join(','),
        },
      },
      { backend: 'v1', headers: seen },
    ]),
  },
  {
    name: 'redirects to another host, with a status',
    features: ['HTTPRoute'],
    host: 'redirect-host.conformance.test',
    resources: [
      route('redirect-host', 'redirect-host.conformance.test', [
        redirect('/hostname-redirect', { hostname: 'example.org' }),
        redirect('/host-and-status', { hostname: 'example.org', statusCode: 301 }),
      ]),
    ],
    requests: [
      [{ path: '/hostname-redirect' }, { status: 302, location: { host: 'example.org', scheme: 'http' } }],
      [
        { path: '/hostname-redirect/kept?a=b' },
        { status: 302, location: { host: 'example.org', path: '/hostname-redirect/kept?a=b' } },
      ],
      [{ path: '/host-and-status' }, { status: 301, location: { host: 'example.org' } }],
    ],
  },
  {
    name: 'redirects to another scheme',
    features: ['HTTPRoute', 'HTTPRouteSchemeRedirect'],
    host: 'redirect-scheme.conformance.test',
    resources: [
      route('redirect-scheme', 'redirect-scheme.conformance.test', [
        redirect('/scheme', { scheme: 'https' }),
        redirect('/scheme-and-host', { scheme: 'https', hostname: 'example.org' }),
        redirect('/scheme-and-status', { scheme: 'https', statusCode: 301 }),
      ]),
    ],
    requests: [
      [
        { path: '/scheme' },
        { status: 302, location: { scheme: 'https', host: 'redirect-scheme.conformance.test', path: '/scheme' } },
      ],
      [{ path: '/scheme-and-host' }, { status: 302, location: { scheme: 'https', host: 'example.org' } }],
      [{ path: '/scheme-and-status' }, { status: 301, location: { scheme: 'https' } }],
    ],
  },
  {
    name: 'redirects to another port',
    features: ['HTTPRoute', 'HTTPRoutePortRedirect'],
    host: 'redirect-port.conformance.test',
    resources: [
      route('redirect-port', 'redirect-port.conformance.test', [
        redirect('/port', { port: 8083 }),
        redirect('/port-and-host', { port: 8083, hostname: 'example.org' }),
        redirect('/port-and-status', { port: 8083, statusCode: 301 }),
        redirect('/port-80', { port: 80, hostname: 'example.org' }),
        redirect('/https-and-port-443', { scheme: 'https', port: 443, hostname: 'example.org' }),
        redirect('/https-and-port-8443', { scheme: 'https', port: 8443, hostname: 'example.org' }),
        redirect('/https-without-port', { scheme: 'https', hostname: 'example.org' }),
      ]),
    ],
    requests: [
      [{ path: '/port' }, { status: 302, location: { port: '8083', host: 'redirect-port.conformance.test' } }],
      [{ path: '/port-and-host' }, { status: 302, location: { port: '8083', host: 'example.org' } }],
      [{ path: '/port-and-status' }, { status: 301, location: { port: '8083' } }],
      [{ path: '/port-80' }, { status: 302, location: { scheme: 'http', port: '' } }],
      [{ path: '/https-and-port-443' }, { status: 302, location: { scheme: 'https', port: '' } }],
      [{ path: '/https-and-port-8443' }, { status: 302, location: { scheme: 'https', port: '8443' } }],
      [{ path: '/https-without-port' }, { status: 302, location: { scheme: 'https', port: '' } }],
      // The port of the listener, by which the request came.
      [
        { host: 'redirect-port.conformance.test:8080', path: '/https-without-port' },
        { status: 302, location: { scheme: 'https', port: '' } },
      ],
    ],
  },
  {
    name: 'redirects to another path',
    features: ['HTTPRoute', 'HTTPRoutePathRedirect'],
    host: 'redirect-path.conformance.test',
    resources: [
      route('redirect-path', 'redirect-path.conformance.test', [
        redirect('/original-prefix', {
          path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/replacement-prefix' },
        }),
        redirect('/full', { path: { type: 'ReplaceFullPath', replaceFullPath: '/full-path-replacement' } }),
        redirect('/path-and-host', {
          hostname: 'example.org',
          path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/replacement-prefix' },
        }),
        redirect('/path-and-status', {
          statusCode: 301,
          path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/replacement-prefix/' },
        }),
        redirect('/strip', { path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } }),
      ]),
    ],
    requests: [
      [{ path: '/original-prefix/lemon' }, { status: 302, location: { path: '/replacement-prefix/lemon' } }],
      [{ path: '/full/path/original' }, { status: 302, location: { path: '/full-path-replacement' } }],
      [{ path: '/path-and-host' }, { status: 302, location: { host: 'example.org', path: '/replacement-prefix' } }],
      [{ path: '/path-and-status/x' }, { status: 301, location: { path: '/replacement-prefix/x' } }],
      [{ path: '/strip/x' }, { status: 302, location: { path: '/x' } }],
      [{ path: '/strip' }, { status: 302, location: { path: '/' } }],
    ],
  },
  ...[303, 307, 308].map(
    (statusCode): ConformanceCase => ({
      name: `redirects with ${statusCode}`,
      features: ['HTTPRoute', `HTTPRoute${statusCode}RedirectStatusCode`],
      host: `redirect-${statusCode}.conformance.test`,
      resources: [
        route(`redirect-${statusCode}`, `redirect-${statusCode}.conformance.test`, [
          redirect('/', { hostname: 'example.org', statusCode }),
        ]),
      ],
      requests: [
        [{ path: '/x' }, { status: statusCode, location: { host: 'example.org', path: '/x' } }],
        [
          { method: 'POST', path: '/x' },
          { status: statusCode, location: { host: 'example.org', path: '/x' } },
        ],
      ],
    }),
  ),
  {
    name: 'another path to the backend',
    features: ['HTTPRoute', 'HTTPRoutePathRewrite'],
    host: 'rewrite.conformance.test',
    resources: [
      route('rewrite', 'rewrite.conformance.test', [
        at('/prefix/one', {
          ...rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/one' } }),
          ...to('v1'),
        }),
        at('/strip-prefix', {
          ...rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/' } }),
          ...to('v1'),
        }),
        at('/full/one', { ...rewrite({ path: { type: 'ReplaceFullPath', replaceFullPath: '/one' } }), ...to('v1') }),
        at('/and-headers', {
          filters: [
            ...rewrite({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/prefix' } }).filters,
            ...requestHeaders({ set: [{ name: 'X-Header-Set', value: 'new' }], remove: ['X-Header-Remove'] }).filters,
          ],
          ...to('v1'),
        }),
      ]),
    ],
    requests: [
      [{ path: '/prefix/one/two' }, { backend: 'v1', received: { path: '/one/two' } }],
      [{ path: '/strip-prefix/three?a=b' }, { backend: 'v1', received: { path: '/three?a=b' } }],
      [{ path: '/strip-prefix' }, { backend: 'v1', received: { path: '/' } }],
      [{ path: '/full/one/two' }, { backend: 'v1', received: { path: '/one' } }],
      [
        { path: '/and-headers/one', headers: { 'x-header-set': 'old', 'x-header-remove': 'old' } },
        {
          backend: 'v1',
          received: { path: '/prefix/one', headers: { 'x-header-set': 'new', 'x-header-remove': null } },
        },
      ],
    ],
  },
  {
    name: 'copies to another backend',
    features: ['HTTPRoute', 'HTTPRouteRequestMirror'],
    host: 'mirror.conformance.test',
    resources: [
      route('mirror', 'mirror.conformance.test', [
        at('/mirror', { filters: [mirror('v2')], ...to('v1') }),
        at('/mirror-and-headers', {
          filters: [...requestHeaders({ set: [{ name: 'X-Header-Set', value: 'new' }] }).filters, mirror('v2')],
          ...to('v1'),
        }),
      ]),
    ],
    requests: [
      [{ path: '/mirror' }, { backend: 'v1', mirroredTo: ['v2'] }],
      [
        { path: '/mirror-and-headers' },
        { backend: 'v1', received: { headers: { 'x-header-set': 'new' } }, mirroredTo: ['v2'] },
      ],
    ],
  },
  {
    name: 'copies to several backends',
    features: ['HTTPRoute', 'HTTPRouteRequestMirror', 'HTTPRouteRequestMultipleMirrors'],
    host: 'mirrors.conformance.test',
    resources: [route('mirrors', 'mirrors.conformance.test', [{ filters: [mirror('v2'), mirror('v3')], ...to('v1') }])],
    requests: [[{ path: '/' }, { backend: 'v1', mirroredTo: ['v2', 'v3'] }]],
  },
  {
    name: 'copies of a share of requests',
    features: ['HTTPRoute', 'HTTPRouteRequestMirror', 'HTTPRouteRequestPercentageMirror'],
    host: 'some-mirrored.conformance.test',
    resources: [
      route('some-mirrored', 'some-mirrored.conformance.test', [
        at('/percent', { filters: [mirror('v2', { percent: 20 })], ...to('v1') }),
        at('/fraction', { filters: [mirror('v2', { fraction: { numerator: 25, denominator: 50 } })], ...to('v1') }),
        at('/never', { filters: [mirror('v2', { percent: 0 })], ...to('v1') }),
      ]),
    ],
    shares: [
      { request: { path: '/percent' }, count: 100, mirrored: { v2: 0.2 }, tolerance: 0.16 },
      { request: { path: '/fraction' }, count: 100, mirrored: { v2: 0.5 }, tolerance: 0.2 },
      { request: { path: '/never' }, count: 20, mirrored: { v2: 0 }, tolerance: 0 },
    ],
  },
  {
    name: 'cross-origin requests',
    features: ['HTTPRoute', 'HTTPRouteCORS'],
    host: 'cors.conformance.test',
    resources: [
      route('cors', 'cors.conformance.test', [
        at('/listed', {
          filters: [
            {
              type: 'CORS',
              cors: {
                allowOrigins: ['https://www.foo.example', 'https://*.bar.example'],
                allowMethods: ['GET', 'OPTIONS'],
                allowHeaders: ['x-header-1', 'x-header-2'],
                exposeHeaders: ['x-header-3', 'x-header-4'],
                allowCredentials: true,
                maxAge: 3600,
              },
            },
          ],
          ...to('v1'),
        }),
        at('/any-method', {
          filters: [{ type: 'CORS', cors: { allowOrigins: ['https://www.foo.example'], allowMethods: ['*'] } }],
          ...to('v1'),
        }),
        at('/any-origin', {
          filters: [{ type: 'CORS', cors: { allowOrigins: ['*'], allowMethods: ['PUT'], allowCredentials: false } }],
          ...to('v1'),
        }),
        at('/credentials', {
          filters: [
            {
              type: 'CORS',
              cors: { allowOrigins: ['*'], allowMethods: ['*'], allowHeaders: ['*'], allowCredentials: true },
            },
          ],
          ...to('v1'),
        }),
      ]),
    ],
    requests: [
      ...['https://www.foo.example', 'https://www.bar.example', 'https://deep.www.bar.example'].map(
        (origin): [object, object] => [
          preflight('/listed', origin, 'GET', 'x-header-1, x-header-2'),
          {
            status: [200, 204],
            headers: {
              'access-control-allow-origin': origin,
              'access-control-allow-methods': ['GET,OPTIONS', 'OPTIONS,GET', 'GET'],
              'access-control-allow-headers': ['x-header-1,x-header-2', 'x-header-2,x-header-1'],
              'access-control-max-age': '3600',
              'access-control-allow-credentials': 'true',
            },
          },
        ],
      ),
      [
        preflight('/listed', 'https://foobar.example', 'GET'),
        { status: [200, 204, 403], headers: { 'access-control-allow-origin': null } },
      ],
      [
        { path: '/listed', headers: { origin: 'https://www.foo.example' } },
        {
          backend: 'v1',
          headers: {
            'access-control-allow-origin': 'https://www.foo.example',
            'access-control-allow-credentials': 'true',
            'access-control-expose-headers': ['x-header-3,x-header-4', 'x-header-4,x-header-3'],
          },
        },
      ],
      [
        { path: '/listed', headers: { origin: 'https://foobar.example' } },
        { headers: { 'access-control-allow-origin': null } },
      ],
      [
        preflight('/any-method', 'https://www.foo.example', 'POST'),
        {
          status: [200, 204],
          headers: {
            'access-control-allow-origin': 'https://www.foo.example',
            'access-control-allow-methods': ['POST', '*'],
            'access-control-allow-credentials': null,
          },
        },
      ],
      [
        preflight('/any-origin', 'https://foobar.example:12345', 'PUT'),
        {
          status: [200, 204],
          headers: {
            'access-control-allow-origin': ['*', 'https://foobar.example:12345'],
            'access-control-allow-methods': 'PUT',
            'access-control-allow-credentials': null,
          },
        },
      ],
      // With credentials a star would not be believed: everything is named.
      [
        preflight('/credentials', 'https://other.foo.example', 'PUT', 'x-header-1, x-header-2'),
        {
          status: [200, 204],
          headers: {
            'access-control-allow-origin': 'https://other.foo.example',
            'access-control-allow-methods': 'PUT',
            'access-control-allow-headers': 'x-header-1,x-header-2',
            'access-control-allow-credentials': 'true',
          },
        },
      ],
    ] as ConformanceCase['requests'],
  },
];

function preflight(path: string, origin: string, method: string, headers?: string): object {
  return {
    method: 'OPTIONS',
    path,
    headers: {
      origin,
      'access-control-request-method': method,
      ...(headers === undefined ? {} : { 'access-control-request-headers': headers }),
    },
  };
}
