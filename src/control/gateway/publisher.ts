import type { Clock } from '../../core/clock.ts';
import type { ObjectDatabase } from '../../core/object-database.ts';
import type { GatewayVersion } from '../../core/protocol/control-plane.ts';
import type { GatewayManifest, ShardRef } from '../../core/protocol/gateway.ts';
import type { Log } from '../../observe/log.ts';
import type { ObjectStore } from '../../storage/object-store.ts';
import { MANIFEST_FORMAT } from '../../traffic/snapshot/manifest.ts';
import { DONE, type ReconcileResult } from '../reconcile.ts';
import type { GatewayEntries } from './entries.ts';
import { Facts } from './facts.ts';
import { HeldVersion, type Present, standingOf } from './held-version.ts';
import type { HostRules } from './host-rules.ts';
import type { RoutePublications } from './route-publications.ts';
import { eachFile, type MadeShard, makeShard, type Standing, VersionFiles } from './version-files.ts';

/** Pages made in one step, before others get a turn. */
const PAGES_A_STEP = 500;
/** Shards held in memory at a time, each some 100 KB. */
const SHARDS_A_STEP = 64;
/** A key of the bucket takes one write a second, and isolates take up a version at a time. */
const PUBLISH_EVERY_MS = 1_000;
const ANNOUNCE_AGAIN_MS = 1_000;
/** Listing the bucket costs a call for a thousand files. */
const LOOK_FOR_LOST_EVERY_MS = 5 * 60_000;

/** What publishing stands on. */
export interface PublisherParts {
  readonly database: ObjectDatabase;
  readonly rules: HostRules;
  readonly entries: GatewayEntries;
  readonly files: ObjectStore;
  readonly clock: Clock;
  readonly log: Log;
  /** Says that a version lies in the bucket. Resolves once it has been heard; repeating it changes nothing. */
  readonly announce: (version: number) => Promise<void>;
  readonly publications: RoutePublications;
  readonly present: Present;
  /**
   * In the transaction in which another content is served: routes whose rules came after version `after` are served, or
   * not; `released`: it is what is declared again, after a rollback.
   */
  readonly served: (after: number, released: boolean) => void;
}

/** A shard of what is declared, as it is to be written, with how often it was marked until then. */
interface CutShard {
  readonly shard: number;
  readonly changes: number;
  readonly made: MadeShard;
  readonly standing: Standing;
}

/** What one step has to write: made at one moment, so that a version is the state of one moment. */
interface Cut {
  readonly shards: readonly CutShard[];
  /** Null while more shards are to be written first. */
  readonly manifest: GatewayManifest | null;
}

/**
 * Publishes the entries: shards that changed and a manifest into the bucket, then the word that they are there. Each
 * step may be the last before a crash: files that nothing names are written again or collected, a version is known once
 * everything it names lies there, and is announced until that was heard.
 */
export class GatewayPublisher {
  private readonly parts: PublisherParts;
  private readonly facts: Facts;
  private readonly files: VersionFiles;
  private readonly held: HeldVersion;
  /** The version of which was last logged that nobody heard of it: once, however often it is repeated. */
  private unheard = 0;

  constructor(parts: PublisherParts) {
    this.parts = parts;
    this.facts = new Facts(parts.database);
    this.files = new VersionFiles(parts.database, parts.files, parts.clock);
    this.held = new HeldVersion(this.files, parts.present, parts.log);
  }

  /** When the next publication may be. */
  nextAtMs(): number {
    return Math.max(this.parts.clock.now(), this.fact('published-at') + PUBLISH_EVERY_MS);
  }

  /** One step; asked again until it says that there is nothing to do. */
  async step(): Promise<ReconcileResult> {
    if (!this.isDue()) return this.announceAndCollect();
    const waitMs = this.nextAtMs() - this.parts.clock.now();
    if (waitMs > 0) return { requeueAfterMs: waitMs };
    const pinned = this.pinned();
    if (pinned !== null) await this.publishPinned(pinned);
    else if (!(await this.publishDeclared())) return { requeueAfterMs: 0 };
    return this.announceAndCollect();
  }

  /** Has the present version announced again, heard or not. */
  repeatAnnouncement(): void {
    this.setFact('announced', 0);
  }

  /** Has the files of what is in force looked for in the bucket, where that was not done of late. */
  lookForLost(): void {
    const sinceMs = this.parts.clock.now() - this.fact('looked-for-lost-at');
    if (sinceMs >= LOOK_FOR_LOST_EVERY_MS) this.setFact('look-for-lost', 1);
  }

  versions(): GatewayVersion[] {
    return this.parts.database
      .exec('SELECT version, published_at, rollback_of FROM gateway_versions ORDER BY version DESC')
      .map((row) => ({
        version: Number(row.version),
        publishedAtMs: Number(row.published_at),
        rollbackOf: row.rollback_of === null ? null : Number(row.rollback_of),
      }));
  }

