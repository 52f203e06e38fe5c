import type { HostKey } from '../../core/protocol/gateway.ts';
import { GATEWAY_GROUP } from '../gateway-schema/references.ts';
import type { JsonObject } from '../json.ts';
import { numberIn, objectIn, objectsIn, textsIn } from '../json.ts';
import { intersection } from './hostnames.ts';

/** A listener, as far as routes have to do with it. */
export interface ListenerFacts {
  readonly name: string;
  /** Empty: any host. */
  readonly hostname: string;
  readonly port: number;
  /** Null where the protocol is none of ours. */
  readonly scheme: 'http' | 'https' | null;
  /** Whether HTTPRoutes may attach at all. */
  readonly takesHttpRoutes: boolean;
  readonly from: 'All' | 'Same' | 'Selector' | 'None';
  readonly selector: JsonObject;
  /** Whether requests that come here are answered by rules: a listener with faults takes routes, but serves none. */
  readonly serves: boolean;
}

/** A Gateway, as far as routes have to do with it. */
export interface GatewayFacts {
  readonly namespace: string;
  readonly name: string;
  readonly listeners: readonly ListenerFacts[];
}

/** A reference to a parent, as the route has it. */
export interface ParentReference {
  readonly group: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
  readonly sectionName: string | null;
  readonly port: number | null;
}

/** A route, as far as listeners have a say in it. */
export interface AttachingRoute {
  readonly namespace: string;
  readonly namespaceLabels: Readonly<Record<string, string>>;
  readonly hostnames: readonly string[];
}

/** A place where a route's rules are looked up: a host, and the listener by which it has it. */
export interface AttachedHost {
  readonly key: HostKey;
  readonly hostname: string;
  readonly listener: string;
}

/** What came of a reference to a parent: the hosts it is served on, which may be none, or why it is refused. */
export type Attachment =
  | { readonly attached: true; readonly listeners: readonly string[]; readonly hosts: readonly AttachedHost[] }
  | { readonly attached: false; readonly reason: AttachmentFault; readonly message: string };

/** Reasons of the standard's condition `Accepted`. */
export type AttachmentFault =
  | 'NoMatchingParent'
  | 'NotAllowedByListeners'
  | 'NoMatchingListenerHostname'
  | 'UnsupportedValue';

/** Whether labels are what a selector selects. */
export type SelectorMatch = (selector: JsonObject, labels: Readonly<Record<string, string>>) => boolean;

/**
 * Where a route comes to at one of its parents. The listener's rules are asked in the order in which the standard's
 * reasons narrow: which listeners are meant, which of them let the route in, which of them have a host of it.
 */
export function attach(
  route: AttachingRoute,
  parent: ParentReference,
  gateway: GatewayFacts,
  selects: SelectorMatch,
): Attachment {
  const meant = gateway.listeners.filter(
    (listener) =>
      (parent.sectionName === null || listener.name === parent.sectionName) &&
      (parent.port === null || listener.port === parent.port),
  );
  const gatewayText = `Gateway ${gateway.namespace}/${gateway.name}`;
  if (meant.length === 0) return refused('NoMatchingParent', `${gatewayText} has no listener ${meaningOf(parent)}`);
  const open = meant.filter((listener) => listener.takesHttpRoutes && letsIn(listener, gateway, route, selects));
  if (open.length === 0) {
    const because = meant.some((listener) => listener.takesHttpRoutes)
      ? `allows routes of namespace ${route.namespace}`
      : 'takes HTTPRoutes';
    return refused(
      'NotAllowedByListeners',
      `no listener of ${gatewayText} ${meaningOf(parent)} ${because}`.replace(/ +/g, ' '),
    );
  }
  const hosts = new Map<HostKey, AttachedHost>();
  const listeners: string[] = [];
  for (const listener of open) {
    const shared = sharedHosts(listener, route);
    if (shared.length === 0) continue;
    listeners.push(listener.name);
    if (!listener.serves || listener.scheme === null) continue;
    for (const hostname of shared) {
      const key: HostKey = `${listener.scheme}://${hostname}`;
      if (!hosts.has(key)) hosts.set(key, { key, hostname, listener: listener.name });
    }
  }
  if (listeners.length === 0) {
    return refused('NoMatchingListenerHostname', `no listener of ${gatewayText} has a hostname that is the route's`);
  }
  return { attached: true, listeners, hosts: [...hosts.values()] };
}

