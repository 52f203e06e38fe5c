import type { ObjectDatabase } from '../../core/object-database.ts';
import { Facts } from './facts.ts';
import type { RouteName } from './host-rules.ts';

/** In the place of a version: of rules that no version has yet. After every version there will be. */
export const IN_NO_VERSION = Number.MAX_SAFE_INTEGER;

/** A route with the first version that has its rules as they are. */
export interface RoutePublication {
  readonly route: RouteName;
  readonly version: number;
}

/** Where the last that was gone through is kept, by version and route. */
const CURSOR = { version: 'programmed-version', route: 'programmed-route' } as const;

/**
 * Which version was the first to have the rules of each route as they are now, and how far those have been gone through
 * of which something else is to be said since another version is served.
 */
export class RoutePublications {
  private readonly database: ObjectDatabase;
  private readonly facts: Facts;

  constructor(database: ObjectDatabase) {
    this.database = database;
    this.facts = new Facts(database);
  }

  /** The route's rules are others now. */
  changed(route: RouteName): void {
    this.database.exec(
      'INSERT OR REPLACE INTO gateway_programmed (route, version) VALUES (?, ?)',
      textOf(route),
      IN_NO_VERSION,
    );
  }

  forget(route: RouteName): void {
    this.database.exec('DELETE FROM gateway_programmed WHERE route = ?', textOf(route));
  }

  /**
   * In the transaction in which a version is made: it has everything that was in none, also what was to be in a version
   * after `last`, the last one that came about.
   */
  cut(version: number, last: number): void {
    this.database.exec('UPDATE gateway_programmed SET version = ? WHERE version > ?', version, last);
  }

  /** 0 of a route whose rules have never changed: what it comes to is in every version. */
  versionOf(route: RouteName): number {
    const [row] = this.database.exec('SELECT version FROM gateway_programmed WHERE route = ?', textOf(route));
    return Number(row?.version ?? 0);
  }

  /** Has the routes of all versions after this one gone through, from the first again. */
  goBackTo(version: number): void {
    if (this.facts.number(CURSOR.version) <= version) return;
    this.goOnAfter({ version, text: LAST_TEXT });
  }

  /** The next ones up to version `last`; fewer than `limit` where there are no more. */
  next(last: number, limit: number): RoutePublication[] {
    const rows = this.database.exec(
      `SELECT route, version FROM gateway_programmed WHERE (version, route) > (?, ?) AND version <= ?
       ORDER BY version, route LIMIT ?`,
      this.facts.number(CURSOR.version),
      this.facts.text(CURSOR.route),
      last,
      limit,
    );
    const end = rows[rows.length - 1];
    if (end !== undefined) this.goOnAfter({ version: Number(end.version), text: String(end.route) });
    return rows.map((row) => {
      const [namespace, name] = String(row.route).split('/');
      return { route: { namespace, name }, version: Number(row.version) };
    });
  }

  private goOnAfter({ version, text }: { readonly version: number; readonly text: string }): void {
    this.facts.set(CURSOR.version, version);
    this.facts.set(CURSOR.route, text);
  }
}

/** After every name of a route. */
const LAST_TEXT = '~';

function textOf({ namespace, name }: RouteName): string {
  return `${namespace}/${name}`;
}
