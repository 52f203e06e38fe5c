import * as z from 'zod';
import {
  BALANCE_STRATEGIES,
  type BalanceSettings,
  type BalanceStrategy,
  DEFAULT_BALANCE,
} from '../core/protocol/balance-settings.ts';
import { isJsonObject, type JsonValue } from './json.ts';
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
  if (!isJsonObject(value)) return usual;
  const weights = isJsonObject(value.weights) ? value.weights : {};
  const weight = (by: keyof BalanceSettings['weights']) => numberOr(weights[by], usual.weights[by]);
  const isStrategy = (name: unknown): name is BalanceStrategy => BALANCE_STRATEGIES.some((each) => each === name);
  return {
    strategy: isStrategy(value.strategy) ? value.strategy : usual.strategy,
    weights: { cpu: weight('cpu'), memory: weight('memory'), queue: weight('queue') },
    degradedCpuPercent: numberOr(value.degradedCpuPercent, usual.degradedCpuPercent),
    sticky: typeof value.sticky === 'boolean' ? value.sticky : usual.sticky,
  };
}

export function balanceFaults({ weights }: BalanceSettings): Cause[] {
  const { cpu, memory, queue } = weights;
  if (cpu + memory + queue > 0) return [];
  return [invalidValue('spec.balance.weights', weights, 'one of them must be more than 0')];
}

function numberOr(value: JsonValue | undefined, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
