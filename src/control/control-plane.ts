import { Buffer } from 'node:buffer';
import { ChangeSignal } from '../core/change-signal.ts';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import { type ClusterSettings, DEFAULT_CLUSTER_SETTINGS } from '../core/protocol/cluster-settings.ts';
import type {
  GatewayVersion,
  ListenerExpiry,
  ResourceAnswer,
  ResourceCall,
  ServedResource,
} from '../core/protocol/control-plane.ts';
import type { PipelineSnapshot } from '../core/protocol/pipeline.ts';
import { DEFAULT_QUEUE_SETTINGS, type QueueConfiguration } from '../core/protocol/queue-settings.ts';
import type { SettingsSnapshot } from '../core/protocol/settings.ts';
import type { Random } from '../core/random.ts';
import type { Log } from '../observe/log.ts';
import { compileCluster } from './cluster-spec.ts';
import { collect, collectorKeys } from './collector.ts';
import { keepGateways, makeGateways } from './default-gateway.ts';
import { GatewayControl } from './gateway/gateway-control.ts';
import type { GatewayParts } from './gateway/workspace.ts';
import { isJsonObject } from './json.ts';
import { type AdmissionRules, STRICT_RULES } from './kind.ts';
import { DEFAULT_NAMESPACE } from './kinds/namespace.ts';
import { BUILT_IN_KINDS, type ServedKind } from './kinds.ts';
import { scopeOf } from './list.ts';
import { admitPipelines } from './pipeline-admission.ts';
import { compileQueue } from './queue-spec.ts';
import type { ClusterHome, NamespaceRelease, ReconcileResult } from './reconcile.ts';
import { keyText, parseKeyText, type Resource } from './resource.ts';
import { type ResourceCodec, resourceCodec, type Sealer } from './resource-codec.ts';
import { type AgedResource, keyOf, type ResourceChange, ResourceStore } from './resource-store.ts';
import { NO_QUEUES, type ScheduledTasks } from './schedule-reconciler.ts';
import { answerCall, refusal, type Served, watchObject, watchRequest } from './serve.ts';
import { StatusError } from './status.ts';
import type { ControlStorage, WorkItem } from './storage.ts';
import { versionsOf } from './versions.ts';
import { bookmark, startWatch, watchStep } from './watch.ts';
import { type WatchSource, type WatchTiming, watchStream } from './watch-stream.ts';
import { settle } from './work-queue.ts';

export interface ControlPlaneParts {
  readonly storage: ControlStorage;
  readonly sealer: Sealer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** What else belongs to a namespace and goes with it. */
  readonly releases: readonly NamespaceRelease[];
  /** Where a cluster's data are; without it nothing is known of any. */
  readonly clusterHome?: ClusterHome;
  /** Tells the objects of a queue, `{namespaceUid}/{queue}`, what is declared of it; without it they ask in time. */
  readonly queueNotice?: (name: string, configuration: QueueConfiguration) => Promise<void>;
  /** The queues that schedules submit to; without them they submit nothing. */
  readonly tasks?: ScheduledTasks;
  /** What the gateway's configuration is made with; without it none is. */
  readonly gateway?: GatewayParts;
  /** What the deployment lets resources name; without it nothing private. */
  readonly rules?: AdmissionRules;
  /** How many changes are remembered, at the least. */
  readonly historyRevisions?: number;
  /** Instead of the built-in kinds, for tests of the machinery. */
  readonly kinds?: readonly ServedKind[];
}

/** Raised when a reconciler comes to another result for the same objects. */
const RECONCILED_AS = '3';
/** Items of work done before others get a turn. */
const WORK_BATCH = 50;
/** Snapshots kept in memory; making one anew costs milliseconds. */
const SNAPSHOTS_KEPT = 1_000;
/** Revisions a watch reads at a time. */
const WATCH_BATCH = 100;
/** A watch that names no end gets one, so that clients spread over restarts; the API server's is 30 to 60 minutes. */
const WATCH_LASTS_MS = 30 * 60_000;
/** Often enough that a client can resume after any of our evictions without listing again. */
const BOOKMARK_EVERY_MS = 15_000;

/**
 * The control plane: the store, the work its changes ask for, and the snapshots made from it. It knows nothing of
 * Durable Objects; the shell gives it storage and time and asks `nextWorkAtMs` for the alarm.
 */
