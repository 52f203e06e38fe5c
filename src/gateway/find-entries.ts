import type { RuleAction } from '../core/protocol/gateway.ts';
import type { EntryAt, EntryKey } from '../traffic/snapshot/keys.ts';
import type { EntryReader, PoliciesInForce } from './exchange.ts';

/** An entry, whose shard is read where it is not in memory; null where there is none. */
export async function findEntry<K extends EntryKey>(entries: EntryReader, key: K): Promise<EntryAt<K> | null> {
  let entry = entries.read(key);
  if (entry === undefined) {
    await entries.load(key);
    entry = entries.read(key);
  }
  return entry ?? null;
}

/** The policies that are in force for a rule's requests. */
export async function findPolicies(entries: EntryReader, action: RuleAction): Promise<PoliciesInForce> {
  let auth: PoliciesInForce['auth'] = null;
  let security: PoliciesInForce['security'] = null;
  const rateLimits: PoliciesInForce['rateLimits'][number][] = [];
  for (const attached of action.policies) {
    const key = attached.key as `policy:${string}`;
    const policy = entries.read(key) ?? (await findEntry(entries, key));
    // What is named and not there is damage: going on without a policy would let through what it refuses.
    if (policy === null) throw new Error(`${attached.key} is not in version ${entries.version}`);
    if (policy.kind === 'AuthPolicy') auth = policy;
    else if (policy.kind === 'SecurityPolicy') security = policy;
    else rateLimits.push({ attached, policy });
  }
  return { auth, security, rateLimits };
}
