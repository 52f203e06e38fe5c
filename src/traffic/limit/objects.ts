import { hashText } from '../snapshot/key-hash.ts';

/** Objects that a namespace's nonces are spread over. */
const NONCE_SHARDS = 8;

/** The object that counts a share of a policy's keys. */
export function limiterName(namespaceUid: string, policy: string, shard: number): string {
  return `${namespaceUid}/${policy}/${shard}`;
}

/** Which of a policy's objects counts a limit for a key. */
export function limiterShard(limit: string, key: string, shards: number): number {
  return shards === 1 ? 0 : hashText(`${limit}\n${key}`) % shards;
}

/** Which of a namespace's objects keeps whether a nonce was used. */
export function nonceObject(namespaceUid: string, nonce: string): string {
  return `${namespaceUid}/@nonces/${hashText(nonce) % NONCE_SHARDS}`;
}
