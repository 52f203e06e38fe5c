import { badField } from '../core/errors.ts';
import { keyInterval } from '../core/kv-calls.ts';
import type { KvCompare } from '../core/protocol/cluster-kv.ts';

/**
 * What a write is held to by its headers (RFC 9110, sections 13.1.1 and 13.1.2): `If-Match` with the revision read as
 * its ETag, or `*` for a key that is there; `If-None-Match: *` for one that is not. Null where nothing is asked.
 */
export function preconditionOf(headers: Headers, key: Uint8Array): KvCompare | null {
  const match = headers.get('if-match');
  const noneMatch = headers.get('if-none-match');
  if (match !== null && noneMatch !== null)
    throw badField('(header) If-Match', 'expected one of If-Match and If-None-Match');
  if (noneMatch !== null) {
    if (noneMatch.trim() !== '*') throw badField('(header) If-None-Match', 'expected *');
    return { ...keyInterval(key), target: 'mod', result: 'equal', number: 0 };
  }
  if (match === null) return null;
  if (match.trim() === '*') return { ...keyInterval(key), target: 'mod', result: 'greater', number: 0 };
  const revision = /^(?:"(\d{1,15})"|(\d{1,15}))$/.exec(match.trim());
  if (revision === null) throw badField('(header) If-Match', 'expected a revision, as the ETag has it, or *');
  return { ...keyInterval(key), target: 'mod', result: 'equal', number: Number(revision[1] ?? revision[2]) };
}

/** The epoch that the caller believes to be the cluster's; null where it does not say. */
export function ifEpochOf(headers: Headers): number | null {
  const text = headers.get('if-epoch');
  if (text === null) return null;
  if (!/^\d{1,16}$/.test(text.trim())) throw badField('(header) If-Epoch', 'expected the epoch of a leader');
  return Number(text);
}
