import type { HostKey } from '../../core/protocol/gateway.ts';
import { withCondition } from '../conditions.ts';
import { DEFAULT_GATEWAY, GATEWAY_CONTROLLER } from '../default-gateway.ts';
import { GATEWAY_GROUP } from '../gateway-schema/references.ts';
import { type JsonObject, jsonEqual, objectIn, objectsIn } from '../json.ts';
import { DEFAULT_NAMESPACE } from '../kinds/namespace.ts';
import { DONE, type ReconcileResult } from '../reconcile.ts';
import type { Resource, ResourceKey } from '../resource.ts';
import { compileUpstream } from '../upstream-spec.ts';
import { type Attachment, attach, type ParentReference, parentReferences, routeHostnames } from './attach.ts';
import { type BackendReference, compileRoute, matchFaults, type ResolvedBackend } from './compile-route.ts';
import type { PlacesByHost, RouteName } from './host-rules.ts';
import { covers } from './hostnames.ts';
import { selectsLabels } from './label-selector.ts';
import type { ListenerWork } from './listener-work.ts';
import { NO_ROUTE, type RouteRecord } from './records.ts';
import {
  PASSING_CONDITIONS,
  type ParentOutcome,
  programmed,
  type RouteVerdict,
  routeConditions,
} from './route-conditions.ts';
import { type HostOfRoute, lackOf, placesOf, rowsOf } from './route-rules.ts';
import type { Workspace } from './workspace.ts';

/** A parent of a route, with what came of it there. */
interface Parent {
  readonly reference: ParentReference;
  /** As the route has it, for its status. */
  readonly written: JsonObject;
  readonly attachment: Attachment;
}

interface JudgedParent extends Parent {
  /** `Accepted` first. */
  readonly verdicts: readonly RouteVerdict[];
}

/** HTTPRoutes: from a resource to the rules it has under hosts and paths, and to its conditions. */
export class RouteWork {
  private readonly space: Workspace;
  private readonly listeners: ListenerWork;

  constructor(space: Workspace, listeners: ListenerWork) {
    this.space = space;
    this.listeners = listeners;
  }

  /** Looks at a route, `namespace/name`. */
  look(text: string): ReconcileResult {
    const [namespace, name] = text.split('/');
    const route = this.space.findStandard('httproutes', namespace, name);
    const work = `gateway-route:${text}`;
    const before = this.space.records.get(work, NO_ROUTE);
    if (route !== undefined) this.lookAt(route, work, before);
    else {
      if (this.space.rules.replaceRules({ namespace, name }, before.places, []).changed) this.published(before.places);
      this.space.publications.forget({ namespace, name });
      this.keep({ namespace, name }, work, before, NO_ROUTE);
    }
    return DONE;
  }

  /**
   * In the transaction of a change of a route (undefined: it is gone): claims begin and end here, in the order of the
   * changes and not of the looks, and a spec that a new one may fall back to is still there.
   */
  changed(name: RouteName, route: Resource | undefined, previous: Resource | undefined): void {
    const { namespace } = name;
    const work = `gateway-route:${namespace}/${name.name}`;
    const before = this.space.records.get(work, NO_ROUTE);
    const declared = objectIn(route?.spec);
    const compiles = matchFaults(declared).length === 0;
    const earlier = objectIn(previous?.spec);
    const keeps = previous !== undefined && !compiles && matchFaults(earlier).length === 0;
    const fallback = keeps ? { spec: earlier, generation: previous.metadata.generation } : before.fallback;
    const hostnames = routeHostnames(compiles ? declared : (fallback?.spec ?? declared));
    const named = routeHostnames(earlier);
    // What the route did not name itself, a listener has narrowed down or given it, and may go on doing so.
    const mayHave = (claim: string) =>
      route !== undefined &&
      (hostnames.includes(claim) ||
        (!named.includes(claim) && (hostnames.length === 0 || hostnames.some((hostname) => covers(hostname, claim)))));
    const claims = before.claims.filter((claim) => mayHave(claim));
    for (const claim of before.claims) if (!claims.includes(claim)) this.release(claim, namespace);
    for (const hostname of hostnames) {
      if (claims.includes(hostname) || this.space.isReserved(hostname)) continue;
      this.hold(hostname, namespace, Number(route?.metadata.resourceVersion ?? 0));
      claims.push(hostname);
    }
    if (jsonEqual(claims, [...before.claims]) && fallback === before.fallback) return;
    this.space.records.put(work, { ...before, claims, fallback });
  }

