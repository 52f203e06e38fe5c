/** Where a crash test may stop the work; everywhere else a fault point is nothing. */
export const FAULT_POINTS = [
  'after-upload',
  'after-claim',
  'after-segment',
  'before-hand-over',
  'after-hand-over',
  'before-commit',
  'after-commit',
  'before-ack',
  'in-index-publish',
] as const;
export type FaultPoint = (typeof FAULT_POINTS)[number];

/** Called between durable effects. In production it does nothing. */
export interface FaultPoints {
  reach(point: FaultPoint): Promise<void>;
}

/** Production's: nothing fails on purpose. */
export const noFaultPoints: FaultPoints = { reach: async () => {} };

/** Longer than any test waits; the timer keeps the runtime from taking the invocation for hung. */
const HOLD_MS = 10 * 60_000;

/**
 * Stops for good where `spec` says: a point's name, or `name:n` for its n-th time. It tells so first, and the
 * test kills the process. Throws a RangeError where there is no such point.
 */
export function holdingFaultPoints(
  spec: string,
  tell: (message: string, fields: { point: string }) => void,
): FaultPoints {
  const [name, count = '1'] = spec.split(':');
  const point = FAULT_POINTS.find((candidate) => candidate === name);
  const nth = Number(count);
  if (point === undefined || !Number.isInteger(nth) || nth < 1) {
    throw new RangeError(`fault point "${spec}": expected one of ${FAULT_POINTS.join(', ')}, or name:n`);
  }
  let reached = 0;
  return {
    async reach(at) {
      if (at !== point || ++reached !== nth) return;
      tell('fault-point reached', { point: spec });
      await new Promise((resolve) => setTimeout(resolve, HOLD_MS));
    },
  };
}
