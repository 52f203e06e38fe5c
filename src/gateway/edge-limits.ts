import type { CompiledLimit } from '../core/protocol/rate-limit.ts';
import type { Standing } from '../traffic/limit/headers.ts';
import { type KeyFacts, limitKey } from '../traffic/limit/key.ts';
import type { Exchange, RateLimitEntry } from './exchange.ts';
import { limitExceeded, limitUnavailable } from './limit-refusals.ts';
import type { LimiterCalls } from './limiter-calls.ts';

/** A tier of the platform's own limits, as its binding is. */
export interface EdgeLimiter {
  limit(options: { key: string }): Promise<{ success: boolean }>;
}

/** Asks the platform for limits of mode `edge`, one after the other: null where all of them let the request through. */
export type AskEdge = (
  exchange: Exchange,
  policies: readonly RateLimitEntry[],
  facts: KeyFacts,
) => Promise<Response | null>;

/** `tierOf` has the limiters of the deployment by the names of their bindings. */
export function createAskEdge(
  tierOf: (binding: string) => EdgeLimiter | undefined,
  inTime: LimiterCalls['inTime'],
): AskEdge {
  return async (exchange, policies, facts) => {
    for (const { name, namespaceUid, spec } of policies) {
      const tier = spec.tier === null ? undefined : tierOf(spec.tier);
      for (const limit of spec.limits) {
        const key = `${namespaceUid}/${name}/${limit.name}\n${limitKey(limit.key, facts)}`;
        const answer = tier === undefined ? null : await inTime(tier.limit({ key }));
        const allowed = answer === null ? spec.onFailure === 'open' : answer.success;
        exchange.limits.push({ policy: name, limit: limit.name, allowed, asked: answer !== null, dryRun: spec.dryRun });
        if (allowed || spec.dryRun) continue;
        if (answer === null) return limitUnavailable(exchange);
        return limitExceeded(exchange, [{ ...unknownStanding(limit), waitMs: limit.windowMs }]);
      }
    }
    return null;
  };
}

/** The platform tells nothing of how a limit stands. */
export function unknownStanding(limit: CompiledLimit): Standing {
  return { limit, reading: null, waitMs: null };
}
