import { jsonEqual, objectIn } from '../json.ts';
import { DEFAULT_NAMESPACE } from '../kinds/namespace.ts';
import type { Resource } from '../resource.ts';
import { routeHostnames } from './attach.ts';
import { matchFaults } from './compile-route.ts';
import type { RouteName } from './host-rules.ts';
import { covers } from './hostnames.ts';
import { NO_ROUTE } from './records.ts';
import type { HostOfRoute } from './route-rules.ts';
import type { Workspace } from './workspace.ts';

/** The claims of routes on hostnames: when they begin and end, and who has to look again for it. */
export class RouteClaims {
  private readonly space: Workspace;

  constructor(space: Workspace) {
    this.space = space;
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

  /** Takes the claims on the hosts of a route that it does not hold yet, and says which of them it gets. */
  claim(hosts: readonly HostOfRoute[], namespace: string, held: readonly string[], references: Set<string>) {
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

  /** A route has no more to do with a hostname. */
  release(hostname: string, namespace: string): void {
    if (this.space.claims.release(hostname, namespace)) this.touchRivals(hostname, namespace);
  }

  private hold(hostname: string, namespace: string, revision: number): void {
    if (this.space.claims.hold(hostname, namespace, revision)) this.touchRivals(hostname, namespace);
  }

  private touchRivals(hostname: string, namespace: string): void {
    for (const rival of this.space.claims.rivals(hostname, namespace)) this.space.touch(`host:${rival}`);
  }
}
