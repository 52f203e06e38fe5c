import { type Batch, type Column, columnBytes } from '../../columns/column.ts';
import type { MemoryBudget } from '../memory-budget.ts';

/** What one operator holds of the query's memory; it says its size after each batch. */
export class HeldMemory {
  readonly #budget: MemoryBudget;
  readonly #operator: string;
  /** Dictionaries of the batches held: rows that share one hold it once. */
  readonly #dictionaries = new Set<Column>();
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

  /** Holds a batch beside what is held; `times` for one that will be copied. */
  addBatch(batch: Batch, times = 1): void {
    let bytes = 0;
    for (const column of batch.columns) {
      if (column.data.layout !== 'dictionary') {
        bytes += times * columnBytes(column);
        continue;
      }
      const { codes, dictionary } = column.data;
      bytes += times * (codes.byteLength + (column.validity?.byteLength ?? 0));
      if (this.#dictionaries.has(dictionary)) continue;
      this.#dictionaries.add(dictionary);
      bytes += columnBytes(dictionary);
    }
    this.add(bytes);
  }

  release(): void {
    this.#dictionaries.clear();
    this.hold(0);
  }
}
