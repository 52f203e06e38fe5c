import type { ClusterSettings } from './cluster-settings.ts';
import type { PipelineSnapshot } from './pipeline.ts';
import type { QueueConfiguration } from './queue-settings.ts';
import type { SettingsSnapshot } from './settings.ts';

/** What the data path asks of the ControlPlane object, by RPC; cached by its callers, never on a hot path. */
export interface ControlPlaneReader {
  /** The immutable uid of a namespace, or null where it does not exist (or is being deleted). */
  namespaceUid(name: string): Promise<string | null>;
  namespaces(): Promise<readonly { name: string; uid: string }[]>;
  pipelines(namespace: string): Promise<PipelineSnapshot>;
  /** By the namespace's uid, which is what an object's name begins with. */
  clusterSettings(namespaceUid: string, cluster: string): Promise<SettingsSnapshot<ClusterSettings>>;
  queueSettings(namespaceUid: string, queue: string): Promise<QueueConfiguration>;
  /** An entry of a Secret, as text; null where there is none. Not to be logged, nor kept. */
  secretEntry(namespaceUid: string, name: string, entry: string): Promise<string | null>;
}

/** When the certificate of a Gateway's listener ends. */
export interface ListenerExpiry {
  readonly namespace: string;
  readonly gateway: string;
  readonly listener: string;
  /** Milliseconds since the epoch. */
  readonly notAfterMs: number;
}

/** A version of the gateway's configuration that was published. */
export interface GatewayVersion {
  readonly version: number;
  readonly publishedAtMs: number;
  /** The version whose content this one has again; null where it has what was declared. */
  readonly rollbackOf: number | null;
}

/** The gateway's configuration as the control plane publishes it. */
export interface ControlPlaneGateway {
  /** The versions kept, newest first; `pinned` is the one that is held to, null where what is declared is published. */
  gatewayVersions(): Promise<{ readonly versions: readonly GatewayVersion[]; readonly pinned: number | null }>;
  /**
   * Holds to a version: its content is published as a new version, and what is declared meanwhile waits. Null lets go.
   * False where the version is not kept.
   */
  pinGatewayVersion(version: number | null): Promise<boolean>;
  listenerExpiries(): Promise<readonly ListenerExpiry[]>;
}

/** How an answer shows objects: whole, as rows for `kubectl get`, or their metadata alone. */
export type Representation = 'object' | 'table' | 'metadata';

/**
 * One call of the Kubernetes API, read off its HTTP request but not yet understood: the control plane
 * parses body, selectors and options, so that every client meets the same rules.
 */
export interface ResourceCall {
  readonly verb: 'get' | 'list' | 'watch' | 'create' | 'update' | 'patch' | 'delete' | 'deletecollection';
  readonly group: string;
  readonly version: string;
  /** Plural, lower case. */
  readonly resource: string;
  /** Null for a resource outside of namespaces, or all namespaces. */
  readonly namespace: string | null;
  readonly name: string | null;
  readonly subresource: string | null;
  /** Query parameters; of a repeated one the first. */
  readonly query: Readonly<Record<string, string>>;
  /** The media type of the body, without parameters, in lower case. */
  readonly contentType: string;
  readonly body: string;
  readonly representation: Representation;
}

/** The answer to a call: a JSON text, an error's too (then a Kubernetes `Status`). */
export interface ResourceAnswer {
  readonly status: number;
  /** Null where nothing is served under that group, version and resource. */
  readonly body: string | null;
  /** Texts for `Warning` headers. */
  readonly warnings: readonly string[];
}

/** A kind as discovery shows it. */
export interface ServedResource {
  /** Empty for the core group. */
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** `status` is written only through `/status`, and everything else only without it. */
  readonly statusSubresource: boolean;
}

/** What the management surface asks of the ControlPlane object, by RPC. */
export interface ControlPlaneResources {
  /** Every verb but `watch`. Refusals are answers, not exceptions. */
  call(call: ResourceCall): Promise<ResourceAnswer>;
  /** A watch: JSON lines as they happen, or the refusal. Cancelling the stream ends the watch. */
  watch(call: ResourceCall): Promise<ReadableStream<Uint8Array> | ResourceAnswer>;
  /** The kinds served; changes only when kinds are defined. */
  resources(): Promise<readonly ServedResource[]>;
}
