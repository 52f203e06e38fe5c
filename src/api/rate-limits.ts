import * as z from 'zod';
import { parseJsonObject } from '../control/json.ts';
import { compileRateLimits } from '../control/rate-limit-spec.ts';
import type { Resource } from '../control/resource.ts';
import { OrasiError } from '../core/errors.ts';
import type { ControlPlaneResources } from '../core/protocol/control-plane.ts';
import type { CompiledLimit, CompiledRateLimits } from '../core/protocol/rate-limit.ts';
import type { LimitAsk, RateLimiterCalls } from '../core/protocol/rate-limiter.ts';
import { isKeyOf } from '../traffic/limit/key.ts';
import { limiterName, limiterShard } from '../traffic/limit/objects.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

const KEY = '/v1/namespaces/{ns}/ratelimits/{policy}/keys/{key}';
/** Of limits without a key: a path cannot end in nothing. */
const NO_KEY = '-';

const Counters = z.object({
  policy: z.string(),
  mode: z.enum(['exact', 'leased']),
  key: z.string(),
  limits: z.array(
    z.object({
      name: z.string(),
      limit: z.number().int(),
      remaining: z.number().int().describe('Below 0 is a debt. What isolates were lent counts as used.'),
      allowed: z.boolean(),
      retryAfterSeconds: z.number().int().nullable(),
    }),
  ),
});

/** What the routes of rate limits stand on. */
export interface RateLimitPorts {
  readonly controlPlane: ControlPlaneResources;
  readonly limiter: (name: string) => RateLimiterCalls;
}

interface CountedLimits {
  readonly spec: CompiledRateLimits;
  readonly key: string;
  /** Limits whose key that is, by the object that counts them. */
  readonly byObject: ReadonlyMap<string, readonly CompiledLimit[]>;
}

/** `…/ratelimits/{policy}/keys/{key}`: how the limits of a policy stand for a key, and forgetting it. */
export function mountRateLimits(app: ApiApp, base: ApiBase, { controlPlane, limiter }: RateLimitPorts): void {
  const policyOf = async (ns: string, name: string): Promise<CompiledRateLimits> => {
    const { status, body } = await controlPlane.call({
      verb: 'get',
      group: 'orasi.io',
      version: 'v1alpha1',
      resource: 'ratelimitpolicies',
      namespace: ns,
      name,
      subresource: null,
      query: {},
      contentType: '',
      body: '',
      representation: 'object',
    });
    if (status !== 200 || body === null) throw new OrasiError('not_found', `there is no rate limit policy "${name}"`);
    const result = compileRateLimits(parseJsonObject(body) as Resource, []);
    // With no tiers given, only policies of mode edge have faults: whoever was stored has passed everything else.
    if ('faults' in result || result.compiled.mode === 'edge')
      throw new OrasiError('bad_request', `the platform counts for policy "${name}", and tells nothing`);
    return result.compiled;
  };
  const limitsOf = async (params: Readonly<Record<string, string>>): Promise<CountedLimits> => {
    const uid = await base.namespaceUid(params.ns);
    const spec = await policyOf(params.ns, params.policy);
    const key = params.key === NO_KEY ? '' : params.key;
    const byObject = new Map<string, CompiledLimit[]>();
    for (const limit of spec.limits.filter((each) => isKeyOf(each.key, key))) {
      const object = limiterName(uid, params.policy, limiterShard(limit.name, key, spec.shards));
      byObject.set(object, [...(byObject.get(object) ?? []), limit]);
    }
    if (byObject.size === 0) {
      const message = 'is the key of none of the policy\'s limits: expected as in `ip=203.0.113.9`, or "-" for none';
      throw new OrasiError('not_found', `"${params.key}" ${message}`);
    }
    return { spec, key, byObject };
  };
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: KEY,
      access: { verb: 'get', resource: 'ratelimits' },
      tag: 'gateway',
      summary: 'How the limits of a policy stand for a key, taking nothing.',
      responses: { 200: { description: 'The limits that have such a key.', schema: Counters } },
    },
    async ({ params }) => {
      const { spec, key, byObject } = await limitsOf(params);
      const read = [...byObject].map(async ([object, limits]) => {
        const { verdicts } = await limiter(object).peek(limits.map((limit) => askOf(limit, key)));
        return limits.map((limit, i) => {
          const { gives, available, waitMs } = verdicts[i];
          const retryAfterSeconds = gives ? null : Math.max(1, Math.ceil(waitMs / 1000));
          return { name: limit.name, limit: limit.limit, remaining: available, allowed: gives, retryAfterSeconds };
        });
      });
      const limits = (await Promise.all(read)).flat();
      return Response.json({ policy: params.policy, mode: spec.mode, key: params.key, limits });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: KEY,
      access: { verb: 'delete', resource: 'ratelimits' },
      tag: 'gateway',
      summary: 'Forgets what was counted for a key. What isolates were lent they still use, for five seconds at most.',
      responses: { 204: { description: 'It is as if nobody had come.' } },
    },
    async ({ params }) => {
      const { key, byObject } = await limitsOf(params);
      const forget = ([object, limits]: readonly [string, readonly CompiledLimit[]]) =>
        limiter(object).reset(
          limits.map(({ name }) => name),
          key,
        );
      await Promise.all([...byObject].map(forget));
      return new Response(null, { status: 204 });
    },
  );
}

function askOf(limit: CompiledLimit, key: string): LimitAsk {
  const { name, algorithm, windowMs, calendar, burst, holdMs } = limit;
  const rule = { name, algorithm, limit: limit.limit, windowMs, calendar, burst, holdMs };
  return { rule, key, need: 1, take: 0, lease: 0, holder: null };
}
