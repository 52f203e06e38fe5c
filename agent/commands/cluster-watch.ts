import { systemRandom } from '../../src/core/random.ts';
import type { Call } from '../cli/command.ts';
import { pause, pauseMs } from '../client/backoff.ts';
import { ApiError, isTransient } from '../client/errors.ts';
import { serverSentEvents } from '../client/server-sent-events.ts';

/** The server tells of its progress each 15 s; a connection that is silent for longer is none. */
const SILENCE_MS = 45_000;
const BACKOFF = { firstMs: 250, capMs: 10_000 };

/** Options of every watch of a cluster. */
export const WATCH_OPTIONS = {
  revision: { value: 'NUMBER', summary: 'begin after this revision (default: now)' },
  count: { value: 'NUMBER', summary: 'end after so many changes (default: never)' },
} as const;

/**
 * Follows a watch of a cluster, each change once and in order: where a connection breaks it goes on after the last
 * revision that came. Throws where the history it needs is gone.
 */
export async function followCluster(
  { options, output, connect }: Call,
  path: string,
  prefix: string | undefined,
  show: (data: string) => Promise<void>,
): Promise<number> {
  const { client } = await connect();
  const count = options.integer('count', 1, 1_000_000_000) ?? Number.POSITIVE_INFINITY;
  let revision = options.integer('revision', 0, Number.MAX_SAFE_INTEGER);
  let shown = 0;
  for (let failures = 1; ; failures++) {
    try {
      const { body } = await client.open({ method: 'GET', path, query: { prefix, revision }, idleMs: SILENCE_MS });
      try {
        for await (const { name, id, data } of serverSentEvents(body)) {
          failures = 0;
          if (name === 'event') {
            await show(data);
            shown += 1;
          }
          if (id !== undefined) revision = Number(id);
          if (shown === count) return 0;
        }
      } finally {
        body.destroy();
      }
    } catch (error) {
      // What was not begun yet has nothing to go on with, and what the server refuses it refuses again.
      const isBroken = isTransient(error) || !(error instanceof ApiError);
      if (revision === undefined || !isBroken) throw error;
      output.note(`the watch broke off after revision ${revision}, and goes on`);
    }
    await pause(pauseMs(BACKOFF, Math.max(1, failures), systemRandom));
  }
}
