import type { DiscoverySettings } from '../core/protocol/discovery-settings.ts';
import type { Random } from '../core/random.ts';
import type { DiscoveryBackend } from './backend.ts';
import { Discovery, type ServiceView } from './discovery.ts';
import type { Timing } from './timing.ts';

/** Views remembered: a service that nobody asks for is forgotten first. */
const REMEMBERED = 1_000;

export interface ClusterServicesDeps {
  /** Throws OrasiError where the settings cannot be. */
  readonly open: (cluster: string, settings: DiscoverySettings) => DiscoveryBackend;
  readonly timing: Timing;
  readonly random: Random;
}

/**
 * The services of clusters, each in the registry that its settings name. What a registry said last is remembered as
 * plain data, and told while it does not answer; the clients themselves live for one request, as a Worker has it.
 */
export class ClusterServices {
  private readonly deps: ClusterServicesDeps;
  private readonly views = new Map<string, ServiceView>();
  private readonly names = new Map<string, readonly string[]>();

  constructor(deps: ClusterServicesDeps) {
    this.deps = deps;
  }

  /** The healthy instances of a service. */
  async list(cluster: string, settings: DiscoverySettings, service: string): Promise<ServiceView> {
    const view = await this.client(cluster, settings).list(service);
    const key = JSON.stringify([cluster, settings, service]);
    if (view.current) {
      remember(this.views, key, view);
      return view;
    }
    return { ...(this.views.get(key) ?? view), current: false };
  }

  /** The names of the services. */
  async services(
    cluster: string,
    settings: DiscoverySettings,
  ): Promise<{ services: readonly string[]; current: boolean }> {
    const answer = await this.client(cluster, settings).services();
    const key = JSON.stringify([cluster, settings]);
    if (answer.current) {
      remember(this.names, key, answer.services);
      return answer;
    }
    return { services: this.names.get(key) ?? [], current: false };
  }

  private client(cluster: string, settings: DiscoverySettings): Discovery {
    const { open, timing, random } = this.deps;
    return new Discovery({ backend: open(cluster, settings), timing, random });
  }
}

function remember<T>(memory: Map<string, T>, key: string, value: T): void {
  memory.delete(key);
  memory.set(key, value);
  const [oldest] = memory.keys();
  if (memory.size > REMEMBERED && oldest !== undefined) memory.delete(oldest);
}
