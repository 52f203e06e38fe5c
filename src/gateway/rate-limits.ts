import type { ExplainedLimit } from '../core/protocol/explanation.ts';
import type { CompiledLimit } from '../core/protocol/rate-limit.ts';
import { limitHeaders, retryAfterSeconds, type Standing } from '../traffic/limit/headers.ts';
import { type KeyFacts, limitKey } from '../traffic/limit/key.ts';
import { type Demand, Limiter, type Passage } from '../traffic/limit/limiter.ts';
import { limiterName, limiterShard } from '../traffic/limit/objects.ts';
import type { Exchange, RateLimitEntry, Soon } from './exchange.ts';
import { createLimiterCalls, type LimiterPorts, TELL_AFTER_MS } from './limiter-calls.ts';
import type { RateLimitStage } from './pipeline.ts';
import { refuse } from './refusal.ts';

/** A tier of the platform's own limits, as its binding is. */
export interface EdgeLimiter {
  limit(options: { key: string }): Promise<{ success: boolean }>;
}

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

/** What keys and policies are taken from. */
type LimitedExchange = Pick<Exchange, 'policies' | 'clientIp' | 'identity' | 'given' | 'target' | 'pathVariables'>;

/** What a request that was let through has taken. */
export interface HeldLimits {
  readonly enforced: Passage | null;
  /** One a policy, since none of them holds another up. */
  readonly dry: Passage[];
  /** Of the policies that are enforced, in their order. */
  readonly standings: readonly Standing[];
  /** Where bytes are counted. */
  meter: Meter | null;
}

/** What has passed of the bodies of a request. */
interface Meter {
  /** Of a request's body that does not say its length. */
  uploaded: number;
  charged: number;
  /** Ends the watch. */
  stop: () => void;
}

/** A policy, with what is the same for each of its requests. */
interface Prepared {
  readonly objects: readonly string[];
}

/**
 * The limits of a request: those in hand are decided without waiting, objects and the platform are asked where they have
 * to be. What is enforced comes first, all of it together; dry runs count what was let through, and hold nothing up.
 */
