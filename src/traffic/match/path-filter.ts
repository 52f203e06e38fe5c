import type { HostEntry } from '../../core/protocol/gateway.ts';
import { decodeHashes } from '../snapshot/hash-set.ts';

const decoded = new WeakMap<HostEntry, Uint32Array>();

/** Hashes of the literal paths of a host that has more than one page; null where it has one. */
export function knownPaths(host: HostEntry): Uint32Array | null {
  if (host.paths === null) return null;
  let paths = decoded.get(host);
  if (paths === undefined) {
    paths = decodeHashes(host.paths);
    decoded.set(host, paths);
  }
  return paths;
}
