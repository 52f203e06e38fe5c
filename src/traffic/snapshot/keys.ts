import type { GatewayEntries, HostKey, PathMatch, UpstreamKey } from '../../core/protocol/gateway.ts';
import { hashText } from './key-hash.ts';

/** The key of an entry: its kind, a colon, its name among its kind. */
export type EntryKey = `${keyof GatewayEntries}:${string}`;

/** What lies under a key. */
export type EntryAt<K extends EntryKey> = K extends `${infer Kind extends keyof GatewayEntries}:${string}`
  ? GatewayEntries[Kind]
  : never;

/** The key of the rules of a host, or of where they lie. */
export function hostEntryKey(host: HostKey): `host:${string}` {
  return `host:${host}`;
}

/** The key of a page of a host whose rules do not fit its entry. */
export function pageEntryKey(host: HostKey, page: number): `page:${string}` {
  return `page:${host}#${page}`;
}

/** The key of an upstream. */
export function upstreamEntryKey(upstream: UpstreamKey): `upstream:${string}` {
  return `upstream:${upstream}`;
}

/** The key of a policy that requests are held to. */
export function policyEntryKey(namespaceUid: string, plural: string, name: string): `policy:${string}` {
  return `policy:${namespaceUid}/${plural}/${name}`;
}

/** The hash that places an entry. A host's first page lies beside the host: one read serves both. */
export function entryHash(key: EntryKey): number {
  const name = key.slice(key.indexOf(':') + 1);
  return hashText(key.startsWith('page:') && name.endsWith('#0') ? name.slice(0, -2) : name);
}

/** In which of `shards` (a power of two) an entry lies. */
export function shardOf(key: EntryKey, shards: number): number {
  return entryHash(key) & (shards - 1);
}

/**
 * Under which path the rules of a literal path lie: its own, a prefix without the slash at its end, which says nothing.
 * A request's rules lie under its exact path and under each prefix of whole segments down to `/`.
 */
export function literalPath(path: PathMatch): string {
  if (path.type === 'Exact' || path.value === '/') return path.value;
  return path.value.endsWith('/') ? path.value.slice(0, -1) : path.value;
}

/** The page of a literal path by its hash; `pages` is a power of two. */
export function pageOf(pathHash: number, pages: number): number {
  return pathHash & (pages - 1);
}

/** Segments of a literal path: 0 of `/`, 2 of `/a/b`. */
export function segmentsOf(path: string): number {
  let segments = 0;
  for (let i = 0; i < path.length; i++) if (path.charCodeAt(i) === 0x2f) segments += 1;
  return path === '/' ? 0 : segments;
}

/** The hash by which the manifest knows a host. */
export function hostHash(host: HostKey): number {
  return hashText(host);
}