  /** The version that is held to; null where what is declared is published. */
  pinned(): number | null {
    const version = this.fact('pinned');
    return version === 0 ? null : version;
  }

  /** The version that isolates were told last to hold to, whether or not it was let go since; null for none. */
  heldInForce(): number | null {
    const version = this.fact('held');
    return version === 0 ? null : version;
  }

  /** Holds to a version (its content is published as a new one), or to what is declared (null). False where it is not kept. */
  pin(version: number | null): boolean {
    const { database } = this.parts;
    if (version !== null && database.exec('SELECT 1 FROM gateway_versions WHERE version = ?', version).length === 0) {
      return false;
    }
    if (version === null && this.pinned() === null) return true;
    this.setFact('pinned', version ?? 0);
    this.lookAtHeld();
    // What has been declared meanwhile is published though no entry changes any more.
    if (version === null) this.setFact('republish', 1);
    return true;
  }

  /** What the version that is held to may be served of is to be decided again: a namespace is gone, or a Secret another. */
  lookAtHeld(): void {
    this.setFact('pin-asked', this.fact('pin-asked') + 1);
  }

  /**
   * The version whose content isolates were told of last: rules that came with it or before it are served. While one is
   * held to it is that one, or the one that it was a rollback to.
   */
  served(): number {
    return this.fact('served');
  }

  /** Whether there is something to publish: of what is declared, or of the version that is held to. */
  private isDue(): boolean {
    const { database } = this.parts;
    if (this.pinned() !== null) return this.fact('pin-published') !== this.fact('pin-asked');
    return (
      this.fact('republish') > 0 ||
      database.exec('SELECT 1 FROM gateway_dirty_pages LIMIT 1').length > 0 ||
      database.exec('SELECT 1 FROM gateway_shards WHERE dirty > 0 LIMIT 1').length > 0
    );
  }

  /** Returns whether it has come to a version: else there is more to be made, or to be written, first. */
  private async publishDeclared(): Promise<boolean> {
    const { database, rules } = this.parts;
    const cut = database.transaction(() => (rules.build(PAGES_A_STEP) ? this.cut() : null));
    if (cut === null) return false;
    const { manifest } = cut;
    await this.files.putShards(cut.shards.map(({ made }) => made));
    if (manifest !== null) await this.files.putManifest(manifest);
    database.transaction(() => {
      this.settleShards(cut);
      if (manifest !== null) this.settleVersion(manifest, null);
    });
    return manifest !== null;
  }

  private cut(): Cut {
    const { database, entries } = this.parts;
    entries.growShards();
    const dirty = database.exec('SELECT shard, dirty FROM gateway_shards WHERE dirty > 0 LIMIT ?', SHARDS_A_STEP + 1);
    const shards = dirty.slice(0, SHARDS_A_STEP).map((row): CutShard => {
      const shard = Number(row.shard);
      const held = entries.ofShard(shard);
      return { shard, changes: Number(row.dirty), made: makeShard(held), standing: standingOf(held) };
    });
    for (const { made, standing } of shards) this.files.expect(made, standing);
    if (dirty.length > SHARDS_A_STEP) return { shards, manifest: null };
    return { shards, manifest: this.manifestWith(shards) };
  }

  private manifestWith(cut: readonly CutShard[]): GatewayManifest {
    const { database, entries, rules } = this.parts;
    const refs = new Array<ShardRef>(entries.shards()).fill(null);
    for (const row of database.exec('SELECT shard, hash, bytes FROM gateway_shards')) {
      if (row.hash !== null) refs[Number(row.shard)] = { hash: String(row.hash), bytes: Number(row.bytes) };
    }
    for (const { shard, made } of cut) refs[shard] = made.ref;
    const version = this.newVersion();
    this.parts.publications.cut(version, this.fact('version'));
    return { format: MANIFEST_FORMAT, version, shards: refs, hosts: rules.hosts() };
  }

  /** Never given twice, so that a version whose publication was cut off is nobody's. */
  private newVersion(): number {
    const version = this.fact('last-version') + 1;
    this.setFact('last-version', version);
    return version;
  }

  private settleShards(cut: Cut): void {
    for (const { shard, changes, made } of cut.shards) {
      const { ref } = made;
      this.parts.database.exec(
        'UPDATE gateway_shards SET hash = ?, bytes = ?, dirty = dirty - ? WHERE shard = ?',
        ref?.hash ?? null,
        ref?.bytes ?? 0,
        changes,
        shard,
      );
      if (ref !== null) this.files.keep(ref.hash);
    }
  }

