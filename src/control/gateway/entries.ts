import { LIMITS } from '../../core/limits.ts';
import type { ObjectDatabase } from '../../core/object-database.ts';
import { type EntryKey, entryHash, shardOf } from '../../traffic/snapshot/keys.ts';
import { Facts } from './facts.ts';
import { placeOf, placesOfPart } from './places.ts';

/** More bytes than this and shards are split in two, on the average: what one change rewrites, and a cold read costs. */
const BYTES_A_SHARD = 96 * 1024;
const MAX_SHARDS = 1 << 13;

/** The entries of the configuration under their keys, and the shards that these lie in: a change marks its shard. */
export class GatewayEntries {
  private readonly database: ObjectDatabase;
  private readonly tooLarge: (key: EntryKey, bytes: number) => void;
  private readonly facts: Facts;

  /** `tooLarge` is told of entries that stay as they were, since what they should be has no room in a row. */
  constructor(database: ObjectDatabase, tooLarge: (key: EntryKey, bytes: number) => void) {
    this.database = database;
    this.tooLarge = tooLarge;
    this.facts = new Facts(database);
  }

  /** Puts an entry, or takes it out (null), and marks its shard. */
  put(key: EntryKey, body: string | null): void {
    const place = placeOf(entryHash(key));
    const present = this.database.exec('SELECT body FROM gateway_entries WHERE place = ? AND key = ?', place, key)[0];
    const before = present === undefined ? null : String(present.body);
    if (before === body) return;
    if (body !== null && key.length + body.length > LIMITS.gatewayEntryBytes) {
      this.tooLarge(key, body.length);
      return;
    }
    if (body === null) this.database.exec('DELETE FROM gateway_entries WHERE place = ? AND key = ?', place, key);
    else
      this.database.exec(
        'INSERT OR REPLACE INTO gateway_entries (place, key, body) VALUES (?, ?, ?)',
        place,
        key,
        body,
      );
    const grown = sizeOf(key, body) - sizeOf(key, before);
    this.facts.set('bytes', this.facts.number('bytes') + grown);
    this.database.exec(
      `INSERT INTO gateway_shards (shard, hash, bytes, dirty) VALUES (?, NULL, 0, 1)
       ON CONFLICT (shard) DO UPDATE SET dirty = dirty + 1`,
      shardOf(key, this.shards()),
    );
  }

  /** How many shards there are. */
  shards(): number {
    return Math.max(1, this.facts.number('shards'));
  }

  /** Doubles the shards while they are too large. All of them are then to be written anew. */
  growShards(): void {
    const bytes = this.facts.number('bytes');
    let shards = this.shards();
    const before = shards;
    while (shards < MAX_SHARDS && bytes > shards * BYTES_A_SHARD) shards *= 2;
    while (shards > 1 && bytes < (shards * BYTES_A_SHARD) / 8) shards /= 2;
    if (shards === before) return;
    this.facts.set('shards', shards);
    this.database.exec('DELETE FROM gateway_shards');
    for (let shard = 0; shard < shards; shard++) {
      this.database.exec('INSERT INTO gateway_shards (shard, hash, bytes, dirty) VALUES (?, NULL, 0, 1)', shard);
    }
  }

  /** Entries of a shard. */
  ofShard(shard: number): [EntryKey, string][] {
    const [first, last] = placesOfPart(shard, this.shards());
    return this.database
      .exec('SELECT key, body FROM gateway_entries WHERE place BETWEEN ? AND ? ORDER BY place, key', first, last)
      .map((row) => [row.key as EntryKey, String(row.body)]);
  }
}

function sizeOf(key: string, body: string | null): number {
  return body === null ? 0 : key.length + body.length + 4;
}
