import { systemTimer } from '../core/timer.ts';

/** With the seconds for which a key that was read is believed it makes less than the ten of the contract. */
const ASKED_EVERY_MS = 1_000;

/**
 * A stream that ends when the token that asked for it opens nothing any more, whether or not it has something to tell.
 * It errs where that cannot be found out: its client asks again, and is refused or not.
 */
export function whileKnown(
  stream: ReadableStream<Uint8Array>,
  isStillKnown: () => Promise<boolean>,
  timer = systemTimer,
): ReadableStream<Uint8Array> {
  const reader = stream.getReader();
  let isDue: Promise<'due'>;
  let stopTimer = () => {};
  const arm = () => {
    isDue = new Promise((resolve) => {
      stopTimer = timer(ASKED_EVERY_MS, () => resolve('due'));
    });
  };
  arm();
  const end = (reason?: unknown) => {
    stopTimer();
    return reader.cancel(reason);
  };
  let reading: ReturnType<typeof reader.read> | undefined;
  const pull = async (controller: ReadableStreamDefaultController<Uint8Array>) => {
    for (;;) {
      reading ??= reader.read();
      // In this order: a stream that always has something to tell is asked of as well.
      const next = await Promise.race([isDue, reading]);
      if (next === 'due') {
        if (!(await isStillKnown())) {
          controller.close();
          return end();
        }
        arm();
        continue;
      }
      reading = undefined;
      if (!next.done) return controller.enqueue(next.value);
      stopTimer();
      return controller.close();
    }
  };
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          await pull(controller);
        } catch (error) {
          await end(error).catch(() => {});
          throw error;
        }
      },
      cancel: end,
    },
    // Nothing is taken of a watch before its reader asks: it keeps a place, not a buffer.
    { highWaterMark: 0 },
  );
}
