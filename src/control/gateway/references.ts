import type { ObjectDatabase } from '../../core/object-database.ts';

/**
 * Who is to be looked at again when something changes: from a target (`upstream:shop/orders`) to the work that read it
 * (`gateway-route:shop/checkout`). What very many refer to is handed on in portions.
 */
export class References {
  private readonly database: ObjectDatabase;

  constructor(database: ObjectDatabase) {
    this.database = database;
  }

  /** Puts what a work refers to in the place of what it referred to before. */
  replace(work: string, before: readonly string[], after: readonly string[]): void {
    const kept = new Set(after);
    const known = new Set(before);
    for (const target of known) {
      if (!kept.has(target)) {
        this.database.exec('DELETE FROM gateway_references WHERE target = ? AND work = ?', target, work);
      }
    }
    for (const target of kept) {
      if (!known.has(target)) {
        this.database.exec('INSERT OR IGNORE INTO gateway_references (target, work) VALUES (?, ?)', target, work);
      }
    }
  }

  /** Those that refer to a target, in order, strictly after `after`. */
  to(target: string, after: string, limit: number): string[] {
    return this.database
      .exec(
        'SELECT work FROM gateway_references WHERE target = ? AND work > ? ORDER BY work LIMIT ?',
        target,
        after,
        limit,
      )
      .map((row) => String(row.work));
  }
}
