import { type Statement, sql } from './sql.ts';

/*
 * A namespace's erasure races with requests that found it alive: one with a slow body ends minutes later. So the first
 * step of erasing is a mark by its uid, and whatever would begin something new looks for it in the same statement.
 * All else that is written hangs on a row that erasing removes. The mark stays; a uid does not come back.
 */

const markOf = (namespaceUid: string) => `erased/${namespaceUid}`;

/** The condition that a namespace is being erased, or has been. */
export function isErased(namespaceUid: string): Statement {
  return sql`EXISTS (SELECT 1 FROM cursors WHERE name = ${markOf(namespaceUid)})`;
}

export function markErased(namespaceUid: string): Statement {
  return sql`INSERT INTO cursors (name, value) VALUES (${markOf(namespaceUid)}, '') ON CONFLICT DO NOTHING`;
}
