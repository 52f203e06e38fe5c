import type { Instance } from '../../scripts/launcher.ts';

/** A resource as it is applied. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly [member: string]: unknown;
}

const ORASI = 'orasi.io/v1alpha1';

const PLURALS: Readonly<Record<string, string>> = {
  Gateway: 'gateways',
  HTTPRoute: 'httproutes',
  ReferenceGrant: 'referencegrants',
  Upstream: 'upstreams',
  RateLimitPolicy: 'ratelimitpolicies',
  AuthPolicy: 'authpolicies',
  SecurityPolicy: 'securitypolicies',
  Secret: 'secrets',
};

/** Creates resources, or changes those that are there, in their order. Throws with the answer where one is refused. */
export async function applyAll(instance: Instance, namespace: string, manifests: readonly Manifest[]): Promise<void> {
  for (const manifest of manifests) {
    const root = manifest.apiVersion === 'v1' ? '/api/v1' : `/apis/${manifest.apiVersion}`;
    const collection = `${root}/namespaces/${namespace}/${PLURALS[manifest.kind]}`;
    const write = async (method: string, path: string, type: string): Promise<Response> =>
      instance.fetch(path, { method, headers: { 'content-type': type }, body: JSON.stringify(manifest) });
    let answer = await write('POST', collection, 'application/json');
    if (answer.status === 409) {
      await answer.body?.cancel();
      answer = await write('PATCH', `${collection}/${manifest.metadata.name}`, 'application/merge-patch+json');
    }
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${manifest.kind} ${manifest.metadata.name}: ${answer.status} ${text}`);
  }
}

/** Makes a namespace. */
export async function createNamespace(instance: Instance, name: string): Promise<void> {
  const answer = await instance.fetch('/api/v1/namespaces', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } }),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`namespace ${name}: ${answer.status} ${text}`);
}

export function upstreamOf(name: string, addresses: readonly string[], spec: object = {}): Manifest {
  const endpoints = addresses.map((address) => ({ address }));
  return { apiVersion: ORASI, kind: 'Upstream', metadata: { name }, spec: { endpoints, ...spec } };
}

/** A route of these hosts whose one rule, with what `rule` adds, sends everything to the upstream of that name. */
export function routeTo(upstream: string, name: string, hostnames: readonly string[], rule: object = {}): Manifest {
  return {
    apiVersion: 'gateway.networking.k8s.io/v1',
    kind: 'HTTPRoute',
    metadata: { name },
    spec: {
      parentRefs: [{ name: 'default' }],
      hostnames,
      rules: [{ backendRefs: [{ group: 'orasi.io', kind: 'Upstream', name: upstream }], ...rule }],
    },
  };
}

/** An upstream and a route to it, of one name. */
export function routed(name: string, hostnames: readonly string[], address: string): Manifest[] {
  return [upstreamOf(name, [address]), routeTo(name, name, hostnames)];
}