export class ControlPlaneMachine implements Served {
  readonly storage: ControlStorage;
  readonly codec: ResourceCodec;
  readonly store: ResourceStore;
  /** Tells watches that there is something to read. */
  readonly signal = new ChangeSignal();
  /** By namespace; each good for as long as its version is the present one. */
  private readonly snapshots = new Map<string, PipelineSnapshot>();
  /** By uid. */
  private namespaceNames: ReadonlyMap<string, string> = new Map();
  private readonly parts: ControlPlaneParts;
  private readonly kinds: readonly ServedKind[];
  private readonly clock: Clock;
  private readonly gateway: GatewayControl | null;

  constructor(parts: ControlPlaneParts) {
    this.parts = parts;
    this.storage = parts.storage;
    this.clock = parts.clock;
    this.kinds = parts.kinds ?? BUILT_IN_KINDS;
    this.codec = resourceCodec(parts.sealer);
    this.store = new ResourceStore({
      storage: parts.storage,
      codec: this.codec,
      clock: parts.clock,
      random: parts.random,
      kinds: this.kinds.map((served) => served.kind),
      historyRevisions: parts.historyRevisions ?? LIMITS.watchHistoryRevisions,
      rules: parts.rules ?? STRICT_RULES,
      workFor: (change, store) => {
        this.raiseVersions(change);
        keepGateways(change, store);
        return this.workFor(change, store);
      },
    });
    const { storage, store, clock } = this;
    this.gateway = parts.gateway
      ? new GatewayControl({ ...parts.gateway, storage, store, clock, log: parts.log })
      : null;
  }

  now(): number {
    return this.clock.now();
  }

  /** Makes what exists from the start, and what a new version of the code or another key asks for. To be called once, first. */
  start(): void {
    this.storage.transaction(() => {
      const namespaces = this.store.kindOf({ group: '', resource: 'namespaces' });
      const key = { group: '', resource: 'namespaces', namespace: '', name: DEFAULT_NAMESPACE };
      if (namespaces !== undefined && this.storage.get(key) === undefined) {
        this.store.create(namespaces, '', { metadata: { name: DEFAULT_NAMESPACE } });
      }
      makeGateways(this.store);
      this.reseal();
      this.reconcileAnew();
    });
  }

  /** Seals everything with the present key, once after the key has changed. What no key opens stays as it is. */
  private reseal(): void {
    const { sealer, log } = this.parts;
    if (this.storage.getFact('sealed-with') === sealer.keyId) return;
    for (const { kind } of this.kinds) {
      if (kind.strategy?.sealedFields === undefined) continue;
      this.storage.rewrite(
        (key, body) => {
          try {
            return this.codec.reseal(kind, key, body);
          } catch (error) {
            log.error('a secret cannot be opened', { key: keyText(key), error });
            return body;
          }
        },
        scopeOf(kind, undefined),
      );
    }
    this.storage.setFact('sealed-with', sealer.keyId);
  }

  /** Looks at everything once after the kinds have changed: what they make of the same objects may be another thing. */
  private reconcileAnew(): void {
    if (this.storage.getFact('reconciled-as') === RECONCILED_AS) return;
    for (const { kind, reconciler } of this.kinds) {
      for (const { object } of this.store.all(scopeOf(kind, undefined))) {
        const key = keyOf(kind, object.metadata.namespace ?? '', object.metadata.name);
        if (reconciler !== undefined) this.storage.addWork(`reconcile:${keyText(key)}`, this.clock.now());
        for (const work of this.gateway?.anew(key) ?? []) this.storage.addWork(work, this.clock.now());
      }
    }
    this.storage.setFact('reconciled-as', RECONCILED_AS);
  }

  call(call: ResourceCall): ResourceAnswer {
    const before = this.storage.revision();
    const answer = answerCall(this, call);
    if (this.storage.revision() !== before) this.signal.notify();
    return answer;
  }

  /** A watch as a stream of JSON lines, or why there is none. */
  watch(call: ResourceCall, startTimer: WatchTiming['startTimer']): ReadableStream<Uint8Array> | ResourceAnswer {
    try {
      const request = watchRequest(this, call);
      let first = true;
      const source: WatchSource = {
        start: startWatch(this.storage, request),
        step: (cursor) => watchStep(this.storage, this.codec, request, cursor, WATCH_BATCH),
        show: (event) => {
          if (event.type === 'BOOKMARK' || event.type === 'ERROR') return event.object;
          const shown = watchObject(this, call, request.kind, event.object as Resource, first);
          first = false;
          return shown;
        },
        bookmark: (revision) => (request.bookmarks ? bookmark(request.kind, revision) : undefined),
      };
      const lastsMs = request.timeoutSeconds ? request.timeoutSeconds * 1000 : WATCH_LASTS_MS;
      return watchStream(source, this.signal, { lastsMs, bookmarkEveryMs: BOOKMARK_EVERY_MS, startTimer });
    } catch (error) {
      if (error instanceof StatusError) return refusal(error);
      throw error;
    }
  }

