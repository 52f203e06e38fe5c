/** How a cluster is to behave. Durations in seconds, as they are configured. */
export interface ClusterSettings {
  /** How long a member lives without a word from it, unless it asks for another time. */
  readonly sessionTtlSeconds: number;
  /** How long a member whose socket closed may take to come back before it is gone. It leads no more at once. */
  readonly reconnectGraceSeconds: number;
  readonly election: ElectionSettings;
}

export interface ElectionSettings {
  /** `lease`: the cluster appoints. `majority`: live members vote; the winner holds the same lease. */
  readonly policy: 'lease' | 'majority';
  /** Whether a lost leader is replaced without anybody's campaign. */
  readonly automatic: boolean;
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

/** What an undeclared cluster has: a heartbeat each 30 s, gone after 90 s; checks, campaigns and elections of 10, 30 and 60 s. */
export const DEFAULT_CLUSTER_SETTINGS: ClusterSettings = Object.freeze({
  sessionTtlSeconds: 90,
  reconnectGraceSeconds: 10,
  election: Object.freeze({
    policy: 'lease',
    automatic: true,
    threshold: null,
    campaignTimeoutSeconds: 30,
    electionTimeoutSeconds: 60,
    retrySeconds: 10,
    preferredMembers: Object.freeze([]),
    preferredZones: Object.freeze([]),
  }),
});

/**
 * A member is silent, and no longer leads, after this share of its session: two heartbeats of three missed. Its
 * session ends at the whole, so that a slow member gets no new work before it is taken for dead.
 */
export const SILENT_AFTER = 2 / 3;
