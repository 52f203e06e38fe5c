import { OrasiError } from '../core/errors.ts';
import type { TaskKey } from './task-rows.ts';

/** Where a list goes on: among tasks that have not ended, or among those that have. */
export type ListPosition =
  | { readonly part: 'waiting'; readonly after: TaskKey }
  | { readonly part: 'ended'; readonly after: number };

export function cursorOf(position: ListPosition): string {
  if (position.part === 'ended') return `e.${position.after}`;
  const { lane, dueAtMs, sequence } = position.after;
  return `w.${lane}.${dueAtMs}.${sequence}`;
}

/** Throws `bad_request` where the text is not a cursor of ours. */
export function positionOf(cursor: string): ListPosition {
  const ended = /^e\.(\d{1,15})$/.exec(cursor);
  if (ended !== null) return { part: 'ended', after: Number(ended[1]) };
  const waiting = /^w\.(\d{1,15})\.(\d{1,15})\.(\d{1,15})$/.exec(cursor);
  if (waiting !== null) {
    const [lane, dueAtMs, sequence] = waiting.slice(1).map(Number);
    return { part: 'waiting', after: { lane, dueAtMs, sequence } };
  }
  const message = 'expected the nextCursor of an earlier answer';
  throw new OrasiError('bad_request', `query.cursor: ${message}`, { errors: [{ path: 'query.cursor', message }] });
}
