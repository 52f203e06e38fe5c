import type { GatewayManifest, ShardRef } from '../../core/protocol/gateway.ts';
import { decodeHashes } from './hash-set.ts';
import { DamagedSnapshot } from './shard.ts';

/** Raised when older readers would misread what is published; they then keep what they have. */
export const MANIFEST_FORMAT = 1;

/** More than any configuration needs; a manifest beyond it is damaged. */
const MAX_SHARDS = 1 << 16;

/** What is published before anything is declared. */
export const EMPTY_MANIFEST: GatewayManifest = { format: MANIFEST_FORMAT, version: 0, shards: [null], hosts: '' };

/** Where the manifest of a version lies. */
export function manifestFileKey(version: number): string {
  return `gateway/manifests/${version}`;
}

/** Checks a manifest that comes from elsewhere; throws DamagedSnapshot, which says what is wrong. */
export function checkManifest(value: unknown): GatewayManifest {
  if (!isRecord(value)) throw new DamagedSnapshot('a manifest is an object');
  const { format, version, shards, hosts } = value;
  if (format !== MANIFEST_FORMAT) throw new DamagedSnapshot(`a manifest of format ${String(format)} is not known here`);
  if (!Number.isSafeInteger(version) || Number(version) < 0) throw new DamagedSnapshot('a manifest has no version');
  if (!Array.isArray(shards) || shards.length > MAX_SHARDS || !isPowerOfTwo(shards.length)) {
    throw new DamagedSnapshot('a manifest has a power of two of shards');
  }
  if (!shards.every(isShardRef)) throw new DamagedSnapshot('a manifest names its shards by hash and bytes');
  if (typeof hosts !== 'string') throw new DamagedSnapshot('a manifest has a set of hosts');
  try {
    decodeHashes(hosts);
  } catch (error) {
    throw new DamagedSnapshot('the hosts of a manifest are no set', { cause: error });
  }
  return { format: MANIFEST_FORMAT, version: Number(version), shards, hosts };
}

function isShardRef(value: unknown): value is ShardRef {
  if (value === null) return true;
  return (
    isRecord(value) &&
    typeof value.hash === 'string' &&
    /^[0-9a-f]{64}$/.test(value.hash) &&
    Number.isSafeInteger(value.bytes) &&
    Number(value.bytes) >= 2
  );
}

function isPowerOfTwo(count: number): boolean {
  return count > 0 && (count & (count - 1)) === 0;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
