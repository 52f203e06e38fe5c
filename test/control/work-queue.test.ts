import { expect, test } from 'vitest';
import { BUILT_IN_KINDS } from '../../src/control/kinds.ts';
import type { ReconcileResult, Reconciler } from '../../src/control/reconcile.ts';
import { retryDelayMs, settle } from '../../src/control/work-queue.ts';
import { pipeline, START_MS, testPlane } from './fixture.ts';

test('waits double from a quarter of a second up to five minutes', () => {
  expect([1, 2, 3, 11, 12, 1000].map(retryDelayMs)).toEqual([250, 500, 1000, 256_000, 300_000, 300_000]);
});

test.each([
  [{ done: true }, null],
  [{ requeueAfterMs: 5 }, { dueAtMs: 105, failures: 0 }],
  [{ error: 'no' }, { dueAtMs: 100 + 1000, failures: 3 }],
  [{ error: 'no', terminal: true }, null],
] as const)('after %j an item that failed twice becomes %j', (result, next) => {
  expect(settle({ failures: 2 }, result as ReconcileResult, 100)).toEqual(next);
});

/** A plane whose pipelines are reconciled by `reconciler`. */
function planeWith(reconciler: Reconciler) {
  const kinds = BUILT_IN_KINDS.map((served) =>
    served.kind.plural === 'pipelines' ? { ...served, reconciler } : served,
  );
  return testPlane({ kinds });
}

test('a reconciler that fails is tried again later each time, and a success forgets the failures', async () => {
  const results: ReconcileResult[] = [{ error: 'one' }, { error: 'two' }, { done: true }, { error: 'three' }];
  const plane = planeWith({ reconcile: async () => results.shift() ?? { done: true } });
  await plane.settle();
  plane.send('create', pipeline('p'));
  const waits: number[] = [];
  for (let i = 0; i < 2; i++) {
    await plane.settle();
    const dueAtMs = plane.machine.nextWorkAtMs() ?? Number.NaN;
    waits.push(dueAtMs - plane.clock.now());
    plane.clock.advance(dueAtMs - plane.clock.now());
  }
  await plane.settle();
  expect(waits).toEqual([250, 500]);
  expect(plane.machine.nextWorkAtMs()).toBeNull();
  plane.send('patch', { spec: { dataset: 'other' } }, { name: 'p' });
  await plane.settle();
  expect((plane.machine.nextWorkAtMs() ?? 0) - plane.clock.now()).toBe(250);
});

test('what a reconciler throws is a failure like any other, and said in the log', async () => {
  const plane = planeWith({
    reconcile: async () => {
      throw new Error('the world is on fire');
    },
  });
  plane.send('create', pipeline('p'));
  await plane.settle();
  expect(plane.machine.nextWorkAtMs()).toBe(START_MS + 250);
  expect(plane.lines.join()).toContain('the world is on fire');
});

test('a change during a look asks for another look', async () => {
  let looks = 0;
  const plane = planeWith({
    async reconcile() {
      looks += 1;
      if (looks === 1) plane.send('patch', { spec: { dataset: 'changed' } }, { name: 'p' });
      return { done: true };
    },
  });
  plane.send('create', pipeline('p'));
  await plane.settle();
  expect(looks).toBe(2);
});

test('a terminal error is not tried again until the object changes', async () => {
  let looks = 0;
  const plane = planeWith({
    async reconcile() {
      looks += 1;
      return { error: 'never', terminal: true };
    },
  });
  plane.send('create', pipeline('p'));
  await plane.settle();
  plane.clock.advance(10 * 60_000);
  await plane.settle();
  expect(looks).toBe(1);
  plane.send('patch', { metadata: { labels: { a: 'b' } } }, { name: 'p' });
  await plane.settle();
  expect(looks).toBe(2);
});

test('a write of status alone asks for no work', async () => {
  const plane = planeWith({ reconcile: async () => ({ done: true }) });
  plane.send('create', pipeline('p'));
  await plane.settle();
  plane.send('patch', { status: { observedGeneration: 7 } }, { name: 'p', subresource: 'status' });
  expect(plane.machine.nextWorkAtMs()).toBeNull();
});