  resources(): readonly ServedResource[] {
    return this.kinds.flatMap(({ kind }) =>
      versionsOf(kind).map((version) => ({
        group: kind.group,
        version,
        kind: kind.kind,
        plural: kind.plural,
        singular: kind.singular,
        shortNames: [...kind.shortNames],
        categories: [...kind.categories],
        namespaced: kind.namespaced,
        statusSubresource: kind.statusSubresource,
      })),
    );
  }

  /** Null from the moment a namespace is being deleted: nothing new may begin in it. */
  namespaceUid(name: string): string | null {
    const namespace = this.store.find({ group: '', resource: 'namespaces', namespace: '', name });
    return namespace === undefined || namespace.metadata.deletionTimestamp !== undefined
      ? null
      : namespace.metadata.uid;
  }

  namespaces(): { name: string; uid: string }[] {
    return [...this.store.all({ group: '', resource: 'namespaces', namespace: '' })]
      .filter(({ object }) => object.metadata.deletionTimestamp === undefined)
      .map(({ object }) => ({ name: object.metadata.name, uid: object.metadata.uid }));
  }

  /**
   * The pipelines in force, made from the objects themselves: a write is in force from the moment it is answered.
   * The version is the revision of the last change to what the namespace's pipelines declare.
   */
  pipelines(namespace: string): PipelineSnapshot {
    const version = this.version('pipelines', namespace);
    const known = this.snapshots.get(namespace);
    if (known?.version === version) return known;
    const pipelines: AgedResource[] = [...this.store.all({ group: 'orasi.io', resource: 'pipelines', namespace })];
    const inForce = admitPipelines(pipelines).flatMap(({ name, inForce: spec }) =>
      spec === null ? [] : [{ name, spec }],
    );
    const snapshot = { version, pipelines: inForce };
    if (this.snapshots.size >= SNAPSHOTS_KEPT) this.snapshots.clear();
    this.snapshots.set(namespace, snapshot);
    return snapshot;
  }

  /** A cluster's settings: in force from the moment the write of its resource is answered. */
  clusterSettings(namespaceUid: string, name: string): SettingsSnapshot<ClusterSettings> {
    return this.settings('clusters', namespaceUid, name, compileCluster, DEFAULT_CLUSTER_SETTINGS);
  }

  /** A queue's settings, in force from the moment the write of its resource is answered. */
  queueSettings(namespaceUid: string, name: string): QueueConfiguration {
    const snapshot = this.settings('taskqueues', namespaceUid, name, compileQueue, DEFAULT_QUEUE_SETTINGS);
    const ever = snapshot.namespace === null ? null : this.storage.getFact(shardsFact(snapshot.namespace, name));
    return { ...snapshot, shardsEver: Math.max(Number(ever ?? 1), snapshot.settings.shards) };
  }

  /** An entry of a Secret, as text; null where there is none. */
  secretEntry(namespaceUid: string, name: string, entry: string): string | null {
    const namespace = this.namespaceName(namespaceUid);
    if (namespace === null) return null;
    const secret = this.store.find({ group: '', resource: 'secrets', namespace, name });
    const value = isJsonObject(secret?.data) ? secret.data[entry] : undefined;
    return typeof value === 'string' ? Buffer.from(value, 'base64').toString('utf8') : null;
  }

  /** What a resource of ours says, compiled; `otherwise` where it is not there or is being deleted. */
  private settings<T>(
    resource: Published,
    namespaceUid: string,
    name: string,
    compile: (object: Resource) => T,
    otherwise: T,
  ): SettingsSnapshot<T> {
    const namespace = this.namespaceName(namespaceUid);
    if (namespace === null) return { version: 0, namespace, settings: otherwise };
    const object = this.store.find({ group: 'orasi.io', resource, namespace, name });
    const isDeclared = object !== undefined && object.metadata.deletionTimestamp === undefined;
    return {
      version: this.version(resource, namespace),
      namespace,
      settings: isDeclared ? compile(object) : otherwise,
    };
  }

  /** The name of a namespace that is there, by its uid. */
  private namespaceName(uid: string): string | null {
    const known = this.namespaceNames.get(uid);
    if (known !== undefined && this.namespaceUid(known) === uid) return known;
    this.namespaceNames = new Map(this.namespaces().map((namespace) => [namespace.uid, namespace.name]));
    return this.namespaceNames.get(uid) ?? null;
  }

  private version(resource: Published, namespace: string): number {
    return Number(this.storage.getFact(versionFact(resource, namespace)) ?? 0);
  }

