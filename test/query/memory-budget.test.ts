import { describe, expect, test } from 'vitest';
import { MemoryBudget, type ReadClaim } from '../../src/query/memory-budget.ts';

const NEVER = new Promise<boolean>(() => undefined);

/** A claim, and whether it was given by now. */
function asked(budget: MemoryBudget, bytes: number, due: Promise<boolean> = NEVER) {
  const state: { claim?: ReadClaim; answered: boolean } = { answered: false };
  void budget.claimRead(bytes, due).then((claim) => Object.assign(state, { claim, answered: true }));
  return state;
}

const settled = async () => await new Promise((resolve) => setImmediate(resolve));

describe('reading ahead', () => {
  test('begins at once where there is room beside what operators hold', async () => {
    const budget = new MemoryBudget(100);
    budget.take(50, 'JOIN');
    const first = asked(budget, 30);
    const second = asked(budget, 21);
    await settled();
    expect([first.answered, second.answered, budget.readBytes]).toEqual([true, false, 30]);
  });

  test('waits until room is made, in the order asked', async () => {
    const budget = new MemoryBudget(100);
    budget.take(20, 'JOIN');
    const first = asked(budget, 60);
    await settled();
    const large = asked(budget, 70);
    const small = asked(budget, 30);
    first.claim?.resize(5);
    await settled();
    expect([large.answered, small.answered]).toEqual([true, false]);
    budget.give(20);
    await settled();
    expect([small.answered, budget.readBytes]).toEqual([false, 75]);
    first.claim?.release();
    first.claim?.release();
    await settled();
    expect([small.answered, budget.readBytes]).toEqual([true, 100]);
  });

  test('waits no longer once it is due, however little is left', async () => {
    const budget = new MemoryBudget(100);
    budget.take(99, 'JOIN');
    const due = Promise.withResolvers<boolean>();
    const claimed = asked(budget, 500, due.promise);
    await settled();
    expect(claimed.answered).toBe(false);
    due.resolve(true);
    await settled();
    expect([claimed.answered, budget.readBytes]).toEqual([true, 500]);
  });

  test('is given up where nobody wants it any more', async () => {
    const budget = new MemoryBudget(100);
    const claimed = asked(budget, 500, Promise.resolve(false));
    await settled();
    expect(claimed).toEqual({ claim: undefined, answered: true });
    expect(budget.readBytes).toBe(0);
  });

  test('takes nothing from operators: they are refused by what they hold alone', async () => {
    const budget = new MemoryBudget(100);
    const claimed = asked(budget, 90);
    await settled();
    budget.take(100, 'ORDER BY');
    expect(claimed.answered).toBe(true);
    expect(() => budget.take(1, 'ORDER BY')).toThrow(/ORDER BY needs more than the 100 bytes/);
  });
});
