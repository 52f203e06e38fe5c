import { type ConformanceCase, exact, prefix, route, to, values } from './case.ts';

const NOT_FOUND = { status: 404 };

/** Which rule a request goes by: HTTPRouteMatch and its precedence. */
export const MATCHING_CASES: readonly ConformanceCase[] = [
  {
    name: 'a route of the same namespace',
    features: ['HTTPRoute'],
    host: 'simple.conformance.test',
    resources: [route('simple', 'simple.conformance.test', [to('v1')])],
    requests: [
      [{ path: '/' }, { backend: 'v1', received: { path: '/' } }],
      [{ path: '/any/path?with=a%20query' }, { backend: 'v1', received: { path: '/any/path?with=a%20query' } }],
      [{ host: 'simple.conformance.test:8080', path: '/' }, { backend: 'v1' }],
      [{ host: 'SIMPLE.Conformance.test', path: '/' }, { backend: 'v1' }],
      [{ host: 'other.simple.conformance.test', path: '/' }, NOT_FOUND],
    ],
    conditions: [
      { route: 'default/simple', type: 'Accepted', status: 'True', reason: 'Accepted' },
      { route: 'default/simple', type: 'ResolvedRefs', status: 'True', reason: 'ResolvedRefs' },
    ],
  },
  {
    name: 'exact paths',
    features: ['HTTPRoute'],
    host: 'exact.conformance.test',
    resources: [
      route('exact', 'exact.conformance.test', [
        { matches: [exact('/one')], ...to('v1') },
        { matches: [exact('/two')], ...to('v2') },
      ]),
    ],
    requests: [
      [{ path: '/one' }, { backend: 'v1' }],
      [{ path: '/two' }, { backend: 'v2' }],
      [{ path: '/two?a=b' }, { backend: 'v2' }],
      [{ path: '/' }, NOT_FOUND],
      [{ path: '/one/' }, NOT_FOUND],
      [{ path: '/one/example' }, NOT_FOUND],
      [{ path: '/One' }, NOT_FOUND],
    ],
  },
  {
    name: 'path prefixes are of whole segments',
    features: ['HTTPRoute'],
    host: 'prefix.conformance.test',
    resources: [
      route('prefix', 'prefix.conformance.test', [
        { matches: [prefix('/abc')], ...to('v1') },
        { matches: [prefix('/slash/')], ...to('v2') },
      ]),
    ],
    requests: [
      [{ path: '/abc' }, { backend: 'v1' }],
      [{ path: '/abc/' }, { backend: 'v1' }],
      [{ path: '/abc/def' }, { backend: 'v1' }],
      [{ path: '/abcd' }, NOT_FOUND],
      [{ path: '/slash' }, { backend: 'v2' }],
      [{ path: '/slash/x' }, { backend: 'v2' }],
      [{ path: '/slashx' }, NOT_FOUND],
    ],
  },
  {
    name: 'exact paths before prefixes, long ones before short ones, whatever order they stand in',
    features: ['HTTPRoute'],
    host: 'order.conformance.test',
    resources: [
      route('order', 'order.conformance.test', [
        { matches: [prefix('/')], ...to('v3') },
        { matches: [prefix('/match')], ...to('v2') },
        { matches: [prefix('/match/prefix')], ...to('v1') },
        { matches: [prefix('/match/prefix/one')], ...to('v2') },
        { matches: [exact('/match/prefix/one')], ...to('v3') },
        { matches: [exact('/match')], ...to('v1') },
      ]),
    ],
    requests: [
      [{ path: '/match' }, { backend: 'v1' }],
      [{ path: '/match/' }, { backend: 'v2' }],
      [{ path: '/match/exactly' }, { backend: 'v2' }],
      [{ path: '/match/prefix' }, { backend: 'v1' }],
      [{ path: '/match/prefix/one' }, { backend: 'v3' }],
      [{ path: '/match/prefix/one/any' }, { backend: 'v2' }],
      [{ path: '/match/prefix/two' }, { backend: 'v1' }],
      [{ path: '/matching' }, { backend: 'v3' }],
    ],
  },
  {
    name: 'headers',
    features: ['HTTPRoute'],
    host: 'header.conformance.test',
    resources: [
      route('header', 'header.conformance.test', [
        { matches: [{ headers: values({ version: 'one' }) }], ...to('v1') },
        { matches: [{ headers: values({ version: 'two' }) }], ...to('v2') },
        { matches: [{ headers: values({ version: 'two', color: 'orange' }) }], ...to('v1') },
        { matches: [{ headers: values({ color: 'blue' }) }, { headers: values({ color: 'green' }) }], ...to('v1') },
        { matches: [{ headers: values({ color: 'red' }) }, { headers: values({ color: 'yellow' }) }], ...to('v2') },
      ]),
    ],
    requests: [
      [{ path: '/', headers: { Version: 'one' } }, { backend: 'v1' }],
      [{ path: '/', headers: { VERSION: 'two' } }, { backend: 'v2' }],
      [{ path: '/', headers: { version: 'two', color: 'orange' } }, { backend: 'v1' }],
      [{ path: '/', headers: { color: 'blue' } }, { backend: 'v1' }],
      [{ path: '/', headers: { color: 'green' } }, { backend: 'v1' }],
      [{ path: '/', headers: { color: 'red' } }, { backend: 'v2' }],
      [{ path: '/', headers: { color: 'yellow' } }, { backend: 'v2' }],
      [{ path: '/', headers: { color: 'orange' } }, NOT_FOUND],
      [{ path: '/', headers: { 'some-other': 'one' } }, NOT_FOUND],
      [{ path: '/' }, NOT_FOUND],
    ],
  },
  {
    name: 'paths and headers together, several matches a rule',
    features: ['HTTPRoute'],
    host: 'matching.conformance.test',
    resources: [
      route('matching', 'matching.conformance.test', [
        { matches: [prefix('/'), { headers: values({ version: 'one' }) }], ...to('v1') },
        { matches: [prefix('/v2'), { headers: values({ version: 'two' }) }], ...to('v2') },
      ]),
    ],
    requests: [
      [{ path: '/' }, { backend: 'v1' }],
      [{ path: '/example' }, { backend: 'v1' }],
      [{ path: '/', headers: { version: 'one' } }, { backend: 'v1' }],
      [{ path: '/v2' }, { backend: 'v2' }],
      [{ path: '/v2example' }, { backend: 'v1' }],
      [{ path: '/', headers: { version: 'two' } }, { backend: 'v2' }],
      [{ path: '/v2/example', headers: { version: 'one' } }, { backend: 'v2' }],
    ],
  },
  {
    name: 'precedence across routes of one host',
    features: ['HTTPRoute'],
    host: 'across.conformance.test',
    resources: [
      route(
        'across-one',
        ['across.conformance.test', 'across.conformance.example'],
        [{ matches: [prefix('/'), { headers: values({ version: 'one' }) }], ...to('v1') }],
      ),
      route('across-two', 'across.conformance.test', [
        { matches: [prefix('/v2'), { headers: values({ version: 'two' }) }], ...to('v2') },
      ]),
      route('across-wild', '*.conformance.example', [to('v3')]),
    ],
    requests: [
      [{ path: '/' }, { backend: 'v1' }],
      [{ path: '/v2' }, { backend: 'v2' }],
      [{ path: '/v2/example' }, { backend: 'v2' }],
      [{ path: '/', headers: { version: 'two' } }, { backend: 'v2' }],
      [{ host: 'across.conformance.example', path: '/v2' }, { backend: 'v1' }],
      [{ host: 'else.conformance.example', path: '/v2' }, { backend: 'v3' }],
    ],
  },
  {
    name: 'the oldest route of equals, whatever is added later',
    features: ['HTTPRoute'],
    host: 'age.conformance.test',
    apart: true,
    resources: [
      // Names are in another order than age.
      route('age-z', 'age.conformance.test', [{ matches: [prefix('/same')], ...to('v1') }]),
      route('age-a', 'age.conformance.test', [
        { matches: [prefix('/same')], ...to('v2') },
        { matches: [prefix('/other')], ...to('v2') },
      ]),
    ],
    requests: [
      [{ path: '/same' }, { backend: 'v1' }],
      [{ path: '/other' }, { backend: 'v2' }],
    ],
  },
  {
    name: 'methods',
    features: ['HTTPRoute', 'HTTPRouteMethodMatching'],
    host: 'method.conformance.test',
    resources: [
      route('method', 'method.conformance.test', [
        { matches: [{ method: 'POST' }], ...to('v1') },
        { matches: [{ method: 'GET' }], ...to('v2') },
        { matches: [prefix('/path1', { method: 'GET' })], ...to('v1') },
        { matches: [prefix('/path2', { method: 'PUT', headers: values({ version: 'two' }) })], ...to('v2') },
        { matches: [prefix('/path3', { method: 'POST' }), prefix('/path4', { method: 'DELETE' })], ...to('v3') },
        // Precedence: the path, then the method, then headers.
        { matches: [prefix('/path5')], ...to('v1') },
        { matches: [{ method: 'PATCH' }], ...to('v2') },
        { matches: [{ headers: values({ version: 'four' }) }], ...to('v3') },
      ]),
    ],
    requests: [
      [{ method: 'POST', path: '/' }, { backend: 'v1' }],
      [{ method: 'GET', path: '/' }, { backend: 'v2' }],
      [{ method: 'DELETE', path: '/' }, NOT_FOUND],
      [{ method: 'GET', path: '/path1' }, { backend: 'v1' }],
      [{ method: 'PUT', path: '/path2', headers: { version: 'two' } }, { backend: 'v2' }],
      [{ method: 'PUT', path: '/path2' }, NOT_FOUND],
      [{ method: 'POST', path: '/path3' }, { backend: 'v3' }],
      [{ method: 'DELETE', path: '/path4' }, { backend: 'v3' }],
      [{ method: 'DELETE', path: '/path3' }, NOT_FOUND],
      [{ method: 'PATCH', path: '/path5' }, { backend: 'v1' }],
      [{ method: 'PATCH', path: '/', headers: { version: 'four' } }, { backend: 'v2' }],
      [{ method: 'PUT', path: '/', headers: { version: 'four' } }, { backend: 'v3' }],
    ],
  },
  {
    name: 'query parameters',
    features: ['HTTPRoute', 'HTTPRouteQueryParamMatching'],
    host: 'query.conformance.test',
    resources: [
      route('query', 'query.conformance.test', [
        { matches: [{ queryParams: values({ animal: 'whale' }) }], ...to('v1') },
        { matches: [{ queryParams: values({ animal: 'dolphin' }) }], ...to('v2') },
        { matches: [{ queryParams: values({ animal: 'dolphin', color: 'blue' }) }], ...to('v3') },
        { matches: [{ queryParams: values({ ANIMAL: 'Whale' }) }], ...to('v3') },
        { matches: [prefix('/path1', { queryParams: values({ animal: 'whale' }) })], ...to('v2') },
        {
          matches: [{ headers: values({ version: 'one' }), queryParams: values({ animal: 'whale' }) }],
          ...to('v3'),
        },
        // Precedence: path, method, headers, then query parameters.
        { matches: [prefix('/path5')], ...to('v1') },
        { matches: [{ queryParams: values({ animal: 'shark' }) }], ...to('v2') },
        { matches: [{ headers: values({ version: 'four' }) }], ...to('v3') },
      ]),
    ],
    requests: [
      [{ path: '/?animal=whale' }, { backend: 'v1' }],
      [{ path: '/?animal=dolphin' }, { backend: 'v2' }],
      [{ path: '/?animal=dolphin&color=blue' }, { backend: 'v3' }],
      [{ path: '/?ANIMAL=Whale' }, { backend: 'v3' }],
      [{ path: '/?animal=whale&otherparam=irrelevant' }, { backend: 'v1' }],
      [{ path: '/?animal=dolphin&color=yellow' }, { backend: 'v2' }],
      [{ path: '/path1?animal=whale' }, { backend: 'v2' }],
      [{ path: '/?animal=whale', headers: { version: 'one' } }, { backend: 'v3' }],
      [{ path: '/path5?animal=shark' }, { backend: 'v1' }],
      [{ path: '/?animal=shark', headers: { version: 'four' } }, { backend: 'v3' }],
      [{ path: '/?animal=shark' }, { backend: 'v2' }],
      [{ path: '/' }, NOT_FOUND],
      [{ path: '/?color=blue' }, NOT_FOUND],
      [{ path: '/?animal=dog' }, NOT_FOUND],
      [{ path: '/?animal=whaledolphin' }, NOT_FOUND],
      [{ path: '/?animal=' }, NOT_FOUND],
    ],
  },
  {
    name: 'named rules',
    features: ['HTTPRoute', 'HTTPRouteNamedRouteRule'],
    host: 'named.conformance.test',
    resources: [
      route('named', 'named.conformance.test', [
        { name: 'a-rule', matches: [prefix('/named')], ...to('v1') },
        { matches: [prefix('/unnamed')], ...to('v2') },
      ]),
    ],
    requests: [
      [{ path: '/named' }, { backend: 'v1' }],
      [{ path: '/unnamed' }, { backend: 'v2' }],
    ],
    conditions: [{ route: 'default/named', type: 'Accepted', status: 'True', reason: 'Accepted' }],
  },
];
