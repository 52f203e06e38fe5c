import { LIMITS } from '../src/core/limits.ts';
import { outboundFault } from '../src/core/outbound.ts';
import { clusterNameText } from '../src/core/protocol/cluster-name.ts';
import type { DiscoverySettings } from '../src/core/protocol/discovery-settings.ts';
import type { CompiledDiscovery, CompiledEndpoint } from '../src/core/protocol/upstream.ts';
import type { Deps } from '../src/deps.ts';
import type { Log } from '../src/observe/log.ts';
import type { DueCheck, DueDiscovery } from '../src/traffic/monitor/checks.ts';
import {
  endpointsOfInstances,
  endpointsOfMembers,
  type FoundEndpoints,
} from '../src/traffic/monitor/found-endpoints.ts';
import type { CheckResult } from '../src/traffic/upstream/health.ts';

/** Asks endpoints how they are and registries what there is; every answer comes in a bounded time. */
export class EndpointProbes {
  private readonly deps: Deps;
  private readonly log: Log;

  constructor(deps: Deps, log: Log) {
    this.deps = deps;
    this.log = log;
  }

  /** Never throws: no answer is one. */
  async check({ address, check }: DueCheck): Promise<CheckResult> {
    const fault = outboundFault(address, this.deps.config.upstreamAllow);
    if (fault !== null) return { passed: false, reason: fault };
    try {
      const response = await fetch(address + check.path, {
        method: check.method,
        headers: {
          'user-agent': 'orasi-edge-health-check',
          ...(check.host === null ? {} : { 'x-forwarded-host': check.host }),
        },
        // Where it leads was not looked at.
        redirect: 'manual',
        cache: 'no-store',
        signal: AbortSignal.timeout(check.timeoutMs),
      });
      const { status } = response;
      if (!check.expectedStatuses.some(({ from, to }) => status >= from && status <= to)) {
        await response.body?.cancel();
        return { passed: false, reason: `status ${status}` };
      }
      if (check.expectedBody === null) {
        await response.body?.cancel();
        return { passed: true, reason: `status ${status}` };
      }
      const text = await firstBytes(response);
      return text.includes(check.expectedBody)
        ? { passed: true, reason: `status ${status}` }
        : { passed: false, reason: `status ${status}, and the body does not have what is expected` };
    } catch (error) {
      const late = error instanceof Error && error.name === 'TimeoutError';
      return { passed: false, reason: late ? `no answer within ${check.timeoutMs} ms` : 'no connection' };
    }
  }

  /** Never throws. */
  async discover(
    due: DueDiscovery,
  ): Promise<{ readonly endpoints: readonly CompiledEndpoint[] } | { readonly failed: string }> {
    try {
      const found = await this.find(due);
      if ('failed' in found) return found;
      for (const refused of found.refused)
        this.log.warn('an instance is no endpoint', { upstream: due.upstream, ...refused });
      return found;
    } catch (error) {
      return { failed: error instanceof Error ? error.message : String(error) };
    }
  }

  private async find({ namespaceUid, discovery }: DueDiscovery): Promise<FoundEndpoints | { failed: string }> {
    const { config, cluster, services } = this.deps;
    const name = clusterNameText({ namespaceUid, cluster: discovery.cluster, jurisdiction: null });
    const { upstreamAllow } = config;
    if (discovery.backend === 'members') {
      const members = await (await cluster(name)).members();
      return endpointsOfMembers(members, discovery, upstreamAllow, LIMITS.upstreamEndpoints);
    }
    const settings =
      discovery.backend === 'cluster' ? await services.settings(name) : await this.registryOf(namespaceUid, discovery);
    const view = await services.services.list(name, settings, discovery.service);
    if (!view.current) return { failed: 'the registry does not answer' };
    return endpointsOfInstances(view.instances, discovery, upstreamAllow, LIMITS.upstreamEndpoints);
  }

  /** A registry that an upstream names itself, with what its Secret has. */
  private async registryOf(
    namespaceUid: string,
    { etcd, consul, secretName }: CompiledDiscovery,
  ): Promise<DiscoverySettings> {
    const { control } = this.deps;
    const entry = async (of: string): Promise<string | undefined> =>
      secretName === null ? undefined : ((await control.secretEntry(namespaceUid, secretName, of)) ?? undefined);
    if (consul !== null) {
      const token = await entry('token');
      return { backend: 'consul', instances: [], consul: { ...consul, ...(token === undefined ? {} : { token }) } };
    }
    const [name, password] = [await entry('username'), await entry('password')];
    const credentials = name === undefined || password === undefined ? {} : { credentials: { name, password } };
    const prefix = etcd?.prefix == null ? {} : { prefix: etcd.prefix };
    return { backend: 'etcd', instances: [], etcd: { endpoints: etcd?.endpoints ?? [], ...prefix, ...credentials } };
  }
}

async function firstBytes(response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  if (response.body === null) return text;
  for await (const chunk of response.body as ReadableStream<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    bytes += chunk.length;
    if (bytes >= LIMITS.healthCheckBodyBytes) break;
  }
  return text;
}
