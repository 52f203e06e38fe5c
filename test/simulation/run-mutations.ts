import { textTable } from '../../scripts/table.ts';
import { MUTATIONS } from './mutations.ts';
import { FailedRun, simulate } from './simulate.ts';
import { loadSystem, type Mutation } from './system.ts';
import { BrokenPromise } from './world.ts';

export interface MutationsOptions {
  /** Seeds that each is tried with at the most. */
  readonly seeds: number;
  /** Every so many-th mutation alone; 1 for all. */
  readonly every: number;
  /** One alone, by a part of its name. */
  readonly only: string;
  readonly print: (line: string) => void;
}

/** Takes checks out of the source, one at a time. True where the simulation notices each. */
export async function runMutations({ seeds, every, only, print }: MutationsOptions): Promise<boolean> {
  const chosen = MUTATIONS.filter(({ name }, at) => at % every === 0 && name.includes(only));
  const rows: (string | number)[][] = [];
  let missed = 0;
  for (const mutation of chosen) {
    const caught = await catching(mutation, seeds);
    if (caught === null || caught.seed === 0) missed += 1;
    rows.push([mutation.name, mutation.file, caught?.seed ?? '-', caught?.rule ?? 'NOT NOTICED']);
  }
  print(textTable(['without the check', 'in', 'seed', 'noticed as'], rows, 180));
  print(`${chosen.length - missed} of ${chosen.length} mutations noticed, each within ${seeds} seeds`);
  return missed === 0 && chosen.length > 0;
}

async function catching(mutation: Mutation, seeds: number): Promise<{ seed: number; rule: string } | null> {
  const system = await loadSystem(mutation).catch((error: unknown) => String(error));
  // A mutation that no longer fits its file proves nothing.
  if (typeof system === 'string') return { seed: 0, rule: system };
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await simulate(system, seed);
    } catch (error) {
      if (!(error instanceof FailedRun)) throw error;
      const { cause } = error;
      return { seed, rule: cause instanceof BrokenPromise ? cause.rule : error.message };
    }
  }
  return null;
}
