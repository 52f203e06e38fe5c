import type { JsonObject } from './json.ts';
import type { Kind } from './kind.ts';
import { labelFault, labelValueFault, qualifiedNameFault, subdomainFault } from './names.ts';
import type { ObjectMeta, OwnerReference } from './resource.ts';
import { type Cause, forbiddenField, invalidValue } from './status.ts';
import { prune, type StructuralSchema, validate } from './structural-schema.ts';

const STRINGS: StructuralSchema = { type: 'object', additionalProperties: { type: 'string' } };

/** What callers may send in `metadata`; what they may decide there is less (`callersMeta`). */
const META_SCHEMA: StructuralSchema = {
  type: 'object',
  properties: {
    name: { type: 'string' },
    generateName: { type: 'string' },
    namespace: { type: 'string' },
    uid: { type: 'string' },
    resourceVersion: { type: 'string' },
    generation: { type: 'integer' },
    creationTimestamp: { type: 'string', nullable: true },
    deletionTimestamp: { type: 'string', nullable: true },
    deletionGracePeriodSeconds: { type: 'integer', nullable: true },
    selfLink: { type: 'string' },
    labels: STRINGS,
    annotations: STRINGS,
    finalizers: { type: 'array', items: { type: 'string' } },
    ownerReferences: {
      type: 'array',
      items: {
        type: 'object',
        required: ['apiVersion', 'kind', 'name', 'uid'],
        properties: {
          apiVersion: { type: 'string', minLength: 1 },
          kind: { type: 'string', minLength: 1 },
          name: { type: 'string', minLength: 1 },
          uid: { type: 'string', minLength: 1 },
          controller: { type: 'boolean' },
          blockOwnerDeletion: { type: 'boolean' },
        },
      },
    },
    managedFields: { type: 'array', items: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
  },
};

/** All annotations of an object together. */
const ANNOTATION_BYTES = 256 * 1024;

/** Prunes `metadata` in place; returns unknown fields' paths, and faults of shape. */
export function checkMetaShape(meta: JsonObject): { unknown: string[]; causes: Cause[] } {
  const unknown = prune(META_SCHEMA, meta, 'metadata');
  return { unknown, causes: validate(META_SCHEMA, meta, 'metadata') };
}

/** The part of `metadata` that is the caller's to decide; the rest is the store's. Empty lists and maps are left out. */
export function callersMeta(
  meta: JsonObject,
): Pick<ObjectMeta, 'labels' | 'annotations' | 'finalizers' | 'ownerReferences'> {
  const { labels, annotations, finalizers, ownerReferences } = meta as unknown as ObjectMeta;
  const unique = finalizers === undefined ? [] : [...new Set(finalizers)];
  return {
    ...(labels && Object.keys(labels).length > 0 ? { labels } : {}),
    ...(annotations && Object.keys(annotations).length > 0 ? { annotations } : {}),
    ...(unique.length > 0 ? { finalizers: unique } : {}),
    ...(ownerReferences && ownerReferences.length > 0 ? { ownerReferences } : {}),
  };
}

/** Faults in the values of well-shaped metadata. */
export function metaFaults(kind: Kind, meta: ObjectMeta): Cause[] {
  const causes: Cause[] = [];
  const nameFault = kind.strategy?.nameFormat === 'label' ? labelFault(meta.name) : subdomainFault(meta.name);
  if (nameFault !== undefined) causes.push(invalidValue('metadata.name', meta.name, nameFault));
  for (const [key, value] of Object.entries(meta.labels ?? {})) {
    const fault = qualifiedNameFault(key);
    if (fault !== undefined) causes.push(invalidValue('metadata.labels', key, fault));
    const valueFault = labelValueFault(value);
    if (valueFault !== undefined) causes.push(invalidValue('metadata.labels', value, valueFault));
  }
  let annotationBytes = 0;
  for (const [key, value] of Object.entries(meta.annotations ?? {})) {
    const fault = qualifiedNameFault(key.toLowerCase());
    if (fault !== undefined) causes.push(invalidValue('metadata.annotations', key, fault));
    annotationBytes += key.length + value.length;
  }
  if (annotationBytes > ANNOTATION_BYTES) {
    causes.push({
      reason: 'FieldValueTooLong',
      message: `Too long: may not be more than ${ANNOTATION_BYTES} bytes`,
      field: 'metadata.annotations',
    });
  }
  for (const finalizer of meta.finalizers ?? []) {
    const fault = qualifiedNameFault(finalizer);
    if (fault !== undefined) causes.push(invalidValue('metadata.finalizers', finalizer, fault));
  }
  causes.push(...ownerFaults(meta.ownerReferences ?? []));
  return causes;
}

function ownerFaults(owners: readonly OwnerReference[]): Cause[] {
  const controllers = owners.filter((owner) => owner.controller === true);
  if (controllers.length <= 1) return [];
  const names = controllers.map((owner) => `${owner.kind}/${owner.name}`);
  return [invalidValue('metadata.ownerReferences', names, 'Only one reference can have Controller set to true')];
}

/** An object being deleted takes no new finalizers: its deletion could otherwise be put off for ever. */
export function finalizerFaults(next: ObjectMeta, current: ObjectMeta): Cause[] {
  if (current.deletionTimestamp === undefined) return [];
  const added = (next.finalizers ?? []).filter((finalizer) => !current.finalizers?.includes(finalizer));
  if (added.length === 0) return [];
  const because = `no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`;
  return [forbiddenField('metadata.finalizers', because)];
}
