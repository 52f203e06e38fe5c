import * as z from 'zod';
import type { CompiledLimit, CompiledRateLimits, EdgeTier, KeyPart } from '../core/protocol/rate-limit.ts';
import { type JsonObject, numberIn, objectIn, objectsIn } from './json.ts';
import { targetFaults } from './policy-targets.ts';
import type { Resource } from './resource.ts';
import { type Cause, forbiddenField, invalidValue, required, unsupportedValue } from './status.ts';

/** A quota unit's figure goes into a header as an integer of at most fifteen digits (RFC 9651). */
const MOST = 999_999_999_999_999;
const DAY_SECONDS = 86_400;
const TOKEN = "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$";

/** One entry of `spec.limits`. */
export function limitSchema() {
  return z.object({
    name: z
      .string()
      .min(1)
      .max(63)
      .regex(/^[A-Za-z0-9]([A-Za-z0-9_.-]*[A-Za-z0-9])?$/)
      .describe('Names the limit in headers, metrics and logs.'),
    algorithm: z
      .enum(['tokenBucket', 'slidingWindow', 'fixedWindow', 'concurrency'])
      .describe('How passing is counted; concurrency: how many are in flight.'),
    measure: z
      .enum(['requests', 'cost', 'bytes'])
      .default('requests')
      .describe('What is counted; bytes are those of the bodies, both ways.'),
    limit: z.int().min(1).max(MOST).describe('How much passes in a window, or is in flight.'),
    windowSeconds: z
      .int()
      .min(1)
      .max(31 * DAY_SECONDS)
      .optional()
      .describe('The window; of a token bucket, the time in which an empty one is given `limit` tokens.'),
    period: z.enum(['day', 'month']).optional().describe('A window of the calendar, in UTC; with fixedWindow.'),
    burst: z.int().min(1).max(MOST).optional().describe('Tokens that a bucket holds; `limit` where it is not said.'),
    key: z
      .array(
        z.object({
          type: z.enum(['ip', 'apiKey', 'user', 'tenant', 'header', 'pathVariable']),
          name: z
            .string()
            .min(1)
            .max(256)
            .optional()
            .describe(
              "Of the header, or of the path variable: a segment of `path`, else a group of the route's expression.",
            ),
          path: z
            .string()
            .min(2)
            .max(1024)
            .regex(/^\//)
            .optional()
            .describe('The beginning of the path with its variables in braces: /users/{id}.'),
        }),
      )
      .max(8)
      .default([])
      .meta({ 'x-kubernetes-list-type': 'atomic' })
      .describe('What callers are told apart by, all of it together; all share the limit where it is empty.'),
    costHeader: z
      .string()
      .min(1)
      .max(256)
      .regex(new RegExp(TOKEN))
      .optional()
      .describe("The header of the upstream's answer that has the request's cost; with measure cost."),
    defaultCost: z.int().min(0).max(1_000_000).default(1).describe('The cost of an answer without that header.'),
    timeoutSeconds: z
      .int()
      .min(1)
      .max(DAY_SECONDS)
      .default(300)
      .describe('With concurrency: a request counts no longer, even where nobody said that it ended.'),
  });
}

/** Faults of a policy that its schema cannot express. */
export function rateLimitFaults(policy: Resource): Cause[] {
  const spec = objectIn(policy.spec);
  const causes = targetFaults(spec);
  if (spec.mode === 'edge' && spec.tier === undefined) causes.push(required('spec.tier', 'with mode edge'));
  if (spec.mode !== 'edge' && spec.tier !== undefined) causes.push(forbiddenField('spec.tier', 'only with mode edge'));
  for (const [at, limit] of objectsIn(spec.limits).entries()) {
    const path = `spec.limits[${at}]`;
    causes.push(...limitFaults(limit, path));
  }
  return causes;
}

function limitFaults(limit: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  const only = (field: string, allowed: boolean, where: string) => {
    if (limit[field] !== undefined && !allowed) causes.push(forbiddenField(`${path}.${field}`, `only with ${where}`));
  };
  const { algorithm } = limit;
  const windowed = algorithm !== 'concurrency';
  only('windowSeconds', windowed && limit.period === undefined, 'a window that is none of the calendar');
  only('period', algorithm === 'fixedWindow', 'algorithm fixedWindow');
  only('burst', algorithm === 'tokenBucket', 'algorithm tokenBucket');
  only('costHeader', limit.measure === 'cost', 'measure cost');
  if (windowed && limit.windowSeconds === undefined && limit.period === undefined)
    causes.push(required(`${path}.windowSeconds`, 'the window'));
  if (limit.measure === 'cost' && limit.costHeader === undefined)
    causes.push(required(`${path}.costHeader`, 'with measure cost'));
  if (!windowed && limit.measure !== 'requests')
    causes.push(unsupportedValue(`${path}.measure`, limit.measure, ['requests']));
  for (const [at, part] of objectsIn(limit.key).entries()) causes.push(...keyFaults(part, `${path}.key[${at}]`));
  return causes;
}

function keyFaults(part: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  const { type, name } = part;
  const named = type === 'header' || type === 'pathVariable';
  if (named && typeof name !== 'string') causes.push(required(`${path}.name`, `with type ${String(type)}`));
  if (!named && name !== undefined) causes.push(forbiddenField(`${path}.name`, 'only with header and pathVariable'));
  if (type === 'header' && typeof name === 'string' && !new RegExp(TOKEN).test(name))
    causes.push(invalidValue(`${path}.name`, name, 'must be the name of a header'));
  if (typeof part.path !== 'string') return causes;
  if (type !== 'pathVariable') causes.push(forbiddenField(`${path}.path`, 'only with pathVariable'));
  else if (typeof name === 'string') {
    const times = part.path.split(`/{${name}}`).length - 1;
    if (times !== 1) causes.push(invalidValue(`${path}.path`, part.path, `must have one segment {${name}}`));
  }
  return causes;
}

/** Of a validated policy: what the data plane reads, or why it cannot do what the policy says. */
export function compileRateLimits(
  policy: Resource,
  tiers: readonly EdgeTier[],
): { readonly compiled: CompiledRateLimits } | { readonly faults: readonly Cause[] } {
  const spec = objectIn(policy.spec);
  const mode = spec.mode === 'edge' || spec.mode === 'exact' ? spec.mode : 'leased';
  const limits = objectsIn(spec.limits).map(compileLimit);
  const faults = mode === 'edge' ? edgeFaults(spec, tiers) : [];
  if (faults.length > 0) return { faults };
  return {
    compiled: {
      mode,
      tier: mode === 'edge' ? String(spec.tier) : null,
      dryRun: spec.dryRun === true,
      onFailure: spec.onFailure === 'closed' ? 'closed' : 'open',
      shards: numberIn(spec.shards, 1),
      limits,
    },
  };
}

/** The platform counts requests only, and by the figures of a tier. */
function edgeFaults(spec: JsonObject, tiers: readonly EdgeTier[]): Cause[] {
  const tier = tiers.find(({ binding }) => binding === spec.tier);
  if (tier === undefined) {
    const declared = tiers.map(({ binding }) => binding);
    return [unsupportedValue('spec.tier', spec.tier, declared)];
  }
  const causes: Cause[] = [];
  for (const [at, limit] of objectsIn(spec.limits).entries()) {
    const path = `spec.limits[${at}]`;
    if (limit.algorithm === 'concurrency')
      causes.push(
        unsupportedValue(`${path}.algorithm`, limit.algorithm, ['tokenBucket', 'slidingWindow', 'fixedWindow']),
      );
    if (limit.measure !== 'requests' && limit.measure !== undefined)
      causes.push(unsupportedValue(`${path}.measure`, limit.measure, ['requests']));
    if (limit.algorithm === 'concurrency') continue;
    if (limit.limit !== tier.limit) causes.push(unsupportedValue(`${path}.limit`, limit.limit, [tier.limit]));
    if (limit.period !== undefined) causes.push(forbiddenField(`${path}.period`, 'not with mode edge'));
    else if (limit.windowSeconds !== tier.windowSeconds)
      causes.push(unsupportedValue(`${path}.windowSeconds`, limit.windowSeconds, [tier.windowSeconds]));
    if (limit.burst !== undefined && limit.burst !== tier.limit)
      causes.push(unsupportedValue(`${path}.burst`, limit.burst, [tier.limit]));
  }
  return causes;
}

function compileLimit(limit: JsonObject): CompiledLimit {
  const figure = numberIn(limit.limit, 1);
  const { algorithm, measure, period } = limit;
  const known = algorithm === 'tokenBucket' || algorithm === 'slidingWindow' || algorithm === 'concurrency';
  return {
    name: String(limit.name),
    algorithm: known ? algorithm : 'fixedWindow',
    measure: measure === 'cost' || measure === 'bytes' ? measure : 'requests',
    limit: figure,
    windowMs: numberIn(limit.windowSeconds, 0) * 1000,
    calendar: period === 'day' || period === 'month' ? period : null,
    burst: numberIn(limit.burst, figure),
    key: objectsIn(limit.key).map(compileKey),
    costHeader: typeof limit.costHeader === 'string' ? limit.costHeader.toLowerCase() : null,
    defaultCost: numberIn(limit.defaultCost, 1),
    holdMs: numberIn(limit.timeoutSeconds, 300) * 1000,
  };
}

function compileKey(part: JsonObject): KeyPart {
  const name = String(part.name);
  switch (part.type) {
    case 'ip':
    case 'apiKey':
    case 'user':
    case 'tenant':
      return { type: part.type };
    case 'header':
      return { type: 'header', name: name.toLowerCase() };
    default:
      return typeof part.path === 'string' ? templateSegment(part.path, name) : { type: 'pathGroup', name };
  }
}

/** `/users/{id}/orders/{order}` for `order`: segment 3, where segments 0 and 2 are `users` and `orders`. */
function templateSegment(template: string, name: string): KeyPart {
  const segments = template.slice(1).split('/');
  const index = segments.indexOf(`{${name}}`);
  const literals = segments.slice(0, index).map((text) => (/^\{.*\}$/.test(text) ? null : text));
  return { type: 'pathSegment', index, literals };
}
