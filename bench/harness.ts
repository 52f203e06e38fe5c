import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';

/** One way of doing the work that is measured: sets up outside the clock, runs inside it. */
export interface Contender {
  readonly name: string;
  /** Does the work once and returns its time in milliseconds, so that each contender times only its own part. */
  run(): Promise<number>;
}

/** Times of the contenders in the same minute; `ratio` is each one's median over the last contender's, the peer. */
export interface Comparison {
  readonly rounds: number;
  readonly results: readonly { readonly name: string; readonly medianMs: number; readonly ratio: number }[];
}

/** Runs the contenders in turn, A B A B …, so that the machine's drift meets all alike; the first round is not counted. */
export async function compare(contenders: readonly Contender[], rounds: number): Promise<Comparison> {
  const times = contenders.map((): number[] => []);
  for (let round = 0; round <= rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      const elapsedMs = await contender.run();
      if (round > 0) times[i].push(elapsedMs);
    }
  }
  const medians = times.map(median);
  const peer = medians[medians.length - 1];
  return {
    rounds,
    results: contenders.map(({ name }, i) => ({ name, medianMs: medians[i], ratio: medians[i] / peer })),
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Milliseconds of one call. */
export async function timed(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** One measured thing, as a row of docs/benchmarks.md. */
export interface BenchRow {
  readonly what: string;
  readonly ours: string;
  readonly peer: string;
  /** Ours over the peer's; below 1 we are faster. Null for counts. */
  readonly ratio: number | null;
  readonly note: string;
}

/** A group of rows under one heading. `bench/run.ts` runs every section and writes the page. */
export interface BenchSection {
  readonly title: string;
  /** What was run, on what data, in which runtime. */
  readonly setting: string;
  readonly rows: readonly BenchRow[];
}

/** Machine and versions, for the head of the page. */
export function environment(versions: Readonly<Record<string, string>>): string {
  const cpu = cpus();
  const commit = execFileSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' }).trim();
  const list = Object.entries(versions).map(([name, version]) => `${name} ${version}`);
  return `${cpu.length} × ${cpu[0]?.model.trim() ?? 'unknown processor'}; Node ${process.version}; ${list.join('; ')}; commit ${commit}`;
}
