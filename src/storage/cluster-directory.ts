import { clusterNameText, parseClusterName } from '../core/protocol/cluster-name.ts';
import type { ClusterPlacement, Jurisdiction } from '../core/protocol/cluster-settings.ts';
import type { Incarnations } from './incarnations.ts';

type ClusterObjects = Cloudflare.Env['CLUSTER'];
type ClusterStub = ReturnType<ClusterObjects['getByName']>;

/** Cluster objects, wherever they are. A stub that threw is broken, so each call takes a new one. */
export interface ClusterDirectory {
  /** A cluster by `{namespaceUid}/{cluster}`: where its data are, or where they are declared to be before there are any. */
  find(name: string): Promise<ClusterStub>;
  /** The object of a name as it is written down, its jurisdiction included. */
  at(objectName: string): ClusterStub;
}

/** Homes kept in memory: they never change, and another one costs a read of D1. */
const HOMES_KEPT = 10_000;

export function createClusterDirectory(
  objects: ClusterObjects,
  incarnations: Pick<Incarnations, 'home'>,
  placementOf: (namespaceUid: string, cluster: string) => Promise<ClusterPlacement>,
): ClusterDirectory {
  const homes = new Map<string, Jurisdiction | null>();
  const homeOf = async (name: string): Promise<Jurisdiction | null | undefined> => {
    const known = homes.get(name);
    if (known !== undefined) return known;
    const { namespaceUid, cluster } = parseClusterName(name);
    const home = await incarnations.home(namespaceUid, cluster);
    if (home === undefined) return undefined;
    if (homes.size >= HOMES_KEPT) homes.clear();
    homes.set(name, home);
    return home;
  };
  const at = (objectName: string, options: DurableObjectNamespaceGetDurableObjectOptions = {}) =>
    within(objects, parseClusterName(objectName).jurisdiction).getByName(objectName, options);
  return {
    at,
    async find(name) {
      const { namespaceUid, cluster } = parseClusterName(name);
      const home = await homeOf(name);
      if (home !== undefined) return at(clusterNameText({ namespaceUid, cluster, jurisdiction: home }));
      const { jurisdiction, locationHint } = await placementOf(namespaceUid, cluster);
      const options = locationHint === null ? {} : { locationHint };
      return at(clusterNameText({ namespaceUid, cluster, jurisdiction }), options);
    },
  };
}

/** The objects of a jurisdiction. Outside of Cloudflare workerd has none and says so; there the names alone differ. */
function within(objects: ClusterObjects, jurisdiction: Jurisdiction | null): ClusterObjects {
  if (jurisdiction === null) return objects;
  try {
    return objects.jurisdiction(jurisdiction);
  } catch (error) {
    if (/not implemented in workerd/.test(String(error))) return objects;
    throw error;
  }
}
