import type { AddressBlock } from '../core/address-blocks.ts';
import { OrasiError } from '../core/errors.ts';
import { canonicalRequest } from '../traffic/canonical.ts';
import { upstreamEntryKey } from '../traffic/snapshot/keys.ts';
import { beginExchange } from './begin-exchange.ts';
import type { ControlLink } from './control-link.ts';
import type { Exchange, Refusal } from './exchange.ts';
import { findEntry, findPolicies } from './find-entries.ts';
import { findRule } from './find-rule.ts';
import type { Stages } from './pipeline.ts';
import { redirectOf } from './route-filters.ts';
import type { Snapshots } from './snapshot.ts';

/** What reviewing stands on. */
export interface ReviewParts {
  readonly snapshots: Snapshots;
  readonly link: Pick<ControlLink, 'refresh'>;
  readonly stages: Pick<Stages, 'addresses' | 'validation' | 'authentication' | 'authorisation'>;
  readonly trustedProxies: readonly AddressBlock[];
}

/** What a look at an open WebSocket came to. */
export interface Reviewed {
  /** Of the configuration it was held against. */
  readonly version: number;
  /** Why its request would not be let in now; null where it would. */
  readonly refusal: Refusal | null;
}

/**
 * Whether the request of an open WebSocket would be let in now as it was then, to the upstream that it has. Rate limits
 * are not asked: it holds what it took. Throws where that cannot be found out.
 *
 * @param seenVersion of the configuration that it was last held against
 */
export type Review = (exchange: Exchange, seenVersion: number) => Promise<Reviewed>;

export function createReview({ snapshots, link, stages, trustedProxies }: ReviewParts): Review {
  const refusalOf = async (exchange: Exchange, anew: Exchange): Promise<Refusal | null> => {
    if ((await findRule(anew)) !== 'found' || anew.action === null) return GONE;
    const { action } = anew;
    if (action.broken !== null) return { code: 'route_broken', stage: 'match' };
    const policies = await findPolicies(anew.entries, action);
    if ('missing' in policies) return { code: 'route_broken', stage: 'match' };
    anew.policies = policies;
    for (const check of [stages.addresses, stages.validation, stages.authentication, stages.authorisation]) {
      // A refusal says itself what it is.
      if ((await check(anew)) !== null) return anew.refusal ?? GONE;
    }
    // The credentials are another's now, with whom the upstream does not speak.
    if (anew.identity.method !== 'anonymous' && anew.identity.id !== exchange.identity.id)
      return { code: 'unauthenticated', stage: 'authentication' };
    const { upstreamKey } = exchange;
    if (redirectOf(action) !== null || upstreamKey === null) return GONE;
    if (!action.backends.some(({ upstream }) => upstream === upstreamKey)) return GONE;
    return (await findEntry(anew.entries, upstreamEntryKey(upstreamKey))) === null ? GONE : null;
  };

  return async (exchange, seenVersion) => {
    const refreshed = link.refresh(exchange.waitUntil);
    if (refreshed !== null) await refreshed;
    const entries = snapshots.reader();
    if (entries === null) throw new OrasiError('unavailable', 'no configuration could be read yet');
    const { version } = entries;
    if (version === seenVersion && !mayLapse(exchange)) return { version, refusal: null };
    const { request, given, requestId, trace, waitUntil, startedMs } = exchange;
    const canonical = canonicalRequest(request.method, request.url, request.headers.get('host'));
    if (!canonical.ok) return { version, refusal: GONE };
    const target = canonical.request;
    const incoming = { request, given, target, entries, requestId, trace, waitUntil, startedMs };
    const anew = beginExchange(incoming, trustedProxies);
    anew.openedMs = startedMs;
    const refusal = await refusalOf(exchange, anew);
    if (refusal?.code === 'unavailable') throw new OrasiError('unavailable', 'the credentials cannot be checked now');
    return { version, refusal };
  };
}

const GONE: Refusal = { code: 'no_route', stage: 'match' };

/** Whether its credentials end by themselves, without a change of the configuration: tokens, and keys of the platform. */
function mayLapse({ identity, policies: { auth } }: Exchange): boolean {
  if (identity.method === 'jwt') return true;
  return identity.method === 'apiKey' && (auth?.spec.apiKey?.platformRoles ?? null) !== null;
}
