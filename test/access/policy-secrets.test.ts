import { expect, test } from 'vitest';
import { policySecrets } from '../../src/access/policy-secrets.ts';
import { keyring } from '../../src/access/secret-encryption.ts';

const OLD = new Uint8Array(32).fill(1);
const NEW = new Uint8Array(32).fill(2);

test('a digest is the same each time, and another under another key', () => {
  const { digest } = policySecrets([OLD]);
  expect(digest('key')).toBe(digest('key'));
  expect(digest('key')).not.toBe(digest('kez'));
  expect(digest('key')).not.toBe(policySecrets([NEW]).digest('key'));
});

test('what was compiled before the key was rotated is found and opened after it', () => {
  const before = policySecrets([OLD]);
  const after = policySecrets([NEW, OLD]);
  expect(after.digests('key')).toContain(before.digest('key'));
  expect(after.open(before.seal('secret', 'here'), 'here')).toBe('secret');
  expect(() => policySecrets([NEW]).open(before.seal('secret', 'here'), 'here')).toThrow(/not in ENCRYPTION_KEY/);
});

test('the same text in the same place is sealed to the same text, in another to another, and opens there alone', () => {
  const { seal, open } = policySecrets([OLD]);
  expect(seal('secret', 'here')).toBe(seal('secret', 'here'));
  expect(seal('secret', 'here')).not.toBe(seal('secret', 'there'));
  // A nonce is not used twice: not where context and text meet elsewhere either.
  const nonceOf = (sealed: string) => sealed.split('.')[2];
  expect(nonceOf(seal('bc', 'a'))).not.toBe(nonceOf(seal('c', 'ab')));
  expect(() => open(seal('secret', 'here'), 'there')).toThrow();
  expect(() => open(`${seal('secret', 'here').slice(0, -2)}AA`, 'here')).toThrow();
});

test('what is sealed for the store of resources does not open as a part of a policy', () => {
  const sealed = keyring([OLD], () => new Uint8Array(12)).seal('secret', 'here');
  expect(() => policySecrets([OLD]).open(sealed, 'here')).toThrow();
});
