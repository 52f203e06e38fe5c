import { expect, test } from 'vitest';
import { labelFault, labelValueFault, qualifiedNameFault, subdomainFault } from '../../src/control/names.ts';

test('a subdomain is labels joined by dots, at most 253 characters', () => {
  for (const name of ['a', 'a-b', 'a.b.c', '0', 'a'.repeat(253)]) expect(subdomainFault(name)).toBeUndefined();
  for (const name of ['', 'A', '-a', 'a-', 'a..b', '.a', 'a_b', 'ä', 'a/b', 'a b', 'a\n', 'a'.repeat(254)]) {
    expect(subdomainFault(name), name).toBeDefined();
  }
});

test('a label is at most 63 characters and has no dots', () => {
  expect(labelFault('a'.repeat(63))).toBeUndefined();
  for (const name of ['a.b', 'a'.repeat(64), '']) expect(labelFault(name), name).toBeDefined();
});

test('a qualified name may have one prefix that is a subdomain', () => {
  for (const name of ['a', 'A_b.c-d', 'example.com/A']) expect(qualifiedNameFault(name)).toBeUndefined();
  for (const name of ['', 'a/', '/a', 'a/b/c', 'Ex/a', '-a', 'x'.repeat(64)])
    expect(qualifiedNameFault(name), name).toBeDefined();
});

test('a label value may be empty, has at most 63 characters', () => {
  for (const value of ['', 'a', 'A_b.c-1']) expect(labelValueFault(value)).toBeUndefined();
  for (const value of ['-', 'a b', 'é', 'a'.repeat(64)]) expect(labelValueFault(value), value).toBeDefined();
});
