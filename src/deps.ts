import { waitUntil } from 'cloudflare:workers';
import sqlite from 'wa-sqlite/dist/wa-sqlite.wasm';
import { type Authenticator, createAuthenticator } from './access/authenticate.ts';
import { type Config, readConfig } from './config.ts';
import { SnapshotCache } from './control/snapshot-cache.ts';
import { systemClock } from './core/clock.ts';
import { OrasiError } from './core/errors.ts';
import { LIMITS } from './core/limits.ts';
import { outboundFault } from './core/outbound.ts';
import type { ClusterObject } from './core/protocol/cluster.ts';
import type { ClusterKv } from './core/protocol/cluster-kv.ts';
import { clusterNameText, parseClusterName } from './core/protocol/cluster-name.ts';
import type { ControlPlaneGateway, ControlPlaneReader, ControlPlaneResources } from './core/protocol/control-plane.ts';
import type { DiscoverySettings } from './core/protocol/discovery-settings.ts';
import type { IndexMessage, IngestMessage, TaskMessage, TaskStepMessage } from './core/protocol/messages.ts';
import type { TaskQueueCalls } from './core/protocol/tasks.ts';
import { UPSTREAM_MONITOR_NAME } from './core/protocol/upstream-monitor.ts';
import { systemRandom } from './core/random.ts';
import { systemTimer } from './core/timer.ts';
import { ObjectStore as ClusterObjectStore } from './discovery/built-in/object-store.ts';
import { ClusterServices } from './discovery/cluster-services.ts';
import { type Fetch, systemFetch } from './discovery/http.ts';
import { openBackend } from './discovery/open-backend.ts';
import { systemTiming } from './discovery/timing.ts';
import { createIndexing, type Indexing } from './indexing/indexing.ts';
import { type FaultPoints, holdingFaultPoints, noFaultPoints } from './ingest/fault-points.ts';
import { createIngest, type Ingest } from './ingest/ingest.ts';
import { INGEST_LIMITS } from './ingest/ports.ts';
import { createLogs, type Log, type LogSink } from './observe/log.ts';
import { Admission } from './query/admission.ts';
import { createQueryEngine, type QueryEngine } from './query/engine.ts';
import { createFallback } from './query/fallback/run.ts';
import { SCALAR_FUNCTIONS } from './query/functions/catalogue.ts';
import { createParser } from './query/parse/parser.ts';
import pgParser from './query/parse/pg-parser.wasm';
import { createPlanner } from './query/planner.ts';
import { INDEX_KINDS } from './segment/index-kinds.ts';
import { type Catalog, createCatalog } from './storage/catalog.ts';
import { type ClusterBackups, createClusterBackups } from './storage/cluster-backups.ts';
import { type ClusterDirectory, createClusterDirectory } from './storage/cluster-directory.ts';
import { createIncarnations, type Incarnations } from './storage/incarnations.ts';
import { d1KeyStore, type KeyStore } from './storage/keys.ts';
import { cloudflareQueue, type MessageQueue } from './storage/message-queue.ts';
import type { ObjectStore } from './storage/object-store.ts';
import { r2ObjectStore } from './storage/r2-object-store.ts';
import { createSqlDatabase, type SqlBinding } from './storage/sql.ts';
import {
  createWatchedObjects,
  eraseWatched,
  revokeWatched,
  type SweepCursor,
  tickWatched,
  type WatchedCalls,
  type WatchedObject,
  type WatchedObjects,
} from './storage/watched-objects.ts';
import { ShardedQueues } from './tasks/sharded-queue.ts';
import { createWork, type Work } from './work/work.ts';

