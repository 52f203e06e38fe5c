import { type ClusterName, clusterNameText, parseClusterName } from '../core/protocol/cluster-name.ts';
import type { Jurisdiction } from '../core/protocol/cluster-settings.ts';
import { type SqlDatabase, type Statement, sql } from './sql.ts';

/** How often the storage of each cluster began anew, kept outside of it; by it, too, where the cluster is. */
export interface Incarnations {
  /** 0 where the cluster never began. */
  read(name: string): Promise<number>;
  /**
   * A new incarnation, above `own` and above every one given before: one conditional write, so that of two that ask
   * each gets its own. An answer that is lost costs a number. Null where the cluster began in another jurisdiction.
   */
  take(name: string, own: number): Promise<number | null>;
  /** The jurisdiction that a cluster began in, null for none; undefined where it never began. */
  home(namespaceUid: string, cluster: string): Promise<Jurisdiction | null | undefined>;
  /** For a cluster whose name will not come again. */
  remove(name: string): Promise<void>;
}

export function createIncarnations(database: SqlDatabase): Incarnations {
  return {
    async read(name) {
      const { rows } = await database.run(sql`SELECT incarnation FROM cluster_incarnations WHERE name = ${name}`);
      return Number(rows[0]?.incarnation ?? 0);
    },
    async take(name, own) {
      const { rows } = await database.run(sql`
        INSERT INTO cluster_incarnations (name, incarnation)
        SELECT ${name}, ${own + 1}
        WHERE NOT EXISTS (SELECT 1 FROM cluster_incarnations WHERE ${isCluster(parseClusterName(name))} AND name <> ${name})
        ON CONFLICT (name) DO UPDATE SET incarnation = max(incarnation, ${own}) + 1 RETURNING incarnation`);
      return rows.length === 0 ? null : Number(rows[0].incarnation);
    },
    async home(namespaceUid, cluster) {
      const { rows } = await database.run(
        sql`SELECT name FROM cluster_incarnations WHERE ${isCluster({ namespaceUid, cluster })} LIMIT 1`,
      );
      return rows.length === 0 ? undefined : parseClusterName(String(rows[0].name)).jurisdiction;
    },
    async remove(name) {
      await database.run(sql`DELETE FROM cluster_incarnations WHERE name = ${name}`);
    },
  };
}

/** The rows of a cluster, whichever jurisdiction it is in. */
function isCluster({ namespaceUid, cluster }: Omit<ClusterName, 'jurisdiction'>): Statement {
  const name = clusterNameText({ namespaceUid, cluster, jurisdiction: null });
  // 'A' is the character after '@'.
  return sql`(name = ${name} OR (name > ${`${name}@`} AND name < ${`${name}A`}))`;
}
