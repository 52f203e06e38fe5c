import { JURISDICTIONS, type Jurisdiction } from './cluster-settings.ts';

/**
 * The name of a cluster's object: `{namespaceUid}/{cluster}`, and `@{jurisdiction}` behind it where it has one, so that
 * the same cluster in another jurisdiction is another object on every platform.
 */
export interface ClusterName {
  readonly namespaceUid: string;
  readonly cluster: string;
  readonly jurisdiction: Jurisdiction | null;
}

export function clusterNameText({ namespaceUid, cluster, jurisdiction }: ClusterName): string {
  return `${namespaceUid}/${cluster}${jurisdiction === null ? '' : `@${jurisdiction}`}`;
}

/** The parts of a name that `clusterNameText` wrote. */
export function parseClusterName(text: string): ClusterName {
  const slash = text.indexOf('/');
  const [cluster, place] = text.slice(slash + 1).split('@');
  return {
    namespaceUid: text.slice(0, slash),
    cluster,
    jurisdiction: JURISDICTIONS.find((jurisdiction) => jurisdiction === place) ?? null,
  };
}