/** Everything the doors need, made once an isolate from its bindings. */
export interface Deps {
  readonly config: Config;
  readonly logs: (component: string) => Log;
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  readonly keys: KeyStore;
  readonly authenticator: Authenticator;
  readonly control: ControlPlaneReader & ControlPlaneResources & ControlPlaneGateway & { tick(): Promise<void> };
  readonly ingest: Ingest;
  readonly indexing: Indexing;
  readonly queries: QueryEngine;
  /** Bounds the queries of this isolate, whoever asks. */
  readonly admission: Admission;
  /** The platform's own tasks. */
  readonly work: Work;
  /** How a task queue has the workers of the platform's own tasks come. */
  readonly platformTasks: { readonly messages: MessageQueue<TaskMessage>; readonly log: Log };
  readonly faults: FaultPoints;
  /** A shard of a queue by its object's name; a stub that threw is broken, so each call takes a new one. */
  readonly taskQueue: (name: string) => TaskQueueCalls;
  /** Queues over all of their shards. */
  readonly queues: ShardedQueues;
  /** A cluster by `{namespaceUid}/{cluster}`, wherever it is. */
  readonly cluster: (name: string) => Promise<ClusterObject & ClusterKv>;
  readonly incarnations: Incarnations;
  readonly clusterBackups: ClusterBackups;
  /** The services of clusters, and which registry a cluster has them in. */
  readonly services: ServicePorts;
  /** Objects with alarms: who they are, and what the sweep and the end of a namespace do to them. */
  readonly watched: WatchedObjects & {
    /** Looks after as many as one sweep may; the next goes on after them. */
    tickNext(): Promise<void>;
    /** True when nothing of the namespace is left. */
    eraseNamespace(uid: string): Promise<boolean>;
    /** Ends the WebSockets of a key, as `key:{keyId}`, of a namespace or of all (null). Throws where an object cannot be reached. */
    revoked(owner: string, namespaceUid: string | null): Promise<void>;
  };
}

/** The name of the one ControlPlane object. */
const CONTROL_PLANE_NAME = 'control-plane';

// biome-ignore lint/suspicious/noConsole: here log lines leave the process.
const toConsole: LogSink = (level, line) => console[level](line);

const CHANGES: ReadonlySet<string> = new Set(['create', 'update', 'patch', 'delete', 'deletecollection']);

const made = new WeakMap<object, Deps>();

/** The dependencies of this isolate. Throws where the configuration is not valid. */
export function depsOf(env: Cloudflare.Env): Deps {
  const present = made.get(env);
  if (present !== undefined) return present;
  const deps = createDeps(env);
  made.set(env, deps);
  return deps;
}

