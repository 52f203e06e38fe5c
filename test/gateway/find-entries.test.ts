import { expect, test } from 'vitest';
import type { RuleAction } from '../../src/core/protocol/gateway.ts';
import type { EntryReader } from '../../src/gateway/exchange.ts';
import { findPolicies } from '../../src/gateway/find-entries.ts';

const LIMITS = { kind: 'RateLimitPolicy', name: 'calm', namespaceUid: 'n', spec: {} };

/** Reads entries that are in memory, or, of `elsewhere`, come to be once they are loaded. */
function reader(inMemory: Record<string, unknown>, elsewhere: Record<string, unknown> = {}): EntryReader {
  const entries = { ...inMemory };
  return {
    version: 7,
    hosts: new Uint32Array(),
    read: ((key: string) => entries[key] ?? (key in elsewhere ? undefined : null)) as EntryReader['read'],
    load: async (key) => {
      entries[key] = elsewhere[key];
      delete elsewhere[key];
    },
  };
}

const naming = (...keys: string[]) =>
  ({ policies: keys.map((key) => ({ key, target: null })) }) as unknown as RuleAction;

test('the policies of a rule are found, in memory or not', async () => {
  const entries = reader({ 'policy:n/ratelimitpolicies/calm': LIMITS }, { 'policy:n/ratelimitpolicies/other': LIMITS });
  const found = await findPolicies(
    entries,
    naming('policy:n/ratelimitpolicies/calm', 'policy:n/ratelimitpolicies/other'),
  );
  expect(found).toMatchObject({ auth: null, security: null, rateLimits: [{ policy: LIMITS }, { policy: LIMITS }] });
});

test('without one of them nobody is let through: its name is all there is', async () => {
  const entries = reader({ 'policy:n/ratelimitpolicies/calm': LIMITS });
  expect(await findPolicies(entries, naming('policy:n/ratelimitpolicies/calm', 'policy:n/authpolicies/keys'))).toEqual({
    missing: 'authpolicies/keys cannot be enforced',
  });
});
