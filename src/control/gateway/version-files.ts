import { Buffer } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.ts';
import { LIMITS } from '../../core/limits.ts';
import type { ObjectDatabase } from '../../core/object-database.ts';
import type { GatewayManifest, ShardRef } from '../../core/protocol/gateway.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import type { EntryKey } from '../../traffic/snapshot/keys.ts';
import { checkManifest, manifestFileKey } from '../../traffic/snapshot/manifest.ts';
import { DamagedSnapshot, decodeShard, encodeShard, type Shard, shardFileKey } from '../../traffic/snapshot/shard.ts';

/** Reads and writes of the bucket at the same time: an object may have six connections open. */
const FILES_AT_A_TIME = 4;
/** Files removed in one step. */
const FILES_A_STEP = 100;

/** A shard as it is to be written; without bytes where it holds nothing. */
export type MadeShard =
  | { readonly ref: NonNullable<ShardRef>; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly ref: null; readonly bytes: null };

/** What a shard has that may not be served as it is at some later time. */
export interface Standing {
  /** Uids of those whose hosts and upstreams it has. */
  readonly namespaces: readonly string[];
  /** Whether it has policies that open to what Secrets hold. */
  readonly secrets: boolean;
}

/** The file of a shard with these entries. */
export function makeShard(entries: readonly (readonly [EntryKey, string])[]): MadeShard {
  if (entries.length === 0) return { ref: null, bytes: null };
  const bytes = encodeShard(entries);
  return { ref: { hash: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.length }, bytes };
}

/** Does something for each item, so many at a time as the bucket may be asked at once. */
export async function eachFile<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items].reverse();
  const worker = async () => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await work(item);
  };
  await Promise.all(Array.from({ length: FILES_AT_A_TIME }, worker));
}

/**
 * The files of versions in the bucket: manifests by their version, shards by the hash of their bytes. A shard is known
 * before it is written, so that a crash leaves none that nobody collects, and goes when no version that is kept has it.
 */
export class VersionFiles {
  private readonly database: ObjectDatabase;
  private readonly store: ObjectStore;
  private readonly clock: Clock;

  constructor(database: ObjectDatabase, store: ObjectStore, clock: Clock) {
    this.database = database;
    this.store = store;
    this.clock = clock;
  }

  /** A shard may be written from here on. */
  expect(shard: MadeShard, standing: Standing): void {
    if (shard.ref === null) return;
    this.database.exec(
      'INSERT OR IGNORE INTO gateway_files (hash, last_version, retired_at, standing) VALUES (?, 0, ?, ?)',
      shard.ref.hash,
      this.clock.now(),
      JSON.stringify(standing),
    );
  }

  /** What a shard stands on; null where that is not known. */
  standingOf(hash: string): Standing | null {
    const [row] = this.database.exec('SELECT standing FROM gateway_files WHERE hash = ?', hash);
    return row === undefined || row.standing === null ? null : JSON.parse(String(row.standing));
  }

  /** Writes those that are not there yet. */
  async putShards(shards: readonly MadeShard[]): Promise<void> {
    await eachFile(shards, async ({ ref, bytes }) => {
      if (ref === null) return;
      await this.store.put(shardFileKey(ref.hash), bytes, { ifAbsent: true, contentType: 'application/json' });
    });
  }

  async putManifest(manifest: GatewayManifest): Promise<void> {
    const bytes = new Uint8Array(Buffer.from(JSON.stringify(manifest), 'utf8'));
    await this.store.put(manifestFileKey(manifest.version), bytes, { contentType: 'application/json' });
  }

  /** Throws where it is not in the bucket, or damaged. */
  async readManifest(version: number): Promise<GatewayManifest> {
    const manifest = await this.findManifest(version);
    if (manifest === null) throw new Error(`the manifest of version ${version} is not in the bucket`);
    return manifest;
  }

  /** Null where it is not in the bucket; throws where it is damaged. */
  async findManifest(version: number): Promise<GatewayManifest | null> {
    const bytes = await this.read(manifestFileKey(version));
    return bytes === null ? null : checkManifest(JSON.parse(Buffer.from(bytes).toString('utf8')));
  }

