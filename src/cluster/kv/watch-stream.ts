import type { ChangeSignal } from '../../core/change-signal.ts';
import type { KvWatch } from '../../core/protocol/cluster-kv.ts';
import { pulledStream, type WatchTiming } from '../pulled-stream.ts';
import { stand, tell } from './standing.ts';
import type { KvStore } from './store.ts';

/** A watch's frame has about 1 MiB, and a stream many watches: those that come after so much are told with the next pull. */
const CHUNK_CHARS = 1024 * 1024;

/** Watches as one stream of JSON lines. Where the history of one is gone it is told so. Ends when no watch is left. */
export function kvWatchStream(
  store: KvStore,
  watches: readonly KvWatch[],
  signal: ChangeSignal,
  timing: WatchTiming,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  // The revision that a watch from now on begins at is the one at its opening, not at its first read.
  const standings = watches.map((watch) => stand(store, watch));
  const teller = {
    next() {
      let lines = '';
      for (let asked = standings.length; asked > 0 && lines.length < CHUNK_CHARS; asked--) {
        const [standing] = standings.splice(0, 1);
        const frames = tell(store, standing);
        lines += frames.map((frame) => `${JSON.stringify(frame)}\n`).join('');
        // Behind the others, so that none waits for one that always has more to tell.
        if (!frames.some(({ type }) => type === 'compacted')) standings.push(standing);
      }
      if (lines !== '') return encoder.encode(lines);
      return standings.length === 0 ? ('end' as const) : ('nothing' as const);
    },
    progressDue() {
      for (const standing of standings) standing.progressDue = standing.watch.progress;
    },
  };
  return pulledStream(teller, signal, timing);
}
