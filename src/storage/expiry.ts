import type { ObjectInfo } from './object-store.ts';

/** The metadata of an object that is to be removed at a time of its own. */
export function expiringMetadata(atMs: number): Readonly<Record<string, string>> {
  return { expires: new Date(atMs).toISOString() };
}

/** Whether an object with a time of its own is past it; one without has none. */
export function hasExpired({ metadata }: Pick<ObjectInfo, 'metadata'>, nowMs: number): boolean {
  const atMs = Date.parse(metadata['expires'] ?? '');
  return Number.isFinite(atMs) && atMs <= nowMs;
}
