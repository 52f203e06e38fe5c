import type { ClusterSettings } from '../../../src/core/protocol/cluster-settings.ts';
import { type QueueSettings, UNDECLARED_QUEUE } from '../../../src/core/protocol/queue-settings.ts';
import type { Incarnations } from '../../../src/storage/incarnations.ts';
import type { WatchedObjects } from '../../../src/storage/watched-objects.ts';
import type { World } from '../world.ts';

const SILENT = { debug() {}, info() {}, warn() {}, error() {}, with: () => SILENT };

/** What is declared of the objects. */
export interface Declared {
  readonly cluster: ClusterSettings;
  readonly queue: QueueSettings;
}

/**
 * What objects ask of the world outside of them: D1 and the control plane, with their delays, and with failures of
 * which it is not known whether what was asked was done.
 */
export class Catalogue {
  /** What `depsOf` answers. What an object asks for and is not here fails by its name. */
  readonly deps: object;
  private readonly world: World;
  private readonly watched = new Set<string>();
  private readonly incarnations = new Map<string, number>();
  private declared: Declared;
  private version = 1;

  constructor(world: World, declared: Declared) {
    this.world = world;
    this.declared = declared;
    const incarnations: Incarnations = {
      read: (name) => this.run(() => this.incarnations.get(name) ?? 0),
      take: (name, own) =>
        this.run(() => {
          const taken = Math.max(this.incarnations.get(name) ?? 0, own) + 1;
          this.incarnations.set(name, taken);
          return taken;
        }),
      home: () => this.run(() => null),
      remove: (name) => this.run(() => void this.incarnations.delete(name)),
    };
    const watched: Pick<WatchedObjects, 'add'> = {
      add: ({ name }) => this.run(() => void this.watched.add(name)),
    };
    const control = {
      clusterSettings: () =>
        this.run(() => ({ version: this.version, namespace: 'simulated', settings: this.declared.cluster })),
      queueSettings: () =>
        this.run(() => ({ ...UNDECLARED_QUEUE, version: this.version, settings: this.declared.queue })),
    };
    // Asked for by shards beyond the first alone.
    const taskQueue = () => ({});
    const platformTasks = { messages: { send: async () => {} }, log: SILENT };
    const known: Record<string, unknown> = {
      logs: () => SILENT,
      incarnations,
      watched,
      control,
      taskQueue,
      platformTasks,
    };
    this.deps = new Proxy(known, {
      get: (target, name) => {
        if (typeof name === 'symbol' || name in target) return target[String(name)];
        throw new Error(`the simulation has no "${name}" for objects: see test/simulation/platform/catalogue.ts`);
      },
    });
  }

  /** Something else is declared: in force when the objects ask the next time. */
  declare(change: Partial<Declared>): void {
    this.declared = { ...this.declared, ...change };
    this.version += 1;
  }

  isWatched(name: string): boolean {
    return this.watched.has(name);
  }

  private async run<T>(statement: () => T): Promise<T> {
    const { world } = this;
    const fails = world.faults.hit('catalogue failed');
    await world.sleep(world.below(30));
    if (fails && world.chance(0.5)) throw new Error('the catalogue failed (simulated)');
    const answer = statement();
    await world.sleep(world.below(30));
    if (fails) throw new Error('the catalogue failed after the fact (simulated)');
    return answer;
  }
}
