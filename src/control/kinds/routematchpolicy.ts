import * as z from 'zod';
import { fieldName, setList } from '../gateway-schema/names.ts';
import { policyKind } from '../policy-kind.ts';
import { policyTargets } from '../policy-targets.ts';
import { CONTINENTS, HIGHEST_PRIORITY, routeMatchFaults, VALUE_SOURCES, VERSION_SOURCES } from '../route-match-spec.ts';

const values = () => setList(z.string().min(1).max(256)).min(1).max(64);

/** What the standard's matches cannot ask of a request, for a route or a rule of it. `compileRouteMatch` makes of it what is read. */
export const routematchpolicyKind = policyKind({
  kind: 'RouteMatchPolicy',
  shortNames: ['rmp'],
  columns: [{ name: 'Priority', type: 'integer', jsonPath: '.spec.priority' }],
  fields: () => ({
    targetRefs: policyTargets().describe('HTTPRoutes, or rules of them by sectionName.'),
    priority: z
      .int()
      .min(-HIGHEST_PRIORITY)
      .max(HIGHEST_PRIORITY)
      .optional()
      .describe("Before the standard's order on the same host: the highest first, 0 where none is given."),
    countries: setList(z.string().meta({ pattern: '^[A-Z][A-Z0-9]$' }))
      .min(1)
      .max(300)
      .optional()
      .describe('Where the client is: ISO 3166-1 alpha-2; T1 is Tor.'),
    continents: setList(z.enum(CONTINENTS)).min(1).max(7).optional(),
    colos: setList(z.string().meta({ pattern: '^[A-Z]{3}$' }))
      .min(1)
      .max(512)
      .optional()
      .describe("Cloudflare's place that the request came to, by its airport."),
    tenant: z
      .object({ from: source(VALUE_SOURCES), values: values() })
      .optional()
      .describe('Whom the request is for; what a client says of itself proves nothing: see AuthPolicy.'),
    clientCertificate: z
      .object({
        verified: z.boolean().optional().describe('Whether a certificate of the client was presented and verified.'),
        fingerprintsSha256: setList(z.string().meta({ pattern: '^([0-9a-fA-F]{2}:?){31}[0-9a-fA-F]{2}$' }))
          .min(1)
          .max(64)
          .optional()
          .describe('In hex; of a verified certificate.'),
        subjects: values().optional().describe('Distinguished names as the platform writes them (RFC 2253).'),
      })
      .optional(),
    apiVersion: z
      .object({ from: source(VERSION_SOURCES), values: values() })
      .optional()
      .describe('Which version of an API is asked for.'),
  }),
  faults: routeMatchFaults,
});

function source(types: readonly string[]) {
  return z.object({
    type: z.enum(types),
    name: fieldName().optional().describe('Of a header or query parameter.'),
    index: z
      .int()
      .min(0)
      .max(31)
      .optional()
      .describe(
        'Of a path segment or host label, from 0: of /v2/users segment 0 is v2, of a.example.com label 0 is a.',
      ),
  });
}
