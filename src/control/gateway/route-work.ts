import { withCondition } from '../conditions.ts';
import { GATEWAY_CONTROLLER } from '../default-gateway.ts';
import { GATEWAY_GROUP } from '../gateway-schema/references.ts';
import { type JsonObject, jsonEqual, objectIn, objectsIn } from '../json.ts';
import { DEFAULT_NAMESPACE } from '../kinds/namespace.ts';
import { DONE, type ReconcileResult } from '../reconcile.ts';
import type { Resource, ResourceKey } from '../resource.ts';
import { compileUpstream } from '../upstream-spec.ts';
import { routeHostnames } from './attach.ts';
import { type BackendReference, compileRoute, matchFaults, type ResolvedBackend } from './compile-route.ts';
import type { PlacesByHost, RouteName } from './host-rules.ts';
import { NO_ROUTE, type RouteRecord } from './records.ts';
import type { RouteClaims } from './route-claims.ts';
import { PASSING_CONDITIONS, type ParentOutcome, programmed, routeConditions } from './route-conditions.ts';
import { attachmentsOf, hostsOf, type JudgedParent, type RouteParents } from './route-parents.ts';
import { lackOf, placesOf, rowsOf } from './route-rules.ts';
import type { Workspace } from './workspace.ts';

/** HTTPRoutes: from a resource to the rules it has under hosts and paths, and to its conditions. */
export class RouteWork {
  private readonly space: Workspace;
  private readonly claims: RouteClaims;
  private readonly parents: RouteParents;

  constructor(space: Workspace, claims: RouteClaims, parents: RouteParents) {
    this.space = space;
    this.claims = claims;
    this.parents = parents;
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

  private lookAt(route: Resource, work: string, before: RouteRecord): void {
    const { namespace = '' } = route.metadata;
    const references = new Set<string>([`namespace:${namespace}`]);
    const declared = objectIn(route.spec);
    const faults = matchFaults(declared);
    const fallback = faults.length > 0 ? before.fallback : null;
    const spec = faults.length === 0 ? declared : (fallback?.spec ?? null);
    const refusal = this.refusalOf(declared, namespace);
    const parents = this.parents.of(route, spec ?? declared, references);
    const hosts = refusal !== null || spec === null ? [] : hostsOf(parents);
    const { served, conflicts, claims } = this.claims.claim(hosts, namespace, before.claims, references);
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
      if (!after.claims.includes(hostname)) this.claims.release(hostname, route.namespace);
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
