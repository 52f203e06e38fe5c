import type { ClusterObject } from '../core/protocol/cluster.ts';
import type { ClusterKv } from '../core/protocol/cluster-kv.ts';
import type { ControlPlaneGateway, ControlPlaneResources } from '../core/protocol/control-plane.ts';
import type { RateLimiterCalls } from '../core/protocol/rate-limiter.ts';
import type { TaskQueueCalls } from '../core/protocol/tasks.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { Admission } from '../query/admission.ts';
import type { QueryEngine } from '../query/engine.ts';
import type { Catalog } from '../storage/catalog.ts';
import type { ClusterBackups } from '../storage/cluster-backups.ts';
import type { KeyStore } from '../storage/keys.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { ShardedQueues } from '../tasks/sharded-queue.ts';
import { createApp } from './app.ts';
import { mountClusterBackups } from './cluster-backups.ts';
import { mountClusterKv } from './cluster-kv.ts';
import { mountClusterLeases } from './cluster-leases.ts';
import { mountClusterServices, type ServicePorts } from './cluster-services.ts';
import { mountClusters } from './clusters.ts';
import { mountDatasets } from './datasets.ts';
import { mountEtcd } from './etcd.ts';
import { type ExplainPort, mountExplain } from './explain.ts';
import { mountGatewayVersions } from './gateway-versions.ts';
import { type EndSockets, mountKeys } from './keys.ts';
import { type MetricsPorts, mountMetrics } from './metrics.ts';
import { mountObjects } from './objects.ts';
import type { ApiBase } from './ports.ts';
import { mountQuery } from './query.ts';
import { mountRateLimits } from './rate-limits.ts';
import { mountResources } from './resources.ts';
import type { ApiApp } from './route.ts';
import { mountScaling } from './scaling.ts';
import { mountTaskResults } from './task-results.ts';
import { mountTasks, type TaskPorts } from './tasks.ts';
import { mountUploads } from './uploads.ts';
import { mountUpstreams, type UpstreamPorts } from './upstreams.ts';

/** Everything the management surface stands on. */
export interface ApiParts {
  readonly base: ApiBase;
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly ingest: Ingest;
  readonly queries: QueryEngine;
  readonly admission: Admission;
  readonly keys: KeyStore;
  readonly endSockets: EndSockets;
  readonly controlPlane: ControlPlaneResources & ControlPlaneGateway;
  /** A shard of a queue by its object's name. */
  readonly taskQueue: (name: string) => TaskQueueCalls;
  readonly queues: ShardedQueues;
  readonly fence: TaskPorts['fence'];
  /** A cluster by `{namespaceUid}/{cluster}`. */
  readonly cluster: (name: string) => Promise<ClusterObject & ClusterKv>;
  readonly clusterBackups: ClusterBackups;
  readonly services: ServicePorts;
  readonly metrics: MetricsPorts;
  readonly explain: ExplainPort;
  readonly upstreamMonitor: UpstreamPorts['monitor'];
  /** An object that counts rate limits, by its name. */
  readonly rateLimiter: (name: string) => RateLimiterCalls;
}

/** The management surface: every area mounted. */
export function createApi({
  base,
  store,
  catalog,
  ingest,
  queries,
  admission,
  keys,
  endSockets,
  controlPlane,
  taskQueue,
  queues,
  fence,
  cluster,
  clusterBackups,
  services,
  metrics,
  explain,
  upstreamMonitor,
  rateLimiter,
}: ApiParts): ApiApp {
  return createApp(base, (app) => {
    mountObjects(app, base, ingest, catalog.ledger);
    mountUploads(app, base, ingest, catalog.ledger);
    mountDatasets(app, base, catalog.datasets);
    mountQuery(app, base, queries, admission);
    mountKeys(app, base, keys, endSockets);
    mountTasks(app, base, { queues, fence });
    mountScaling(app, base, taskQueue);
    mountTaskResults(app, base, taskQueue, store);
    mountClusters(app, base, cluster);
    mountClusterBackups(app, base, cluster, clusterBackups);
    mountClusterKv(app, base, cluster);
    mountClusterLeases(app, base, cluster);
    mountClusterServices(app, base, services);
    mountUpstreams(app, base, { controlPlane, monitor: upstreamMonitor });
    mountGatewayVersions(app, base, controlPlane, store);
    mountRateLimits(app, base, { controlPlane, limiter: rateLimiter });
    mountMetrics(app, base, metrics);
    mountExplain(app, base, { explain, control: controlPlane });
    mountEtcd(app, base, cluster);
    mountResources(app, { controlPlane, authorize: (...call) => base.authorize(...call) });
  });
}
