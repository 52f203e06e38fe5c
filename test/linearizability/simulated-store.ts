import type { Random } from '../../src/core/random.ts';
import type { Act, Operation } from './history.ts';

/** How a store can be wrong; `right` is not. */
export type Variant =
  | 'right'
  | 'stale reads'
  | 'checks before it writes'
  | 'loses what it acknowledged'
  | 'dirty reads';

const STEPS = 60;

/**
 * The history of a few clients of a store in memory, in simulated time: calls take effect somewhere between call and
 * answer, and the store dies now and then, so that answers are lost on both sides of the effect.
 */
export function simulatedHistory(random: Random, variant: Variant): Operation[] {
  const below = (bound: number) => Math.floor(random.next() * bound);
  const pick = <T>(choices: readonly T[]): T => choices[below(choices.length)] as T;
  const keys = ['a', 'b'];
  const state = new Map<string, string>();
  /** What each key had before its last write. */
  const before = new Map<string, string | null>();
  const known = new Map<string, string | null>();
  const history: Operation[] = [];
  let due: { atTime: number; run: () => void }[] = [];
  let values = 0;

  const write = (key: string, value: string | null): void => {
    before.set(key, state.get(key) ?? null);
    if (value === null) state.delete(key);
    else state.set(key, value);
  };
  const ask = (key: string): Act => {
    values += 1;
    const turn = below(10);
    if (turn < 4) return { type: 'get', value: null };
    if (turn < 6) return { type: 'put', value: `v${values}` };
    if (turn < 7) return { type: 'delete' };
    return { type: 'cas', expected: known.get(key) ?? null, value: `v${values}` };
  };
  const takeEffect = (key: string, act: Act, later: (run: () => void) => void): Act => {
    const present = state.get(key) ?? null;
    switch (act.type) {
      case 'get': {
        const value = variant === 'stale reads' && below(3) === 0 ? (before.get(key) ?? null) : present;
        known.set(key, value);
        return { ...act, value };
      }
      case 'put':
        write(key, act.value);
        return act;
      case 'delete':
        write(key, null);
        return { ...act, existed: present !== null };
      case 'cas': {
        const swapped = present === act.expected;
        if (swapped && variant === 'checks before it writes') later(() => write(key, act.value));
        else if (swapped) write(key, act.value);
        return { ...act, swapped };
      }
    }
  };

  const clients = Array.from({ length: 4 }, () => ({ busyUntil: 0 }));
  for (let now = 0; now < STEPS; now++) {
    const present = due.filter(({ atTime }) => atTime <= now);
    due = due.filter(({ atTime }) => atTime > now);
    for (const { run } of present) run();
    for (const client of clients) {
      if (client.busyUntil > now || below(3) === 0) continue;
      const key = pick(keys);
      const act = ask(key);
      const effectAt = now + below(3);
      const answeredAt = effectAt + 1 + below(3);
      client.busyUntil = answeredAt + 1;
      const fate = below(20);
      // Died before the effect, or after it with the answer on its way.
      const lost = fate < 2;
      due.push({
        atTime: effectAt,
        run: () => {
          if (fate === 0) {
            if (variant === 'dirty reads' && (act.type === 'put' || act.type === 'cas')) {
              // Seen by whoever reads next, and then undone.
              const present = state.get(key) ?? null;
              write(key, act.value);
              due.push({ atTime: effectAt + 2, run: () => write(key, present) });
            }
            history.push({ key, calledAt: now, answeredAt: Number.POSITIVE_INFINITY, act });
            return;
          }
          const present = state.get(key) ?? null;
          const told = takeEffect(key, act, (run) => due.push({ atTime: effectAt + 1 + below(3), run }));
          if (variant === 'loses what it acknowledged' && act.type !== 'get' && below(8) === 0) write(key, present);
          history.push(
            lost
              ? { key, calledAt: now, answeredAt: Number.POSITIVE_INFINITY, act }
              : { key, calledAt: now, answeredAt, act: told },
          );
        },
      });
    }
  }
  return history;
}
