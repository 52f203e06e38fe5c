/** How a queue behaves where a task does not say otherwise. */
export interface QueueSettings {
  /** Attempts after the first. */
  readonly maxRetries: number;
  readonly leaseSeconds: number;
  /** How long results are kept; 0 keeps none. */
  readonly resultRetentionSeconds: number;
  readonly deadLetterRetentionSeconds: number;
  readonly dedupeWindowSeconds: number;
  /** A task goes before one of the next higher priority when it has waited this much longer. */
  readonly starvationSeconds: number;
  readonly retryDelaySeconds: number;
  readonly retryDelayMaxSeconds: number;
}

/** The settings of a queue that nobody declared. */
export const DEFAULT_SETTINGS: QueueSettings = Object.freeze({
  maxRetries: 3,
  leaseSeconds: 300,
  resultRetentionSeconds: 86_400,
  deadLetterRetentionSeconds: 14 * 86_400,
  dedupeWindowSeconds: 3_600,
  starvationSeconds: 300,
  retryDelaySeconds: 1,
  retryDelayMaxSeconds: 300,
});
