import { systemClock } from '../src/core/clock.ts';

/** An alarm this late will not ring; the platform allows itself a minute. */
const LOST_AFTER_MS = 2 * 60_000;
/** The platform takes no alarm after the year 2189; one that rings before there is work is set anew. */
const FURTHEST_MS = 366 * 86_400_000;

/** The one alarm of a Durable Object, and when it will ring as far as this instance knows: setting it is a write. */
export class ObjectAlarm {
  readonly #storage: DurableObjectStorage;
  #armedAtMs: number | null = null;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Asks the platform when it will ring; null where none is set. A sweep has it asked, since an alarm can be lost. */
  async load(): Promise<number | null> {
    this.#armedAtMs = await this.#storage.getAlarm();
    return this.#armedAtMs;
  }

  /** It has rung, or went with the storage. */
  clear(): void {
    this.#armedAtMs = null;
  }

  /** Sets it to when work is due, null for never, unless it is set to then or before. */
  async arm(dueAtMs: number | null): Promise<void> {
    if (dueAtMs === null) return;
    const isSet = this.#armedAtMs !== null && this.#armedAtMs <= dueAtMs;
    const isLost = this.#armedAtMs !== null && this.#armedAtMs < systemClock.now() - LOST_AFTER_MS;
    if (isSet && !isLost) return;
    this.#armedAtMs = Math.min(dueAtMs, systemClock.now() + FURTHEST_MS);
    await this.#storage.setAlarm(this.#armedAtMs);
  }
}
