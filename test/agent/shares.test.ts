import { expect, test } from 'vitest';
import { shareOf } from '../../agent/process/queue-sockets.ts';

test('places are divided among shards evenly and whole, and what is left over goes around', () => {
  for (const [places, shards] of [
    [10, 1],
    [10, 4],
    [1, 3],
    [0, 2],
    [7, 7],
  ]) {
    const had = new Array<number>(shards).fill(0);
    for (let turn = 0; turn < shards; turn++) {
      const shares = had.map((_, shard) => shareOf(places, shard, shards, turn));
      expect(shares.reduce((sum, share) => sum + share, 0)).toBe(places);
      expect(Math.max(...shares) - Math.min(...shares)).toBeLessThanOrEqual(1);
      for (const [shard, share] of shares.entries()) had[shard] += share;
    }
    expect(new Set(had)).toEqual(new Set([places]));
  }
});
