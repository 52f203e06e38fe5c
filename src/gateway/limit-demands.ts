import { type KeyFacts, limitKey } from '../traffic/limit/key.ts';
import type { Demand } from '../traffic/limit/limiter.ts';
import { limiterName, limiterShard } from '../traffic/limit/objects.ts';
import type { Exchange, RateLimitEntry } from './exchange.ts';

/** What keys and policies are taken from. */
export type LimitedExchange = Pick<
  Exchange,
  'policies' | 'clientIp' | 'identity' | 'given' | 'target' | 'pathVariables'
>;

/** Names of the objects that count for a policy: the same for each of its requests. */
const objectsOf = new WeakMap<RateLimitEntry, readonly string[]>();

/** What a request meets of a policy, one for each of its limits. */
export function demandsOf(policy: RateLimitEntry, facts: KeyFacts): Demand[] {
  const { spec } = policy;
  const objects = objectNames(policy);
  return spec.limits.map((limit) => {
    const key = limitKey(limit.key, facts);
    const object = objects[limiterShard(limit.name, key, objects.length)];
    return { limit, leased: spec.mode === 'leased', object, key, open: spec.onFailure === 'open' };
  });
}

/** What keys are made of. */
export function keyFactsOf({ clientIp, identity, given, target, pathVariables }: LimitedExchange): KeyFacts {
  return { clientIp, identity, header: (name) => given.get(name), path: target.path, pathVariables };
}

function objectNames(policy: RateLimitEntry): readonly string[] {
  const present = objectsOf.get(policy);
  if (present !== undefined) return present;
  const { namespaceUid, name, spec } = policy;
  const made = Array.from({ length: spec.shards }, (_, shard) => limiterName(namespaceUid, name, shard));
  objectsOf.set(policy, made);
  return made;
}
