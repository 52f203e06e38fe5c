import { expect, test } from 'vitest';
import { eventStream } from '../../src/cluster/event-stream.ts';
import { ChangeSignal } from '../../src/core/change-signal.ts';

test('a watch ends where its store is erased, and leaves no timer behind', async () => {
  const changes = new ChangeSignal();
  const timers = new Set<() => void>();
  const source = { eventsAfter: () => [], compactedRevision: () => 0 };
  const timing = {
    progressEveryMs: 1_000,
    startTimer(_ms: number, fire: () => void) {
      timers.add(fire);
      return () => timers.delete(fire);
    },
  };
  const reader = eventStream(source, 7, changes, timing).pipeThrough(new TextDecoderStream()).getReader();
  expect(await reader.read()).toMatchObject({ value: expect.stringContaining('"revision":7') });
  const next = reader.read();
  changes.end();
  expect((await next).done).toBe(true);
  expect([timers.size, changes.listeners]).toEqual([0, 0]);
});
