import { median } from './harness.ts';

/** Measures several things in one turn, in whatever unit each has. */
export interface RoundsContender<Measure extends string> {
  readonly name: string;
  round(): Promise<Readonly<Record<Measure, number>>>;
}

/** Medians by contender and measure, the contenders taking turns; the first round is not counted. */
export async function interleaved<Measure extends string>(
  contenders: readonly RoundsContender<Measure>[],
  rounds: number,
): Promise<ReadonlyMap<string, Readonly<Record<Measure, number>>>> {
  const measured = new Map(contenders.map(({ name }) => [name, [] as Readonly<Record<Measure, number>>[]]));
  for (let round = 0; round <= rounds; round++) {
    for (const contender of contenders) {
      const values = await contender.round();
      if (round > 0) measured.get(contender.name)?.push(values);
    }
  }
  return new Map([...measured].map(([name, values]) => [name, mediansOf(values)]));
}

function mediansOf<Measure extends string>(
  values: readonly Readonly<Record<Measure, number>>[],
): Readonly<Record<Measure, number>> {
  const measures = Object.keys(values[0]) as Measure[];
  const medians = measures.map((measure) => [measure, median(values.map((each) => each[measure]))]);
  return Object.fromEntries(medians) as Record<Measure, number>;
}

/** The value below which a part of the values is. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
}
