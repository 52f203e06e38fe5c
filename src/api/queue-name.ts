import { OrasiError } from '../core/errors.ts';
import type { ApiBase } from './ports.ts';

const QUEUE_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** Throws `bad_request` where a queue cannot be called that. */
export function checkQueueName(queue: string): void {
  if (QUEUE_NAME.test(queue)) return;
  const message = 'expected [A-Za-z0-9][A-Za-z0-9._-]{0,62}';
  throw new OrasiError('bad_request', `queue: ${message}`, { errors: [{ path: 'queue', message }] });
}

/** The name of a queue's first shard, which speaks for the others. Throws `bad_request`, or `not_found` without the namespace. */
export async function firstShardName(base: ApiBase, ns: string, queue: string): Promise<string> {
  checkQueueName(queue);
  return `${await base.namespaceUid(ns)}/${queue}/0`;
}
