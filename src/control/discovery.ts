import type { ServedResource } from '../core/protocol/control-plane.ts';
import type { JsonObject } from './json.ts';

/** The discovery documents of the Kubernetes API: which groups, versions, resources and verbs there are. */

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const STATUS_VERBS = ['get', 'patch', 'update'];

/** `/api` */
export function coreVersions(resources: readonly ServedResource[], serverAddress: string): JsonObject {
  const versions = [
    ...new Set(resources.filter((resource) => resource.group === '').map((resource) => resource.version)),
  ];
  return { kind: 'APIVersions', versions, serverAddressByClientCIDRs: [{ clientCIDR: '0.0.0.0/0', serverAddress }] };
}

/** `/apis` */
export function groupList(resources: readonly ServedResource[]): JsonObject {
  const names = [...new Set(resources.map((resource) => resource.group))].filter((name) => name !== '');
  return { kind: 'APIGroupList', apiVersion: 'v1', groups: names.map((name) => groupEntry(resources, name)) };
}

/** `/apis/{group}`; undefined where nothing is served in it. */
export function groupDocument(resources: readonly ServedResource[], group: string): JsonObject | undefined {
  if (group === '' || !resources.some((resource) => resource.group === group)) return undefined;
  return { kind: 'APIGroup', apiVersion: 'v1', ...groupEntry(resources, group) };
}

/** `/api/v1`, `/apis/{group}/{version}`; undefined where nothing is served in it. */
export function resourceList(
  resources: readonly ServedResource[],
  group: string,
  version: string,
): JsonObject | undefined {
  const served = resources.filter((resource) => resource.group === group && resource.version === version);
  if (served.length === 0) return undefined;
  return {
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: group === '' ? version : `${group}/${version}`,
    resources: served.flatMap((resource) => [
      {
        name: resource.plural,
        singularName: resource.singular,
        namespaced: resource.namespaced,
        kind: resource.kind,
        verbs:
          resource.plural === 'namespaces' && group === ''
            ? VERBS.filter((verb) => verb !== 'deletecollection')
            : VERBS,
        ...(resource.shortNames.length > 0 ? { shortNames: [...resource.shortNames] } : {}),
        ...(resource.categories.length > 0 ? { categories: [...resource.categories] } : {}),
      },
      ...(resource.statusSubresource
        ? [
            {
              name: `${resource.plural}/status`,
              singularName: '',
              namespaced: resource.namespaced,
              kind: resource.kind,
              verbs: STATUS_VERBS,
            },
          ]
        : []),
    ]),
  };
}

function groupEntry(resources: readonly ServedResource[], group: string): JsonObject {
  const versions = [
    ...new Set(resources.filter((resource) => resource.group === group).map((resource) => resource.version)),
  ];
  const entries = versions.map((version) => ({ groupVersion: `${group}/${version}`, version }));
  return { name: group, versions: entries, preferredVersion: entries[0] };
}
