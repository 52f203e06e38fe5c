import { expect, test } from 'vitest';
import { isGranted } from '../../../src/control/gateway/reference-grants.ts';

const FROM = { group: 'gateway.networking.k8s.io', kind: 'HTTPRoute', namespace: 'shop' };
const TO = { group: 'orasi.io', kind: 'Upstream', name: 'orders' };
const grant = (from: object, to: object) => ({
  from: [{ ...FROM, ...from }],
  to: [{ group: TO.group, kind: TO.kind, ...to }],
});

test.each([
  ['all of a kind', grant({}, {}), true],
  ['one by name', grant({}, { name: 'orders' }), true],
  ['another by name', grant({}, { name: 'payments' }), false],
  ['another kind', grant({}, { kind: 'Secret' }), false],
  ['another group', grant({}, { group: '' }), false],
  ['who refers from another kind', grant({ kind: 'Gateway' }, {}), false],
  ['who refers from another group', grant({ group: '' }, {}), false],
  ['who refers from another namespace', grant({ namespace: 'other' }, {}), false],
])('a grant for %s', (_rule, spec, allows) => {
  expect(isGranted({ from: FROM, to: TO }, [spec])).toBe(allows);
});

test('each grant stands by itself: the one half of one and the other of another allow nothing', () => {
  const halves = [grant({ namespace: 'other' }, {}), grant({}, { name: 'payments' })];
  expect(isGranted({ from: FROM, to: TO }, halves)).toBe(false);
  expect(isGranted({ from: FROM, to: TO }, [...halves, grant({}, {})])).toBe(true);
});
