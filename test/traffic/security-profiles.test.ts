import { expect, test } from 'vitest';
import { resolveProfile, SECURITY_PROFILES } from '../../src/traffic/security-profiles.ts';

const NONE = { set: [], omit: [], remove: [] };
const names = (headers: readonly { name: string }[]) => headers.map(({ name }) => name);

test('every profile asks for HTTPS, forbids guessing at types, and says what pages may do', () => {
  for (const profile of SECURITY_PROFILES) {
    const { set, defaults, remove } = resolveProfile(profile, NONE);
    expect(names(set)).toEqual(expect.arrayContaining(['strict-transport-security', 'x-content-type-options']));
    expect([...names(set), ...names(defaults)]).toEqual(
      expect.arrayContaining(['content-security-policy', 'referrer-policy']),
    );
    expect(remove).toContain('x-powered-by');
  }
});

test('no profile does nothing', () => {
  expect(resolveProfile('none', NONE)).toEqual({ set: [], defaults: [], remove: [] });
});

test('what a policy sets goes before its profile, what it omits is left out, whatever the case of their letters', () => {
  const csp = { name: 'Content-Security-Policy', value: "default-src 'self' cdn.example.com" };
  const { set, defaults, remove } = resolveProfile('web', {
    set: [csp],
    omit: ['Permissions-Policy'],
    remove: ['Server'],
  });
  expect(set).toContainEqual({ name: 'content-security-policy', value: csp.value });
  expect(names(defaults)).not.toContain('content-security-policy');
  expect(names(defaults)).not.toContain('permissions-policy');
  expect(remove).toContain('server');
});

test('a header that is set is not removed again', () => {
  const { remove } = resolveProfile('strict', { ...NONE, set: [{ name: 'Server', value: 'ours' }] });
  expect(remove).not.toContain('server');
});
