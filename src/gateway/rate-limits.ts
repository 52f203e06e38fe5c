import type { ExplainedLimit } from '../core/protocol/explanation.ts';
import type { CompiledLimit } from '../core/protocol/rate-limit.ts';
import { limitHeaders } from '../traffic/limit/headers.ts';
import type { KeyFacts } from '../traffic/limit/key.ts';
import { type Demand, Limiter, type Passage } from '../traffic/limit/limiter.ts';
import { createByteMeter } from './byte-meter.ts';
import { createAskEdge, type EdgeLimiter, unknownStanding } from './edge-limits.ts';
import type { Exchange, RateLimitEntry, Soon } from './exchange.ts';
import { explainLimits } from './explain-limits.ts';
import { type HeldLimits, passagesOf } from './held-limits.ts';
import { demandsOf, keyFactsOf, type LimitedExchange } from './limit-demands.ts';
import { limitExceeded, limitUnavailable } from './limit-refusals.ts';
import { createLimiterCalls, type LimiterPorts } from './limiter-calls.ts';
import type { RateLimitStage } from './pipeline.ts';

/** What the stage stands on. */
export interface RateLimitPorts extends LimiterPorts {
  /** Undefined where the deployment has no such binding. */
  readonly edge: (binding: string) => EdgeLimiter | undefined;
  /** A name that nobody else has for a request in flight. */
  readonly newHolder: () => string;
  readonly mostKeys: number;
}

/** The stage of rate limits, which can also say what it would do. */
export interface RateLimits extends RateLimitStage {
  /** What the limits in force for an exchange would say, taking nothing. */
  explain(exchange: LimitedExchange): Promise<readonly ExplainedLimit[]>;
}

/**
 * The limits of a request: those in hand are decided without waiting, objects and the platform are asked where they have
 * to be. What is enforced comes first, all of it together; dry runs count what was let through, and hold nothing up.
 */