export function createRateLimits(ports: RateLimitPorts): RateLimits {
  const { clock, timer } = ports;
  const limiter = new Limiter(ports.mostKeys, ports.newHolder);
  const { ask, refill, tellOf, inTime } = createLimiterCalls(ports, limiter);
  const prepared = new WeakMap<RateLimitEntry, Prepared>();

  const prepare = (policy: RateLimitEntry): Prepared => {
    const present = prepared.get(policy);
    if (present !== undefined) return present;
    const { namespaceUid, name, spec } = policy;
    const objects = Array.from({ length: spec.shards }, (_, shard) => limiterName(namespaceUid, name, shard));
    const made = { objects };
    prepared.set(policy, made);
    return made;
  };

  const demandsOf = (policy: RateLimitEntry, facts: KeyFacts): Demand[] => {
    const { spec } = policy;
    const { objects } = prepare(policy);
    return spec.limits.map((limit) => {
      const key = limitKey(limit.key, facts);
      const object = objects[limiterShard(limit.name, key, objects.length)];
      return { limit, leased: spec.mode === 'leased', object, key, open: spec.onFailure === 'open' };
    });
  };

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
      startMeter(exchange, present);
    return null;
  };

  /** Bytes are charged while they pass: what streams for hours would else be free until its end. */
  const startMeter = (exchange: Exchange, present: HeldLimits): void => {
    const meter: Meter = { uploaded: 0, charged: 0, stop: () => {} };
    present.meter = meter;
    const { body } = exchange;
    if (exchange.requestBytes === null && body !== null && !(body instanceof Uint8Array)) {
      exchange.body = counted(body, (bytes) => {
        meter.uploaded += bytes;
      });
    }
    const watchOn = async (): Promise<void> => {
      let isOver = false;
      while (!isOver) {
        await new Promise<void>((next) => {
          const callOff = timer(TELL_AFTER_MS, next);
          meter.stop = () => {
            isOver = true;
            callOff();
            next();
          };
        });
        chargeBytes(exchange, present, meter);
        for (const passage of passagesOf(present)) tellOf(exchange, passage);
      }
    };
    exchange.waitUntil(watchOn());
  };

  const chargeBytes = (exchange: Exchange, present: HeldLimits, meter: Meter): void => {
    const passed = (exchange.requestBytes ?? meter.uploaded) + (exchange.responseBytes ?? 0);
    const bytes = passed - meter.charged;
    if (bytes <= 0) return;
    meter.charged = passed;
    for (const passage of passagesOf(present))
      limiter.charge(passage, ({ measure }) => (measure === 'bytes' ? bytes : null), clock.now());
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
        if (enforced.outcome === 'failed') return unavailable(exchange);
        return tooMany(exchange, limiter.standings(enforced, clock.now()));
      }
    }
    const edge = policies.filter(isEdge);
    if (edge.length === 0) return letThrough(exchange, policies, facts, enforced);
    return askEdge(exchange, edge, facts).then((refusal) => {
      if (refusal === null) return letThrough(exchange, policies, facts, enforced);
      if (enforced !== null) {
        limiter.undo(enforced, clock.now());
        tellOf(exchange, enforced);
      }
      return refusal;
    });
  };

  /** The platform is asked last, since what it has counted nobody can give back. */
  const askEdge = async (
    exchange: Exchange,
    policies: readonly RateLimitEntry[],
    facts: KeyFacts,
  ): Promise<Response | null> => {
    for (const { name, namespaceUid, spec } of policies) {
      const tier = spec.tier === null ? undefined : ports.edge(spec.tier);
      for (const limit of spec.limits) {
        const key = `${namespaceUid}/${name}/${limit.name}\n${limitKey(limit.key, facts)}`;
        const answer = tier === undefined ? null : await inTime(tier.limit({ key }));
        const allowed = answer === null ? spec.onFailure === 'open' : answer.success;
        exchange.limits.push({ policy: name, limit: limit.name, allowed, asked: answer !== null, dryRun: spec.dryRun });
        if (allowed || spec.dryRun) continue;
        if (answer === null) return unavailable(exchange);
        return tooMany(exchange, [{ ...unknownStanding(limit), waitMs: limit.windowMs }]);
      }
    }
    return null;
  };

  return {
    before(exchange) {
      const { rateLimits } = exchange.policies;
      if (rateLimits.length === 0) return null;
      const facts = factsOf(exchange);
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

    finished(exchange) {
      const present = exchange.heldLimits;
      if (present === null) return;
      exchange.heldLimits = null;
      const { meter } = present;
      if (meter !== null) {
        meter.stop();
        chargeBytes(exchange, present, meter);
      }
      for (const passage of passagesOf(present)) {
        limiter.end(passage);
        tellOf(exchange, passage);
      }
    },

    async explain(exchange) {
      const facts = factsOf(exchange);
      const explained = exchange.policies.rateLimits.map(({ policy }) => explainPolicy(policy, facts));
      return (await Promise.all(explained)).flat();
    },
  };

  async function explainPolicy(policy: RateLimitEntry, facts: KeyFacts): Promise<ExplainedLimit[]> {
    const { name, spec } = policy;
    const { mode, dryRun } = spec;
    const demands = demandsOf(policy, facts);
    const said = new Map<string, Pick<ExplainedLimit, 'allowed' | 'remaining' | 'retryAfterSeconds'>>();
    const calls = mode === 'edge' ? [] : limiter.peeks(demands);
    await Promise.all(
      calls.map(async ({ object, asks }) => {
        const answer = await inTime(ports.limiter(object).peek(asks));
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

  function tooMany(exchange: Exchange, standings: readonly Standing[]): Response {
    const violated = standings.filter(({ waitMs }) => waitMs !== null).map(({ limit }) => limit.name);
    const detail = `refused by ${violated.map((name) => `limit "${name}"`).join(' and ')}`;
    return refuse(exchange, 'rateLimit', 'rate_limited', detail, {
      headers: limitHeaders(standings),
      retryAfterSeconds: retryAfterSeconds(standings),
      members: { 'violated-policies': violated },
    });
  }
}

function isCounted({ spec }: RateLimitEntry): boolean {
  return spec.mode !== 'edge' && !spec.dryRun;
}

function isEdge({ spec }: RateLimitEntry): boolean {
  return spec.mode === 'edge' && !spec.dryRun;
}

function passagesOf({ enforced, dry }: HeldLimits): readonly Passage[] {
  return enforced === null ? dry : [enforced, ...dry];
}

/** The platform tells nothing of how a limit stands. */
function unknownStanding(limit: CompiledLimit): Standing {
  return { limit, reading: null, waitMs: null };
}

function unavailable(exchange: Exchange): Response {
  return refuse(exchange, 'rateLimit', 'unavailable', 'the rate limit cannot be asked', { retryAfterSeconds: 1 });
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

function factsOf(exchange: LimitedExchange): KeyFacts {
  const { clientIp, identity, given, target, pathVariables } = exchange;
  return { clientIp, identity, header: (name) => given.get(name), path: target.path, pathVariables };
}

/** A body as it was, with somebody told of each piece. */
function counted(body: ReadableStream<Uint8Array>, passed: (bytes: number) => void): ReadableStream<Uint8Array> {
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform(piece, controller) {
        passed(piece.byteLength);
        controller.enqueue(piece);
      },
    }),
  );
}

/** A header may say anything: what is no cost is as if nothing were said. */
function costIn(text: string | null): number | null {
  if (text === null || !/^\s*[0-9]{1,9}(\.[0-9]+)?\s*$/.test(text)) return null;
  return Math.ceil(Number(text));
}
