import { expect, test } from 'vitest';
import { compileAll } from '../../scripts/build-kinds.ts';
import { authorize, ROLES } from '../../src/access/authorize.ts';
import { BUILT_IN_KINDS } from '../../src/control/kinds.ts';
import { Regex } from '../../src/core/regex/regex.ts';

test('the compiled schemas are those of the kinds as written: else run node scripts/build-kinds.ts', async () => {
  const served = BUILT_IN_KINDS.map(({ kind }) => ({ name: kind.singular, schema: kind.schema }));
  expect(await compileAll()).toEqual(served.sort((a, b) => (a.name < b.name ? -1 : 1)));
});

test('every pattern of a schema is one that is run in linear time', () => {
  const patterns = BUILT_IN_KINDS.flatMap(({ kind }) => [
    ...JSON.stringify(kind.schema).matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g),
  ]);
  expect(patterns.length).toBeGreaterThan(100);
  for (const [, text] of patterns) {
    expect(() => new Regex(JSON.parse(text), { ignoreCase: false, dotAll: false, multiline: false })).not.toThrow();
  }
});

test('every kind but Secret is read by all roles, and written by admins alone', () => {
  for (const { kind } of BUILT_IN_KINDS) {
    for (const role of ROLES) {
      const subject = { kind: 'api-key', name: 'k', role, namespace: null, namespaceUid: null } as const;
      const may = (verb: 'get' | 'patch') => authorize(subject, verb, kind.group, kind.plural, 'team', 'a');
      expect([kind.kind, may('get')]).toEqual([kind.kind, role === 'admin' || kind.plural !== 'secrets']);
      expect([kind.kind, may('patch')]).toEqual([kind.kind, role === 'admin']);
    }
  }
});
