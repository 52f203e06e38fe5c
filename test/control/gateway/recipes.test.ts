import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { blocksOf } from '../../../src/core/address-blocks.ts';
import { namespaceOf, pluralOf, recipes } from '../../gateway-recipes.ts';
import { testPlane } from '../fixture.ts';

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

test('every example is linked from the documentation', () => {
  const docs = join(import.meta.dirname, '../../../docs');
  const pages = readdirSync(docs).filter((file) => file.endsWith('.md'));
  const text = pages.map((file) => readFileSync(join(docs, file), 'utf8')).join('\n');
  const unlinked = [...recipes().keys()].filter((name) => !text.includes(`(../deploy/examples/gateway/${name}.yaml)`));
  expect(unlinked).toEqual([]);
});
