import type { Clock } from '../core/clock.ts';
import { OrasiError } from '../core/errors.ts';
import { pause } from '../core/timer.ts';

/** Timers of the request that asks for them: they end with it, which is what tells that it ended. */
export interface RequestTimers {
  pause(ms: number): Promise<void>;
  /** Calls `work` again and again; answers what stops it. */
  every(ms: number, work: () => void): () => void;
}

const requestTimers: RequestTimers = {
  pause: (ms) => pause(ms),
  every(ms, work) {
    const timer = setInterval(work, ms);
    return () => clearInterval(timer);
  },
};

/** How often a piece of work that runs says that it is alive, and one that waits looks whether it is its turn. */
const BEAT_MS = 250;
const LOOK_MS = 25;
/** Silence after which a piece of work is taken for dead. */
const DEAD_AFTER_MS = 2_500;

/** A piece of work that runs or waits. */
interface Place {
  /** On the admission's own time. */
  seenAtMs: number;
}

/**
 * Admits so many pieces of work at once in this isolate; so many more wait their turn, first come first
 * served; the rest are told 429 at once. It bounds memory, which all requests of an isolate share.
 *
 * A request whose client goes away may be ended by the runtime with none of its code run again, so a place is held only
 * as long as its holder's own timer says so. For the same reason nobody is woken by another: who waits looks for itself,
 * and has a timer of its own running, without which the runtime takes a request that waits for others to be hung.
 */
export class Admission {
  readonly #slots: number;
  readonly #waitingMax: number;
  readonly #clock: Clock;
  readonly #timers: RequestTimers;
  readonly #running = new Set<Place>();
  #waiting: Place[] = [];
  /** Time in which timers ran: while the isolate computes none does, and nobody is dead for that. */
  #timeMs = 0;
  #lookedAtMs: number;

  constructor(slots: number, waitingMax: number, clock: Clock, timers: RequestTimers = requestTimers) {
    this.#slots = slots;
    this.#waitingMax = waitingMax;
    this.#clock = clock;
    this.#timers = timers;
    this.#lookedAtMs = clock.now();
  }

  /**
   * Resolves with the function that gives the slot back (calling it again does nothing). Throws `rate_limited` where too
   * many wait already, or where its turn has not come after `waitMs`.
   */
  async enter(waitMs: number): Promise<() => void> {
    this.#look();
    const place: Place = { seenAtMs: this.#timeMs };
    if (this.#running.size + this.#waiting.length >= this.#slots) await this.#wait(place, waitMs);
    this.#running.add(place);
    const stop = this.#timers.every(BEAT_MS, () => {
      this.#look();
      place.seenAtMs = this.#timeMs;
    });
    return () => {
      stop();
      this.#running.delete(place);
    };
  }

  async #wait(place: Place, waitMs: number): Promise<void> {
    if (this.#waiting.length >= this.#waitingMax) throw this.#refusal();
    this.#waiting.push(place);
    const until = this.#clock.now() + waitMs;
    do {
      await this.#timers.pause(LOOK_MS);
      this.#look();
      place.seenAtMs = this.#timeMs;
      const at = this.#waiting.indexOf(place);
      if (at < 0) {
        // Silent for too long, it was given up; it is alive after all, but its place is lost.
        this.#waiting.push(place);
      } else if (at < this.#slots - this.#running.size) {
        this.#waiting.splice(at, 1);
        return;
      }
    } while (this.#clock.now() < until);
    this.#waiting = this.#waiting.filter((other) => other !== place);
    throw this.#refusal();
  }

  #refusal(): OrasiError {
    return new OrasiError('rate_limited', `${this.#slots} queries run and ${this.#waiting.length} wait already`, {
      retryAfterSeconds: 2,
    });
  }

  /** Lets time go on, and gives up those that have not been seen for too long. */
  #look(): void {
    const nowMs = this.#clock.now();
    this.#timeMs += Math.min(Math.max(nowMs - this.#lookedAtMs, 0), BEAT_MS);
    this.#lookedAtMs = nowMs;
    const dead = ({ seenAtMs }: Place) => this.#timeMs - seenAtMs > DEAD_AFTER_MS;
    for (const place of this.#running) if (dead(place)) this.#running.delete(place);
    if (this.#waiting.some(dead)) this.#waiting = this.#waiting.filter((place) => !dead(place));
  }
}
