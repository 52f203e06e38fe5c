import { type QueueSocket, type QueueSocketParts, startQueueSocket } from './queue-socket.ts';

/** The WebSockets an agent holds with its queue, one a shard. */
export interface QueueSockets {
  /** `open`: tasks of all shards come over them. `failing`: some do not, and are to be asked for. */
  readonly state: QueueSocket['state'];
  /** The one that takes whatever there is to say: of a queue of one shard. */
  readonly only: QueueSocket | undefined;
  /** Resolves when all are over, after the signal aborted. */
  over(): Promise<unknown>;
}

/** A place that is left over by the division goes to another shard so often, lest one with work waits for an idle one. */
const TURN_MS = 5_000;

/**
 * Connects to each shard there is; the first says how many. An agent of fewer places than shards takes none over them:
 * it would be deaf to some, where a claim asks all.
 */
export function startQueueSockets(
  parts: Omit<QueueSocketParts, 'shard' | 'counted'>,
  signal: AbortSignal,
): QueueSockets {
  const { slots, config, changes } = parts;
  const sockets: QueueSocket[] = [];
  let turn = 0;
  const turning = setInterval(() => {
    turn++;
    if (sockets.length > 1) changes.tell();
  }, TURN_MS);
  const isSpread = () => config().concurrency >= sockets.length;
  const counted = (shards: number) => {
    for (let shard = sockets.length; shard < shards; shard++) {
      const ofShard = () => {
        const all = slots();
        return all === null ? null : isSpread() ? shareOf(all, shard, sockets.length, turn) : 0;
      };
      sockets.push(startQueueSocket({ ...parts, shard, counted, slots: ofShard }, signal));
    }
  };
  counted(1);
  return {
    get state() {
      if (!isSpread() || sockets.some(({ state }) => state === 'failing')) return 'failing';
      return sockets.every(({ state }) => state === 'open') ? 'open' : 'trying';
    },
    get only() {
      return sockets.length === 1 && sockets[0].state === 'open' ? sockets[0] : undefined;
    },
    async over() {
      clearInterval(turning);
      await Promise.all(sockets.map(({ over }) => over));
    },
  };
}

/** The places of one shard: an equal part, and of what is left over one each for those whose turn it is. */
export function shareOf(places: number, shard: number, shards: number, turn: number): number {
  const rest = places % shards;
  const isIn = (((shard - turn) % shards) + shards) % shards < rest;
  return Math.floor(places / shards) + (isIn ? 1 : 0);
}
