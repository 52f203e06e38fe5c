import type { Clock } from '../core/clock.ts';
import type { Log } from '../observe/log.ts';
import type { ResourceKey } from './resource.ts';
import type { ResourceChange, ResourceStore } from './resource-store.ts';
import type { ScheduledTasks } from './schedule-reconciler.ts';

/** How a look at one key ended. */
export type ReconcileResult =
  /** The world is as declared. */
  | { readonly done: true }
  /** Look again after this time, without counting it as a failure. */
  | { readonly requeueAfterMs: number }
  /** Something failed; look again, later each time. */
  | { readonly error: string }
  /** Something failed that no repetition mends; look again only when the object changes. */
  | { readonly error: string; readonly terminal: true };

/** Nothing is left to do. */
export const DONE: ReconcileResult = { done: true };

/**
 * Lets go of something outside of the control plane that belongs to a namespace (its keys, its data), before the
 * namespace is gone. True when nothing is left; else it is asked again, as it is after a failure: must be repeatable.
 */
export type NamespaceRelease = (name: string, uid: string) => Promise<boolean>;

/** The jurisdiction that a cluster's data are in, null for none; undefined where there are no data. */
export type ClusterHome = (namespaceUid: string, cluster: string) => Promise<string | null | undefined>;

/** Tells a queue's objects what is declared now: a hint, since they ask themselves when they are used. */
export type QueueNotice = (namespaceUid: string, queue: string) => Promise<void>;

/** What a reconciler works with. */
export interface ReconcileContext {
  readonly clusterHome: ClusterHome;
  readonly queueNotice: QueueNotice;
  readonly releases: readonly NamespaceRelease[];
  /** The queues that schedules submit to. */
  readonly tasks: ScheduledTasks;
  readonly store: ResourceStore;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Brings the world towards what one object declares. It is given a key and reads everything else itself: events
 * only say where to look, so losing, repeating or merging them changes nothing.
 * The model is controller-runtime's `reconcile.Reconciler`.
 */
export interface Reconciler {
  reconcile(context: ReconcileContext, key: ResourceKey): Promise<ReconcileResult>;
  /** Keys of this kind to look at because another object changed. Status writes do not come here. */
  affectedBy?(change: ResourceChange, store: ResourceStore): readonly ResourceKey[];
}