  private lookAt(route: Resource, work: string, before: RouteRecord): void {
    const { namespace = '' } = route.metadata;
    const references = new Set<string>([`namespace:${namespace}`]);
    const declared = objectIn(route.spec);
    const faults = matchFaults(declared);
    const fallback = faults.length > 0 ? before.fallback : null;
    const spec = faults.length === 0 ? declared : (fallback?.spec ?? null);
    const refusal = this.refusalOf(declared, namespace);
    const parents = this.parentsOf(route, spec ?? declared, references);
    const hosts = refusal !== null || spec === null ? [] : hostsOf(parents);
    const { served, conflicts, claims } = this.claim(hosts, namespace, before.claims, references);
    const compiled =
      spec === null
        ? null
        : compileRoute(route, spec, fallback?.generation ?? route.metadata.generation, (reference) =>
            this.resolve(reference, namespace, references),
          );
    for (const rule of compiled?.rules ?? []) {
      if (!rule.readsAddresses) continue;
      for (const upstream of rule.upstreams) references.add(`address:${upstream.namespace}/${upstream.name}`);
    }
    const policyFaults = new Set<string>();
    const policies = this.space.policies.lookup();
    const rows =
      compiled === null ? [] : served.flatMap((host) => rowsOf(route, compiled, host, policies, policyFaults));
    const name = { namespace, name: route.metadata.name };
    const { changed, refused } = this.space.rules.replaceRules(name, before.places, rows);
    const { publications, publisher } = this.space;
    if (changed) {
      publications.changed(name);
      this.published(before.places);
    }
    for (const { row } of refused) references.add(`room:${row.host}`);
    const servedKeys = new Set(served.map((host) => host.key));
    const judged = parents.map((parent): JudgedParent => {
      const own = parent.attachment.attached ? parent.attachment.hosts : [];
      const verdicts = routeConditions({
        attachment: parent.attachment,
        conflicts: conflicts.filter(({ hostname }) => own.some((host) => host.hostname === hostname)),
        hasHost: own.some((host) => servedKeys.has(host.key)),
        compiled,
        fallback,
        matchFaults: faults,
        refusal,
        policyFaults: [...policyFaults],
        lacks: refused.map(lackOf),
        programmed: programmed(publications.versionOf(name), publisher.served(), publisher.pinned()),
      });
      return { ...parent, verdicts };
    });
    const record: RouteRecord = {
      uid: route.metadata.uid,
      places: placesOf(rows),
      attachments: attachmentsOf(judged),
      references: [...references],
      claims,
      fallback,
    };
    this.keep(name, work, before, record);
    this.writeStatus(route, judged);
  }

  /** Rules have changed: those that had no room may have some now where there were others. */
  private published(before: PlacesByHost): void {
    this.space.publish();
    for (const host of Object.keys(before)) this.space.touch(`room:${host}`);
  }

  private keep(route: RouteName, work: string, before: RouteRecord, after: RouteRecord): void {
    const { space } = this;
    for (const hostname of before.claims) {
      if (!after.claims.includes(hostname)) this.release(hostname, route.namespace);
    }
    space.references.replace(work, before.references, after.references);
    this.countAttachments(before.attachments, after.attachments);
    space.records.put(work, after === NO_ROUTE ? null : after);
  }

  /** Why a route is refused whatever its parents say, or null. */
  private refusalOf(spec: JsonObject, namespace: string): ParentOutcome['refusal'] {
    const hostnames = routeHostnames(spec);
    const reserved = hostnames.find((hostname) => this.space.isReserved(hostname));
    if (reserved !== undefined) {
      return { reason: 'HostnameReserved', message: `spec.hostnames: ${reserved} is the management surface's` };
    }
    if (spec.useDefaultGateways === 'All') {
      return {
        reason: 'UnsupportedValue',
        message: 'spec.useDefaultGateways is not built: name the Gateway in parentRefs',
      };
    }
    if (hostnames.length === 0 && namespace !== DEFAULT_NAMESPACE) {
      const because = `a route without hostnames takes requests for any host, which only namespace ${DEFAULT_NAMESPACE} may`;
      return { reason: 'HostnameRequired', message: `spec.hostnames: ${because}` };
    }
    return null;
  }

