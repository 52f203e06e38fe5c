import type { World } from './world.ts';

/**
 * A process somewhere: it can die at any await, and then nothing of it goes on. Its clock may be wrong.
 */
export class Process {
  readonly name: string;
  readonly world: World;
  readonly clockErrorMs: number;
  private life = 0;

  constructor(world: World, name: string) {
    this.world = world;
    this.name = name;
    const hours = world.faults.hit('clock wrong by hours') ? (world.random.next() - 0.5) * 20 : 0;
    this.clockErrorMs = Math.round(hours * 3_600_000);
  }

  /** What its own clock says. */
  get believedMs(): number {
    return this.world.nowMs + this.clockErrorMs;
  }

  die(why: string): void {
    this.life += 1;
    this.world.trace(this.name, 'dies', why);
  }

  /** What the process waits for. Where it dies meanwhile the wait never ends, so nothing after it happens. */
  async live<T>(work: Promise<T>): Promise<T> {
    const { life } = this;
    return await new Promise<T>((resolve, reject) => {
      work.then(
        (value) => {
          if (life === this.life) resolve(value);
        },
        (error: unknown) => {
          if (life === this.life) reject(error);
        },
      );
    });
  }

  async sleep(ms: number): Promise<void> {
    await this.live(this.world.sleep(ms));
  }

  /** Runs work of its own beside the rest; an error in it is an error of the simulation. */
  begin(work: () => Promise<void>): void {
    const { life } = this;
    work().catch((error: unknown) => {
      if (life === this.life) this.world.failure ??= error instanceof Error ? error : new Error(String(error));
    });
  }
}
