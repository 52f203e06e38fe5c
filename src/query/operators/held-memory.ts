import type { MemoryBudget } from '../context.ts';

/** What one operator holds of the query's memory; it says its size after each batch. */
export class HeldMemory {
  readonly #budget: MemoryBudget;
  readonly #operator: string;
  #bytes = 0;

  constructor(budget: MemoryBudget, operator: string) {
    this.#budget = budget;
    this.#operator = operator;
  }

  /** Holds `bytes` from now on. Throws `query_too_large` where the query's budget ends. */
  hold(bytes: number): void {
    const more = bytes - this.#bytes;
    this.#bytes = bytes;
    if (more > 0) this.#budget.take(more, this.#operator);
    else this.#budget.give(-more);
  }

  add(bytes: number): void {
    this.hold(this.#bytes + bytes);
  }

  release(): void {
    this.hold(0);
  }
}
