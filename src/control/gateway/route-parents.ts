import type { HostKey } from '../../core/protocol/gateway.ts';
import { DEFAULT_GATEWAY } from '../default-gateway.ts';
import { GATEWAY_GROUP } from '../gateway-schema/references.ts';
import { type JsonObject, objectIn, objectsIn } from '../json.ts';
import type { Resource } from '../resource.ts';
import { type Attachment, attach, type ParentReference, parentReferences, routeHostnames } from './attach.ts';
import { selectsLabels } from './label-selector.ts';
import type { ListenerWork } from './listener-work.ts';
import type { RouteVerdict } from './route-conditions.ts';
import type { HostOfRoute } from './route-rules.ts';
import type { Workspace } from './workspace.ts';

/** A parent of a route, with what came of it there. */
export interface Parent {
  readonly reference: ParentReference;
  /** As the route has it, for its status. */
  readonly written: JsonObject;
  readonly attachment: Attachment;
}

/** A parent of a route, with the conditions of the route there. */
export interface JudgedParent extends Parent {
  /** `Accepted` first. */
  readonly verdicts: readonly RouteVerdict[];
}

/** The parents of routes: which Gateways they mean, and what comes of them there. */
export class RouteParents {
  private readonly space: Workspace;
  private readonly listeners: ListenerWork;

  constructor(space: Workspace, listeners: ListenerWork) {
    this.space = space;
    this.listeners = listeners;
  }

  /** By a spec that may be an earlier one; what was read is added to `references`. */
  of(route: Resource, spec: JsonObject, references: Set<string>): Parent[] {
    const { namespace = '' } = route.metadata;
    const written = objectsIn(objectIn(route.spec).parentRefs);
    const labels = this.space.store.findClosed({ group: '', resource: 'namespaces', namespace: '', name: namespace })
      ?.metadata.labels;
    const attaching = { namespace, namespaceLabels: labels ?? {}, hostnames: routeHostnames(spec) };
    if (written.length === 0 && spec.useDefaultGateways === 'All') {
      // Refused: said of the Gateway that it would most likely be.
      const named = { group: GATEWAY_GROUP, kind: 'Gateway', name: DEFAULT_GATEWAY };
      const [reference] = parentReferences({ parentRefs: [named] }, namespace);
      return [{ reference, written: named, attachment: { attached: false, reason: 'UnsupportedValue', message: '' } }];
    }
    return parentReferences(objectIn(route.spec), namespace).flatMap((reference, index): Parent[] => {
      const parent = (attachment: Attachment): Parent[] => [{ reference, written: written[index], attachment }];
      const refused = (reason: 'NoMatchingParent' | 'UnsupportedValue', message: string) =>
        parent({ attached: false, reason, message });
      if (reference.group !== GATEWAY_GROUP || reference.kind !== 'Gateway') {
        return refused('UnsupportedValue', `a parent of kind ${reference.kind} is not built: a Gateway is`);
      }
      references.add(`gateway:${reference.namespace}/${reference.name}`);
      const gateway = this.listeners.facts(reference.namespace, reference.name);
      if (gateway !== null) return parent(attach(attaching, reference, gateway, selectsLabels));
      // What another controller has is its to speak of.
      if (this.listeners.isAnothers(reference.namespace, reference.name)) return [];
      return refused(
        'NoMatchingParent',
        `there is no Gateway ${reference.namespace}/${reference.name} of a class of ours`,
      );
    });
  }
}

/** The hosts of a route over all of its parents; one that several have is the first one's. */
export function hostsOf(parents: readonly Parent[]): HostOfRoute[] {
  const hosts = new Map<HostKey, HostOfRoute>();
  for (const { reference, attachment } of parents) {
    if (!attachment.attached) continue;
    for (const { key, hostname, listener } of attachment.hosts) {
      const gateway = { namespace: reference.namespace, name: reference.name, listener };
      if (!hosts.has(key)) hosts.set(key, { key, hostname, gateway });
    }
  }
  return [...hosts.values()];
}

/** A route counts at the listeners of the parents that have accepted it (standard: `attachedRoutes`). */
export function attachmentsOf(parents: readonly JudgedParent[]): string[] {
  const all = parents.flatMap(({ reference, attachment, verdicts }) =>
    attachment.attached && verdicts[0].status === 'True'
      ? attachment.listeners.map((listener) => `${reference.namespace}/${reference.name} ${listener}`)
      : [],
  );
  return [...new Set(all)];
}