export function createRateLimits(ports: RateLimitPorts): RateLimits {
  const { clock } = ports;
  const limiter = new Limiter(ports.mostKeys, ports.newHolder);
  const { ask, refill, tellOf, inTime } = createLimiterCalls(ports, limiter);
  const askEdge = createAskEdge(ports.edge, inTime);
  const meter = createByteMeter(ports, limiter, tellOf);

  const countDry = (exchange: Exchange, policy: RateLimitEntry, facts: KeyFacts, dry: Passage[]): void => {
    const passage = limiter.begin(demandsOf(policy, facts), clock.now());
    const counted = (): void => {
      note(exchange, policy, passage);
      if (passage.outcome === 'allowed') dry.push(passage);
      refill(exchange, passage);
    };
    if (passage.outcome === null) exchange.waitUntil(ask(exchange, passage).then(counted));
    else counted();
  };

  /** After everything enforced that can give back what it took has let the request through. */
  const letThrough = (
    exchange: Exchange,
    policies: readonly RateLimitEntry[],
    facts: KeyFacts,
    enforced: Passage | null,
  ) => {
    const own = enforced === null ? [] : limiter.standings(enforced, clock.now());
    const edge = policies.filter(isEdge);
    const standings = [...own, ...edge.flatMap(({ spec }) => spec.limits.map(unknownStanding))];
    const dry: Passage[] = [];
    for (const policy of policies) {
      if (!policy.spec.dryRun) continue;
      if (policy.spec.mode === 'edge') exchange.waitUntil(askEdge(exchange, [policy], facts));
      else countDry(exchange, policy, facts, dry);
    }
    if (enforced !== null) refill(exchange, enforced);
    const present: HeldLimits = { enforced, dry, standings, meter: null };
    exchange.heldLimits = present;
    for (const { spec } of policies) for (const limit of spec.limits) watch(exchange, limit);
    if (policies.some(({ spec }) => spec.limits.some(({ measure }) => measure === 'bytes')))
      meter.start(exchange, present);
    return null;
  };

  const decide = (
    exchange: Exchange,
    policies: readonly RateLimitEntry[],
    facts: KeyFacts,
    enforced: Passage | null,
  ): Soon<Response | null> => {
    if (enforced !== null) {
      for (const policy of policies) if (isCounted(policy)) note(exchange, policy, enforced);
      if (enforced.outcome !== 'allowed') {
        tellOf(exchange, enforced);
        if (enforced.outcome === 'failed') return limitUnavailable(exchange);
        return limitExceeded(exchange, limiter.standings(enforced, clock.now()));
      }
    }
    const edge = policies.filter(isEdge);
    if (edge.length === 0) return letThrough(exchange, policies, facts, enforced);
    // The platform is asked last, since what it has counted nobody can give back.
    return askEdge(exchange, edge, facts).then((refusal) => {
      if (refusal === null) return letThrough(exchange, policies, facts, enforced);
      if (enforced !== null) {
        limiter.undo(enforced, clock.now());
        tellOf(exchange, enforced);
      }
      return refusal;
    });
  };

  return {
    before(exchange) {
      const { rateLimits } = exchange.policies;
      if (rateLimits.length === 0) return null;
      const facts = keyFactsOf(exchange);
      const policies = rateLimits.map(({ policy }) => policy);
      const demands: Demand[] = [];
      for (const policy of policies) if (isCounted(policy)) demands.push(...demandsOf(policy, facts));
      if (demands.length === 0) return decide(exchange, policies, facts, null);
      const passage = limiter.begin(demands, clock.now());
      if (passage.outcome !== null) return decide(exchange, policies, facts, passage);
      return ask(exchange, passage).then(() => decide(exchange, policies, facts, passage));
    },

    after(exchange, answer, headers) {
      const present = exchange.heldLimits;
      if (present === null) return;
      const { standings } = present;
      const nowMs = clock.now();
      const costOf = (limit: CompiledLimit) => {
        if (limit.measure !== 'cost') return null;
        const cost = costIn(limit.costHeader === null ? null : answer.get(limit.costHeader)) ?? limit.defaultCost;
        exchange.cost = cost;
        return cost;
      };
      for (const passage of passagesOf(present)) {
        limiter.charge(passage, costOf, nowMs);
        tellOf(exchange, passage);
      }
      if (standings.length === 0) return;
      const fields = limitHeaders(standings);
      for (const name in fields) headers.set(name, fields[name]);
    },

    stillOpen(exchange) {
      if (exchange.heldLimits === null) return;
      for (const passage of passagesOf(exchange.heldLimits)) {
        limiter.stay(passage, clock.now());
        tellOf(exchange, passage);
      }
    },

    finished(exchange) {
      const present = exchange.heldLimits;
      if (present === null) return;
      exchange.heldLimits = null;
      meter.finish(exchange, present);
      for (const passage of passagesOf(present)) {
        limiter.end(passage);
        tellOf(exchange, passage);
      }
    },

    async explain(exchange) {
      const facts = keyFactsOf(exchange);
      const explained = exchange.policies.rateLimits.map(({ policy }) =>
        explainLimits(policy, facts, limiter, ports.limiter, inTime),
      );
      return (await Promise.all(explained)).flat();
    },
  };
}

function isCounted({ spec }: RateLimitEntry): boolean {
  return spec.mode !== 'edge' && !spec.dryRun;
}

function isEdge({ spec }: RateLimitEntry): boolean {
  return spec.mode === 'edge' && !spec.dryRun;
}

/** Says what each limit of a policy decided, for logs and metrics. */
function note(exchange: Exchange, { name, spec }: RateLimitEntry, passage: Passage): void {
  for (const { demand, waitMs, failed } of passage.steps) {
    if (!spec.limits.includes(demand.limit)) continue;
    const allowed = waitMs === null && (!failed || demand.open);
    exchange.limits.push({ policy: name, limit: demand.limit.name, allowed, asked: !failed, dryRun: spec.dryRun });
  }
}

/** Has the frame say when the answer is over, where a limit needs to know. */
function watch(exchange: Exchange, { algorithm, measure }: CompiledLimit): void {
  if (algorithm === 'concurrency' || measure === 'bytes') exchange.watchBody = true;
}

/** A header may say anything: what is no cost is as if nothing were said. */
function costIn(text: string | null): number | null {
  if (text === null || !/^\s*[0-9]{1,9}(\.[0-9]+)?\s*$/.test(text)) return null;
  return Math.ceil(Number(text));
}
