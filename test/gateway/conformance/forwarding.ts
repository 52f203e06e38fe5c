import { type ConformanceCase, prefix, route, to } from './case.ts';

function at(path: string, rest: object): object {
  return { matches: [prefix(path)], ...rest };
}

function weighted(...weights: readonly (readonly [string, number])[]): { backendRefs: object[] } {
  return { backendRefs: weights.map(([name, weight]) => ({ name, port: 8080, weight })) };
}

/** How requests reach backends: weights, time-outs, retries, protocols. The backends wait `?delay=` milliseconds. */
export const FORWARDING_CASES: readonly ConformanceCase[] = [
  {
    name: 'weights',
    features: ['HTTPRoute'],
    host: 'weight.conformance.test',
    resources: [
      route('weight', 'weight.conformance.test', [
        at('/', weighted(['v1', 70], ['v2', 30], ['v3', 0])),
        at('/one', weighted(['v1', 0], ['v2', 1])),
        at('/none', weighted(['v1', 0], ['v2', 0])),
      ]),
    ],
    requests: [
      [{ path: '/one' }, { backend: 'v2' }],
      [{ path: '/none' }, { status: 500 }],
    ],
    shares: [{ request: { path: '/' }, count: 120, answered: { v1: 0.7, v2: 0.3, v3: 0 }, tolerance: 0.17 }],
  },
  {
    name: 'headers for one of several backends',
    features: ['HTTPRoute', 'HTTPRouteBackendRequestHeaderModification'],
    host: 'weighted-headers.conformance.test',
    resources: [
      route('weighted-headers', 'weighted-headers.conformance.test', [
        {
          backendRefs: ['v1', 'v2'].map((name) => ({
            name,
            port: 8080,
            weight: name === 'v1' ? 1 : 0,
            filters: [
              { type: 'RequestHeaderModifier', requestHeaderModifier: { set: [{ name: 'Backend', value: name }] } },
            ],
          })),
        },
      ]),
    ],
    requests: [[{ path: '/' }, { backend: 'v1', received: { headers: { backend: 'v1' } } }]],
  },
  {
    name: 'a time for the whole request',
    features: ['HTTPRoute', 'HTTPRouteRequestTimeout'],
    host: 'request-timeout.conformance.test',
    resources: [
      route('request-timeout', 'request-timeout.conformance.test', [
        at('/request-timeout', { timeouts: { request: '1s' }, ...to('v1') }),
        at('/disabled', { timeouts: { request: '0s' }, ...to('v1') }),
      ]),
    ],
    requests: [
      [{ path: '/request-timeout' }, { backend: 'v1' }],
      [{ path: '/request-timeout?delay=1500' }, { status: 504 }],
      [{ path: '/disabled?delay=1500' }, { backend: 'v1' }],
    ],
  },
  {
    name: 'a time for each try',
    features: ['HTTPRoute', 'HTTPRouteBackendTimeout'],
    host: 'backend-timeout.conformance.test',
    resources: [
      route('backend-timeout', 'backend-timeout.conformance.test', [
        at('/backend-timeout', { timeouts: { backendRequest: '1s' }, ...to('v1') }),
        at('/disabled', { timeouts: { backendRequest: '0s' }, ...to('v1') }),
      ]),
    ],
    requests: [
      [{ path: '/backend-timeout' }, { backend: 'v1' }],
      [{ path: '/backend-timeout?delay=1500' }, { status: 504 }],
      [{ path: '/disabled?delay=1500' }, { backend: 'v1' }],
    ],
  },
  {
    // No conformance profile names it yet.
    name: 'retries',
    features: [],
    host: 'retry.conformance.test',
    resources: [
      route('retry', 'retry.conformance.test', [
        at('/twice', { retry: { codes: [503], attempts: 2, backoff: '10ms' }, ...to('v1') }),
        at('/once', { retry: { codes: [503], attempts: 1, backoff: '10ms' }, ...to('v1') }),
        at('/other-code', { retry: { codes: [500], attempts: 2, backoff: '10ms' }, ...to('v1') }),
      ]),
    ],
    requests: [
      // The backend answers 503 to the first so many requests of an id.
      [{ path: '/twice?fail=2&id=a' }, { backend: 'v1' }],
      [{ path: '/once?fail=2&id=b' }, { status: 503 }],
      [{ path: '/other-code?fail=1&id=c' }, { status: 503 }],
      [{ method: 'POST', path: '/twice?fail=2&id=d' }, { status: 503 }],
    ],
  },
  {
    name: 'WebSockets',
    features: ['HTTPRoute', 'HTTPRouteBackendProtocolWebSocket'],
    host: 'websocket.conformance.test',
    resources: [route('websocket', 'websocket.conformance.test', [to('v1')])],
    special: 'webSocket',
  },
];