function sharedHosts(listener: ListenerFacts, route: AttachingRoute): string[] {
  if (route.hostnames.length === 0) return [listener.hostname];
  return route.hostnames.flatMap((hostname) => intersection(listener.hostname, hostname) ?? []);
}

function letsIn(
  listener: ListenerFacts,
  gateway: GatewayFacts,
  route: AttachingRoute,
  selects: SelectorMatch,
): boolean {
  switch (listener.from) {
    case 'All':
      return true;
    case 'Same':
      return route.namespace === gateway.namespace;
    case 'Selector':
      return selects(listener.selector, route.namespaceLabels);
    case 'None':
      return false;
  }
}

function meaningOf(parent: ParentReference): string {
  const parts = [
    parent.sectionName === null ? [] : [`named "${parent.sectionName}"`],
    parent.port === null ? [] : [`of port ${parent.port}`],
  ].flat();
  return parts.join(' ');
}

function refused(reason: AttachmentFault, message: string): Attachment {
  return { attached: false, reason, message };
}

/** The parents that a route names, in its order; `namespace` is the route's own. */
export function parentReferences(spec: JsonObject, namespace: string): ParentReference[] {
  return objectsIn(spec.parentRefs).map((ref) => ({
    group: typeof ref.group === 'string' ? ref.group : GATEWAY_GROUP,
    kind: typeof ref.kind === 'string' ? ref.kind : 'Gateway',
    namespace: typeof ref.namespace === 'string' ? ref.namespace : namespace,
    name: String(ref.name),
    sectionName: typeof ref.sectionName === 'string' ? ref.sectionName : null,
    port: numberIn(ref.port, null),
  }));
}

/** What routes have to know of a Gateway's listeners. `serves` says which of them have no fault. */
export function listenerFacts(spec: JsonObject, serves: (listener: string) => boolean): ListenerFacts[] {
  return objectsIn(spec.listeners).map((listener) => {
    const allowed = objectIn(listener.allowedRoutes);
    const namespaces = objectIn(allowed.namespaces);
    const scheme = schemeOf(listener.protocol);
    return {
      name: String(listener.name),
      hostname: typeof listener.hostname === 'string' ? listener.hostname : '',
      port: numberIn(listener.port, 0),
      scheme,
      takesHttpRoutes: scheme !== null && supportedKinds(listener).supported.length > 0,
      from: fromOf(namespaces.from),
      selector: objectIn(namespaces.selector),
      serves: serves(String(listener.name)),
    };
  });
}

/** The kinds of route that a listener takes and we have, and those that it names and we have not. */
export function supportedKinds(listener: JsonObject): { supported: JsonObject[]; unknown: JsonObject[] } {
  if (schemeOf(listener.protocol) === null) return { supported: [], unknown: [] };
  const named = objectsIn(objectIn(listener.allowedRoutes).kinds);
  if (named.length === 0) return { supported: [{ group: GATEWAY_GROUP, kind: 'HTTPRoute' }], unknown: [] };
  const isOurs = (kind: JsonObject) => (kind.group ?? GATEWAY_GROUP) === GATEWAY_GROUP && kind.kind === 'HTTPRoute';
  return { supported: named.filter(isOurs), unknown: named.filter((kind) => !isOurs(kind)) };
}

/** By which scheme requests come to a listener of a protocol; null where the protocol is none of ours. */
export function schemeOf(protocol: unknown): 'http' | 'https' | null {
  if (protocol === 'HTTP') return 'http';
  return protocol === 'HTTPS' ? 'https' : null;
}

function fromOf(from: unknown): ListenerFacts['from'] {
  return from === 'All' || from === 'Selector' || from === 'None' ? from : 'Same';
}

/** The hostnames that a route names, in lower case, each once. */
export function routeHostnames(spec: JsonObject): string[] {
  return [...new Set(textsIn(spec.hostnames).map((hostname) => hostname.toLowerCase()))];
}
