import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { type SqlDatabase, type Statement, sql } from './sql.ts';

/** A Durable Object that the sweep looks after. `name` begins with the uid of its namespace and a slash. */
export interface WatchedObject {
  readonly kind: string;
  readonly name: string;
}

/** The registry of Durable Objects that have alarms. */
export interface WatchedObjects {
  /** Enters an object; a second time changes nothing. */
  add(object: WatchedObject): Promise<void>;
  /** The objects after `after`, by kind and name. */
  page(after: WatchedObject | null, limit: number): Promise<readonly WatchedObject[]>;
  ofNamespace(kind: string, namespaceUid: string, limit: number): Promise<readonly WatchedObject[]>;
  remove(object: WatchedObject): Promise<void>;
}

export function createWatchedObjects(database: SqlDatabase, clock: Clock): WatchedObjects {
  const read = async (query: Statement): Promise<readonly WatchedObject[]> => {
    const { rows } = await database.run(query);
    return rows.map(({ kind, name }) => ({ kind: String(kind), name: String(name) }));
  };
  return {
    async add({ kind, name }) {
      await database.run(
        sql`INSERT INTO watched_objects (kind, name, registered_at) VALUES (${kind}, ${name}, ${clock.now()})
            ON CONFLICT DO NOTHING`,
      );
    },
    page: (after, limit) =>
      read(
        sql`SELECT kind, name FROM watched_objects WHERE (kind, name) > (${after?.kind ?? ''}, ${after?.name ?? ''})
            ORDER BY kind, name LIMIT ${limit}`,
      ),
    // '0' is the character after '/'.
    ofNamespace: (kind, namespaceUid, limit) =>
      read(
        sql`SELECT kind, name FROM watched_objects
            WHERE kind = ${kind} AND name > ${`${namespaceUid}/`} AND name < ${`${namespaceUid}0`}
            ORDER BY name LIMIT ${limit}`,
      ),
    async remove({ kind, name }) {
      await database.run(sql`DELETE FROM watched_objects WHERE kind = ${kind} AND name = ${name}`);
    },
  };
}

/** What every watched object answers. */
export interface WatchedCalls {
  /** Looks whether the alarm is set as it should be. */
  tick(): Promise<void>;
  /** Ends the WebSockets of a subject, as `key:{keyId}`, whose key was revoked. */
  revoked(owner: string): Promise<void>;
  /** Forgets everything. */
  erase(): Promise<void>;
}

const PAGE = 100;
/** A Worker has six connections at a time. */
const AT_ONCE = 6;

/** Where the sweep goes on. */
export interface SweepCursor {
  read(): Promise<WatchedObject | null>;
  write(after: WatchedObject | null): Promise<void>;
}

/**
 * Calls the `tick` of the next `limit` watched objects, from where the last sweep stopped and from the start again
 * after the last. One that fails is told of and does not keep the others. The cursor moves before a page is called,
 * so that one which ends the whole invocation is not met first by every sweep after.
 */
export async function tickWatched(
  watched: WatchedObjects,
  cursor: SweepCursor,
  callsOf: (object: WatchedObject) => WatchedCalls | null,
  failed: (object: WatchedObject, error: unknown) => void,
  limit: number = LIMITS.sweepObjects,
): Promise<void> {
  let after = await cursor.read();
  for (let left = limit; left > 0; ) {
    const wanted = Math.min(PAGE, left);
    const page = await watched.page(after, wanted);
    after = page.length < wanted ? null : (page.at(-1) ?? null);
    await cursor.write(after);
    for (let at = 0; at < page.length; at += AT_ONCE) {
      const group = page.slice(at, at + AT_ONCE);
      await Promise.all(
        group.map((object) =>
          callsOf(object)
            ?.tick()
            .catch((error) => failed(object, error)),
        ),
      );
    }
    if (after === null) return;
    left -= page.length;
  }
}

/** Erases objects of a kind that belong to a namespace, some at a time; true when none is left. */
export async function eraseWatched(
  watched: WatchedObjects,
  kind: string,
  namespaceUid: string,
  callsOf: (object: WatchedObject) => WatchedCalls | null,
): Promise<boolean> {
  const page = await watched.ofNamespace(kind, namespaceUid, PAGE);
  for (const object of page) {
    await callsOf(object)?.erase();
    await watched.remove(object);
  }
  return page.length < PAGE;
}

/**
 * Ends the WebSockets of a subject at every object of its namespace, or at all where it has all (null). Throws what the
 * first that fails throws: to be said again.
 */
export async function revokeWatched(
  watched: WatchedObjects,
  owner: string,
  namespaceUid: string | null,
  callsOf: (object: WatchedObject) => WatchedCalls | null,
): Promise<void> {
  let after: WatchedObject | null = null;
  do {
    const page: readonly WatchedObject[] = await watched.page(after, PAGE);
    const meant = page.filter(({ name }) => namespaceUid === null || name.startsWith(`${namespaceUid}/`));
    for (let at = 0; at < meant.length; at += AT_ONCE) {
      await Promise.all(meant.slice(at, at + AT_ONCE).map((object) => callsOf(object)?.revoked(owner)));
    }
    after = page.length < PAGE ? null : page[page.length - 1];
  } while (after !== null);
}
