/** How many agents a queue may have, and how it comes to that number. */
export interface ScalingPolicy {
  readonly minAgents: number;
  readonly maxAgents: number;
  /** Tasks that one agent runs at a time. */
  readonly slotsPerAgent: number;
  /** How soon after it was due a task is to be started. */
  readonly targetWaitSeconds: number;
  /** The number falls only to the highest that was wanted within this window. It rises at once. */
  readonly scaleDownWindowSeconds: number;
  /** A change of less than this part of the present number is none. */
  readonly tolerance: number;
  /** Who is told when the number changes; null for nobody. */
  readonly webhook: ScalingWebhook | null;
}

export interface ScalingWebhook {
  readonly url: string;
  /** A Secret of the queue's namespace; its entry `key` signs what is sent. */
  readonly secretName: string;
}

/** The policy of a queue that declares none. */
export const DEFAULT_SCALING: ScalingPolicy = Object.freeze({
  minAgents: 0,
  maxAgents: 10,
  slotsPerAgent: 1,
  targetWaitSeconds: 60,
  // As Kubernetes' own autoscaler has it, and the tolerance.
  scaleDownWindowSeconds: 300,
  tolerance: 0.1,
  webhook: null,
});

/** What is measured of a queue, or of one of its shards. */
export interface ScalingSignals {
  /** False while the queue is paused: nothing is given out, so nobody is needed for what waits. */
  readonly givesOut: boolean;
  /** Tasks that are due and wait, counted up to `LIMITS.scalingBacklog` a shard. */
  readonly backlog: number;
  readonly running: number;
  /** How long the oldest due task has waited. */
  readonly oldestAgeSeconds: number;
  /** Submitted a second, a mean of the last minute. */
  readonly arrivalsPerSecond: number;
  /** Tasks ended a second, a mean of the last minute. */
  readonly servicePerSecond: number;
  /** How long an attempt takes; null before one was measured. */
  readonly serviceSeconds: number | null;
}

export interface ScalingDecision {
  readonly desiredAgents: number;
  /** What the signals ask for, before tolerance, bounds and window. */
  readonly wantedAgents: number;
  /** What keeps the desired number from the wanted one. */
  readonly heldBy: 'tolerance' | 'minAgents' | 'maxAgents' | 'scaleDownWindow' | null;
}

/** How many agents a queue wants now, and why. */
export interface ScalingView extends ScalingDecision {
  readonly atMs: number;
  readonly signals: ScalingSignals;
  readonly policy: ScalingPolicy;
  /** How far the webhook is behind; null where there is none. */
  readonly webhook: {
    readonly toldAgents: number | null;
    readonly failures: number;
    /** When it is tried again; null where it knows. */
    readonly nextAttemptAtMs: number | null;
    readonly lastError: string | null;
  } | null;
}
