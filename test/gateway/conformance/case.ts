/** A resource of a case; without a namespace it is in `default`, which every case shares. */
export interface CaseResource {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly spec: Readonly<Record<string, unknown>>;
}

/** The echo servers that every case may name as backends; `v1` is in the namespace `web` too. */
export const BACKENDS = ['v1', 'v2', 'v3'] as const;
export type BackendName = (typeof BACKENDS)[number];

/** What is sent; the host is the case's unless said otherwise. */
export interface CaseRequest {
  readonly method?: string;
  readonly host?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What has to come of it. Statuses are 200 unless said otherwise. */
export interface CaseExpectation {
  readonly status?: number | readonly number[];
  /** Whose answer it is. */
  readonly backend?: BackendName;
  /** What reached the backend; of headers null says that there is none. */
  readonly received?: {
    readonly path?: string;
    readonly headers?: Readonly<Record<string, string | null>>;
  };
  /** Headers of the answer; null says that there is none, a list that one of them is there. White space is ignored. */
  readonly headers?: Readonly<Record<string, string | readonly string[] | null>>;
  /** Parts of Location; a port that is the scheme's own may be left out. */
  readonly location?: {
    readonly scheme?: string;
    readonly host?: string;
    readonly port?: string;
    readonly path?: string;
  };
  /** Who else got the request, as a copy. */
  readonly mirroredTo?: readonly BackendName[];
}

/** Shares of many requests of one kind. */
export interface CaseShares {
  readonly request: CaseRequest;
  readonly count: number;
  /** Of answers by backend, or of copies; a share is met within `tolerance`. */
  readonly answered?: Readonly<Partial<Record<BackendName | '500', number>>>;
  readonly mirrored?: Readonly<Partial<Record<BackendName, number>>>;
  readonly tolerance: number;
}

/** A condition of a route at one of its parents. */
export interface CaseCondition {
  /** `namespace/name` of the route. */
  readonly route: string;
  /** Which of its parentRefs; the first unless said otherwise. */
  readonly parent?: number;
  readonly type: 'Accepted' | 'ResolvedRefs' | 'PartiallyInvalid';
  readonly status: 'True' | 'False';
  readonly reason: string;
}

/** One behaviour that the Gateway API asks of an implementation. */
export interface ConformanceCase {
  readonly name: string;
  /** The feature names of the Gateway API's conformance profiles that ask for it; none for what no profile has yet. */
  readonly features: readonly string[];
  readonly host: string;
  readonly resources: readonly CaseResource[];
  /** Its resources are made a second and more apart, since age decides. */
  readonly apart?: boolean;
  readonly requests?: readonly (readonly [CaseRequest, CaseExpectation])[];
  readonly shares?: readonly CaseShares[];
  readonly conditions?: readonly CaseCondition[];
  /** Attached routes of the listeners of a Gateway, by `namespace/gateway/listener`. */
  readonly attached?: Readonly<Record<string, number>>;
  /** What the case needs beside plain requests. */
  readonly special?: 'webSocket';
}

export const API = 'gateway.networking.k8s.io/v1';

/** A route of the default Gateway unless `more` says otherwise. */
export function route(
  name: string,
  host: string | readonly string[] | null,
  rules: readonly object[],
  more: object = {},
): CaseResource {
  const { namespace, ...spec } = more as { namespace?: string };
  return {
    apiVersion: API,
    kind: 'HTTPRoute',
    metadata: namespace === undefined ? { name } : { name, namespace },
    spec: {
      parentRefs: [{ name: 'default' }],
      ...(host === null ? {} : { hostnames: typeof host === 'string' ? [host] : host }),
      rules,
      ...spec,
    },
  };
}

/** A Gateway of our class with HTTP listeners. */
export function gateway(name: string, listeners: readonly object[], namespace?: string): CaseResource {
  return {
    apiVersion: API,
    kind: 'Gateway',
    metadata: namespace === undefined ? { name } : { name, namespace },
    spec: {
      gatewayClassName: 'orasi',
      listeners: listeners.map((listener) => ({ port: 80, protocol: 'HTTP', ...listener })),
    },
  };
}

/** What a rule sends its requests to: a Service of the standard, which is the Upstream of that name. */
export function to(...names: readonly string[]): { backendRefs: object[] } {
  return { backendRefs: names.map((name) => ({ name, port: 8080 })) };
}

export function prefix(value: string, more: object = {}): object {
  return { path: { type: 'PathPrefix', value }, ...more };
}

export function exact(value: string, more: object = {}): object {
  return { path: { type: 'Exact', value }, ...more };
}

/** Header or query matches by value. */
export function values(wanted: Readonly<Record<string, string>>): object[] {
  return Object.entries(wanted).map(([name, value]) => ({ name, value }));
}
