import { type Client, pathOf } from './client.ts';
import { ApiError } from './errors.ts';

/** A kind of resource as the server's discovery documents have it. */
export interface ResourceKind {
  /** `v1`, `orasi.io/v1alpha1` */
  readonly groupVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly namespaced: boolean;
}

/** An object of the Kubernetes shape. */
export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly resourceVersion?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
  };
  readonly [field: string]: unknown;
}

interface ResourceList {
  readonly groupVersion: string;
  readonly resources: readonly {
    readonly name: string;
    readonly singularName: string;
    readonly namespaced: boolean;
    readonly kind: string;
    readonly shortNames?: readonly string[];
  }[];
}

const get = <T>(client: Client, path: string) => client.json<T>({ method: 'GET', path });

interface ResourceGroup {
  readonly preferredVersion: { readonly groupVersion: string };
  readonly versions: readonly { readonly groupVersion: string }[];
}

/** Every kind the server has, subresources apart: once, or under each version that it has. */
export async function readKinds(
  client: Client,
  versionsOf: 'preferred' | 'all' = 'preferred',
): Promise<ResourceKind[]> {
  const [{ versions }, { groups }] = await Promise.all([
    get<{ versions: string[] }>(client, '/api'),
    get<{ groups: ResourceGroup[] }>(client, '/apis'),
  ]);
  const served = groups.flatMap((group) => (versionsOf === 'all' ? group.versions : [group.preferredVersion]));
  const paths = [
    ...versions.map((version) => pathOf('api', version)),
    ...served.map(({ groupVersion }) => pathOf('apis', ...groupVersion.split('/'))),
  ];
  const lists = await Promise.all(paths.map((path) => get<ResourceList>(client, path)));
  return lists.flatMap(({ groupVersion, resources }) =>
    resources
      .filter(({ name }) => !name.includes('/'))
      .map(({ name, singularName, namespaced, kind, shortNames = [] }) => ({
        groupVersion,
        kind,
        plural: name,
        singular: singularName,
        shortNames,
        namespaced,
      })),
  );
}

/** The kind somebody means by `pipelines`, `pipeline`, `Pipeline`, a short name, or `pipelines.orasi.io`. */
export function findKind(kinds: readonly ResourceKind[], asked: string): ResourceKind | undefined {
  const name = asked.toLowerCase();
  const names = ({ plural, singular, kind, shortNames }: ResourceKind) => [
    plural,
    singular,
    kind.toLowerCase(),
    ...shortNames,
  ];
  return (
    kinds.find((kind) => names(kind).includes(name)) ??
    kinds.find((kind) => names(kind).some((each) => `${each}.${kind.groupVersion.split('/')[0]}` === name))
  );
}

/** Where objects of a kind are, or one of them; those of all namespaces where `namespace` is null. */
export function resourcePath(kind: ResourceKind, namespace: string | null, name?: string): string {
  const root = kind.groupVersion.includes('/') ? ['apis', ...kind.groupVersion.split('/')] : ['api', kind.groupVersion];
  const place = kind.namespaced && namespace !== null ? ['namespaces', namespace] : [];
  return pathOf(...root, ...place, kind.plural, ...(name === undefined ? [] : [name]));
}

export type Applied = 'created' | 'configured' | 'unchanged';

/** Somebody else may change an object between our read and our write so often. */
const CONFLICTS = 5;

/**
 * Makes the server's object what the manifest says: created where there is none, otherwise replaced on top of the
 * version read. Labels, annotations and finalizers the manifest does not name stay. A manifest with a
 * `resourceVersion` is refused (409) where the object has another by now.
 */
export async function applyManifest(
  client: Client,
  kind: ResourceKind,
  namespace: string,
  manifest: Manifest,
  dryRun: boolean,
): Promise<{ readonly result: Applied; readonly object: Manifest }> {
  const query = { fieldValidation: 'Strict', fieldManager: 'orasi', ...(dryRun ? { dryRun: 'All' } : {}) };
  const path = resourcePath(kind, namespace, manifest.metadata.name);
  for (let attempt = 1; ; attempt++) {
    try {
      const current = await readManifest(client, path);
      if (current === undefined) {
        const place = resourcePath(kind, namespace);
        const object = await client.json<Manifest>({ method: 'POST', path: place, query, json: manifest });
        return { result: 'created', object };
      }
      const json = onTopOf(current, manifest);
      const object = await client.json<Manifest>({ method: 'PUT', path, query, json });
      const same = object.metadata.resourceVersion === current.metadata.resourceVersion;
      return { result: same ? 'unchanged' : 'configured', object };
    } catch (error) {
      const raced = error instanceof ApiError && error.status === 409;
      if (!raced || manifest.metadata.resourceVersion !== undefined || attempt === CONFLICTS) throw error;
    }
  }
}

async function readManifest(client: Client, path: string): Promise<Manifest | undefined> {
  try {
    return await get<Manifest>(client, path);
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** The manifest as the next version of `current`. */
export function onTopOf(current: Manifest, manifest: Manifest): Manifest {
  const { labels, annotations } = current.metadata;
  const { status } = current;
  return {
    ...manifest,
    ...(status === undefined ? {} : { status }),
    metadata: {
      ...current.metadata,
      ...manifest.metadata,
      ...merged('labels', labels, manifest.metadata.labels),
      ...merged('annotations', annotations, manifest.metadata.annotations),
    },
  };
}

function merged(
  name: string,
  current: Readonly<Record<string, string>> | undefined,
  given: Readonly<Record<string, string>> | undefined,
): object {
  return current === undefined && given === undefined ? {} : { [name]: { ...current, ...given } };
}
