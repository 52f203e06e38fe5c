import { describe, expect, test } from 'vitest';
import { bodySchemaFault, planBodySchema } from '../../src/traffic/body-schema.ts';

const ORDER = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  required: ['sku', 'count'],
  additionalProperties: false,
  properties: {
    sku: { type: 'string', pattern: '^[A-Z]{3}-[0-9]+$' },
    count: { type: 'integer', minimum: 1 },
    tags: { type: 'array', items: { $ref: '#/$defs/tag' }, maxItems: 3, uniqueItems: true },
    when: { type: 'string', format: 'date-time' },
  },
  $defs: { tag: { type: 'string', maxLength: 8 } },
};

describe('bodies', () => {
  const cases: readonly [body: unknown, path: string | null][] = [
    [{ sku: 'ABC-1', count: 1 }, null],
    [{ sku: 'ABC-1', count: 1, tags: ['a', 'b'], when: '2026-11-21T10:00:00Z' }, null],
    [{ sku: 'abc', count: 1 }, '/sku'],
    [{ sku: 'ABC-1', count: 0 }, '/count'],
    [{ sku: 'ABC-1', count: 1.5 }, '/count'],
    [{ sku: 'ABC-1' }, ''],
    [{ sku: 'ABC-1', count: 1, more: 1 }, '/more'],
    [{ sku: 'ABC-1', count: 1, tags: ['a', 'a'] }, '/tags'],
    [{ sku: 'ABC-1', count: 1, tags: ['too long a tag'] }, '/tags/0'],
    [{ sku: 'ABC-1', count: 1, when: 'yesterday' }, '/when'],
    [[], ''],
    [null, ''],
    ['text', ''],
    [JSON.parse('{"__proto__": {"sku": "ABC-1", "count": 1}}'), '/__proto__'],
  ];
  test.each(cases)('%j', (body, path) => {
    expect(bodySchemaFault(ORDER)).toBeNull();
    const faults = planBodySchema(ORDER).faults(body);
    expect(faults.length === 0).toBe(path === null);
  });

  test('a fault names its place and what was expected', () => {
    const [fault] = planBodySchema(ORDER).faults({ sku: 'ABC-1', count: 1, tags: ['a', 'too long a tag'] });
    expect(fault.path).toBe('/tags/1');
    const [pattern] = planBodySchema(ORDER).faults({ sku: 'x', count: 1 });
    expect(pattern).toEqual({ path: '/sku', message: 'String does not match pattern.' });
  });

  test('that nest deeply are refused, and do not end the stack', () => {
    const deep = JSON.parse(`${'['.repeat(30_000)}${']'.repeat(30_000)}`);
    expect(planBodySchema({}).faults(deep)).toHaveLength(1);
    expect(planBodySchema({ enum: [deep] }).faults(deep)).toHaveLength(1);
  });

  test('a pattern that other engines take ages for takes none', () => {
    const check = planBodySchema({ type: 'string', pattern: '^(a|a)*$' });
    const begun = performance.now();
    expect(check.faults(`${'a'.repeat(50_000)}!`)).toHaveLength(1);
    expect(performance.now() - begun).toBeLessThan(2_000);
  });

  test('what stands in enum, const and default is data, though it looks like a schema', () => {
    const check = planBodySchema({ enum: [{ pattern: 'x' }] });
    expect(check.faults({ pattern: 'x' })).toEqual([]);
    expect(check.faults({})).toHaveLength(1);
  });

  test('a pattern beside allOf holds as well as what is in it', () => {
    const check = planBodySchema({ pattern: '^a', allOf: [{ pattern: 'b$' }] });
    expect([check.faults('ab'), check.faults('a'), check.faults('b')].map((faults) => faults.length)).toEqual([
      0, 1, 1,
    ]);
  });

  test('a schema that is wrong lets nothing through', () => {
    expect(planBodySchema({ required: 3 } as never).faults({})).toHaveLength(1);
  });
});

describe('schemas that are not taken', () => {
  const doubling = Object.fromEntries(
    Array.from({ length: 20 }, (_, i) => [
      `d${i}`,
      { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] },
    ]),
  );
  const cases: readonly [name: string, schema: Record<string, unknown>, path: string][] = [
    ['a slip in a keyword', { type: 'object', requried: ['a'] }, '.requried'],
    ['a reference to itself', { $defs: { a: { items: { $ref: '#/$defs/a' } } } }, '.$defs.a.items.$ref.items.$ref'],
    ['a reference to nothing', { $ref: '#/$defs/a' }, '.$ref'],
    ['a reference to elsewhere', { $ref: 'https://example.com/schema' }, '.$ref'],
    ['references that double and double', { $ref: '#/$defs/d0', $defs: { ...doubling, d20: {} } }, '.$ref'],
    ['a pattern that is none', { pattern: '(' }, '.pattern'],
    ['look-around, which takes more than linear time', { pattern: '(?=a)' }, '.pattern'],
    ['names by a pattern that could take ages', { patternProperties: { '(a+)+$': {} } }, '.patternProperties'],
    ['unique items without a bound', { uniqueItems: true }, '.uniqueItems'],
    ['a format that takes more than linear time', { format: 'uri-template' }, '.format'],
    ['a dynamic reference', { $dynamicRef: '#x' }, '.$dynamicRef'],
    ['a value of a wrong type', { required: 'a' }, '.required'],
    ['a type that there is not', { type: ['string', 'int'] }, '.type'],
    ['a format that is no text, nor can be made one', { format: [{ toString: 1 }] }, '.format'],
    ['a schema that is none', { properties: { a: 3 } }, '.properties.a'],
  ];
  test.each(cases)('%s', (_, schema, path) => {
    expect(bodySchemaFault(schema)?.path.startsWith(path)).toBe(true);
  });
});
