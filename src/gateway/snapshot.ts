import type { GatewayManifest, ShardRef } from '../core/protocol/gateway.ts';
import { decodeHashes } from '../traffic/snapshot/hash-set.ts';
import { type EntryAt, type EntryKey, shardOf } from '../traffic/snapshot/keys.ts';
import { decodeShard, entryAt, type Shard, shardFileKey } from '../traffic/snapshot/shard.ts';
import type { EntryReader } from './exchange.ts';

/** Reads a published file whole; null where there is none. */
export type ReadFile = (key: string) => Promise<Uint8Array<ArrayBuffer> | null>;

interface HeldShard {
  readonly shard: Shard;
  readonly bytes: number;
  /** Of the uses of all shards, which one the last of this was. */
  lastUse: number;
}

interface HeldManifest {
  readonly manifest: GatewayManifest;
  readonly hosts: Uint32Array;
}

/**
 * The configuration in an isolate's memory: one manifest, and the shards that requests have asked for, up to `maxBytes`
 * of their files. A file is known by its hash, so it is read once however many versions name it. Nothing here makes a
 * request wait for what another one has begun, which the platform forbids: each reads what it lacks.
 */
export class Snapshots {
  readonly #readFile: ReadFile;
  readonly #maxBytes: number;
  readonly #shards = new Map<string, HeldShard>();
  #held: HeldManifest | null = null;
  #heldBytes = 0;
  #uses = 0;

  constructor(readFile: ReadFile, maxBytes: number) {
    this.#readFile = readFile;
    this.#maxBytes = maxBytes;
  }

  /** Of the manifest in force; null before the first. */
  get version(): number | null {
    return this.#held === null ? null : this.#held.manifest.version;
  }

  /** Bytes of the files of the shards in memory. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** For one request, which sees one version from its start to its end; null before the first manifest. */
  reader(): SnapshotReader | null {
    return this.#held === null ? null : new SnapshotReader(this, this.#held);
  }

  /**
   * Puts a later manifest in force, once the shards that are in use and have changed are in memory: so no request waits
   * for a change, and a version that cannot be read changes nothing. Throws where the store fails or a file is damaged.
   */
  async takeUp(manifest: GatewayManifest): Promise<void> {
    const hosts = decodeHashes(manifest.hosts);
    await Promise.all(this.#changedInUse(manifest).map((ref) => this.load(ref)));
    if (this.#held !== null && this.#held.manifest.version >= manifest.version) return;
    this.#held = { manifest, hosts };
    this.#forget(new Set(manifest.shards.map((ref) => ref?.hash)));
  }

  /** The shard, where it is in memory. */
  shard(ref: NonNullable<ShardRef>): Shard | undefined {
    const held = this.#shards.get(ref.hash);
    if (held === undefined) return undefined;
    held.lastUse = ++this.#uses;
    return held.shard;
  }

  async load(ref: NonNullable<ShardRef>): Promise<Shard> {
    const bytes = await this.#readFile(shardFileKey(ref.hash));
    if (bytes === null) throw new Error(`shard ${ref.hash} is not in the store`);
    const shard = await decodeShard(ref, bytes);
    // Another request may have read it meanwhile.
    if (!this.#shards.has(ref.hash)) {
      this.#shards.set(ref.hash, { shard, bytes: ref.bytes, lastUse: ++this.#uses });
      this.#heldBytes += ref.bytes;
      this.#evict();
    }
    return shard;
  }

  #changedInUse(next: GatewayManifest): NonNullable<ShardRef>[] {
    const present = this.#held?.manifest.shards;
    // With another number of shards entries have other places: then each is read when it is asked for.
    if (present === undefined || present.length !== next.shards.length) return [];
    const changed: NonNullable<ShardRef>[] = [];
    let bytes = 0;
    for (let i = 0; i < present.length; i++) {
      const [before, after] = [present[i], next.shards[i]];
      if (before === null || after === null || before.hash === after.hash) continue;
      if (!this.#shards.has(before.hash) || this.#shards.has(after.hash)) continue;
      bytes += after.bytes;
      if (bytes <= this.#maxBytes) changed.push(after);
    }
    return changed;
  }

  #evict(): void {
    if (this.#heldBytes <= this.#maxBytes) return;
    const oldestFirst = [...this.#shards].sort(([, a], [, b]) => a.lastUse - b.lastUse);
    for (const [hash] of oldestFirst.slice(0, -1)) {
      if (this.#heldBytes <= this.#maxBytes) return;
      this.#drop(hash);
    }
  }

  #forget(named: ReadonlySet<string | undefined>): void {
    for (const hash of [...this.#shards.keys()]) if (!named.has(hash)) this.#drop(hash);
  }

  #drop(hash: string): void {
    this.#heldBytes -= this.#shards.get(hash)?.bytes ?? 0;
    this.#shards.delete(hash);
  }
}

/** The entries of one version, for one request: what it has loaded it keeps, though others may push it out. */
class SnapshotReader implements EntryReader {
  readonly #snapshots: Snapshots;
  readonly #held: HeldManifest;
  #own: Map<string, Shard> | null = null;

  constructor(snapshots: Snapshots, held: HeldManifest) {
    this.#snapshots = snapshots;
    this.#held = held;
  }

  get version(): number {
    return this.#held.manifest.version;
  }

  get hosts(): Uint32Array {
    return this.#held.hosts;
  }

  read<K extends EntryKey>(key: K): EntryAt<K> | null | undefined {
    const ref = this.#refOf(key);
    if (ref === null) return null;
    const shard = this.#own?.get(ref.hash) ?? this.#snapshots.shard(ref);
    if (shard === undefined) return undefined;
    return entryAt(shard, key) ?? null;
  }

  async load(key: EntryKey): Promise<void> {
    const ref = this.#refOf(key);
    if (ref === null) return;
    this.#own ??= new Map();
    this.#own.set(ref.hash, await this.#snapshots.load(ref));
  }

  #refOf(key: EntryKey): ShardRef {
    const { shards } = this.#held.manifest;
    return shards[shardOf(key, shards.length)];
  }
}
