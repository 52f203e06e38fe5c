import { limitHeaders, retryAfterSeconds, type Standing } from '../traffic/limit/headers.ts';
import type { Exchange } from './exchange.ts';
import { refuse } from './refusal.ts';

/** 429, with how every limit stands; those with a wait are the ones that refuse. */
export function limitExceeded(exchange: Exchange, standings: readonly Standing[]): Response {
  const violated = standings.filter(({ waitMs }) => waitMs !== null).map(({ limit }) => limit.name);
  const detail = `refused by ${violated.map((name) => `limit "${name}"`).join(' and ')}`;
  return refuse(exchange, 'rateLimit', 'rate_limited', detail, {
    headers: limitHeaders(standings),
    retryAfterSeconds: retryAfterSeconds(standings),
    members: { 'violated-policies': violated },
  });
}

/** 503, for a limit that fails closed and could not be asked. */
export function limitUnavailable(exchange: Exchange): Response {
  return refuse(exchange, 'rateLimit', 'unavailable', 'the rate limit cannot be asked', { retryAfterSeconds: 1 });
}
