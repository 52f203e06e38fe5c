import * as z from 'zod';
import type { ExplainRequest, Explanation } from '../core/protocol/explanation.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

/** What the gateway would do with a request. It is another door's, so the entry hands it in. */
export type ExplainPort = (
  request: ExplainRequest,
  waitUntil: (work: Promise<unknown>) => void,
) => Promise<Explanation>;

const Request = z.strictObject({
  method: z
    .string()
    .regex(/^[A-Za-z]{1,40}$/, 'expected a method')
    .default('GET'),
  url: z.string().min(1).describe('With scheme and host: `http://shop.example.com/items?page=2`.'),
  headers: z.record(z.string().regex(/^[\w!#$%&'*+.^`|~-]+$/, 'expected the name of a header'), z.string()).default({}),
  clientIp: z.union([z.ipv4(), z.ipv6()]).optional(),
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
});

/** `/v1/namespaces/{ns}/gateway/explain`: why a request would go where it would go. */
export function mountExplain(app: ApiApp, base: ApiBase, explain: ExplainPort): void {
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
    async ({ params, body, waitUntil }) => {
      await base.namespaceUid(params.ns);
      const { clientIp = null, ...asked } = body;
      return Response.json(await explain({ namespace: params.ns, clientIp, ...asked }, waitUntil));
    },
  );
}
