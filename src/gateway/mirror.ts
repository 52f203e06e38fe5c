import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { CompiledFilter, CompiledMirror, UpstreamKey } from '../core/protocol/gateway.ts';
import type { CompiledUpstream } from '../core/protocol/upstream.ts';
import type { Random } from '../core/random.ts';
import { type SendToEndpoint, wasNotSent } from './endpoint.ts';
import type { Exchange } from './exchange.ts';
import type { UpstreamStage } from './pipeline.ts';

/** The mirrors of a rule that this request goes to, each by its share. */
export function chosenMirrors(filters: readonly CompiledFilter[], random: Random): CompiledMirror[] {
  const chosen: CompiledMirror[] = [];
  for (const filter of filters) {
    if (filter.type !== 'RequestMirror') continue;
    const { fraction } = filter.mirror;
    if (fraction >= 1 || random.next() < fraction) chosen.push(filter.mirror);
  }
  return chosen;
}

/**
 * Sends a copy of a request to a mirror's upstream. Its answer is dropped and its failures are the mirror's own: nothing
 * of it reaches the client. The exchange's body has to be one that can be repeated.
 */
export async function sendMirror(
  exchange: Exchange,
  key: UpstreamKey,
  upstream: CompiledUpstream,
  upstreams: UpstreamStage,
  send: SendToEndpoint,
  clock: Clock,
): Promise<void> {
  const { body, request, upstreamPath, upstreamHost, target } = exchange;
  const copy: Exchange = {
    ...exchange,
    headers: exchange.headers.copy(),
    calls: [],
    limits: [],
    watchBody: false,
  };
  const begun = await upstreams.begin(copy, key, upstream);
  if ('refused' in begun) return;
  const abort = new AbortController();
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    abort.abort();
  }, begun.timeoutMs || LIMITS.mirrorMs);
  const startedMs = clock.now();
  try {
    const answer = await send(upstream, begun.address, {
      method: request.method,
      pathAndQuery: upstreamPath + target.search,
      host: upstreamHost,
      clientHost: target.host,
      headers: copy.headers,
      body,
      original: request,
      signal: abort.signal,
    });
    begun.answered({ status: answer.status, fault: null, headMs: clock.now() - startedMs });
    await answer.body?.cancel();
  } catch (error) {
    const fault = wasNotSent(error) ? 'refused' : late ? 'timeout' : 'connect';
    begun.answered({ status: null, fault, headMs: clock.now() - startedMs });
  } finally {
    clearTimeout(timer);
    begun.end();
  }
}
