import * as z from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { authPolicyFaults } from '../auth-policy-faults.ts';
import { atomicList, fieldName, mapList } from '../gateway-schema/names.ts';
import { policyKind } from '../policy-kind.ts';

const ROLES = ['admin', 'agent', 'ingester', 'reader'] as const;
const ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'HS256',
  'HS384',
  'HS512',
] as const;

/**
 * Who may use what it is attached to: how a caller says who it is, and what it may then do. Compiled by
 * `compileAuthPolicy`; whether it is in force is said where gateways are compiled.
 */
export const authpolicyKind = policyKind({
  kind: 'AuthPolicy',
  shortNames: [],
  columns: [],
  fields: () => ({
    realm: z
      .string()
      .min(1)
      .max(64)
      .meta({ pattern: '^[A-Za-z0-9 ._-]+$' })
      .default('api')
      .describe('What is protected, as `WWW-Authenticate` names it.'),
    anonymous: z
      .boolean()
      .default(false)
      .describe('Lets requests without credentials through, as nobody; rules decide. Wrong credentials never pass.'),
    apiKey: apiKeySchema(),
    jwt: jwtSchema(),
    hmac: hmacSchema(),
    mtls: mtlsSchema(),
    identityHeaders: mapList(
      z.object({
        name: fieldName(),
        value: z.enum(['user', 'tenant', 'id', 'method']).describe('What of the caller the header says.'),
      }),
      'name',
    )
      .max(8)
      .default([])
      .describe('Headers that tell the upstream who calls; what a client sends under these names never arrives.'),
    authorization: z
      .object({
        rules: atomicList(
          z.object({
            name: z.string().max(63).default('').describe('For logs and refusals.'),
            action: z.enum(['Allow', 'Deny']),
            expression: z.string().min(1).max(LIMITS.ruleChars).describe('CEL that is true or false.'),
          }),
        )
          .min(1)
          .max(64),
        otherwise: z
          .enum(['Allow', 'Deny'])
          .default('Deny')
          .describe('Where no rule says anything. A Deny that holds or fails goes before every Allow.'),
      })
      .optional()
      .describe('What a caller may do.'),
  }),
  faults: authPolicyFaults,
});

function places() {
  return atomicList(
    z.object({
      type: z.enum(['Header', 'Query', 'Cookie']),
      name: fieldName(),
      prefix: z.string().max(32).optional().describe('What stands before it in the header: `Bearer `.'),
    }),
  )
    .min(1)
    .max(8)
    .optional();
}

function secretRefs(what: string) {
  return mapList(
    z.object({
      name: z.string().min(1).max(253).describe('Of a Secret in the namespace of the policy.'),
      tenant: z.string().min(1).max(128).optional().describe('Whose keys they are, for rules and limits.'),
    }),
    'name',
  )
    .max(16)
    .describe(what);
}

function apiKeySchema() {
  return z
    .object({
      from: places().describe('Where a key is looked for, first to last; header X-API-Key where it is not said.'),
      secrets: secretRefs('Each entry of these Secrets is a key: its name is the user, its value the key.').default([]),
      platformKeys: z
        .object({
          roles: z
            .array(z.enum(ROLES))
            .min(1)
            .max(4)
            .default([...ROLES])
            .meta({ 'x-kubernetes-list-type': 'set' }),
        })
        .optional()
        .describe("Lets in the platform's own keys, those of the namespace and those of all."),
      forward: z.boolean().default(false).describe('Whether the upstream sees the key.'),
    })
    .optional();
}

function jwtSchema() {
  return z
    .object({
      from: places().describe('Where a token is looked for; `Authorization: Bearer` where it is not said.'),
      providers: mapList(
        z.object({
          name: z.string().min(1).max(63),
          issuer: z.string().min(1).max(1_024).describe('Of claim `iss`, to the letter.'),
          audiences: z
            .array(z.string().min(1).max(1_024))
            .max(32)
            .default([])
            .meta({ 'x-kubernetes-list-type': 'set' })
            .describe('One of them must be in claim `aud`; any token of the issuer will do where there are none.'),
          algorithms: z
            .array(z.enum(ALGORITHMS))
            .max(13)
            .optional()
            .meta({ 'x-kubernetes-list-type': 'set' })
            .describe(
              'What tokens may be signed with: those of public keys, or HS256 for a secret, where it is not said.',
            ),
          keys: z
            .object({
              url: z.string().max(1_024).optional().describe('A JSON Web Key Set.'),
              discovery: z.boolean().optional().describe('OpenID Connect discovery at the issuer.'),
              inline: z
                .string()
                .max(65_536)
                .optional()
                .describe('A JSON Web Key Set of public keys as a text of JSON: a string, not an object.'),
              secretRef: z
                .object({ name: z.string().min(1).max(253), key: z.string().min(1).max(253).default('secret') })
                .optional()
                .describe('An entry of a Secret: what HS256 and its like are made with, at least 32 bytes.'),
            })
            .describe('Exactly one of them.'),
          clockSkewSeconds: z.int().min(0).max(300).default(30).describe("How far the issuer's clock may be off."),
          maxAgeSeconds: z
            .int()
            .min(1)
            .max(31_536_000)
            .optional()
            .describe('From `iat`; a token without it is refused.'),
          type: z.string().min(1).max(64).optional().describe('The header `typ` that is asked for: `at+jwt`.'),
          userClaim: z.string().min(1).max(256).default('sub').describe('A path with dots.'),
          tenantClaim: z.string().min(1).max(256).optional(),
          claimsToHeaders: mapList(
            z.object({ claim: z.string().min(1).max(256).describe('A path with dots.'), header: fieldName() }),
            'header',
          )
            .max(32)
            .default([])
            .describe('What a client sends under these names never arrives.'),
        }),
        'name',
      )
        .min(1)
        .max(8),
      forward: z.boolean().default(true).describe('Whether the upstream sees the token.'),
    })
    .optional();
}

function hmacSchema() {
  return z
    .object({
      secrets: secretRefs('Each entry of these Secrets is a key: its name is the `keyid`, its value the secret.').min(
        1,
      ),
      components: z
        .array(z.string().min(1).max(128).meta({ pattern: '^(@[a-z-]+|[a-z0-9!#$%&*+.^_|~-]+)$' }))
        .max(32)
        .default([])
        .meta({ 'x-kubernetes-list-type': 'set' })
        .describe('What must be signed besides method, target, and the digest of the body.'),
      maxAgeSeconds: z.int().min(1).max(3_600).default(300).describe('How long after its making a signature is good.'),
      clockSkewSeconds: z.int().min(0).max(300).default(30),
      maxBodyBytes: z
        .int()
        .min(0)
        .max(LIMITS.checkedBodyBytes)
        .default(65_536)
        .describe('A longer body is refused: it is read whole.'),
      forward: z.boolean().default(false).describe('Whether the upstream sees the signature.'),
    })
    .optional();
}

function mtlsSchema() {
  const texts = (maxItems: number) =>
    z.array(z.string().min(1).max(1_024)).max(maxItems).default([]).meta({ 'x-kubernetes-list-type': 'set' });
  return z
    .object({
      fingerprintsSha256: texts(256).describe('In hex, with or without colons.'),
      subjects: texts(256).describe('Distinguished names as RFC 2253 writes them.'),
      issuers: texts(64).describe('Distinguished names as RFC 2253 writes them.'),
      subjectAltNames: texts(256).describe('`DNS:a.example.com`, `URI:spiffe://…`, `email:…`.'),
    })
    .optional()
    .describe('A client certificate that Cloudflare has verified, and one of each list that has any.');
}
