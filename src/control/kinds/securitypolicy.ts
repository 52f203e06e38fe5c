import * as z from 'zod';
import { LIMITS } from '../../core/limits.ts';
import { SECURITY_PROFILES } from '../../traffic/security-profiles.ts';
import { atomicList, fieldName, fieldValue, mapList } from '../gateway-schema/names.ts';
import { policyKind } from '../policy-kind.ts';
import { securityPolicyFaults } from '../security-policy-spec.ts';

/** What requests may look like and where they may come from, and which security headers their answers carry. */
export const securitypolicyKind = policyKind({
  kind: 'SecurityPolicy',
  shortNames: [],
  columns: [{ name: 'Profile', type: 'string', jsonPath: '.spec.profile' }],
  fields: () => ({
    profile: z
      .enum(['none', ...SECURITY_PROFILES])
      .default('none')
      .describe('Security headers of answers: docs/gateway-security.md lists them.'),
    responseHeaders: z
      .object({
        set: mapList(z.object({ name: fieldName(), value: fieldValue() }), 'name')
          .max(32)
          .default([])
          .describe("Over the profile's and the upstream's."),
        omit: names(32).describe("Of the profile's, those that are not wanted."),
        remove: names(32).describe("Of the upstream's, those that nobody is to see."),
      })
      .prefault({}),
    addresses: z
      .object({
        allow: blocks().describe('Where there are any, requests from elsewhere are refused.'),
        deny: blocks().describe('Refused in any case.'),
      })
      .prefault({})
      .describe('Of clients: blocks in CIDR notation.'),
    request: z
      .object({
        methods: atomicList(z.string().min(1).max(32).meta({ pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$" }))
          .max(32)
          .optional()
          .describe('All others are answered 405.'),
        maxUrlBytes: z.int().min(1).max(65_536).optional().describe('Path and query; beyond it 414.'),
        maxHeaderBytes: z.int().min(1).max(131_072).optional().describe('Names and values; beyond it 431.'),
        maxHeaders: z.int().min(1).max(1_000).optional(),
        maxBodyBytes: z
          .int()
          .min(0)
          .max(5_368_709_120)
          .optional()
          .describe('Held while a body streams, also where no length was announced; beyond it 413.'),
        contentTypes: atomicList(
          z.string().min(3).max(128).meta({ pattern: '^[A-Za-z0-9!#$&^_.+-]+/(\\*|[A-Za-z0-9!#$&^_.+-]+)$' }),
        )
          .max(64)
          .optional()
          .describe('Of bodies: `application/json`, `image/*`; others are answered 415.'),
        requiredHeaders: names(32),
        jsonSchema: z
          .looseObject({})
          .optional()
          .meta({ 'x-kubernetes-preserve-unknown-fields': true })
          .describe('That JSON bodies must satisfy.'),
        jsonSchemaMaxBytes: z
          .int()
          .min(1)
          .max(LIMITS.checkedBodyBytes)
          .default(65_536)
          .describe('Bodies that are held against the schema are read whole; longer ones are answered 413.'),
      })
      .prefault({}),
    webSocket: z
      .object({
        origins: atomicList(z.string().min(1).max(512))
          .min(1)
          .max(64)
          .describe('`https://app.example.com`, `https://*.example.com`; a request without an origin is refused too.'),
      })
      .optional()
      .describe('Who may open WebSockets.'),
  }),
  faults: securityPolicyFaults,
});

function names(maxItems: number) {
  return z.array(fieldName()).max(maxItems).default([]).meta({ 'x-kubernetes-list-type': 'set' });
}

function blocks() {
  return z.array(z.string().min(2).max(64)).max(1_000).default([]).meta({ 'x-kubernetes-list-type': 'atomic' });
}
