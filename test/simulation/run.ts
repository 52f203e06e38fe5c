import { type Counts, FailedRun, simulate } from './simulate.ts';
import { loadSystem, type System } from './system.ts';
import { BrokenPromise } from './world.ts';

/** Lines of the trace that explain a failure: of what it is about, and the last of all. */
const ABOUT_LINES = 15;
const LAST_LINES = 10;

export interface SeedsOptions {
  readonly first: number;
  readonly count: number;
  readonly trace: boolean;
  readonly without: readonly string[];
  readonly print: (line: string) => void;
}

/**
 * Runs seeds one after the other, up to the first that breaks a promise, and the last of them once more: a seed that
 * cannot be replayed is a failure, too. True where all is well.
 */
export async function runSeeds({ first, count, trace, without, print }: SeedsOptions): Promise<boolean> {
  const system = await loadSystem();
  const startMs = performance.now();
  const totals: Counts = {};
  let last = '';
  for (let seed = first; seed < first + count; seed++) {
    try {
      const counts = await simulate(system, seed, { without, ...(trace ? { show: print } : {}) });
      last = JSON.stringify(counts);
      for (const [name, number] of Object.entries(counts)) totals[name] = (totals[name] ?? 0) + number;
    } catch (error) {
      if (!(error instanceof FailedRun)) throw error;
      await explain(system, seed, error, without, print);
      return false;
    }
  }
  const again = first + count - 1;
  if (JSON.stringify(await simulate(system, again, { without })) !== last) {
    print(`seed ${again} is another run the second time: something takes time or chance from outside`);
    return false;
  }
  const tried = Object.entries(totals).map(([name, number]) => `${number} ${name}`);
  print(`${count} seeds from ${first} in ${((performance.now() - startMs) / 1_000).toFixed(1)} s: ${tried.join(', ')}`);
  return true;
}

/** Says what broke, in how few faults, and how to see it again. */
async function explain(
  system: System,
  seed: number,
  failed: FailedRun,
  without: readonly string[],
  print: (line: string) => void,
): Promise<void> {
  const least = await fewestFaults(system, seed, failed, without);
  const { world } = least.failed;
  const { cause } = least.failed;
  const subject = cause instanceof BrokenPromise ? (cause.subject.split(' ')[0] ?? '') : '';
  print(`seed ${seed}: ${least.failed.message}`);
  if (!(cause instanceof BrokenPromise) && cause instanceof Error) print(cause.stack ?? '');
  if (subject !== '') for (const line of world.tail(ABOUT_LINES, subject)) print(`  ${line}`);
  print('the last steps:');
  for (const line of world.tail(LAST_LINES)) print(`  ${line}`);
  const left = least.without.length === 0 ? '' : ` --without "${least.without.join(',')}"`;
  print(`again: npm run sim -- --seed ${seed}${left} --trace`);
}

/** Leaves out faults, one kind after the other, that the failure does not need. */
async function fewestFaults(system: System, seed: number, first: FailedRun, without: readonly string[]) {
  let best = { failed: first, without: [...without] };
  for (const [fault, count] of Object.entries(first.world.faults.counts)) {
    if (count === 0) continue;
    const fewer = [...best.without, fault];
    try {
      await simulate(system, seed, { without: fewer });
    } catch (error) {
      if (error instanceof FailedRun && sameRule(error, first)) best = { failed: error, without: fewer };
    }
  }
  return best;
}

function sameRule({ cause: a }: FailedRun, { cause: b }: FailedRun): boolean {
  return a instanceof BrokenPromise && b instanceof BrokenPromise && a.rule === b.rule;
}
