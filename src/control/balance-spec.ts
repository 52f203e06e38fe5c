import * as z from 'zod';
import { BALANCE_STRATEGIES, type BalanceSettings, DEFAULT_BALANCE } from '../core/protocol/balance-settings.ts';
import { type JsonValue, numberIn, objectIn } from './json.ts';
import { type Cause, invalidValue } from './status.ts';

const usual = DEFAULT_BALANCE;

/** `spec.balance` of a `TaskQueue`. */
export function balanceSchema() {
  const weight = (by: keyof BalanceSettings['weights']) => z.number().min(0).max(1_000).default(usual.weights[by]);
  return z
    .object({
      strategy: z
        .enum(BALANCE_STRATEGIES)
        .default(usual.strategy)
        .describe('Each in turn, by unused CPU, the least load, or by what load leaves.'),
      weights: z
        .object({ cpu: weight('cpu'), memory: weight('memory'), queue: weight('queue') })
        .prefault({})
        .describe('How much each part of the load of an agent counts; only their ratios matter.'),
      degradedCpuPercent: z
        .number()
        .min(1)
        .max(100)
        .default(usual.degradedCpuPercent)
        .describe('An agent busier than this gets tasks where no other has room.'),
      sticky: z
        .boolean()
        .default(usual.sticky)
        .describe('Tasks of a group go to the same agent while it is there and has room.'),
    })
    .prefault({})
    .describe('How connected agents are chosen; docs/life-of-a-task.md.');
}

/** Of a validated `spec.balance`; what an older version of the kind did not have is as in an undeclared queue. */
export function compileBalance(value: JsonValue | undefined): BalanceSettings {
  const spec = objectIn(value);
  const weights = objectIn(spec.weights);
  const weight = (by: keyof BalanceSettings['weights']) => numberIn(weights[by], usual.weights[by]);
  return {
    strategy: BALANCE_STRATEGIES.find((name) => name === spec.strategy) ?? usual.strategy,
    weights: { cpu: weight('cpu'), memory: weight('memory'), queue: weight('queue') },
    degradedCpuPercent: numberIn(spec.degradedCpuPercent, usual.degradedCpuPercent),
    sticky: typeof spec.sticky === 'boolean' ? spec.sticky : usual.sticky,
  };
}

export function balanceFaults({ weights }: BalanceSettings): Cause[] {
  const { cpu, memory, queue } = weights;
  if (cpu + memory + queue > 0) return [];
  return [invalidValue('spec.balance.weights', weights, 'one of them must be more than 0')];
}
