import { Buffer } from 'node:buffer';
import type { ShardRef } from '../../core/protocol/gateway.ts';
import type { EntryAt, EntryKey } from './keys.ts';

/** The entries of one shard, as its file has them. */
export type Shard = Readonly<Record<string, unknown>>;

/** A shard that is not what the manifest says; what was read before stays in force. */
export class DamagedSnapshot extends Error {
  override readonly name = 'DamagedSnapshot';
}

/** Where a shard's file lies, by the hash of its bytes: immutable, and made once. */
export function shardFileKey(hash: string): string {
  return `gateway/shards/${hash}`;
}

/** The bytes of a shard: the same for the same entries, whatever order they came in. Entries are JSON texts. */
export function encodeShard(entries: Iterable<readonly [EntryKey, string]>): Uint8Array<ArrayBuffer> {
  const sorted = [...entries].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = `{${sorted.map(([key, json]) => `${JSON.stringify(key)}:${json}`).join(',')}}`;
  return new Uint8Array(Buffer.from(text, 'utf8'));
}

/** SHA-256, hexadecimal. */
export async function shardHash(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
}

/** Reads a shard's file and checks it against its reference; throws DamagedSnapshot. */
export async function decodeShard(ref: NonNullable<ShardRef>, bytes: Uint8Array<ArrayBuffer>): Promise<Shard> {
  if (bytes.length !== ref.bytes)
    throw new DamagedSnapshot(`shard ${ref.hash} has ${bytes.length} bytes of ${ref.bytes}`);
  if ((await shardHash(bytes)) !== ref.hash)
    throw new DamagedSnapshot(`shard ${ref.hash} has other bytes than its name says`);
  // Bytes that have the hash are those that were written: what they mean needs no second look.
  return JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'));
}

/** The entry under a key; undefined where the shard has none. */
export function entryAt<K extends EntryKey>(shard: Shard, key: K): EntryAt<K> | undefined {
  return Object.hasOwn(shard, key) ? (shard[key] as EntryAt<K>) : undefined;
}
