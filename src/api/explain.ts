import * as z from 'zod';
import { isJsonObject, type JsonObject, objectsIn, parseJsonObject } from '../control/json.ts';
import type { ControlPlaneGateway, ControlPlaneResources, GatewayVersion } from '../core/protocol/control-plane.ts';
import type { ExplainRequest, Explanation, ExplanationAnswer, RouteNotInForce } from '../core/protocol/explanation.ts';
import { clientAddress, LOCAL_PEER } from '../traffic/client-address.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';
import { type ServedHost, whyNotInForce } from './routes-not-in-force.ts';

/** What the gateway would do with a request. It is another door's, so the entry hands it in. */
export type ExplainPort = (
  request: ExplainRequest,
  waitUntil: (work: Promise<unknown>) => void,
) => Promise<Explanation>;

/** What explaining stands on. */
export interface ExplainPorts {
  readonly explain: ExplainPort;
  /** Asked for what is declared and not served: no request of the gateway's ever comes there. */
  readonly control: Pick<ControlPlaneGateway, 'gatewayVersions'> & Pick<ControlPlaneResources, 'call'>;
}

/** Routes read for one explanation, and those of a page. */
const ROUTES_LOOKED_AT = 2_000;
const ROUTES_A_PAGE = 500;
const ROUTES_TOLD = 20;

/** What no value of a header can hold (RFC 9110, section 5.5): controls but the tab. */
const NO_FIELD_CONTENT = /(?!\t)\p{Cc}/u;

const Request = z.strictObject({
  method: z
    .string()
    .regex(/^[A-Za-z]{1,40}$/, 'expected a method')
    .default('GET'),
  url: z.string().min(1).describe('With scheme and host: `http://shop.example.com/items?page=2`.'),
  headers: z
    .record(
      z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'expected the name of a header'),
      z
        .string()
        .refine((value) => !NO_FIELD_CONTENT.test(value), 'expected the value of a header: no control characters'),
    )
    .default({}),
  clientIp: z
    .union([z.ipv4(), z.ipv6()])
    .optional()
    .describe('As if the request came from there; without it, from where this call comes from.'),
  cf: z
    .object({ tlsClientAuth: z.record(z.string(), z.string()).optional() })
    .catchall(z.union([z.string(), z.number(), z.boolean()]))
    .default({})
    .describe('What the platform would tell of the request: `country`, `continent`, `colo`, `tlsClientAuth`.'),
});

const Answer = z.object({
  request: z.unknown(),
  version: z.number(),
  outcome: z.object({ type: z.enum(['proxied', 'answered', 'elsewhere']), detail: z.string() }),
  hosts: z.array(z.unknown()),
  match: z.unknown(),
  rules: z.array(z.unknown()),
  omitted: z.number(),
  filters: z.array(z.string()),
  policies: z.array(z.unknown()),
  checks: z.array(z.unknown()),
  limits: z.array(z.unknown()),
  backends: z.array(z.unknown()),
  forwarded: z.unknown(),
  pinned: z
    .object({ version: z.number(), since: z.iso.datetime().nullable() })
    .nullable()
    .describe('The version that is held to: later changes are not served.'),
  notInForce: z
    .array(z.object({ route: z.string(), reason: z.string(), message: z.string() }))
    .describe('Where no rule matched: routes of the namespace that name the host and are not in force as declared.'),
  routesOmitted: z.boolean().describe('Whether there may be more of them.'),
});

/** `/v1/namespaces/{ns}/gateway/explain`: why a request would go where it would go. */
export function mountExplain(app: ApiApp, base: ApiBase, { explain, control }: ExplainPorts): void {
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: '/v1/namespaces/{ns}/gateway/explain',
      access: { verb: 'create', resource: 'explanations' },
      tag: 'gateway',
      summary: 'What the gateway would do with a request, and why. Nothing is sent, nothing is counted.',
      body: Request,
      responses: { 200: { description: 'The explanation.', schema: Answer } },
    },
    async ({ params, body, raw, waitUntil }) => {
      await base.namespaceUid(params.ns);
      const { clientIp = callerOf(raw, base), ...asked } = body;
      const [explanation, { versions, pinned }] = await Promise.all([
        explain({ namespace: params.ns, clientIp, ...asked }, waitUntil),
        control.gatewayVersions(),
      ]);
      const unmatched = await routesNotInForce(control, params.ns, explanation, pinned);
      const held = pinned === null ? null : { version: pinned, since: heldSince(versions, pinned) };
      return Response.json({ ...explanation, pinned: held, ...unmatched } satisfies ExplanationAnswer);
    },
  );
}

/** The address that the gateway would see if the caller sent the request itself. */
function callerOf({ headers }: Request, { config }: ApiBase): string {
  const peer = headers.get('cf-connecting-ip') ?? LOCAL_PEER;
  return clientAddress(peer, headers.get('x-forwarded-for'), config.trustedProxies).ip;
}

/** When a version that is held to was published again; null while it is not. */
function heldSince(versions: readonly GatewayVersion[], pinned: number): string | null {
  const other = versions.findIndex(({ rollbackOf }) => rollbackOf !== pinned);
  const first = versions.slice(0, other === -1 ? undefined : other).at(-1);
  return first === undefined ? null : new Date(first.publishedAtMs).toISOString();
}

/** What is declared of a host and not served, where the request goes by no rule of the namespace. */
async function routesNotInForce(
  control: ExplainPorts['control'],
  namespace: string,
  { match, rules, omitted, request, version }: Explanation,
  pinned: number | null,
): Promise<{ notInForce: readonly RouteNotInForce[]; routesOmitted: boolean }> {
  if (match !== null) return { notInForce: [], routesOmitted: false };
  const { scheme, host } = request;
  const served = omitted > 0 ? null : new Set(rules.map(({ route }) => route));
  const asked: ServedHost = { scheme, host, version, served, pinned };
  const { routes, isWhole } = await readRoutes(control, namespace);
  const notInForce = routes.flatMap((route) => whyNotInForce(route, asked));
  return { notInForce: notInForce.slice(0, ROUTES_TOLD), routesOmitted: !isWhole || notInForce.length > ROUTES_TOLD };
}

async function readRoutes(
  control: ExplainPorts['control'],
  namespace: string,
): Promise<{ routes: readonly JsonObject[]; isWhole: boolean }> {
  const routes: JsonObject[] = [];
  let from: string | undefined;
  do {
    const { status, body } = await control.call({
      verb: 'list',
      group: 'gateway.networking.k8s.io',
      version: 'v1',
      resource: 'httproutes',
      namespace,
      name: null,
      subresource: null,
      query: { limit: String(ROUTES_A_PAGE), ...(from === undefined ? {} : { continue: from }) },
      contentType: '',
      body: '',
      representation: 'object',
    });
    // The list may have changed too much since its first page: what was read is told.
    if (status !== 200 || body === null) return { routes, isWhole: false };
    const list = parseJsonObject(body);
    routes.push(...objectsIn(list.items));
    const { metadata } = list;
    from = isJsonObject(metadata) && typeof metadata.continue === 'string' ? metadata.continue : undefined;
  } while (from !== undefined && routes.length < ROUTES_LOOKED_AT);
  return { routes, isWhole: from === undefined };
}
