import { badField } from '../core/errors.ts';

/** The last revision that the client of a watch knows by its headers; null where they do not say. Throws `bad_request`. */
export function lastEventId(headers: Headers): number | null {
  const id = headers.get('last-event-id');
  if (id === null) return null;
  if (!/^\d{1,16}$/.test(id)) throw badField('(header) Last-Event-ID', 'expected a revision');
  return Number(id);
}

/** Whether a watch is to be over a WebSocket. */
export function isUpgrade(headers: Headers): boolean {
  return headers.get('upgrade')?.toLowerCase() === 'websocket';
}

/** The upgrade as the object takes it: it reads the revision in the query alone. */
export function upgradeAfter(raw: Request, revision: number | null): Request {
  const url = new URL(raw.url);
  if (revision !== null) url.searchParams.set('revision', String(revision));
  return new Request(url, raw);
}