  private parentsOf(route: Resource, spec: JsonObject, references: Set<string>): Parent[] {
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

  /** Takes the claims that a route has, lets go of those it has no more, and says which hosts it gets. */
  private claim(hosts: readonly HostOfRoute[], namespace: string, held: readonly string[], references: Set<string>) {
    const { claims, parts } = this.space;
    const wanted = [...new Set(hosts.map((host) => host.hostname))].filter((hostname) => hostname !== '');
    const conflicts: { hostname: string; owner: string }[] = [];
    for (const hostname of wanted) {
      references.add(`host:${hostname}`);
      if (!held.includes(hostname)) this.hold(hostname, namespace, parts.storage.revision());
      const { owner, turned } = claims.decide(hostname, namespace);
      if (turned) this.touchRivals(hostname, namespace);
      if (owner !== namespace) conflicts.push({ hostname, owner });
    }
    const refused = new Set(conflicts.map(({ hostname }) => hostname));
    const served = hosts.filter(
      ({ hostname }) => !refused.has(hostname) && (hostname !== '' || namespace === DEFAULT_NAMESPACE),
    );
    return { served, conflicts, claims: wanted };
  }

  private hold(hostname: string, namespace: string, revision: number): void {
    if (this.space.claims.hold(hostname, namespace, revision)) this.touchRivals(hostname, namespace);
  }

  private release(hostname: string, namespace: string): void {
    if (this.space.claims.release(hostname, namespace)) this.touchRivals(hostname, namespace);
  }

  private touchRivals(hostname: string, namespace: string): void {
    for (const rival of this.space.claims.rivals(hostname, namespace)) this.space.touch(`host:${rival}`);
  }

  private resolve(reference: BackendReference, namespace: string, references: Set<string>): ResolvedBackend {
    const { group, kind, name } = reference;
    const isUpstream = (group === 'orasi.io' && kind === 'Upstream') || (group === '' && kind === 'Service');
    if (!isUpstream) {
      const text = group === '' ? kind : `${kind}.${group}`;
      return {
        reason: 'InvalidKind',
        message: `${text} is no backend: an Upstream of orasi.io is, or a Service of its name`,
      };
    }
    references.add(`upstream:${reference.namespace}/${name}`);
    if (reference.namespace !== namespace) {
      references.add(`grants:${reference.namespace}`);
      const from = { group: GATEWAY_GROUP, kind: 'HTTPRoute', namespace };
      if (!this.space.isAllowed({ from, to: { group, kind, name } }, reference.namespace)) {
        const message = `no ReferenceGrant of namespace ${reference.namespace} allows ${kind} ${name}`;
        return { reason: 'RefNotPermitted', message };
      }
    }
    const upstream = this.space.find('orasi.io', 'upstreams', reference.namespace, name);
    if (upstream === undefined) {
      return { reason: 'BackendNotFound', message: `there is no Upstream ${reference.namespace}/${name}` };
    }
    const uid = this.space.namespaceUid(reference.namespace);
    return { key: `${uid}/${name}`, upstream: compileUpstream(upstream, uid) };
  }

  private countAttachments(before: readonly string[], after: readonly string[]): void {
    const changed = new Set<string>();
    const count = (attachment: string, by: number) => {
      const [gateway, listener] = attachment.split(' ');
      changed.add(gateway);
      this.space.parts.database.exec(
        `INSERT INTO gateway_attached (gateway, listener, routes) VALUES (?, ?, ?)
         ON CONFLICT DO UPDATE SET routes = routes + excluded.routes`,
        gateway,
        listener,
        by,
      );
    };
    for (const attachment of before) if (!after.includes(attachment)) count(attachment, -1);
    for (const attachment of after) if (!before.includes(attachment)) count(attachment, 1);
    for (const gateway of changed) this.space.ask(`gateway-listeners:${gateway}`);
  }

  private writeStatus(route: Resource, parents: readonly JudgedParent[]): void {
    const { namespace = '', name } = route.metadata;
    const key: ResourceKey = { group: GATEWAY_GROUP, resource: 'httproutes', namespace, name };
    const now = this.space.parts.clock.now();
    this.space.store.edit(key, (object) => {
      const status = objectIn(object.status);
      const present = objectsIn(status.parents);
      const others = present.filter((item) => item.controllerName !== GATEWAY_CONTROLLER);
      const own = parents.map((parent): JsonObject => {
        const known = present.find(
          (item) => item.controllerName === GATEWAY_CONTROLLER && jsonEqual(item.parentRef, parent.written),
        );
        const { verdicts } = parent;
        const stays = (condition: JsonObject) =>
          !PASSING_CONDITIONS.includes(String(condition.type)) || verdicts.some((item) => item.type === condition.type);
        let conditions = objectsIn(known?.conditions).filter(stays);
        for (const verdict of verdicts) {
          const observedGeneration = verdict.observedGeneration ?? object.metadata.generation;
          conditions = withCondition(conditions, { ...verdict, observedGeneration }, now);
        }
        return { parentRef: parent.written, controllerName: GATEWAY_CONTROLLER, conditions };
      });
      if (own.length === 0 && others.length === 0 && object.status === undefined) return;
      object.status = { ...status, parents: [...others, ...own] };
    });
  }
}

/** The hosts of a route over all of its parents; one that several have is the first one's. */
function hostsOf(parents: readonly Parent[]): HostOfRoute[] {
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
function attachmentsOf(parents: readonly JudgedParent[]): string[] {
  const all = parents.flatMap(({ reference, attachment, verdicts }) =>
    attachment.attached && verdicts[0].status === 'True'
      ? attachment.listeners.map((listener) => `${reference.namespace}/${reference.name} ${listener}`)
      : [],
  );
  return [...new Set(all)];
}
