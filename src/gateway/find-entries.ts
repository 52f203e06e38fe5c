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

/** A policy that a rule names and that the version has not: it cannot be enforced, or the version is damaged. */
export interface MissingPolicy {
  /** For people: `authpolicies/keys cannot be enforced`. */
  readonly missing: string;
}

/** The policies that are in force for a rule's requests; without one of them nobody may be let through. */
export async function findPolicies(entries: EntryReader, action: RuleAction): Promise<PoliciesInForce | MissingPolicy> {
  let auth: PoliciesInForce['auth'] = null;
  let security: PoliciesInForce['security'] = null;
  const rateLimits: PoliciesInForce['rateLimits'][number][] = [];
  for (const attached of action.policies) {
    const key = attached.key as `policy:${string}`;
    const policy = entries.read(key) ?? (await findEntry(entries, key));
    if (policy === null) return { missing: `${key.slice(key.indexOf('/') + 1)} cannot be enforced` };
    if (policy.kind === 'AuthPolicy') auth = policy;
    else if (policy.kind === 'SecurityPolicy') security = policy;
    else rateLimits.push({ attached, policy });
  }
  return { auth, security, rateLimits };
}