  /** Null where it is not in the bucket, or other bytes are in its place. */
  async findShard(ref: NonNullable<ShardRef>): Promise<Shard | null> {
    const bytes = await this.read(shardFileKey(ref.hash));
    try {
      return bytes === null ? null : await decodeShard(ref, bytes);
    } catch (error) {
      if (error instanceof DamagedSnapshot) return null;
      throw error;
    }
  }

  /** A shard has a place in what is in force, or declared. */
  keep(hash: string): void {
    this.database.exec(
      `INSERT INTO gateway_files (hash, last_version, retired_at) VALUES (?, NULL, NULL)
       ON CONFLICT (hash) DO UPDATE SET last_version = NULL, retired_at = NULL WHERE retired_at IS NOT NULL`,
      hash,
    );
  }

  /** A version is in force: what only the one `before` it named is on its way out. */
  takeOver(manifest: GatewayManifest, before: number): void {
    const { database, clock } = this;
    const named = new Set(manifest.shards.flatMap((ref) => ref?.hash ?? []));
    // While a version is held to, what is declared has shards of its own, which are named once it is let go.
    const declared = new Set(database.exec('SELECT hash FROM gateway_shards').map((row) => row.hash));
    for (const row of database.exec('SELECT hash FROM gateway_files WHERE retired_at IS NULL')) {
      if (named.has(String(row.hash)) || declared.has(row.hash)) continue;
      database.exec(
        'UPDATE gateway_files SET last_version = ?, retired_at = ? WHERE hash = ?',
        before,
        clock.now(),
        String(row.hash),
      );
    }
    for (const hash of named) this.keep(hash);
  }

  /** Removes versions that are too many and too old, but for the one that is held to, and the files only they named. */
  async collect(pinned: number | null): Promise<void> {
    const { database, store, clock } = this;
    const oldEnough = clock.now() - LIMITS.gatewayVersionMs;
    const kept = database.exec(
      'SELECT version FROM gateway_versions ORDER BY version DESC LIMIT 1 OFFSET ?',
      LIMITS.gatewayVersions - 1,
    );
    if (kept.length === 0) return;
    const goes = database
      .exec(
        'SELECT version FROM gateway_versions WHERE version < ? AND published_at < ? AND version <> ? ORDER BY version LIMIT ?',
        Number(kept[0].version),
        oldEnough,
        pinned ?? 0,
        FILES_A_STEP,
      )
      .map((row) => Number(row.version));
    if (goes.length > 0) {
      await store.delete(goes.map(manifestFileKey));
      for (const version of goes) database.exec('DELETE FROM gateway_versions WHERE version = ?', version);
    }
    const oldest = Number(database.exec('SELECT min(version) AS oldest FROM gateway_versions')[0]?.oldest ?? 0);
    const unnamed = database
      .exec(
        'SELECT hash FROM gateway_files WHERE retired_at < ? AND last_version < ? LIMIT ?',
        oldEnough,
        oldest,
        FILES_A_STEP,
      )
      .map((row) => String(row.hash));
    if (unnamed.length === 0) return;
    // Forgotten first: a file that is written again in between is known again, and then made again where it is gone.
    await store.delete(unnamed.map(shardFileKey));
    for (const hash of unnamed)
      database.exec('DELETE FROM gateway_files WHERE hash = ? AND retired_at IS NOT NULL', hash);
  }

  /** Hashes of the shards in force or declared that are not in the bucket. */
  async lostShards(): Promise<Set<string>> {
    const known = this.database.exec('SELECT hash FROM gateway_files WHERE retired_at IS NULL');
    const stored = await this.storedShards();
    return new Set(known.map((row) => String(row.hash)).filter((hash) => !stored.has(hash)));
  }

  /** Hashes of the shards in the bucket. */
  async storedShards(): Promise<Set<string>> {
    const prefix = shardFileKey('');
    const stored = new Set<string>();
    let cursor: string | undefined;
    do {
      const page = await this.store.list(prefix, cursor);
      for (const { key } of page.objects) stored.add(key.slice(prefix.length));
      cursor = page.cursor;
    } while (cursor !== undefined);
    return stored;
  }

  async hasManifest(version: number): Promise<boolean> {
    return (await this.store.head(manifestFileKey(version))) !== null;
  }

  private async read(key: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const info = await this.store.head(key);
    return info === null ? null : new Uint8Array(await this.store.read(key, 0, info.sizeBytes));
  }
}
