import { messagesOf } from '../cluster/kv/watch-messages.ts';
import type { KvWatchFrame } from '../core/protocol/cluster-kv.ts';

/**
 * Frames of the store as server-sent events: an `event` for each revision with all its changes, its `id` the revision
 * to resume after; `progress` now and then; `gone` where the history ends before the watch does.
 */
export function kvEvents(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const encoder = new TextEncoder();
  let rest = '';
  return new TransformStream({
    transform(chunk, controller) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
      rest = lines.pop() ?? '';
      const shown = lines.flatMap((line) => eventsOf(JSON.parse(line) as KvWatchFrame));
      if (shown.length > 0) controller.enqueue(encoder.encode(shown.join('')));
    },
  });
}

function eventsOf(frame: KvWatchFrame): string[] {
  // A comment, so that the answer begins before there is anything to tell.
  if (frame.type === 'created') return [': watching\n\n'];
  return messagesOf(frame).map((message) => {
    const id = message.type === 'gone' ? '' : `id: ${message.revision}\n`;
    return `event: ${message.type}\n${id}data: ${JSON.stringify(message)}\n\n`;
  });
}
