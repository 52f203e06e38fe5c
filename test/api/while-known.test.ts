import { expect, test } from 'vitest';
import { whileKnown } from '../../src/api/while-known.ts';

/** A stream that tells what it is given, under a timer that the test fires. */
function world() {
  const asked = { known: true as boolean | Error, times: 0 };
  const timers = new Set<() => void>();
  let source: ReadableStreamDefaultController<Uint8Array> | undefined;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => {
      source = controller;
    },
    cancel: () => {
      cancelled = true;
    },
  });
  const isStillKnown = async () => {
    asked.times++;
    if (asked.known instanceof Error) throw asked.known;
    return asked.known;
  };
  const reader = whileKnown(stream, isStillKnown, (_ms, fire) => {
    timers.add(fire);
    return () => void timers.delete(fire);
  }).getReader();
  const read = async () => {
    const { value } = await reader.read();
    return value === undefined ? 'end' : String(value[0]);
  };
  const fire = () => {
    for (const due of [...timers]) {
      timers.delete(due);
      due();
    }
  };
  const tell = (byte: number) => source?.enqueue(Uint8Array.of(byte));
  return { asked, timers, read, reader, fire, tell, end: () => source?.close(), cancelled: () => cancelled };
}

test('a stream passes as it is while its token is known, and ends by itself', async () => {
  const { asked, timers, read, fire, tell, end } = world();
  tell(1);
  tell(2);
  expect([await read(), await read()]).toEqual(['1', '2']);
  const next = read();
  fire();
  tell(3);
  expect(await next).toBe('3');
  end();
  expect(await read()).toBe('end');
  expect(asked.times).toBe(1);
  expect(timers.size).toBe(0);
});

test('one that has nothing to tell ends when its token is not known any more', async () => {
  const { asked, timers, read, fire, cancelled } = world();
  const next = read();
  asked.known = false;
  fire();
  expect(await next).toBe('end');
  expect(cancelled()).toBe(true);
  expect(timers.size).toBe(0);
});

test('one that always has something to tell ends as well', async () => {
  const { asked, read, fire, tell, cancelled } = world();
  for (let byte = 0; byte < 9; byte++) tell(byte);
  expect(await read()).toBe('0');
  asked.known = false;
  fire();
  expect(await read()).toBe('end');
  expect(cancelled()).toBe(true);
});

test('where it cannot be found out the stream errs, and lets go of what it told', async () => {
  const { asked, timers, read, fire, cancelled } = world();
  const next = read();
  asked.known = new Error('no answer');
  fire();
  await expect(next).rejects.toThrow('no answer');
  expect(cancelled()).toBe(true);
  expect(timers.size).toBe(0);
});

test('a reader that goes takes the stream and the timer with it', async () => {
  const { timers, reader, read, cancelled } = world();
  const next = read();
  await reader.cancel();
  expect(await next).toBe('end');
  expect(cancelled()).toBe(true);
  expect(timers.size).toBe(0);
});
