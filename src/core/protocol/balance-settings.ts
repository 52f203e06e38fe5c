/** How a queue chooses among the connected agents that may have a task; docs/life-of-a-task.md says what each means. */
export const BALANCE_STRATEGIES = ['RoundRobin', 'HealthBased', 'LoadBased', 'Hybrid'] as const;
export type BalanceStrategy = (typeof BALANCE_STRATEGIES)[number];

export interface BalanceSettings {
  readonly strategy: BalanceStrategy;
  /** How much each part of an agent's load counts, 0 or more; only their ratios matter. */
  readonly weights: { readonly cpu: number; readonly memory: number; readonly queue: number };
  /** An agent busier than this is Degraded: it gets tasks where no other has room. */
  readonly degradedCpuPercent: number;
  /** Whether tasks of one group go to the same agent while it is there and has room. */
  readonly sticky: boolean;
}

/** The balancing of a queue that does not declare its own. */
export const DEFAULT_BALANCE: BalanceSettings = Object.freeze({
  strategy: 'Hybrid',
  weights: Object.freeze({ cpu: 0.4, memory: 0.3, queue: 0.3 }),
  degradedCpuPercent: 80,
  sticky: true,
});
