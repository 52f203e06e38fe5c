import { DurableObject } from 'cloudflare:workers';
import { policySecrets } from '../src/access/policy-secrets.ts';
import { keyring, keysFrom } from '../src/access/secret-encryption.ts';
import { ControlPlaneMachine } from '../src/control/control-plane.ts';
import { migrateGateway } from '../src/control/gateway/tables.ts';
import { migrate, sqlStorage } from '../src/control/sql-storage.ts';
import { systemClock } from '../src/core/clock.ts';
import type { ClusterSettings } from '../src/core/protocol/cluster-settings.ts';
import type {
  ControlPlaneGateway,
  ControlPlaneReader,
  ControlPlaneResources,
  GatewayVersion,
  ListenerExpiry,
  ResourceAnswer,
  ResourceCall,
  ServedResource,
} from '../src/core/protocol/control-plane.ts';
import type { PipelineSnapshot } from '../src/core/protocol/pipeline.ts';
import type { QueueConfiguration } from '../src/core/protocol/queue-settings.ts';
import { edgeTiersIn } from '../src/core/protocol/rate-limit.ts';
import type { SettingsSnapshot } from '../src/core/protocol/settings.ts';
import { UPSTREAM_MONITOR_NAME } from '../src/core/protocol/upstream-monitor.ts';
import { systemRandom } from '../src/core/random.ts';
import { systemTimer } from '../src/core/timer.ts';
import { depsOf } from '../src/deps.ts';
import { ShardedQueues } from '../src/tasks/sharded-queue.ts';
import { ObjectAlarm } from './object-alarm.ts';
import { scheduledTasks } from './scheduled-tasks.ts';
import { sqlDatabase } from './sql-database.ts';

/** The control plane's shell: SQLite, the alarm and RPC around `ControlPlaneMachine`, which decides everything. */
export class ControlPlane
  extends DurableObject<Cloudflare.Env>
  implements ControlPlaneReader, ControlPlaneResources, ControlPlaneGateway
{
  private readonly machine: ControlPlaneMachine;
  private readonly alarmClock: ObjectAlarm;

  constructor(ctx: DurableObjectState, env: Cloudflare.Env) {
    super(ctx, env);
    this.alarmClock = new ObjectAlarm(ctx.storage);
    const { config, keys, ingest, incarnations, store, taskQueue, watched, logs } = depsOf(env);
    const database = sqlDatabase(ctx.storage);
    this.machine = new ControlPlaneMachine({
      storage: sqlStorage(database),
      sealer: keyring(keysFrom(config), systemRandom.bytes),
      clock: systemClock,
      random: systemRandom,
      log: logs('control'),
      rules: config,
      releases: [
        async (_name, uid) => {
          await keys.revokeAll(uid, systemClock.now());
          return true;
        },
        (name, uid) => ingest.eraseNamespace(name, uid),
        (_name, uid) => watched.eraseNamespace(uid),
      ],
      tasks: scheduledTasks(
        new ShardedQueues({
          taskQueue,
          configuration: async (namespaceUid, queue) => this.machine.queueSettings(namespaceUid, queue),
          clock: systemClock,
        }),
      ),
      queueNotice: async (name, configuration) => {
        const told = Array.from({ length: configuration.shardsEver }, (_, shard) =>
          taskQueue(`${name}/${shard}`).configure(configuration),
        );
        for (const { status } of await Promise.allSettled(told))
          if (status === 'rejected') logs('control').warn('a queue asks later what is declared of it', { queue: name });
      },
      clusterHome: (namespaceUid, cluster) => incarnations.home(namespaceUid, cluster),
      gateway: {
        database,
        files: store,
        announce: (version) => env.UPSTREAM_MONITOR.getByName(UPSTREAM_MONITOR_NAME).announce(version),
        adminHosts: config.adminHosts,
        edgeTiers: edgeTiersIn(Object.keys(env)),
        policySecrets: policySecrets(keysFrom(config)),
      },
    });
    ctx.blockConcurrencyWhile(async () => {
      migrate(database);
      migrateGateway(database);
      this.machine.start();
      await this.alarmClock.load();
      await this.rearm();
    });
  }

  async namespaceUid(name: string): Promise<string | null> {
    return this.machine.namespaceUid(name);
  }

  async namespaces(): Promise<readonly { name: string; uid: string }[]> {
    return this.machine.namespaces();
  }

  async pipelines(namespace: string): Promise<PipelineSnapshot> {
    return this.machine.pipelines(namespace);
  }

  async clusterSettings(namespaceUid: string, cluster: string): Promise<SettingsSnapshot<ClusterSettings>> {
    return this.machine.clusterSettings(namespaceUid, cluster);
  }

  async secretEntry(namespaceUid: string, name: string, entry: string): Promise<string | null> {
    return this.machine.secretEntry(namespaceUid, name, entry);
  }

  async queueSettings(namespaceUid: string, queue: string): Promise<QueueConfiguration> {
    return this.machine.queueSettings(namespaceUid, queue);
  }

  async gatewayVersions(): Promise<{ versions: readonly GatewayVersion[]; pinned: number | null }> {
    return this.machine.gatewayVersions();
  }

  async pinGatewayVersion(version: number | null): Promise<boolean> {
    const isKept = this.machine.pinGatewayVersion(version);
    await this.rearm();
    return isKept;
  }

  async listenerExpiries(): Promise<readonly ListenerExpiry[]> {
    return this.machine.listenerExpiries();
  }

  async resources(): Promise<readonly ServedResource[]> {
    return this.machine.resources();
  }

  async call(call: ResourceCall): Promise<ResourceAnswer> {
    const answer = this.machine.call(call);
    await this.rearm();
    return answer;
  }

  async watch(call: ResourceCall): Promise<ReadableStream<Uint8Array> | ResourceAnswer> {
    return this.machine.watch(call, systemTimer);
  }

  /** Looks whether the alarm is set as it should be; a sweep calls it, since an alarm can be lost. */
  async tick(): Promise<void> {
    await this.alarmClock.load();
    this.machine.tick();
    await this.rearm();
  }

  override async alarm(): Promise<void> {
    this.alarmClock.clear();
    await this.machine.runDueWork();
    await this.rearm();
  }

  /** Sets the one alarm to when something is due. */
  private async rearm(): Promise<void> {
    await this.alarmClock.arm(this.machine.nextWorkAtMs());
  }
}
