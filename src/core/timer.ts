/** Rings once after so many milliseconds; returns what calls it off. Passed in where a test moves the time. */
export type Timer = (ms: number, ring: () => void) => () => void;

/** The platform's timer. In a Worker it rings only while the request that set it is under way. */
export const systemTimer: Timer = (ms, ring) => {
  const timer = setTimeout(ring, ms);
  return () => clearTimeout(timer);
};

/** Resolves after so many milliseconds. */
export function pause(ms: number, timer = systemTimer): Promise<void> {
  return new Promise((resolve) => {
    timer(ms, resolve);
  });
}

/**
 * What `work` comes to, or `late` where that takes longer than so many milliseconds: the work then goes on, and nobody
 * hears of its end. Throws what it throws in time.
 */
export async function within<T, Late>(ms: number, work: Promise<T>, late: Late): Promise<T | Late> {
  let callOff = () => {};
  const lateness = new Promise<Late>((resolve) => {
    callOff = systemTimer(ms, () => resolve(late));
  });
  try {
    return await Promise.race([work, lateness]);
  } finally {
    callOff();
  }
}
