import { readFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import type { Random } from '../../src/core/random.ts';
import type { DiscoveryBackend } from '../../src/discovery/backend.ts';
import { ConsulBackend } from '../../src/discovery/consul/consul.ts';
import { Discovery } from '../../src/discovery/discovery.ts';
import { EtcdBackend } from '../../src/discovery/etcd/etcd.ts';
import { systemFetch } from '../../src/discovery/http.ts';
import { systemTiming } from '../../src/discovery/timing.ts';
import { FieldsError } from '../cli/command.ts';
import type { AgentConfig } from './config.ts';

/** The agent's entry in a registry of the user's. */
export interface Registered {
  readonly registry: 'etcd' | 'consul';
  readonly state: string;
  /** What the last call came to, where it failed. */
  readonly reason?: string;
}

export interface Registering {
  status(): Registered;
  /** The agent wants no more work: kept, and not listed. */
  stopping(): void;
  /** Takes the entry away. Never throws. */
  close(): Promise<void>;
}

/**
 * What registers in etcd or Consul where the configuration says so, and stays registered through outages of these,
 * which never reach the agent. Throws FieldsError where the secret cannot be read.
 */
export async function registrar(
  config: AgentConfig,
  random: Random,
): Promise<((address: string, port: number) => Registering) | undefined> {
  const { registry } = config;
  if (registry === 'none') return undefined;
  const backend = await backendOf(config, registry, random);
  return (address, port) => {
    const discovery = new Discovery({ backend, timing: systemTiming, random });
    const { agentId, registryService, cluster, queue, zone } = config;
    const metadata = { cluster, queue, ...(zone === undefined ? {} : { zone }) };
    const registration = discovery.register({ id: agentId, service: registryService, address, port, metadata });
    return {
      status: () => ({ registry, ...registration.status }),
      stopping: () => registration.update({ healthy: false }),
      close: () => discovery.close(),
    };
  };
}

async function backendOf(config: AgentConfig, kind: 'etcd' | 'consul', random: Random): Promise<DiscoveryBackend> {
  const { registryUrls, registryUser, registrySecretFile } = config;
  const secret = registrySecretFile === undefined ? undefined : await readSecret(registrySecretFile);
  const urls = registryUrls.map((url) => url.replace(/\/$/, ''));
  const common = { timing: systemTiming, fetch: systemFetch };
  if (kind === 'consul') {
    return new ConsulBackend({
      ...common,
      random,
      address: urls[0],
      ...(secret === undefined ? {} : { token: secret }),
    });
  }
  const credentials =
    registryUser === undefined || secret === undefined ? {} : { credentials: { name: registryUser, password: secret } };
  return new EtcdBackend({ ...common, endpoints: urls, ...credentials });
}

async function readSecret(file: string): Promise<string> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    const message = `cannot be read: ${error instanceof Error ? error.message : error}`;
    throw new FieldsError('the configuration cannot be', [{ path: 'registrySecretFile', message }]);
  }
}

/** Where others reach what listens on `host`: itself, or, where that is every address, the first that is not the loopback. */
export function reachableAt(host: string): string {
  if (host !== '0.0.0.0' && host !== '::') return host;
  const family = host === '::' ? undefined : 'IPv4';
  const external = Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .find((each) => !each.internal && (family === undefined || each.family === family));
  return external?.address ?? '127.0.0.1';
}
