import { OrasiError } from '../core/errors.ts';
import { unreachable } from './http.ts';
import { childSignal, type Timing, untilAborted, within } from './timing.ts';

/** One answer of a watch may hold many events; a line beyond this would endanger the isolate and is given up. */
const LINE_CHARS = 16 * 1024 * 1024;

/**
 * The lines of a stream as they come, without their ends; empty ones are left out, and so is an unfinished last one.
 * The stream is given back at the end, and when the signal aborts.
 *
 * @throws OrasiError `unavailable` on a line beyond 16 Mi characters.
 */
export async function* linesOf(stream: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  // That it is broken is known by then.
  const giveBack = () => void reader.cancel().catch(() => {});
  signal.addEventListener('abort', giveBack, { once: true });
  let rest = '';
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      rest += decoder.decode(value, { stream: true });
      const lines = rest.split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > LINE_CHARS) throw new OrasiError('unavailable', 'a line of the stream is too long');
      for (const line of lines) if (line !== '') yield line;
    }
  } finally {
    signal.removeEventListener('abort', giveBack);
    giveBack();
  }
}

export interface StreamBounds {
  readonly timing: Timing;
  /** How long opening may take, and the first line. Silence says nothing after it. */
  readonly timeoutMs: number;
  /** How long the whole is read, since a connection whose other end is gone is silent too. */
  readonly lifeMs: number;
}

/**
 * The lines of a stream for so long, then an end without an error, as where the signal aborts.
 *
 * @throws OrasiError `unavailable`, which names `what`: it cannot be opened, it breaks, or it ends by itself.
 */
export async function* linesFor(
  what: string,
  open: (signal: AbortSignal) => Promise<ReadableStream<Uint8Array>>,
  { timing, timeoutMs, lifeMs }: StreamBounds,
  parent: AbortSignal,
): AsyncGenerator<string, void> {
  const life = childSignal(parent);
  const over = new AbortController();
  void timing.wait(lifeMs, over.signal).then(() => life.abort());
  try {
    const stream = await within(timing, timeoutMs, what, life.signal, (attempt) =>
      untilAborted(open(life.signal), attempt),
    );
    const lines = linesOf(stream, life.signal);
    const first = await within(timing, timeoutMs, what, life.signal, (attempt) => untilAborted(lines.next(), attempt));
    for (let line = first; !line.done; line = await untilAborted(lines.next(), life.signal)) yield line.value;
    throw new OrasiError('unavailable', `${what}: the stream was ended`);
  } catch (error) {
    if (!life.signal.aborted) throw unreachable(what, error, life.signal);
  } finally {
    over.abort();
    life.abort();
    life.release();
  }
}
