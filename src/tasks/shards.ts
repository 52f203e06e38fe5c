import type { NewTask } from '../core/protocol/tasks.ts';
import { placeOf } from './task-id.ts';

/** The most shards a queue may have; ids that name another are nobody's. */
export const MOST_SHARDS = 64;

/**
 * The shard of a new task. All of a group go to one, so that its limits and turns hold; a dedupe key goes to one as
 * well, that of its group where the task has both. The others go to `otherwise`.
 */
export function shardOf({ dedupeKey, options }: NewTask, shards: number, otherwise: number): number {
  const key = options.groupKey ?? dedupeKey;
  return key === undefined ? otherwise : jump(hash(key), shards);
}

/** The shard that has the task of an id; null where the id is not one. */
export function shardOfId(taskId: string): number | null {
  const shard = placeOf(taskId)?.shard;
  return shard === undefined || shard >= MOST_SHARDS ? null : shard;
}

/** Jump consistent hash (Lamping and Veach, 2014): another count of shards moves as few keys as can be. */
function jump(key: bigint, shards: number): number {
  let seed = key;
  let shard = 0;
  for (let next = 0; next < shards; ) {
    shard = next;
    seed = BigInt.asUintN(64, seed * 2862933555777941757n + 1n);
    next = Math.floor((shard + 1) * (2 ** 31 / (Number(seed >> 33n) + 1)));
  }
  return shard;
}

/** FNV-1a of 64 bits over UTF-16 units. */
function hash(text: string): bigint {
  let value = 0xcbf29ce484222325n;
  for (let i = 0; i < text.length; i++)
    value = BigInt.asUintN(64, (value ^ BigInt(text.charCodeAt(i))) * 0x100000001b3n);
  return value;
}
