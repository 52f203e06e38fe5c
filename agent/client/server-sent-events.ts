import type { Readable } from 'node:stream';

/** One event (HTML, section 9.2). */
export interface ServerSentEvent {
  readonly name: string;
  /** What to resume after; undefined where the event does not say. */
  readonly id: string | undefined;
  readonly data: string;
}

/** The events of a stream, as far as ours are: comments are left out. Throws what the stream does. */
export async function* serverSentEvents(stream: Readable): AsyncGenerator<ServerSentEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = new Map(text.slice(0, end).split('\n').map(fieldOf));
      text = text.slice(end + 2);
      const data = fields.get('data');
      if (data !== undefined) yield { name: fields.get('event') ?? 'message', id: fields.get('id'), data };
    }
  }
}

function fieldOf(line: string): [name: string, value: string] {
  const colon = line.indexOf(':');
  return colon < 0 ? [line, ''] : [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
}
