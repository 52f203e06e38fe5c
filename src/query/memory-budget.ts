import { OrasiError } from '../core/errors.ts';

/** Memory for one batch that a scan reads. */
export interface ReadClaim {
  /** Says what the batch takes in truth, once it is read. */
  resize(bytes: number): void;
  /** The batch is used up. Calling it again does nothing. */
  release(): void;
}

interface WaitingRead {
  readonly bytes: number;
  start(): void;
}

/**
 * The memory of one query. What operators hold is bounded: what is over the bound is refused, not tried. What scans
 * read ahead of their turn has to fit beside it, else it waits; the batch that a scan is waited for is read however
 * little is left, since without it the query cannot go on and nobody could give anything back.
 */
export class MemoryBudget {
  readonly #limitBytes: number;
  #heldBytes = 0;
  #readBytes = 0;
  readonly #waiting = new Set<WaitingRead>();

  constructor(limitBytes: number) {
    this.#limitBytes = limitBytes;
  }

  /** Throws `query_too_large`, naming the operator, where the bytes do not fit. */
  take(bytes: number, operator: string): void {
    this.#heldBytes += bytes;
    if (this.#heldBytes > this.#limitBytes) {
      throw new OrasiError(
        'query_too_large',
        `${operator} needs more than the ${this.#limitBytes} bytes a query may hold in memory`,
      );
    }
  }

  give(bytes: number): void {
    this.#heldBytes -= bytes;
    this.#startWaiting();
  }

  /**
   * Claims memory for a batch about to be read: as soon as there is room for it, or once it is `due`. Where `due` comes
   * out false nobody wants the batch any more, and the answer is undefined.
   */
  async claimRead(bytes: number, due: Promise<boolean>): Promise<ReadClaim | undefined> {
    if (this.#hasRoom(bytes)) return this.#claim(bytes);
    const { promise, resolve } = Promise.withResolvers<ReadClaim | undefined>();
    const waiting: WaitingRead = { bytes, start: () => resolve(this.#claim(bytes)) };
    this.#waiting.add(waiting);
    due.then((wanted) => {
      if (!this.#waiting.delete(waiting)) return;
      if (wanted) waiting.start();
      else resolve(undefined);
    });
    return await promise;
  }

  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Bytes of batches that are read, or being read, and not used up. */
  get readBytes(): number {
    return this.#readBytes;
  }

  #hasRoom(bytes: number): boolean {
    return this.#heldBytes + this.#readBytes + bytes <= this.#limitBytes;
  }

  #claim(bytes: number): ReadClaim {
    let claimed = bytes;
    this.#readBytes += bytes;
    const resize = (now: number) => {
      this.#readBytes += now - claimed;
      claimed = now;
      this.#startWaiting();
    };
    let released = false;
    return {
      resize(now) {
        if (!released) resize(now);
      },
      release() {
        released = true;
        resize(0);
      },
    };
  }

  /** In the order in which they came: a large batch is not overtaken for ever by small ones. */
  #startWaiting(): void {
    for (const waiting of this.#waiting) {
      if (!this.#hasRoom(waiting.bytes)) return;
      this.#waiting.delete(waiting);
      waiting.start();
    }
  }
}
