import type { JsonObject } from './json.ts';

/** The identity of an object in the store. `namespace` is empty for kinds that live outside of namespaces. */
export interface ResourceKey {
  readonly group: string;
  /** Plural, lower case: `pipelines`. */
  readonly resource: string;
  readonly namespace: string;
  readonly name: string;
}

/** A link from a dependent to what it belongs to; when the last owner is gone, the dependent is collected. */
export interface OwnerReference {
  apiVersion: string;
  kind: string;
  name: string;
  uid: string;
  controller?: boolean;
  /** The owner's foreground deletion waits for this dependent. */
  blockOwnerDeletion?: boolean;
}

/** `metadata` as Kubernetes has it, as far as the store keeps it. Times are RFC 3339 UTC in seconds. */
export interface ObjectMeta {
  name: string;
  namespace?: string;
  generateName?: string;
  uid: string;
  /** The revision of the object's last change, in decimal. Absent only in answers to a dry-run create. */
  resourceVersion?: string;
  /** Counts changes of what is wanted: everything but metadata and status. */
  generation: number;
  creationTimestamp: string;
  deletionTimestamp?: string;
  deletionGracePeriodSeconds?: number;
  labels?: Record<string, string>;
  annotations?: Record<string, string>;
  finalizers?: string[];
  ownerReferences?: OwnerReference[];
}

/** An object of any kind. Beside `spec` and `status` a kind may have fields of its own (`data` of a Secret). */
export type Resource = JsonObject & {
  apiVersion: string;
  kind: string;
  metadata: JsonObject & ObjectMeta;
};

/** The text of a key, unique over all kinds: `orasi.io/pipelines/default/orders`. */
export function keyText(key: ResourceKey): string {
  return `${key.group}/${key.resource}/${key.namespace}/${key.name}`;
}

/** Reads `keyText` back. */
export function parseKeyText(text: string): ResourceKey {
  const [group, resource, namespace, name] = text.split('/');
  return { group, resource, namespace, name };
}

/** The time format of `metadata`: seconds, since clients compare these texts. */
export function metaTime(nowMs: number): string {
  return `${new Date(nowMs).toISOString().slice(0, 19)}Z`;
}
