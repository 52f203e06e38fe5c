import type { AddressBlock } from '../core/address-blocks.ts';
import type { JsonObject } from './json.ts';
import type { KindInfo } from './kind-info.ts';
import type { Resource } from './resource.ts';
import type { Cause } from './status.ts';
import type { StructuralSchema } from './structural-schema.ts';

/** A kind the store serves: built in, or defined at run time by data alone (then without a `strategy`). */
export interface Kind extends KindInfo {
  /** Of the object without apiVersion, kind and metadata. */
  readonly schema: StructuralSchema;
  readonly strategy?: KindStrategy;
}

/**
 * What a kind does beyond its schema at the moment of a write. All functions are pure; `object` is theirs to
 * change. Absent ones do nothing.
 */
export interface KindStrategy {
  /** Top-level fields kept encrypted in storage. */
  readonly sealedFields?: readonly string[];
  /** A DNS label is asked for where names become parts of other names; else a subdomain. */
  readonly nameFormat?: 'subdomain' | 'label';
  /** Updates without a resourceVersion are taken, as Kubernetes takes them for its core kinds. */
  readonly unconditionalUpdate?: boolean;
  /** Rewrites what the caller sent (stringData → data) before defaults; returns faults it found on the way. */
  normalize?(object: JsonObject): Cause[];
  prepareCreate?(object: Resource): void;
  prepareUpdate?(object: Resource, current: Resource): void;
  /** Faults the schema cannot express. `current` is there on updates. */
  validate?(object: Resource, current: Resource | undefined, rules: AdmissionRules): Cause[];
  /** Why an object may not be deleted, or undefined. */
  forbidsDeletion?(object: Resource): string | undefined;
  /** Called as deletion begins, when `metadata.deletionTimestamp` has just been set. */
  beginDeletion?(object: Resource): void;
  /** Whether something besides `metadata.finalizers` holds a deleted object back. */
  holdsDeletion?(object: Resource): boolean;
}

/** What the deployment lets resources name. */
export interface AdmissionRules {
  /** Private addresses that requests may go to. */
  readonly upstreamAllow: readonly AddressBlock[];
  /** Bindings that upstreams may name: of any namespace `NAME`, of one `namespace/NAME`. */
  readonly upstreamBindings: readonly string[];
}

/** Where the deployment lets nothing out but to public addresses. */
export const STRICT_RULES: AdmissionRules = { upstreamAllow: [], upstreamBindings: [] };
