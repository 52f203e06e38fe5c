import {
  type ClusterSettings,
  DEFAULT_CLUSTER_SETTINGS,
  JURISDICTIONS,
  LOCATION_HINTS,
} from '../core/protocol/cluster-settings.ts';
import { compileDiscovery, discoveryFaults } from './discovery-spec.ts';
import { numberIn, objectIn, textsIn } from './json.ts';
import type { Resource } from './resource.ts';
import { type Cause, duplicate, forbiddenField, invalidValue } from './status.ts';

/** The settings of a validated `Cluster`; what an older version of the kind did not have is as in an undeclared one. */
export function compileCluster(cluster: Resource): ClusterSettings {
  const spec = objectIn(cluster.spec);
  const [session, election, kv] = [objectIn(spec.session), objectIn(spec.election), objectIn(spec.kv)];
  const usual = DEFAULT_CLUSTER_SETTINGS;
  return {
    sessionTtlSeconds: numberIn(session.ttlSeconds, usual.sessionTtlSeconds),
    unhealthyAfterMissed: numberIn(session.unhealthyAfterMissed, usual.unhealthyAfterMissed),
    reconnectGraceSeconds: numberIn(session.reconnectGraceSeconds, usual.reconnectGraceSeconds),
    election: {
      policy: election.policy === 'majority' ? 'majority' : 'lease',
      automatic: election.automatic !== false,
      leaseSeconds: numberIn(election.leaseSeconds, null),
      threshold: numberIn(election.threshold, null),
      campaignTimeoutSeconds: numberIn(election.campaignTimeoutSeconds, usual.election.campaignTimeoutSeconds),
      electionTimeoutSeconds: numberIn(election.electionTimeoutSeconds, usual.election.electionTimeoutSeconds),
      retrySeconds: numberIn(election.retrySeconds, usual.election.retrySeconds),
      preferredMembers: textsIn(election.preferredMembers),
      preferredZones: textsIn(election.preferredZones),
    },
    kv: {
      ...usual.kv,
      historyRevisions: numberIn(kv.historyRevisions, usual.kv.historyRevisions),
      historyBytes: numberIn(kv.historyBytes, usual.kv.historyBytes),
      liveBytes: numberIn(kv.liveBytes, usual.kv.liveBytes),
    },
    discovery: compileDiscovery(spec.discovery),
    placement: {
      locationHint: LOCATION_HINTS.find((hint) => hint === spec.locationHint) ?? null,
      jurisdiction: JURISDICTIONS.find((jurisdiction) => jurisdiction === spec.jurisdiction) ?? null,
    },
  };
}

/** Faults of a cluster that its schema cannot express. */
export function clusterFaults(cluster: Resource, current: Resource | undefined): Cause[] {
  const causes: Cause[] = [];
  const { sessionTtlSeconds, unhealthyAfterMissed, election, discovery } = compileCluster(cluster);
  const { name } = cluster.metadata;
  causes.push(...discoveryFaults(discovery));
  if (name.length > 63) {
    causes.push(invalidValue('metadata.name', name, 'must be no more than 63 characters'));
  }
  if (election.electionTimeoutSeconds < election.campaignTimeoutSeconds) {
    const rule = 'must not be less than spec.election.campaignTimeoutSeconds';
    causes.push(invalidValue('spec.election.electionTimeoutSeconds', election.electionTimeoutSeconds, rule));
  }
  if (election.leaseSeconds !== null) {
    const path = 'spec.election.leaseSeconds';
    const [least, most] = [sessionTtlSeconds / 3, (sessionTtlSeconds * unhealthyAfterMissed) / 3];
    if (election.leaseSeconds <= least) {
      const rule = 'must be more than a third of spec.session.ttlSeconds, which is how often heartbeats come';
      causes.push(invalidValue(path, election.leaseSeconds, rule));
    } else if (election.leaseSeconds > most) {
      const rule = 'must not be more than the time after which a member is Unhealthy, since that ends a lease too';
      causes.push(invalidValue(path, election.leaseSeconds, rule));
    }
  }
  for (const list of ['preferredMembers', 'preferredZones'] as const) {
    for (const [at, value] of election[list].entries()) {
      if (election[list].indexOf(value) < at) causes.push(duplicate(`spec.election.${list}[${at}]`, value));
    }
  }
  if (current !== undefined && objectIn(cluster.spec).jurisdiction !== objectIn(current.spec).jurisdiction) {
    causes.push(forbiddenField('spec.jurisdiction', 'field is immutable: the data of a cluster do not move'));
  }
  return causes;
}