function createDeps(env: Cloudflare.Env): Deps {
  const config = readConfig(env as unknown as Readonly<Record<string, unknown>>);
  const logs = createLogs(config.logLevels, toConsole, systemClock);
  const store = r2ObjectStore(env.BUCKET);
  const database = createSqlDatabase(env.CATALOG as unknown as SqlBinding);
  const catalog = createCatalog(database, systemClock, systemRandom);
  const keys = d1KeyStore(env.CATALOG);
  // Indexes follow their pipeline at once where the change went through this isolate, else with the next sweep.
  const control = controlPlane(env, (namespace) => {
    const work = async () => {
      const uid = await control.namespaceUid(namespace);
      if (uid !== null) await indexing.reconcileNamespace({ name: namespace, uid });
    };
    waitUntil(work().catch((error) => logs('indexing').error('indexes not reconciled; the sweep will', { error })));
  });
  const faults =
    config.faultPoint === undefined
      ? noFaultPoints
      : holdingFaultPoints(config.faultPoint, (message, fields) => logs('fault').warn(message, fields));
  const incarnations = createIncarnations(database);
  const clusters = createClusterDirectory(env.CLUSTER, incarnations, async (namespaceUid, cluster) => {
    return (await control.clusterSettings(namespaceUid, cluster)).settings.placement;
  });
  const indexQueue = cloudflareQueue<IndexMessage>(env.INDEX_QUEUE);
  const indexing = createIndexing({
    store,
    catalog,
    queue: indexQueue,
    control,
    kinds: INDEX_KINDS,
    clock: systemClock,
    random: systemRandom,
    log: logs('indexing'),
    faults,
  });
  const queries = createQueryEngine({
    store,
    planner: createPlanner(createParser(pgParser), systemClock),
    snapshots: (namespaceUid, names) => catalog.snapshot(namespaceUid, names),
    functions: SCALAR_FUNCTIONS,
    indexKinds: INDEX_KINDS,
    fallback: createFallback(sqlite),
    reportUnreadable: (file, key) =>
      waitUntil(
        indexing
          .reportUnreadable(file, key)
          .catch((error) => logs('indexing').error('an index file not looked at', { ...file, key, error })),
      ),
    clock: systemClock,
    log: logs('query'),
  });
  const ingest = createIngest({
    store,
    catalog,
    bucketName: config.bucketName,
    ingestQueue: cloudflareQueue<IngestMessage>(env.INGEST_QUEUE),
    indexQueue,
    control,
    clock: systemClock,
    random: systemRandom,
    log: logs('ingest'),
    faults,
    limits: { ...INGEST_LIMITS, partBytes: config.ingestPartBytes },
  });
  const taskQueue = (name: string): TaskQueueCalls => env.TASK_QUEUE.getByName(name);
  const platformTasks = {
    messages: cloudflareQueue<TaskMessage | TaskStepMessage>(env.TASK_WORK_QUEUE),
    log: logs('work'),
  };
  const admission = new Admission(LIMITS.concurrentQueries, LIMITS.waitingQueries, systemClock);
  const work = createWork({
    ...platformTasks,
    taskQueue,
    namespaceName: async (uid) => (await control.namespaces()).find((namespace) => namespace.uid === uid)?.name ?? null,
    store,
    catalog,
    ingest,
    indexing,
    queries,
    admission,
    clock: systemClock,
    timer: systemTimer,
  });
  return {
    config,
    logs,
    store,
    indexing,
    queries,
    admission,
    catalog,
    keys,
    control,
    faults,
    taskQueue,
    queues: new ShardedQueues({
      taskQueue,
      configuration: (namespaceUid, queue) => control.queueSettings(namespaceUid, queue),
      clock: systemClock,
    }),
    cluster: (name) => clusters.find(name),
    incarnations,
    clusterBackups: createClusterBackups(store),
    services: servicePorts(config, control, clusters),
    watched: watchedObjects(
      env,
      clusters,
      createWatchedObjects(database, systemClock),
      catalog.collection,
      logs('sweep'),
    ),
    authenticator: createAuthenticator({
      keys,
      clock: systemClock,
      adminToken: config.adminToken,
      namespaceUid: (name) => control.namespaceUid(name),
    }),
    ingest,
    work,
    platformTasks,
  };
}

/** Objects with alarms, each kind by its binding. */
function watchedObjects(
  env: Cloudflare.Env,
  clusters: ClusterDirectory,
  registry: WatchedObjects,
  cursors: Pick<Catalog['collection'], 'readCursor' | 'writeCursor'>,
  log: Log,
): Deps['watched'] {
  const kinds: Readonly<Record<string, (name: string) => WatchedCalls>> = {
    'task-queue': (name) => env.TASK_QUEUE.getByName(name),
    'upstream-monitor': (name) => env.UPSTREAM_MONITOR.getByName(name),
    cluster: (name) => clusters.at(name),
    'rate-limiter': (name) => env.RATE_LIMITER.getByName(name),
  };
  const callsOf = ({ kind, name }: WatchedObject) => kinds[kind]?.(name) ?? null;
  const cursor: SweepCursor = {
    async read() {
      const text = await cursors.readCursor('watched');
      return text === undefined ? null : (JSON.parse(text) as WatchedObject);
    },
    write: (after) => cursors.writeCursor('watched', after === null ? undefined : JSON.stringify(after)),
  };
  return {
    ...registry,
    tickNext: () =>
      tickWatched(registry, cursor, callsOf, (object, error) =>
        log.error('an object does not answer', { ...object, error }),
      ),
    async eraseNamespace(uid) {
      for (const kind of Object.keys(kinds)) if (!(await eraseWatched(registry, kind, uid, callsOf))) return false;
      // One object is there for the upstreams of all namespaces.
      await env.UPSTREAM_MONITOR.getByName(UPSTREAM_MONITOR_NAME).eraseNamespace(uid);
      return true;
    },
    revoked: (owner, namespaceUid) => revokeWatched(registry, owner, namespaceUid, callsOf),
  };
}

