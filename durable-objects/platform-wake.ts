/** After a message that no worker has answered, the next is sent after this, then after twice as long each time. */
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;

/**
 * Wakes the platform's workers when a queue has tasks for them. One message at a time is on its way: a worker that
 * comes claims a task, and that is when the next is sent. A lost one is sent again. All of this is in memory: what is
 * forgotten costs a message.
 */
export class PlatformWake {
  readonly #send: () => void;
  #sentAtMs = Number.NEGATIVE_INFINITY;
  #waitMs = FIRST_WAIT_MS;

  constructor(send: () => void) {
    this.#send = send;
  }

  /** A worker has come. */
  answered(): void {
    this.#sentAtMs = Number.NEGATIVE_INFINITY;
    this.#waitMs = FIRST_WAIT_MS;
  }

  /** When there is something to send: tasks are due at `dueAtMs`, null for never. */
  nextAtMs(dueAtMs: number | null): number | null {
    return dueAtMs === null ? null : Math.max(dueAtMs, this.#sentAtMs + this.#waitMs);
  }

  /** Sends if it is time to. */
  look(dueAtMs: number | null, nowMs: number): void {
    const atMs = this.nextAtMs(dueAtMs);
    if (atMs === null || atMs > nowMs) return;
    if (this.#sentAtMs > Number.NEGATIVE_INFINITY) this.#waitMs = Math.min(LONGEST_WAIT_MS, 2 * this.#waitMs);
    this.#sentAtMs = nowMs;
    this.#send();
  }
}
