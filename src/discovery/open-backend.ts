import { badField, type OrasiError, unreachable } from '../core/errors.ts';
import type { DiscoverySettings } from '../core/protocol/discovery-settings.ts';
import type { Random } from '../core/random.ts';
import type { DiscoveryBackend } from './backend.ts';
import { ConsulBackend } from './consul/consul.ts';
import { EtcdBackend } from './etcd/etcd.ts';
import { EtcdStore } from './etcd/store.ts';
import type { Fetch } from './http.ts';
import { LeasedBackend } from './leased/backend.ts';
import type { LeasedStore } from './leased/store.ts';
import { StaticBackend } from './static.ts';
import type { Timing } from './timing.ts';

export interface BackendParts {
  readonly timing: Timing;
  readonly random: Random;
  readonly fetch: Fetch;
  /** Where `builtIn` keeps its instances: `clusterStore` from outside, an `ObjectStore` within the Worker. */
  readonly builtIn: () => LeasedStore;
}

/**
 * The backend that a configuration names.
 *
 * @throws OrasiError `bad_request` where it lacks what its backend needs, or declares an instance that is none.
 */
export function openBackend(configuration: DiscoverySettings, parts: BackendParts): DiscoveryBackend {
  const { timing, random, fetch } = parts;
  switch (configuration.backend) {
    case 'builtIn':
      return new LeasedBackend('builtIn', parts.builtIn());
    case 'static':
      return new StaticBackend(configuration.instances, timing);
    case 'etcd': {
      const { etcd } = configuration;
      if (etcd === undefined || etcd.endpoints.length === 0) throw missing('etcd.endpoints', 'at least one address');
      return new EtcdBackend({ ...etcd, timing, fetch });
    }
    case 'consul': {
      const { consul } = configuration;
      if (consul === undefined) throw missing('consul.address', 'the address of an agent');
      return new ConsulBackend({ ...consul, timing, random, fetch });
    }
    default:
      return unreachable(configuration.backend);
  }
}

function missing(path: string, what: string): OrasiError {
  return badField(path, `expected ${what}`);
}

export interface ClusterAccess {
  /** The cluster's address: `https://host/v1/namespaces/{ns}/clusters/{cluster}`. */
  readonly url: string;
  /** An API key with role agent. */
  readonly token: string;
  readonly timing: Timing;
  readonly fetch: Fetch;
  readonly requestTimeoutMs?: number;
  readonly pollMs?: number;
}

/** A cluster's keys and leases as a process anywhere reaches them: through the face that the platform shows to etcd's clients. */
export function clusterStore({ url, ...access }: ClusterAccess): LeasedStore {
  return new EtcdStore({ ...access, endpoints: [url] });
}
