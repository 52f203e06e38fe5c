import { OrasiError } from '../core/errors.ts';

/**
 * Admits so many pieces of work at once in this isolate; so many more wait their turn, first come first
 * served; the rest are told 429 at once. It bounds memory, which all requests of an isolate share.
 */
export class Admission {
  readonly #slots: number;
  readonly #waitingMax: number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  constructor(slots: number, waitingMax: number) {
    this.#slots = slots;
    this.#waitingMax = waitingMax;
  }

  /** Resolves with the function that gives the slot back (calling it again does nothing). Throws `rate_limited`. */
  async enter(): Promise<() => void> {
    if (this.#running < this.#slots) this.#running++;
    else if (this.#waiting.length < this.#waitingMax) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else {
      throw new OrasiError('rate_limited', `${this.#slots} queries run and ${this.#waitingMax} wait already`, {
        retryAfterSeconds: 2,
      });
    }
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#waiting.shift();
      // The slot passes straight to the one who waited longest, so `running` stays as it is.
      if (next === undefined) this.#running--;
      else next();
    };
  }
}
