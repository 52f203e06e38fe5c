import { objectIn } from '../json.ts';
import type { AgedResource } from '../resource-store.ts';
import type { HostnameGrant } from './claims.ts';
import { coveringHostnames, covers } from './hostnames.ts';

/** The grants in force, read once until one changes: every look at a route asks for those of its hosts. */
export class HostnameGrants {
  private readonly readAll: () => Iterable<AgedResource>;
  /** By hostname; of two that say the same the oldest. */
  private known: ReadonlyMap<string, HostnameGrant> | null = null;

  constructor(readAll: () => Iterable<AgedResource>) {
    this.readAll = readAll;
  }

  /** To be called with every change of one. */
  forget(): void {
    this.known = null;
  }

  /** Those that cover a hostname, and those that it covers. */
  for(hostname: string): HostnameGrant[] {
    this.known ??= this.read();
    const found = coveringHostnames(hostname).flatMap((covering) => this.known?.get(covering) ?? []);
    if (!hostname.startsWith('*.')) return found;
    for (const grant of this.known.values()) {
      if (grant.hostname !== hostname && covers(hostname, grant.hostname)) found.push(grant);
    }
    return found;
  }

  private read(): ReadonlyMap<string, HostnameGrant> {
    const grants = new Map<string, HostnameGrant>();
    for (const { object } of [...this.readAll()].sort((a, b) => a.createdRevision - b.createdRevision)) {
      if (object.metadata.deletionTimestamp !== undefined) continue;
      const { hostname, namespace } = objectIn(object.spec);
      const grant = { hostname: String(hostname).toLowerCase(), namespace: String(namespace) };
      if (!grants.has(grant.hostname)) grants.set(grant.hostname, grant);
    }
    return grants;
  }
}
