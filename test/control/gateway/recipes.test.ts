import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { blocksOf } from '../../../src/core/address-blocks.ts';
import { namespaceOf, pluralOf, recipes } from '../../gateway-recipes.ts';
import { testPlane } from '../fixture.ts';
import { verdicts } from './fixture.ts';

test.each([...recipes()])('the example %s is what the schemas take', (_, objects) => {
  const plane = testPlane({ rules: { upstreamAllow: blocksOf('127.0.0.0/8'), upstreamBindings: ['SHOP'] } });
  const query = { fieldValidation: 'Strict' };
  for (const object of objects) {
    const [version, group = ''] = object.apiVersion.split('/').reverse();
    const call = { group, version, resource: pluralOf(object), namespace: namespaceOf(object), query };
    const { status, json } = plane.send('create', object, call);
    expect(status === 201 ? '' : json.message).toBe('');
  }
});

test('a key set that is an object, or a list, and not its text is refused for its type, whatever is in it', () => {
  const policy = recipes()
    .get('jwt-inline-keys')
    ?.find(({ kind }) => kind === 'AuthPolicy');
  const verdict = verdicts();
  const text = JSON.stringify(policy);
  const set = { keys: [{ kty: 'EC', crv: 'P-256', x: '', y: '' }] };
  const says: string[] = [];
  for (const inline of [set, [set]]) {
    const body = JSON.parse(text, (name, value) => (name === 'inline' ? inline : value));
    says.push(verdict(body, { group: 'orasi.io', version: 'v1alpha1', resource: 'authpolicies' }));
  }
  const field = 'spec.jwt.providers[0].keys.inline';
  expect(says).toEqual([
    `${field}: Invalid value: "object": ${field} in body must be of type string: "object"`,
    `${field}: Invalid value: "array": ${field} in body must be of type string: "array"`,
  ]);
});

test('every example is linked from the documentation', () => {
  const docs = join(import.meta.dirname, '../../../docs');
  const pages = readdirSync(docs).filter((file) => file.endsWith('.md'));
  const text = pages.map((file) => readFileSync(join(docs, file), 'utf8')).join('\n');
  const unlinked = [...recipes().keys()].filter((name) => !text.includes(`(../deploy/examples/gateway/${name}.yaml)`));
  expect(unlinked).toEqual([]);
});
