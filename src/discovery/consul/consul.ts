import { OrasiError } from '../../core/errors.ts';
import type { Random } from '../../core/random.ts';
import type { Announcement, DiscoveryBackend, Grant, Listing } from '../backend.ts';
import { type Answer, asJson, asList, asText, parseJson } from '../http.ts';
import { type ServiceInstance, sortInstances } from '../instance.ts';
import type { Timing } from '../timing.ts';
import { ConsulAgent, type ConsulOptions } from './agent.ts';
import { nextIndex } from './blocking.ts';

export interface ConsulBackendOptions extends ConsulOptions {
  /** How long one blocking query waits for a change, at most 10 min; default 30 s. */
  readonly pollMs?: number;
  readonly random: Random;
}

const DEFAULT_POLL_MS = 30_000;
/** Between two blocking queries, so that a service whose index races makes no busy loop; half of it is chance. */
const PAUSE_MS = 50;
/** Consul removes instances whose check is critical; below a minute it takes none. */
const LEAST_REMOVAL_SECONDS = 60;

/**
 * Consul as a registry: an instance is a service of one agent with a TTL check. The check starts as the instance
 * announces itself, and not critical as Consul would have it, so that there is no gap before the first renewal.
 */
export class ConsulBackend implements DiscoveryBackend {
  readonly name = 'consul';
  private readonly agent: ConsulAgent;
  private readonly timing: Timing;
  private readonly random: Random;
  private readonly pollMs: number;

  constructor(options: ConsulBackendOptions) {
    this.agent = new ConsulAgent(options);
    this.timing = options.timing;
    this.random = options.random;
    this.pollMs = options.pollMs ?? DEFAULT_POLL_MS;
  }

  async register(instance: ServiceInstance, announcement: Announcement, signal: AbortSignal): Promise<Grant> {
    const { ttlSeconds, healthy } = announcement;
    // Warning, not critical: an instance that wants no work is alive, and critical ones are removed after a while.
    const token = healthy ? 'pass' : 'warn';
    const body = {
      ID: serviceId(instance.service, instance.id),
      Name: instance.service,
      Address: instance.address,
      Port: instance.port,
      Meta: instance.metadata,
      Check: {
        CheckID: checkId(instance),
        Name: 'TTL',
        TTL: `${ttlSeconds}s`,
        Status: healthy ? 'passing' : 'warning',
        DeregisterCriticalServiceAfter: `${Math.max(LEAST_REMOVAL_SECONDS, 10 * ttlSeconds)}s`,
      },
    };
    await this.agent.request('PUT', '/v1/agent/service/register?replace-existing-checks=true', signal, {
      body: JSON.stringify(body),
    });
    // A check that Consul knows already keeps the status it had, whatever the registration says.
    await this.agent.request('PUT', `/v1/agent/check/${token}/${encodeURIComponent(checkId(instance))}`, signal);
    return { token, ttlSeconds };
  }

  async renew(instance: ServiceInstance, grant: Grant, signal: AbortSignal): Promise<'renewed' | 'unknown'> {
    try {
      const check = encodeURIComponent(checkId(instance));
      await this.agent.request('PUT', `/v1/agent/check/${grant.token}/${check}`, signal);
      return 'renewed';
    } catch (error) {
      if (error instanceof OrasiError && error.code === 'not_found') return 'unknown';
      throw error;
    }
  }

  async deregister(instance: ServiceInstance, _grant: Grant, signal: AbortSignal): Promise<void> {
    const id = encodeURIComponent(serviceId(instance.service, instance.id));
    try {
      await this.agent.request('PUT', `/v1/agent/service/deregister/${id}`, signal);
    } catch (error) {
      if (!(error instanceof OrasiError && error.code === 'not_found')) throw error;
    }
  }

  async list(service: string, signal: AbortSignal): Promise<Listing> {
    const answer = await this.agent.request('GET', healthPath(service), signal);
    return { instances: instancesOf(service, answer), cursor: String(nextIndex(0, answer.headers) ?? 1) };
  }

  async services(signal: AbortSignal): Promise<string[]> {
    const answer = await this.agent.request('GET', '/v1/catalog/services', signal);
    // Consul is a service of itself.
    return Object.keys(asJson(parseJson(answer.text, 'consul')))
      .filter((name) => name !== 'consul')
      .sort();
  }

  async *follow(service: string, from: Listing, signal: AbortSignal): AsyncGenerator<Listing, void> {
    let index = Number(from.cursor);
    // Consul adds up to a sixteenth by chance, so that not all waits end at once.
    const extraMs = this.pollMs + this.pollMs / 16;
    while (!signal.aborted) {
      const path = `${healthPath(service)}&index=${index}&wait=${this.pollMs}ms`;
      let answer: Answer;
      try {
        answer = await this.agent.request('GET', path, signal, { extraMs });
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      const next = nextIndex(index, answer.headers);
      // The index of a server that has lost its state begins anew, and what it says now may be older than the listing.
      if (next === undefined) return;
      index = next;
      yield { instances: instancesOf(service, answer), cursor: String(index) };
      await this.timing.wait((PAUSE_MS / 2) * (1 + this.random.next()), signal);
    }
  }
}

function healthPath(service: string): string {
  return `/v1/health/service/${encodeURIComponent(service)}?passing=1`;
}

/** Ids are the service's with us, and the agent's with Consul. */
function serviceId(service: string, id: string): string {
  return `${service}:${id}`;
}

function checkId(instance: ServiceInstance): string {
  return `service:${serviceId(instance.service, instance.id)}`;
}

/** @throws OrasiError `forbidden` where Consul says that it left instances out for want of a right (1.11 and newer). */
function instancesOf(service: string, answer: Answer): ServiceInstance[] {
  if (answer.headers.get('x-consul-results-filtered-by-acls') === 'true') {
    throw new OrasiError('forbidden', `the token may not see all instances of ${service}`);
  }
  const byId = new Map<string, ServiceInstance>();
  for (const entry of asList(parseJson(answer.text, 'consul'))) {
    const found = asJson(asJson(entry).Service);
    const ownId = asText(found.ID);
    const head = serviceId(service, '');
    // A service that something else registered has whatever id that gave it.
    const id = ownId.startsWith(head) ? ownId.slice(head.length) : ownId;
    const metadata: Record<string, string> = {};
    for (const [name, text] of Object.entries(asJson(found.Meta))) metadata[name] = asText(text);
    const address = asText(found.Address) || asText(asJson(asJson(entry).Node).Address);
    byId.set(id, { id, service, address, port: Number(found.Port ?? 0), metadata });
  }
  return sortInstances(byId.values());
}