  private settleVersion(manifest: GatewayManifest, rollbackOf: number | null): void {
    const { database, clock } = this.parts;
    this.files.takeOver(manifest, this.fact('version'));
    database.exec(
      'INSERT INTO gateway_versions (version, published_at, rollback_of, content) VALUES (?, ?, ?, ?)',
      manifest.version,
      clock.now(),
      rollbackOf,
      rollbackOf === null ? null : this.contentOf(rollbackOf),
    );
    this.setFact('version', manifest.version);
    this.setFact('published-at', clock.now());
    // Where a rollback was let go while it was being published, what is declared is still to come.
    if (rollbackOf === null) this.setFact('republish', 0);
  }

  private async publishPinned(pinned: number): Promise<void> {
    const { database } = this.parts;
    const asked = this.fact('pin-asked');
    const manifest = await this.files.readManifest(pinned);
    const inForce = await this.manifestInForce(pinned);
    const content = { ...manifest, shards: await this.held.shards(manifest, inForce) };
    const isServed = JSON.stringify(inForce?.shards) === JSON.stringify(content.shards);
    const next = isServed ? null : database.transaction(() => ({ ...content, version: this.newVersion() }));
    if (next !== null) await this.files.putManifest(next);
    database.transaction(() => {
      if (next !== null) this.settleVersion(next, pinned);
      this.setFact('pin-published', asked);
    });
  }

  /** The manifest of the present version, where that is a rollback to `pinned`; null where it is lost. */
  private async manifestInForce(pinned: number): Promise<GatewayManifest | null> {
    const [present] = this.versions();
    return present?.rollbackOf === pinned ? await this.files.findManifest(present.version) : null;
  }

  /** The version that has the content of this one by itself. */
  private contentOf(version: number): number {
    const [row] = this.parts.database.exec(
      'SELECT coalesce(content, rollback_of, version) AS content FROM gateway_versions WHERE version = ?',
      version,
    );
    return Number(row?.content ?? version);
  }

  private rollbackOf(version: number): number | null {
    const [row] = this.parts.database.exec('SELECT rollback_of FROM gateway_versions WHERE version = ?', version);
    return row === undefined || row.rollback_of === null ? null : Number(row.rollback_of);
  }

  private async announceAndCollect(): Promise<ReconcileResult> {
    const version = this.fact('version');
    if (version > this.fact('announced')) {
      try {
        await this.parts.announce(version);
      } catch (error) {
        // Said again until it is heard: isolates go on with what they have.
        if (version !== this.unheard) {
          this.parts.log.warn('a version of the gateway could not be announced, and is until it is heard', {
            version,
            error,
          });
        }
        this.unheard = version;
        return { requeueAfterMs: ANNOUNCE_AGAIN_MS };
      }
      this.parts.database.transaction(() => this.heard(version));
    }
    await this.files.collect(this.pinned());
    if (this.fact('look-for-lost') > 0) await this.writeLost(version);
    return this.isDue() ? { requeueAfterMs: this.nextAtMs() - this.parts.clock.now() } : DONE;
  }

  /**
   * Writes shards again that somebody took out of the bucket: isolates that miss one read it with the next request. Where
   * it is the manifest, or a shard that has changed meanwhile, the next version takes its place.
   */
  private async writeLost(version: number): Promise<void> {
    const { database, entries, clock, log } = this.parts;
    const lost = await this.files.lostShards();
    const hasManifest = version === 0 || (await this.files.hasManifest(version));
    const declared = database.exec('SELECT shard, hash FROM gateway_shards WHERE hash IS NOT NULL');
    await eachFile(declared, async ({ shard, hash }) => {
      if (!lost.has(String(hash))) return;
      const made = makeShard(entries.ofShard(Number(shard)));
      if (made.ref?.hash === hash) await this.files.putShards([made]);
    });
    if (lost.size > 0 || !hasManifest) {
      log.error('files of the gateway were not in the bucket', { shards: lost.size, manifest: !hasManifest });
      if (this.pinned() !== null) this.lookAtHeld();
      else if (!hasManifest) this.setFact('republish', 1);
    }
    this.setFact('looked-for-lost-at', clock.now());
    this.setFact('look-for-lost', 0);
  }

  private heard(version: number): void {
    if (version > this.fact('announced')) this.setFact('announced', version);
    // Announced again, it changes nothing.
    if (version <= this.fact('heard')) return;
    this.setFact('heard', version);
    const [before, content] = [this.served(), this.contentOf(version)];
    this.setFact('served', content);
    const [heldBefore, held] = [this.heldInForce(), this.rollbackOf(version)];
    this.setFact('held', held ?? 0);
    this.parts.served(Math.min(before, content), heldBefore !== null && held === null);
  }

  private fact(name: string): number {
    return this.facts.number(name);
  }

  private setFact(name: string, value: number): void {
    this.facts.set(name, value);
  }
}
