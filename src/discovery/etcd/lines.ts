import { OrasiError } from '../../core/errors.ts';

/** One answer of a watch may hold many events; a line beyond this would endanger the isolate and is given up. */
const LINE_CHARS = 16 * 1024 * 1024;

/**
 * The lines of a stream as they come, without their ends; empty ones are left out, and so is an unfinished last one.
 *
 * @throws OrasiError `unavailable` on a line beyond 16 Mi characters.
 */
export async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void> {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
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
    // Gives the connection back; that it is broken is known by now.
    await reader.cancel().catch(() => {});
  }
}
