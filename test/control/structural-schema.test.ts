import { describe, expect, test } from 'vitest';
import type { JsonValue } from '../../src/control/json.ts';
import { applyDefaults, prune, type StructuralSchema, validate } from '../../src/control/structural-schema.ts';

const object = (properties: Record<string, StructuralSchema>, more: StructuralSchema = {}): StructuralSchema => ({
  type: 'object',
  properties,
  ...more,
});
const faults = (schema: StructuralSchema, value: JsonValue) =>
  validate(schema, value, 'spec').map((cause) => `${cause.field}: ${cause.message}`);

describe('pruning', () => {
  test('unknown fields are removed and named by path, in maps and lists too', () => {
    const schema = object({
      a: object({ b: { type: 'string' } }),
      list: { type: 'array', items: object({ x: { type: 'integer' } }) },
      map: { type: 'object', additionalProperties: object({ y: { type: 'string' } }) },
    });
    const value = { a: { b: 'k', c: 1 }, list: [{ x: 1, z: 2 }], map: { 'any/key': { y: '', q: 1 } }, extra: {} };
    expect(prune(schema, value)).toEqual(['a.c', 'list[0].z', 'map[any/key].q', 'extra']);
    expect(value).toEqual({ a: { b: 'k' }, list: [{ x: 1 }], map: { 'any/key': { y: '' } } });
  });

  test('a schema that preserves unknown fields keeps them, and still prunes inside the known ones', () => {
    const schema = object(
      { known: object({ a: { type: 'string' } }) },
      { 'x-kubernetes-preserve-unknown-fields': true },
    );
    const value = { known: { a: '', b: 1 }, free: { c: { d: 1 } } };
    expect(prune(schema, value)).toEqual(['known.b']);
    expect(value).toEqual({ known: { a: '' }, free: { c: { d: 1 } } });
  });

  test('what has another type than expected is kept whole and not taken apart, for validation to refuse', () => {
    const schema = object({ text: { type: 'string' }, list: { type: 'array', items: object({}) }, one: object({}) });
    const value = { text: { keys: [{ kty: 'EC' }] }, list: { a: 1 }, one: [{ b: 1 }] };
    expect(prune(schema, value)).toEqual([]);
    expect(value).toEqual({ text: { keys: [{ kty: 'EC' }] }, list: { a: 1 }, one: [{ b: 1 }] });
    expect(faults(schema, value)).toEqual([
      'spec.text: Invalid value: "object": spec.text in body must be of type string: "object"',
      'spec.list: Invalid value: "object": spec.list in body must be of type array: "object"',
      'spec.one: Invalid value: "array": spec.one in body must be of type object: "array"',
    ]);
  });

  test('a null that is not allowed means absent, so that the default applies', () => {
    const schema = object({ a: { type: 'string', default: 'd' }, b: { type: 'string', nullable: true, default: 'd' } });
    const value = { a: null, b: null };
    expect(prune(schema, value)).toEqual([]);
    applyDefaults(schema, value);
    expect(value).toEqual({ a: 'd', b: null });
  });
});

describe('defaults', () => {
  test('fill absent members from the outside in, and are copies', () => {
    const schema = object({
      a: object({ b: { type: 'integer', default: 1 } }, { default: {} }),
      c: object({ d: { type: 'integer', default: 2 } }),
    });
    const [first, second] = [{}, { c: {} }] as { a?: { b?: number }; c?: { d?: number } }[];
    applyDefaults(schema, first as JsonValue);
    applyDefaults(schema, second as JsonValue);
    expect([first, second]).toEqual([{ a: { b: 1 } }, { a: { b: 1 }, c: { d: 2 } }]);
    expect(first.a).not.toBe(second.a);
  });
});

describe('validation', () => {
  test('says the path, the value and what was expected', () => {
    const schema = object(
      {
        n: { type: 'integer', minimum: 1, maximum: 9 },
        x: { type: 'number', minimum: 0, exclusiveMinimum: true, multipleOf: 0.5 },
        s: { type: 'string', pattern: '^a', minLength: 2, maxLength: 3 },
        e: { type: 'string', enum: ['p', 'q'] },
        l: { type: 'array', items: { type: 'boolean' }, maxItems: 2 },
        t: { type: 'string', format: 'date-time' },
        y: { type: 'string', format: 'byte' },
      },
      { required: ['r'] },
    );
    expect(faults(schema, { n: '1', x: 0, s: 'b', e: 'z', l: [true, 1, false], t: 'today', y: '%' })).toEqual([
      'spec.r: Required value',
      'spec.n: Invalid value: "string": spec.n in body must be of type integer: "string"',
      'spec.x: Invalid value: 0: spec.x in body should be greater than 0',
      'spec.s: Invalid value: "b": spec.s in body should be at least 2 chars long',
      `spec.s: Invalid value: "b": spec.s in body should match '^a'`,
      'spec.e: Unsupported value: "z": supported values: "p", "q"',
      'spec.l: Too many: 3: must have at most 2 items',
      'spec.l[1]: Invalid value: "number": spec.l[1] in body must be of type boolean: "number"',
      'spec.t: Invalid value: "today": spec.t in body must be of type date-time: RFC 3339',
      'spec.y: Invalid value: "%": spec.y in body must be of type byte: standard base64 with padding',
    ]);
  });

  test('an integer is whole and exact in a double', () => {
    expect(faults({ type: 'integer' }, 1.5)).toHaveLength(1);
    expect(faults({ type: 'integer' }, 3.0)).toEqual([]);
    expect(faults({ type: 'integer' }, 2 ** 53)).toHaveLength(1);
    expect(faults({ type: 'integer', format: 'int32' }, 2 ** 31)).toHaveLength(1);
  });

  test('lengths count characters, not code units', () => {
    expect(faults({ type: 'string', maxLength: 2 }, '🦊🦊')).toEqual([]);
  });

  test('a list of type map has each key once, one of type set each value', () => {
    const map: StructuralSchema = {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: object({ name: { type: 'string' } }),
    };
    expect(faults(map, [{ name: 'a' }, { name: 'b' }, { name: 'a' }])).toEqual([
      'spec[2]: Duplicate value: {"name":"a"}',
    ]);
    const set: StructuralSchema = { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } };
    expect(faults(set, ['a', 'a'])).toEqual(['spec[1]: Duplicate value: "a"']);
  });

  test('int-or-string takes both and nothing else', () => {
    const schema: StructuralSchema = { 'x-kubernetes-int-or-string': true };
    expect([faults(schema, 1), faults(schema, '50%')]).toEqual([[], []]);
    expect(faults(schema, true)).toHaveLength(1);
  });

  test('a long value is cut in the message', () => {
    expect(faults({ type: 'string', pattern: '^a' }, 'b'.repeat(10_000))[0].length).toBeLessThan(400);
  });
});

test('a pattern that explodes where it is retried takes no longer than its text', () => {
  const schema: StructuralSchema = { type: 'string', pattern: '^[!-~]+([\\t ]?[!-~]+)*$' };
  expect(validate(schema, 'a b')).toEqual([]);
  // V8 would try every way to cut the letters: 2^50 of them.
  expect(validate(schema, `${'a'.repeat(50)}\u0001`)).toHaveLength(1);
});