export interface ServicePorts {
  readonly services: ClusterServices;
  readonly settings: (objectName: string) => Promise<DiscoverySettings>;
}

function servicePorts(config: Config, control: Deps['control'], clusters: ClusterDirectory): ServicePorts {
  const timing = systemTiming;
  const random = systemRandom;
  // Whoever declares a cluster names the addresses: they are held to what the deployment lets out.
  const fetch: Fetch = (url, init) => {
    const fault = outboundFault(url, config.upstreamAllow);
    if (fault !== null) throw new OrasiError('forbidden', `${url}: ${fault}`);
    return systemFetch(url, init);
  };
  return {
    services: new ClusterServices({
      timing,
      random,
      open: (name, settings) => {
        const builtIn = () => new ClusterObjectStore({ cluster: () => clusters.find(name), timing });
        return openBackend(settings, { timing, random, fetch, builtIn });
      },
    }),
    async settings(objectName) {
      const { namespaceUid, cluster } = parseClusterName(objectName);
      return (await control.clusterSettings(namespaceUid, cluster)).settings.discovery;
    },
  };
}

/**
 * The ControlPlane object over RPC; a stub that threw is broken, so each call takes a new one. What the data path
 * reads is remembered for a moment. A namespace that is not there is not: it may be made the next instant.
 */
function controlPlane(env: Cloudflare.Env, pipelinesChanged: (namespace: string) => void): Deps['control'] {
  const stub = () => env.CONTROL_PLANE.getByName(CONTROL_PLANE_NAME);
  const uids = new SnapshotCache((name) => stub().namespaceUid(name), systemClock);
  const pipelines = new SnapshotCache((namespace) => stub().pipelines(namespace), systemClock);
  const clusters = new SnapshotCache((name) => {
    const { namespaceUid, cluster } = parseClusterName(name);
    return stub().clusterSettings(namespaceUid, cluster);
  }, systemClock);
  const queues = new SnapshotCache((name) => {
    const [namespaceUid, queue] = name.split('/');
    return stub().queueSettings(namespaceUid, queue);
  }, systemClock);
  return {
    async namespaceUid(name) {
      const uid = await uids.get(name);
      if (uid === null) uids.forget(name);
      return uid;
    },
    namespaces: () => stub().namespaces(),
    pipelines: (namespace) => pipelines.get(namespace),
    clusterSettings: (namespaceUid, cluster) =>
      clusters.get(clusterNameText({ namespaceUid, cluster, jurisdiction: null })),
    queueSettings: (namespaceUid, queue) => queues.get(`${namespaceUid}/${queue}`),
    secretEntry: (...entry) => stub().secretEntry(...entry),
    tick: () => stub().tick(),
    gatewayVersions: () => stub().gatewayVersions(),
    pinGatewayVersion: (version) => stub().pinGatewayVersion(version),
    listenerExpiries: () => stub().listenerExpiries(),
    resources: () => stub().resources(),
    async call(call) {
      const answer = await stub().call(call);
      if (call.resource === 'pipelines' && call.namespace !== null && CHANGES.has(call.verb) && answer.status < 300) {
        pipelines.forget(call.namespace);
        pipelinesChanged(call.namespace);
      }
      return answer;
    },
    watch: (call) => stub().watch(call),
  };
}
