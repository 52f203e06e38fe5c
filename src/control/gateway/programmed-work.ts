import { findCondition, withCondition } from '../conditions.ts';
import { GATEWAY_CONTROLLER } from '../default-gateway.ts';
import { GATEWAY_GROUP } from '../gateway-schema/references.ts';
import { objectIn, objectsIn } from '../json.ts';
import { DONE, type ReconcileResult } from '../reconcile.ts';
import { programmed } from './route-conditions.ts';
import { IN_NO_VERSION, type RoutePublication } from './route-publications.ts';
import type { Workspace } from './workspace.ts';

/** Routes of which something is said in one step, before others get a turn. */
const ROUTES_A_STEP = 100;

/**
 * Once isolates have been told of a version, says of the routes whose rules came with it that they are served; of those
 * that are later than a version gone back to, that they are not. What is written is status alone: no route is looked at
 * again for it, and nothing is published.
 */
export class ProgrammedWork {
  private readonly space: Workspace;

  constructor(space: Workspace) {
    this.space = space;
  }

  look(): ReconcileResult {
    const { publications, publisher } = this.space;
    // While a version is held to, those that are in none have something else to wait for.
    const last = publisher.pinned() === null ? publisher.served() : IN_NO_VERSION;
    const routes = publications.next(last, ROUTES_A_STEP);
    for (const route of routes) this.say(route);
    return routes.length < ROUTES_A_STEP ? DONE : { requeueAfterMs: 0 };
  }

  private say({ route, version }: RoutePublication): void {
    const { publisher, store, parts } = this.space;
    const verdict = programmed(version, publisher.served(), publisher.pinned());
    store.edit({ group: GATEWAY_GROUP, resource: 'httproutes', ...route }, (object) => {
      const status = objectIn(object.status);
      const parents = objectsIn(status.parents).map((parent) => {
        const accepted = findCondition(parent, 'Accepted');
        if (parent.controllerName !== GATEWAY_CONTROLLER || accepted?.status !== 'True') return parent;
        // Of the generation that was looked at, which need not be the present one.
        const condition = { ...verdict, observedGeneration: Number(accepted.observedGeneration) };
        return { ...parent, conditions: withCondition(parent.conditions, condition, parts.clock.now()) };
      });
      if (parents.length > 0) object.status = { ...status, parents };
    });
  }
}
