import { type BalanceSettings, DEFAULT_BALANCE } from './balance-settings.ts';
import { DEFAULT_SCALING, type ScalingPolicy } from './scaling.ts';
import type { SettingsSnapshot } from './settings.ts';

/** At most `concurrency` at a time, at most `rate` begun; null for no bound. */
export interface TaskLimit {
  readonly concurrency: number | null;
  readonly rate: TaskRate | null;
}

/** A token bucket: `perSecond` on average, `burst` at once after a pause. */
export interface TaskRate {
  readonly perSecond: number;
  readonly burst: number;
}

/** Bounds on tasks that run. A name `*` stands for each one that is not named. */
export interface TaskLimits {
  readonly queue: TaskLimit;
  readonly perType: readonly (TaskLimit & { readonly type: string })[];
  readonly perGroup: readonly (TaskLimit & { readonly group: string })[];
}

/** The name in `TaskLimits` and `groupWeights` of all that are not named. */
export const ANY_NAME = '*';

/** How a queue behaves where a task does not say otherwise; what `TaskQueue` declares. */
export interface QueueSettings {
  /** How many objects hold the queue. */
  readonly shards: number;
  /** Gives no tasks out. */
  readonly paused: boolean;
  /** Attempts after the first. */
  readonly maxRetries: number;
  readonly leaseSeconds: number;
  /** The longest an attempt of a task may take that says nothing of it; null for as long as it is extended. */
  readonly timeoutSeconds: number | null;
  /** How long results are kept; 0 keeps none. */
  readonly resultRetentionSeconds: number;
  readonly deadLetterRetentionSeconds: number;
  readonly dedupeWindowSeconds: number;
  /** A task goes before one of the next higher priority when it has waited this much longer. */
  readonly starvationSeconds: number;
  readonly retryDelaySeconds: number;
  readonly retryDelayMaxSeconds: number;
  readonly limits: TaskLimits;
  readonly scaling: ScalingPolicy;
  /** Tasks of a group in a round against those of others; 1 where a group is not named. */
  readonly groupWeights: readonly { readonly group: string; readonly weight: number }[];
  /** How connected agents are chosen. */
  readonly balance: BalanceSettings;
}

const UNLIMITED: TaskLimit = Object.freeze({ concurrency: null, rate: null });

/** The settings of a queue that nobody declared. */
export const DEFAULT_QUEUE_SETTINGS: QueueSettings = Object.freeze({
  shards: 1,
  paused: false,
  maxRetries: 3,
  leaseSeconds: 300,
  timeoutSeconds: null,
  resultRetentionSeconds: 86_400,
  deadLetterRetentionSeconds: 14 * 86_400,
  dedupeWindowSeconds: 3_600,
  starvationSeconds: 300,
  retryDelaySeconds: 1,
  retryDelayMaxSeconds: 300,
  limits: Object.freeze({ queue: UNLIMITED, perType: [], perGroup: [] }),
  groupWeights: [],
  balance: DEFAULT_BALANCE,
  scaling: DEFAULT_SCALING,
});

/** What the control plane knows of a queue. */
export interface QueueConfiguration extends SettingsSnapshot<QueueSettings> {
  /** The most shards it ever had: the ones beyond `settings.shards` give out what they still hold. */
  readonly shardsEver: number;
}

export const UNDECLARED_QUEUE: QueueConfiguration = Object.freeze({
  version: 0,
  namespace: null,
  settings: DEFAULT_QUEUE_SETTINGS,
  shardsEver: 1,
});