  /** What a sweep asks for, since what was told to others may have been lost. */
  tick(): void {
    this.gateway?.tick();
  }

  gatewayVersions(): { versions: readonly GatewayVersion[]; pinned: number | null } {
    return this.gateway?.versions() ?? { versions: [], pinned: null };
  }

  pinGatewayVersion(version: number | null): boolean {
    return this.gateway?.pin(version) ?? false;
  }

  listenerExpiries(): readonly ListenerExpiry[] {
    return this.gateway?.listenerExpiries() ?? [];
  }

  nextWorkAtMs(): number | null {
    return this.storage.nextWorkAtMs();
  }

  /** Does the work that is due, at most one batch. Returns whether there may be more. */
  async runDueWork(): Promise<boolean> {
    const items = this.storage.dueWork(this.clock.now(), WORK_BATCH);
    for (const item of items) {
      const before = this.storage.revision();
      const result = await this.lookAt(item);
      this.storage.settleWork(item.key, item.sequence, settle(item, result, this.clock.now()));
      if (this.storage.revision() !== before) this.signal.notify();
    }
    return items.length === WORK_BATCH;
  }

  private async lookAt(item: WorkItem): Promise<ReconcileResult> {
    const log = this.parts.log.with({ work: item.key, failures: item.failures });
    const result = await this.attempt(item, log);
    if ('error' in result) log.warn('terminal' in result ? 'gave up' : 'will try again', { error: result.error });
    return result;
  }

  private async attempt(item: WorkItem, log: Log): Promise<ReconcileResult> {
    const [task, text] = splitOnce(item.key, ':');
    try {
      if (this.gateway?.does(task)) return await this.gateway.work(task, text);
      const key = parseKeyText(text);
      if (task === 'collect') return collect(this.store, key);
      const reconciler = this.reconcilerOf(key.group, key.resource);
      if (reconciler === undefined) return { error: `nothing reconciles ${text}`, terminal: true };
      return await reconciler.reconcile(
        {
          store: this.store,
          clock: this.clock,
          log,
          releases: this.parts.releases,
          tasks: this.parts.tasks ?? NO_QUEUES,
          clusterHome: this.parts.clusterHome ?? (async () => undefined),
          queueNotice: async (uid, queue) =>
            await this.parts.queueNotice?.(`${uid}/${queue}`, this.queueSettings(uid, queue)),
        },
        key,
      );
    } catch (error) {
      return { error: error instanceof Error ? error.message : String(error) };
    }
  }

  private reconcilerOf(group: string, resource: string) {
    return this.kinds.find(({ kind }) => kind.group === group && kind.plural === resource)?.reconciler;
  }

  /** In the transaction of the change, so that no reader sees a snapshot under the version of another. */
  private raiseVersions(change: ResourceChange): void {
    if (change.statusOnly || change.key.group !== 'orasi.io') return;
    const resource = PUBLISHED.find((published) => published === change.key.resource);
    if (resource === undefined) return;
    this.storage.setFact(versionFact(resource, change.key.namespace), change.object.metadata.resourceVersion ?? '0');
    if (resource === 'taskqueues') this.rememberShards(change.key.namespace, change.object);
  }

  /** The most shards a queue ever had, though it be declared no more: some may still hold tasks. */
  private rememberShards(namespace: string, queue: Resource): void {
    const name = shardsFact(namespace, queue.metadata.name);
    const { shards } = compileQueue(queue);
    if (shards > Number(this.storage.getFact(name) ?? 1)) this.storage.setFact(name, String(shards));
  }

  private workFor(change: ResourceChange, store: ResourceStore): string[] {
    if (change.statusOnly) return [];
    const work = collectorKeys(change, store).map((key) => `collect:${keyText(key)}`);
    if (this.reconcilerOf(change.key.group, change.key.resource) !== undefined)
      work.push(`reconcile:${keyText(change.key)}`);
    for (const { reconciler } of this.kinds) {
      for (const key of reconciler?.affectedBy?.(change, store) ?? []) work.push(`reconcile:${keyText(key)}`);
    }
    work.push(...(this.gateway?.workFor(change) ?? []));
    return [...new Set(work)];
  }
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return [text.slice(0, at), text.slice(at + 1)];
}

/** Kinds that the data path reads snapshots of, each with a version a namespace. */
const PUBLISHED = ['pipelines', 'clusters', 'taskqueues'] as const;
type Published = (typeof PUBLISHED)[number];

function shardsFact(namespace: string, queue: string): string {
  return `shards:${namespace}/${queue}`;
}

function versionFact(resource: Published, namespace: string): string {
  return `version:${resource}/${namespace}`;
}
