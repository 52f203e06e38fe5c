import type { ObjectDatabase, SqlRow } from '../../core/object-database.ts';
import { coveredRange, coveringHostnames, covers, reversedHostname } from './hostnames.ts';

/** A claim of a namespace on a hostname. */
interface Claim {
  readonly hostname: string;
  readonly namespace: string;
  /** Revision of the store at which it was made: the smaller, the older. */
  readonly since: number;
}

/** What an admin has said of a hostname. */
export interface HostnameGrant {
  readonly hostname: string;
  readonly namespace: string;
}

/**
 * Which namespace a hostname belongs to, overlaps included: the one it is granted to by the grant that covers it most
 * narrowly, else the one whose claim is the oldest. A claim lasts as long as a route of its namespace holds it, so that
 * the routes of a namespace may come and go.
 */
export class HostClaims {
  private readonly database: ObjectDatabase;
  /** Grants that say something of a hostname: those that cover it, and those that it covers. */
  private readonly grantsFor: (hostname: string) => readonly HostnameGrant[];

  constructor(database: ObjectDatabase, grantsFor: (hostname: string) => readonly HostnameGrant[]) {
    this.database = database;
    this.grantsFor = grantsFor;
  }

  /** One more route of the namespace holds the hostname. Returns whether that is a new claim. */
  hold(hostname: string, namespace: string, revision: number): boolean {
    const isNew = this.find(hostname, namespace) === undefined;
    this.database.exec(
      `INSERT INTO gateway_claims (hostname, namespace, since, routes, granted) VALUES (?, ?, ?, 1, 0)
       ON CONFLICT DO UPDATE SET routes = routes + 1`,
      reversedHostname(hostname),
      namespace,
      revision,
    );
    return isNew;
  }

  /** One route less. Returns whether the claim is gone. */
  release(hostname: string, namespace: string): boolean {
    const key = [reversedHostname(hostname), namespace];
    this.database.exec('UPDATE gateway_claims SET routes = routes - 1 WHERE hostname = ? AND namespace = ?', ...key);
    this.database.exec('DELETE FROM gateway_claims WHERE hostname = ? AND namespace = ? AND routes <= 0', ...key);
    return this.find(hostname, namespace) === undefined;
  }

  /**
   * Whether the namespace may have the hostname, and else which has it. `turned` where it is another answer than at the
   * last look: then those that overlap are to be looked at again.
   */
  decide(hostname: string, namespace: string): { readonly owner: string; readonly turned: boolean } {
    const claim = this.find(hostname, namespace);
    const owner = this.ownerOf(hostname, namespace, claim?.since ?? Number.MAX_SAFE_INTEGER);
    const granted = owner === namespace ? 1 : 0;
    const turned = claim !== undefined && Number(claim.granted) !== granted;
    if (turned) {
      this.database.exec(
        'UPDATE gateway_claims SET granted = ? WHERE hostname = ? AND namespace = ?',
        granted,
        reversedHostname(hostname),
        namespace,
      );
    }
    return { owner, turned };
  }

  private ownerOf(hostname: string, namespace: string, since: number): string {
    const grants = this.grantsFor(hostname);
    const covering = grants
      .filter((grant) => covers(grant.hostname, hostname))
      .reduce<HostnameGrant | null>((best, grant) => (best === null || isNarrower(grant, best) ? grant : best), null);
    if (covering !== null) return covering.namespace;
    // A wildcard takes in what has been granted below it.
    const below = grants.find((grant) => grant.namespace !== namespace && covers(hostname, grant.hostname));
    if (below !== undefined) return below.namespace;
    for (const rival of this.olderRivals(hostname, namespace, since)) {
      // One that is refused itself holds nobody back. Each step is to an older claim, so this ends.
      if (this.ownerOf(rival.hostname, rival.namespace, rival.since) === rival.namespace) return rival.namespace;
    }
    return namespace;
  }

  /** Older claims of other namespaces that share hosts with this one, the oldest first. */
  private olderRivals(hostname: string, namespace: string, since: number): Claim[] {
    const above = coveringHostnames(hostname).map(reversedHostname);
    const rows = this.database.exec(
      `SELECT hostname, namespace, since FROM gateway_claims
       WHERE hostname IN (${above.map(() => '?').join(', ')}) AND namespace <> ? AND since < ?`,
      ...above,
      namespace,
      since,
    );
    if (hostname.startsWith('*.')) {
      rows.push(
        ...this.database.exec(
          `SELECT hostname, namespace, since FROM gateway_claims
           WHERE hostname >= ? AND hostname < ? AND namespace <> ? AND since < ?`,
          ...coveredRange(hostname),
          namespace,
          since,
        ),
      );
    }
    return rows.map(claimOf).sort((a, b) => a.since - b.since);
  }

  /** Hostnames claimed by other namespaces that share hosts with this one. */
  rivals(hostname: string, namespace: string | null): string[] {
    const rows = this.overlapping(hostname).filter((claim) => claim.namespace !== namespace);
    return [...new Set(rows.map((claim) => claim.hostname))];
  }

  private overlapping(hostname: string): Claim[] {
    const above = coveringHostnames(hostname).map(reversedHostname);
    const rows = this.database.exec(
      `SELECT hostname, namespace, since FROM gateway_claims WHERE hostname IN (${above.map(() => '?').join(', ')})`,
      ...above,
    );
    if (hostname.startsWith('*.')) {
      const below = 'SELECT hostname, namespace, since FROM gateway_claims WHERE hostname >= ? AND hostname < ?';
      rows.push(...this.database.exec(below, ...coveredRange(hostname)));
    }
    return rows.map(claimOf);
  }

  private find(hostname: string, namespace: string): { since: number; granted: number } | undefined {
    const row = this.database.exec(
      'SELECT since, granted FROM gateway_claims WHERE hostname = ? AND namespace = ?',
      reversedHostname(hostname),
      namespace,
    )[0];
    return row === undefined ? undefined : { since: Number(row.since), granted: Number(row.granted) };
  }
}

function claimOf(row: SqlRow): Claim {
  return {
    hostname: reversedHostname(String(row.hostname)),
    namespace: String(row.namespace),
    since: Number(row.since),
  };
}

function isNarrower(a: HostnameGrant, b: HostnameGrant): boolean {
  return a.hostname !== b.hostname && covers(b.hostname, a.hostname);
}
