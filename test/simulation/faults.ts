import type { Random } from '../../src/core/random.ts';

/** What can go wrong, and how likely it is each time it could where a seed has it at its usual strength. */
export const FAULTS = {
  'request lost': 0.02,
  'reply lost': 0.04,
  'request twice': 0.03,
  'message late': 0.04,
  partition: 0.05,
  'object killed': 0.08,
  'object killed late': 0.05,
  'object evicted': 0.15,
  'statement failed': 0.002,
  'disk slow': 0.03,
  'alarm late': 0.15,
  'alarm twice': 0.1,
  'alarm never': 0.15,
  'sweep missed': 0.2,
  'catalogue failed': 0.1,
  'agent vanished': 0.02,
  'agent vanished mid-claim': 0.02,
  'clock wrong by hours': 0.5,
  'batch redelivered': 0.3,
} as const;

export type Fault = keyof typeof FAULTS;

/**
 * Which faults a seed has and how often. Each seed leaves some out and has some in plenty, so that a fault is met
 * alone as well as among all others.
 */
export class Faults {
  readonly counts = Object.fromEntries(Object.keys(FAULTS).map((name) => [name, 0])) as Record<Fault, number>;
  private readonly rates = new Map<Fault, number>();
  private readonly random: Random;
  private calm = false;

  constructor(random: Random, without: readonly string[]) {
    this.random = random;
    for (const [name, usual] of Object.entries(FAULTS) as [Fault, number][]) {
      const strength = [0, 0, 0.5, 1, 1, 1, 3][Math.floor(random.next() * 7)];
      this.rates.set(name, without.includes(name) ? 0 : Math.min(0.9, usual * strength));
    }
  }

  /** Whether it happens this time; counted. */
  hit(fault: Fault): boolean {
    const rate = this.rates.get(fault) ?? 0;
    if (this.calm || rate === 0 || this.random.next() >= rate) return false;
    this.counts[fault] += 1;
    return true;
  }

  /** From here on nothing goes wrong. */
  end(): void {
    this.calm = true;
  }

  get ended(): boolean {
    return this.calm;
  }
}
