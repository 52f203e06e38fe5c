import type { ExplainedLimit } from '../core/protocol/explanation.ts';
import type { KeyFacts } from '../traffic/limit/key.ts';
import type { Limiter } from '../traffic/limit/limiter.ts';
import type { RateLimitEntry } from './exchange.ts';
import { demandsOf } from './limit-demands.ts';
import type { LimiterCalls, LimiterPorts } from './limiter-calls.ts';

/** What the limits of a policy would say to a request, taking nothing; the platform's own say nothing beforehand. */
export async function explainLimits(
  policy: RateLimitEntry,
  facts: KeyFacts,
  limiter: Limiter,
  objectOf: LimiterPorts['limiter'],
  inTime: LimiterCalls['inTime'],
): Promise<ExplainedLimit[]> {
  const { name, spec } = policy;
  const { mode, dryRun } = spec;
  const demands = demandsOf(policy, facts);
  const said = new Map<string, Pick<ExplainedLimit, 'allowed' | 'remaining' | 'retryAfterSeconds'>>();
  const calls = mode === 'edge' ? [] : limiter.peeks(demands);
  await Promise.all(
    calls.map(async ({ object, asks }) => {
      const answer = await inTime(objectOf(object).peek(asks));
      for (const [i, verdict] of (answer?.verdicts ?? []).entries()) {
        const { gives, available, waitMs } = verdict;
        const wait = gives ? null : Math.max(1, Math.ceil(waitMs / 1000));
        said.set(asks[i].rule.name, { allowed: gives, remaining: Math.max(0, available), retryAfterSeconds: wait });
      }
    }),
  );
  return demands.map(({ limit, key }) => {
    const known = said.get(limit.name) ?? { allowed: null, remaining: null, retryAfterSeconds: null };
    return { policy: name, limit: limit.name, mode, dryRun, key, ...known };
  });
}
