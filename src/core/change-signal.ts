/** Wakes those who wait for a store to change. It carries nothing: what changed is in the store's history. */
export class ChangeSignal {
  private readonly waiting = new Set<() => void>();
  private over = false;

  /** True once the store is no more. */
  get ended(): boolean {
    return this.over;
  }

  get listeners(): number {
    return this.waiting.size;
  }

  /** The store is no more: who waits is woken, and finds it so. */
  end(): void {
    this.over = true;
    this.notify();
  }

  notify(): void {
    const woken = [...this.waiting];
    this.waiting.clear();
    for (const wake of woken) wake();
  }

  /** Calls `wake` once at the next change; the returned function forgets it. */
  onNext(wake: () => void): () => void {
    this.waiting.add(wake);
    return () => this.waiting.delete(wake);
  }
}
