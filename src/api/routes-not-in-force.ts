import { findCondition } from '../control/conditions.ts';
import { GATEWAY_CONTROLLER } from '../control/default-gateway.ts';
import { routeHostnames } from '../control/gateway/attach.ts';
import { covers } from '../control/gateway/hostnames.ts';
import { PASSING_CONDITIONS } from '../control/gateway/route-conditions.ts';
import { isJsonObject, type JsonObject, numberIn, objectIn, objectsIn } from '../control/json.ts';
import type { RouteNotInForce } from '../core/protocol/explanation.ts';

/** What a route is asked about: a host, and how it is served. */
export interface ServedHost {
  /** Canonical. */
  readonly scheme: string;
  readonly host: string;
  /** The version it was looked up in. */
  readonly version: number;
  /** Routes, `namespace/name`, that have a rule there; null where not all of them are known. */
  readonly served: ReadonlySet<string> | null;
  /** The version that is held to; null where none is. */
  readonly pinned: number | null;
}

/** Conditions that are False of a route which is not in force; the first that is says why. */
const DENYING_CONDITIONS = ['Accepted', 'Programmed'] as const;

/**
 * Why a route that names the host is not in force there, or not as it is declared; a line for each condition. Empty
 * where it names another host, or is served as it should be.
 */
export function whyNotInForce(route: JsonObject, asked: ServedHost): RouteNotInForce[] {
  const metadata = objectIn(route.metadata);
  const spec = objectIn(route.spec);
  const hostnames = routeHostnames(spec);
  if (hostnames.length > 0 && !hostnames.some((hostname) => covers(hostname, asked.host))) return [];
  const name = `${metadata.namespace}/${metadata.name}`;
  const line = (reason: string, message: string): RouteNotInForce => ({ route: name, reason, message });
  if (objectsIn(spec.parentRefs).length === 0) {
    return [line('NoParents', 'spec.parentRefs names no Gateway, so it attaches to none')];
  }
  const judged = objectsIn(objectIn(route.status).parents).filter(
    (parent) => parent.controllerName === GATEWAY_CONTROLLER,
  );
  // `Accepted` may speak of an earlier generation, which is then in force: the others are of the present one.
  const isJudged = judged
    .flatMap(({ conditions }) => objectsIn(conditions))
    .some(({ observedGeneration }) => numberIn(observedGeneration, 0) >= numberIn(metadata.generation, 0));
  if (!isJudged) return [line('Pending', 'no Gateway of ours has said anything of it, or of its last change, yet')];
  const told = judged.flatMap((parent) => {
    const refused = DENYING_CONDITIONS.map((type) => findCondition(parent, type)).find(
      (condition) => condition?.status === 'False',
    );
    const passing = PASSING_CONDITIONS.map((type) => findCondition(parent, type));
    return [refused, ...passing.filter((condition) => condition?.status === 'True')].filter(isJsonObject);
  });
  // Several parents may say the same.
  const lines = new Map(told.map(({ reason, message }) => [`${reason} ${message}`, line(`${reason}`, `${message}`)]));
  if (lines.size > 0) return [...lines.values()];
  if (asked.served === null || asked.served.has(name)) return [];
  const where = `version ${asked.version} has no rule of it for ${asked.scheme}://${asked.host}`;
  const why = asked.pinned === null ? 'no listener of it is of that scheme, or it is published next' : 'it waits';
  return [line('NotServed', `it is accepted, and ${where}: ${why}`)];
}
