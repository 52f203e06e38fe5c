import { expect, test } from 'vitest';
import { POLICY_PLURALS } from '../../src/control/gateway/attached-policies.ts';
import { BUILT_IN_KINDS } from '../../src/control/kinds.ts';

test('every policy shows what it is attached to, and whether it is accepted', () => {
  const columns = POLICY_PLURALS.map((plural) => {
    const found = BUILT_IN_KINDS.find(({ kind }) => kind.group === 'orasi.io' && kind.plural === plural);
    return [plural, found?.kind.printerColumns.map(({ name, priority }) => (priority === 1 ? `(${name})` : name))];
  });
  expect(Object.fromEntries(columns)).toEqual({
    authpolicies: ['Target', 'Accepted', '(Reason)', 'Age'],
    ratelimitpolicies: ['Target', 'Mode', 'Dry-Run', 'Accepted', '(Reason)', 'Age'],
    routematchpolicies: ['Target', 'Priority', 'Accepted', '(Reason)', 'Age'],
    securitypolicies: ['Target', 'Profile', 'Accepted', '(Reason)', 'Age'],
  });
});
