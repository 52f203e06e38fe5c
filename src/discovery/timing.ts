import { type Clock, systemClock } from '../core/clock.ts';
import { OrasiError } from '../core/errors.ts';

/** A clock that can also be waited on; passed in, so that time-outs and pauses can be replayed. */
export interface Timing extends Clock {
  /** Resolves after so many milliseconds, or as soon as the signal aborts. Never rejects. */
  wait(ms: number, signal: AbortSignal): Promise<void>;
}

/** The platform's timers. */
export const systemTiming: Timing = {
  now: systemClock.now,
  wait: (ms, signal) =>
    new Promise((done) => {
      if (signal.aborted) return done();
      const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        done();
      };
      const timer = setTimeout(end, Math.max(0, ms));
      signal.addEventListener('abort', end);
    }),
};

/** A signal that follows another and can be aborted by itself; `release` unties it from the other. */
export function childSignal(parent: AbortSignal): {
  signal: AbortSignal;
  abort(reason?: unknown): void;
  release(): void;
} {
  const controller = new AbortController();
  const follow = () => controller.abort(parent.reason);
  if (parent.aborted) follow();
  parent.addEventListener('abort', follow);
  return {
    signal: controller.signal,
    abort: (reason) => controller.abort(reason),
    release: () => parent.removeEventListener('abort', follow),
  };
}

/**
 * Work with a time limit: the signal it is given aborts when the time is over, with an OrasiError `unavailable` that
 * names `what`.
 */
export async function within<T>(
  timing: Timing,
  timeoutMs: number,
  what: string,
  parent: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const attempt = childSignal(parent);
  const finished = new AbortController();
  const limit = timing.wait(timeoutMs, finished.signal).then(() => {
    if (finished.signal.aborted) return;
    attempt.abort(new OrasiError('unavailable', `${what}: no answer within ${timeoutMs} ms`));
  });
  try {
    return await work(attempt.signal);
  } catch (error) {
    // What fetch throws when aborted differs between runtimes; the reason does not.
    if (attempt.signal.aborted && attempt.signal.reason instanceof OrasiError) throw attempt.signal.reason;
    throw error;
  } finally {
    finished.abort();
    attempt.release();
    await limit;
  }
}

/** A promise given up when the signal aborts; what it comes to later is nobody's any more. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = () => reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}
