import * as z from 'zod';
import type { KindDeclaration } from '../declaration.ts';
import { isJsonObject, type JsonObject } from '../json.ts';
import { DONE, type Reconciler } from '../reconcile.ts';
import type { Resource } from '../resource.ts';
import { invalidValue } from '../status.ts';

/** Exists from the start and stays. */
export const DEFAULT_NAMESPACE = 'default';

/** The finalizer of the control plane itself, in `spec.finalizers` as Kubernetes has it. */
const NAMESPACE_FINALIZER = 'kubernetes';

/** The label Kubernetes puts on every namespace, so that selectors can name one. */
const NAME_LABEL = 'kubernetes.io/metadata.name';

/** How often a namespace that waits for somebody's finalizers is looked at, beside the changes that wake it. */
const WAIT_MS = 10_000;

/** What is erased in bounded steps goes on after this, so that other work has its turn. */
const ERASE_AGAIN_MS = 100;

/** Empties a namespace that is being deleted, then lets it go. */
const namespaceReconciler: Reconciler = {
  async reconcile({ store, releases }, key) {
    const namespace = store.findClosed(key);
    if (namespace === undefined || namespace.metadata.deletionTimestamp === undefined) return DONE;
    let waiting = 0;
    for (const kind of store.kinds()) {
      if (!kind.namespaced) continue;
      for (const { object } of [...store.all({ group: kind.group, resource: kind.plural, namespace: key.name })]) {
        const { removed } = store.delete(kind, key.name, object.metadata.name);
        if (!removed) waiting += 1;
      }
    }
    if (waiting > 0) return { requeueAfterMs: WAIT_MS };
    for (const release of releases) {
      if (!(await release(key.name, namespace.metadata.uid))) return { requeueAfterMs: ERASE_AGAIN_MS };
    }
    store.edit(key, (object) => {
      if (isJsonObject(object.spec)) object.spec.finalizers = [];
    });
    return DONE;
  },

  affectedBy(change) {
    if (change.type !== 'DELETED' || change.key.namespace === '') return [];
    return [{ group: '', resource: 'namespaces', namespace: '', name: change.key.namespace }];
  },
};

/** A tenant: everything else lives in one. Its uid, never its name, is part of the keys of stored data. */
export const namespaceKind: KindDeclaration = {
  info: {
    group: '',
    version: 'v1',
    kind: 'Namespace',
    plural: 'namespaces',
    singular: 'namespace',
    shortNames: ['ns'],
    categories: [],
    namespaced: false,
    statusSubresource: true,
    printerColumns: [
      { name: 'Status', type: 'string', jsonPath: '.status.phase', description: 'The status of the namespace' },
      { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' },
    ],
  },
  schema: () =>
    z.object({
      spec: z
        .object({
          finalizers: z
            .array(z.string())
            .optional()
            .describe('What must be done before the namespace is gone; kept by the control plane.'),
        })
        .default({}),
      status: z.object({ phase: z.enum(['Active', 'Terminating']).optional() }).optional(),
    }),
  strategy: {
    nameFormat: 'label',
    unconditionalUpdate: true,
    prepareCreate(object) {
      object.spec = { finalizers: [NAMESPACE_FINALIZER] };
      object.status = { phase: 'Active' };
      label(object);
    },
    prepareUpdate(object, current) {
      if (current.spec !== undefined) object.spec = current.spec;
      label(object);
    },
    validate: (object) =>
      object.metadata.generateName !== undefined && object.metadata.name.length > 63
        ? [invalidValue('metadata.name', object.metadata.name, 'must be no more than 63 characters')]
        : [],
    forbidsDeletion: (object) =>
      object.metadata.name === DEFAULT_NAMESPACE ? 'this namespace may not be deleted' : undefined,
    beginDeletion(object) {
      object.status = { ...statusOf(object), phase: 'Terminating' };
    },
    holdsDeletion: (object) =>
      isJsonObject(object.spec) && Array.isArray(object.spec.finalizers) && object.spec.finalizers.length > 0,
  },
  reconciler: namespaceReconciler,
};

function label(object: Resource): void {
  object.metadata.labels = { ...object.metadata.labels, [NAME_LABEL]: object.metadata.name };
}

function statusOf(object: Resource): JsonObject {
  return isJsonObject(object.status) ? object.status : {};
}
