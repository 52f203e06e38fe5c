import { describe, expect, test } from 'vitest';
import { keyring, keysFrom } from '../../src/access/secret-encryption.ts';
import { systemRandom } from '../../src/core/random.ts';

const key = (fill: number) => new Uint8Array(32).fill(fill);
const ring = (...keys: Uint8Array[]) => keyring(keys, systemRandom.bytes);

test('a sealed text opens for its context alone', () => {
  const { seal, open } = ring(key(1));
  const sealed = seal('grüß dich', 'v1/secrets/default/a');
  expect(open(sealed, 'v1/secrets/default/a')).toBe('grüß dich');
  expect(() => open(sealed, 'v1/secrets/default/b')).toThrow();
});

test('the same text is sealed differently each time', () => {
  const { seal } = ring(key(1));
  expect(seal('x', 'c')).not.toBe(seal('x', 'c'));
});

test('a sealed text with one byte changed, or of another form, does not open', () => {
  const { seal, open } = ring(key(1));
  const parts = seal('secret', 'c').split('.');
  for (let i = 0; i < parts.length; i++) {
    const damaged = parts
      .map((part, at) => (at === i ? (part[0] === 'A' ? 'B' : 'A') + part.slice(1) : part))
      .join('.');
    expect(() => open(damaged, 'c'), parts[i]).toThrow();
  }
  expect(() => open('', 'c')).toThrow('unknown form');
  expect(() => open(parts.slice(0, 4).join('.'), 'c')).toThrow('unknown form');
});

test('the first key seals, every key of the ring opens, and a text says by which it was sealed', () => {
  const old = ring(key(1)).seal('x', 'c');
  const both = ring(key(2), key(1));
  expect(both.open(old, 'c')).toBe('x');
  expect(both.seal('x', 'c').split('.')[1]).toBe(ring(key(2)).keyId);
  expect(() => ring(key(2)).open(old, 'c')).toThrow(
    `sealed with key ${ring(key(1)).keyId}, which is not in ENCRYPTION_KEY`,
  );
});

test('a key has 32 bytes and a ring at least one', () => {
  expect(() => ring()).toThrow('needs a key');
  expect(() => ring(new Uint8Array(16))).toThrow('32 bytes');
});

describe('the keys of a deployment', () => {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64');

  test('are those of ENCRYPTION_KEY, in order', () => {
    expect(keysFrom({ encryptionKey: `${text(key(1))}, ${text(key(2))}`, adminToken: 'ignored' })).toEqual([
      key(1),
      key(2),
    ]);
    expect(() => keysFrom({ encryptionKey: 'c2hvcnQ=' })).toThrow('ENCRYPTION_KEY: expected 32 bytes');
  });

  test('or one derived from the admin token, always the same and never the token', () => {
    const [derived] = keysFrom({ adminToken: 'a'.repeat(32) });
    expect(derived).toEqual(keysFrom({ adminToken: 'a'.repeat(32) })[0]);
    expect(derived).not.toEqual(keysFrom({ adminToken: 'b'.repeat(32) })[0]);
    expect(() => keysFrom({})).toThrow('set ENCRYPTION_KEY');
  });
});
