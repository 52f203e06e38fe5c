import { LIMITS } from '../limits.ts';
import { DEFAULT_DISCOVERY_SETTINGS, type DiscoverySettings } from './discovery-settings.ts';

/** How a cluster is to behave: what the kind `Cluster` declares. Durations in seconds, as they are configured. */
export interface ClusterSettings {
  /** How long a member lives without a word from it, unless it asks for another time. Heartbeats are due each third of it. */
  readonly sessionTtlSeconds: number;
  /** So many missed heartbeats of three make a member Unhealthy, and a leader none. Invariant: 1 or 2, so that it comes first. */
  readonly unhealthyAfterMissed: number;
  /** How long a member whose socket closed may take to come back before it is gone. It leads no more at once. */
  readonly reconnectGraceSeconds: number;
  readonly election: ElectionSettings;
  readonly kv: KvSettings;
  readonly placement: ClusterPlacement;
  readonly discovery: DiscoverySettings;
}

export interface ElectionSettings {
  /** `lease`: the cluster appoints. `majority`: live members vote; the winner holds the same lease. */
  readonly policy: 'lease' | 'majority';
  /** Whether a lost leader is replaced without anybody's campaign. */
  readonly automatic: boolean;
  /** How long a leader leads without a word from it; null: until it is Unhealthy. Never longer than that. */
  readonly leaseSeconds: number | null;
  /** Votes a candidate needs; null: ⌊n/2⌋ + 1 of the n live members. */
  readonly threshold: number | null;
  /** A term ends without a winner after this long. */
  readonly campaignTimeoutSeconds: number;
  /** Failed terms follow each other for this long; then a pause as below. */
  readonly electionTimeoutSeconds: number;
  /** The pause before votes are taken again, doubled with each failure up to `electionTimeoutSeconds`. */
  readonly retrySeconds: number;
  /** Who is preferred, first to last; then by zone; then whoever joined first. A sitting leader stays. */
  readonly preferredMembers: readonly string[];
  readonly preferredZones: readonly string[];
}

/** What bounds a cluster's state. */
export interface KvSettings {
  /** Revisions whose history is kept at the least. */
  readonly historyRevisions: number;
  /** Bytes of keys and values in that history; beyond them it is shorter. */
  readonly historyBytes: number;
  /** Bytes of the keys and values there are; a write beyond them is refused. */
  readonly liveBytes: number;
  /** A key with its value. */
  readonly valueBytes: number;
  /** The records of one answer. */
  readonly answerBytes: number;
}

/** Where a cluster lives. */
export interface ClusterPlacement {
  /** Near where the object is made; it never moves. Null: near who asks first. */
  readonly locationHint: LocationHint | null;
  /** Which its data never leave. Invariant: part of the object's name, so it cannot change under data. */
  readonly jurisdiction: Jurisdiction | null;
}

/** Cloudflare's; see `DurableObjectLocationHint` in its types. */
export const LOCATION_HINTS = [
  'wnam',
  'enam',
  'sam',
  'weur',
  'eeur',
  'apac',
  'apac-ne',
  'apac-se',
  'oc',
  'afr',
  'me',
] as const;
export type LocationHint = (typeof LOCATION_HINTS)[number];

export const JURISDICTIONS = ['eu', 'fedramp', 'fedramp-high', 'us'] as const;
export type Jurisdiction = (typeof JURISDICTIONS)[number];

const MiB = 1024 * 1024;

/** What an undeclared cluster has: a heartbeat each 30 s, gone after 90 s; checks, campaigns and elections of 10, 30 and 60 s. */
export const DEFAULT_CLUSTER_SETTINGS: ClusterSettings = Object.freeze({
  sessionTtlSeconds: 90,
  unhealthyAfterMissed: 2,
  reconnectGraceSeconds: 10,
  election: Object.freeze({
    policy: 'lease',
    automatic: true,
    leaseSeconds: null,
    threshold: null,
    campaignTimeoutSeconds: 30,
    electionTimeoutSeconds: 60,
    retrySeconds: 10,
    preferredMembers: Object.freeze([]),
    preferredZones: Object.freeze([]),
  }),
  kv: Object.freeze({
    historyRevisions: LIMITS.watchHistoryRevisions,
    historyBytes: 64 * MiB,
    liveBytes: 256 * MiB,
    // etcd's bound of a request; a key with its value is written twice in a row each, so it is well below a row.
    valueBytes: 1.5 * MiB,
    // Half of what a Worker's RPC carries, and base64 makes a third more of it.
    answerBytes: 16 * MiB,
  }),
  placement: Object.freeze({ locationHint: null, jurisdiction: null }),
  discovery: DEFAULT_DISCOVERY_SETTINGS,
});
