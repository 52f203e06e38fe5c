import fc from 'fast-check';
import { expect, test } from 'vitest';
import { SignatureFault, verifySignature } from '../../src/access/http-signature.ts';
import { bodySchemaFault, planBodySchema } from '../../src/traffic/body-schema.ts';
import { ExpressionFault, planExpression } from '../../src/traffic/rules/expression.ts';
import { seedCount } from '../scale.ts';

const numRuns = seedCount(300);

/** Texts made of the pieces of a language, which get further into its reader than any characters would. */
function textOf(pieces: readonly string[], maxLength: number): fc.Arbitrary<string> {
  return fc
    .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ maxLength: 3 })), { maxLength })
    .map((parts) => parts.join(''));
}

const CEL = textOf(
  [
    'request',
    '.',
    'path',
    'claims',
    '[',
    ']',
    '(',
    ')',
    '{',
    '}',
    '"a"',
    "'b'",
    ' == ',
    ' && ',
    ' || ',
    '!',
    '-',
    '1',
    '2.5',
    '1u',
  ].concat([
    '?',
    ':',
    ',',
    '.all(x, ',
    '.map(y, ',
    'has(',
    'matches(',
    'inCidr(',
    'x',
    ' in ',
    'null',
    'true',
    '\\',
    '"',
    '\n',
    'b"\\x00"',
  ]),
  25,
);

test('an expression, whatever it is, is planned or refused with its place, and then holds, does not, or fails', () => {
  const empty = new Map();
  fc.assert(
    fc.property(CEL, (text) => {
      try {
        const plan = planExpression(text);
        try {
          expect(typeof plan.holds({ request: empty, client: empty, identity: empty, claims: empty })).toBe('boolean');
        } catch (error) {
          expect(error).toBeInstanceOf(Error);
        }
      } catch (error) {
        expect(error).toBeInstanceOf(ExpressionFault);
        expect((error as ExpressionFault).offset).toBeGreaterThanOrEqual(0);
      }
    }),
    { numRuns },
  );
});

const FIELD = textOf(
  [
    'sig',
    '=',
    '(',
    ')',
    '"@method"',
    '"@authority"',
    '"@path"',
    '"content-digest"',
    ' ',
    ';',
    'created=',
    '1800000000',
    'keyid="a"',
    ',',
  ].concat(['nonce="12345678"', 'alg="hmac-sha256"', ':', 'AAAA', '"', '\\', ';req', '@', '*']),
  30,
);

test('a signature, however it is written, is refused by a fault and by nothing else', () => {
  fc.assert(
    fc.property(FIELD, FIELD, (input, signature) => {
      const headers = {
        get: (name: string) => (name === 'signature-input' ? input : name === 'signature' ? signature : null),
        has: () => true,
      };
      const request = {
        method: 'GET',
        scheme: 'https',
        authority: 'a.example',
        path: '/',
        search: '',
        headers,
        hasBody: false,
      };
      const rules = { components: [], maxAgeSeconds: 300, clockSkewSeconds: 30 };
      expect(() => verifySignature(request, rules, () => new Uint8Array(32), 1_800_000_000_000)).toThrow(
        SignatureFault,
      );
    }),
    { numRuns },
  );
});

const KEYWORDS = [
  'type',
  'properties',
  'items',
  'allOf',
  'anyOf',
  'not',
  '$ref',
  '$defs',
  'enum',
  'pattern',
  'required',
  'uniqueItems',
  'if',
  'minimum',
  'format',
  'prefixItems',
];
const SCHEMA = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom('string', '#/$defs/a', '^a+$', 'date'),
    tie('schema'),
    fc.array(tie('value'), { maxLength: 3 }),
  ),
  schema: fc.dictionary(fc.oneof(fc.constantFrom(...KEYWORDS), fc.string({ maxLength: 2 })), tie('value'), {
    maxKeys: 4,
  }),
}));

test('a schema of bodies, whatever it is, is taken or refused, and what is taken judges any body', () => {
  fc.assert(
    fc.property(SCHEMA.schema, fc.jsonValue(), (schema, body) => {
      const fault = bodySchemaFault(schema as Record<string, unknown>);
      if (fault === null)
        expect(Array.isArray(planBodySchema(schema as Record<string, unknown>).faults(body))).toBe(true);
      else expect(typeof fault.message).toBe('string');
    }),
    { numRuns },
  );
});
