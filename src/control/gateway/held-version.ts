import type { GatewayManifest, HostEntry, PolicyEntry, ShardRef } from '../../core/protocol/gateway.ts';
import type { Log } from '../../observe/log.ts';
import type { EntryKey } from '../../traffic/snapshot/keys.ts';
import type { Shard } from '../../traffic/snapshot/shard.ts';
import { hasSecrets, withPresentSecrets } from '../present-secrets.ts';
import type { SecretSource } from '../secret-entries.ts';
import { eachFile, makeShard, type Standing, type VersionFiles } from './version-files.ts';

/** What is of the present, whichever version is held to. */
export interface Present {
  /** The names of namespaces by their uids; one that is being deleted counts as gone. */
  namespaces(): ReadonlyMap<string, string>;
  /** The Secrets of a namespace, with how policies carry what is in them. */
  secrets(namespace: string): SecretSource;
}

/** What entries stand on, as they are published. */
export function standingOf(entries: readonly (readonly [EntryKey, string])[]): Standing {
  const namespaces = new Set<string>();
  let secrets = false;
  for (const [key, body] of entries) {
    if (isPage(key)) continue;
    const entry: unknown = JSON.parse(body);
    if (isAuthPolicy(key)) secrets ||= hasSecrets(authOf(entry));
    const owner = ownerOf(key, entry);
    if (owner !== null) namespaces.add(owner);
  }
  return { namespaces: [...namespaces], secrets };
}

/**
 * The content of a version that is held to, as it may be served now: without the hosts and upstreams of namespaces that
 * are gone, and with the keys and secrets of the present in its policies. A shard is read only where that may make a
 * difference.
 */
export class HeldVersion {
  private readonly files: VersionFiles;
  private readonly present: Present;
  private readonly log: Log;

  constructor(files: VersionFiles, present: Present, log: Log) {
    this.files = files;
    this.present = present;
    this.log = log;
  }

  /**
   * The shards of a version, those that are others now written anew. In the place of one that is lost comes the one
   * `inForce`, the version's content as it is served now, has there (null: it is not served yet); where there is none, or
   * it is lost too, nothing: what a manifest names must be there, else isolates do not take the version up at all.
   */
  async shards({ shards }: GatewayManifest, inForce: GatewayManifest | null): Promise<ShardRef[]> {
    const namespaces = this.present.namespaces();
    const stored = await this.files.storedShards();
    const served = [...shards];
    const doubtful = shards.flatMap((ref, shard) =>
      ref !== null && (!stored.has(ref.hash) || this.mayDiffer(ref.hash, namespaces)) ? [{ shard, ref }] : [],
    );
    await eachFile(doubtful, async ({ shard, ref }) => {
      const before = (await this.files.findShard(ref)) ?? (await this.instead(ref, inForce?.shards[shard] ?? null));
      const entries = before === null ? [] : this.servable(before, namespaces);
      const made = makeShard(entries);
      if (made.ref?.hash === ref.hash) return;
      this.files.expect(made, standingOf(entries));
      await this.files.putShards([made]);
      served[shard] = made.ref;
    });
    return served;
  }

  private async instead(lost: NonNullable<ShardRef>, inForce: ShardRef): Promise<Shard | null> {
    this.log.error('a shard of the version that is held to is not in the bucket', { hash: lost.hash });
    return inForce === null || inForce.hash === lost.hash ? null : await this.files.findShard(inForce);
  }

  private mayDiffer(hash: string, namespaces: ReadonlyMap<string, string>): boolean {
    const standing = this.files.standingOf(hash);
    return standing === null || standing.secrets || standing.namespaces.some((uid) => !namespaces.has(uid));
  }

  private servable(shard: Shard, namespaces: ReadonlyMap<string, string>): [EntryKey, string][] {
    const entries: [EntryKey, string][] = [];
    for (const [name, entry] of Object.entries(shard)) {
      const key = name as EntryKey;
      const owner = ownerOf(key, entry);
      if (owner !== null && !namespaces.has(owner)) continue;
      entries.push([key, JSON.stringify(isAuthPolicy(key) ? this.withPresentSecrets(entry, namespaces) : entry)]);
    }
    return entries;
  }

  private withPresentSecrets(policy: unknown, namespaces: ReadonlyMap<string, string>): unknown {
    const { namespaceUid } = policy as PolicyEntry;
    const source = this.present.secrets(namespaces.get(namespaceUid) ?? '');
    return { ...(policy as PolicyEntry), spec: withPresentSecrets(authOf(policy), source) };
  }
}

/**
 * Whose an entry is that goes with its namespace; null of others. Rules are found by their host alone. A policy stays
 * (and opens to no Secret): what names it, an Upstream's policy on another's route, would be a defect without it.
 */
function ownerOf(key: EntryKey, entry: unknown): string | null {
  if (key.startsWith('host:')) return (entry as HostEntry).namespaceUid;
  return key.startsWith('upstream:') ? key.slice('upstream:'.length, key.indexOf('/')) : null;
}

function isPage(key: EntryKey): boolean {
  return key.startsWith('page:');
}

function isAuthPolicy(key: EntryKey): boolean {
  return key.startsWith('policy:') && key.includes('/authpolicies/');
}

function authOf(entry: unknown) {
  return (entry as Extract<PolicyEntry, { kind: 'AuthPolicy' }>).spec;
}
