import { type SqlDatabase, sql } from './sql.ts';

/** How often the storage of each cluster began anew, kept outside of it. */
export interface Incarnations {
  /** 0 where the cluster never began. */
  read(name: string): Promise<number>;
  /**
   * A new incarnation, above `own` and above every one given before: one conditional write, so that of two that ask
   * each gets its own. An answer that is lost costs a number.
   */
  take(name: string, own: number): Promise<number>;
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
        INSERT INTO cluster_incarnations (name, incarnation) VALUES (${name}, ${own + 1})
        ON CONFLICT (name) DO UPDATE SET incarnation = max(incarnation, ${own}) + 1 RETURNING incarnation`);
      return Number(rows[0].incarnation);
    },
    async remove(name) {
      await database.run(sql`DELETE FROM cluster_incarnations WHERE name = ${name}`);
    },
  };
}
