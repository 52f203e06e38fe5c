import type { ClaimedTask, ClaimRequest } from '../src/core/protocol/tasks.ts';

/** A claim that waits looks again at least this often, should the clock have been set back. What is later has an alarm. */
export const LONGEST_TIMER_MS = 10_000;

interface Waiter {
  readonly request: ClaimRequest;
  /** What it waits for; hundreds may wait for the same. */
  readonly kind: string;
  /** Answers it if there is something for it; false where there is nothing. */
  serve(): boolean;
  /** Answers it with nothing. */
  end(): void;
}

/** Claims that wait for work. They are in memory alone: the request that waits keeps the object there. */
export class WaitingClaims {
  private readonly waiters = new Set<Waiter>();

  get size(): number {
    return this.waiters.size;
  }

  /** Has a claim wait until `look` finds something for it, or else answers `nothing`. Throws what `look` throws. */
  async wait<T extends readonly ClaimedTask[] | boolean>(request: ClaimRequest, nothing: T, look: () => T): Promise<T> {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const waiter: Waiter = {
      request,
      kind: JSON.stringify([request.types, request.capabilities]),
      // Out at once: whom nobody waits for any more is given nothing.
      end: () => {
        this.waiters.delete(waiter);
        resolve(nothing);
      },
      serve: () => {
        try {
          const found = look();
          if (found === false || (typeof found === 'object' && found.length === 0)) return false;
          this.waiters.delete(waiter);
          resolve(found);
        } catch (error) {
          this.waiters.delete(waiter);
          reject(error);
        }
        return true;
      },
    };
    const deadline = setTimeout(waiter.end, request.waitMs);
    this.waiters.add(waiter);
    try {
      return await promise;
    } finally {
      clearTimeout(deadline);
    }
  }

  /** Gives what is due, the longest waiting first; answers when more may be, or null where none waits. */
  serve(nowMs: number, nextClaimAtMs: (request: ClaimRequest) => number | null): number | null {
    let nextAtMs = nowMs + LONGEST_TIMER_MS;
    // Until something is given out, what one finds is what the others of its kind find.
    const known = new Map<string, number | null>();
    const dueAt = ({ kind, request }: Waiter): number | null => {
      const present = known.get(kind);
      if (present !== undefined) return present;
      const dueAtMs = nextClaimAtMs(request);
      known.set(kind, dueAtMs);
      return dueAtMs;
    };
    for (const waiter of [...this.waiters]) {
      const dueAtMs = dueAt(waiter);
      if (dueAtMs === null) continue;
      if (dueAtMs <= nowMs) {
        const isServed = waiter.serve();
        known.clear();
        if (isServed) continue;
      }
      nextAtMs = Math.min(nextAtMs, dueAt(waiter) ?? nextAtMs);
    }
    return this.waiters.size === 0 ? null : nextAtMs;
  }

  /** Answers all with nothing. */
  end(): void {
    for (const waiter of this.waiters) waiter.end();
  }
}
