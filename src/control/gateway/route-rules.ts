import type { AttachedPolicy, CompiledRule, HostKey, RuleAction } from '../../core/protocol/gateway.ts';
import type { Resource } from '../resource.ts';
import { narrowest, ownersPolicies, POLICY_PLURALS, type PolicyLookup, targetText } from './attached-policies.ts';
import { brokenBy, type CompiledRoute, type CompiledRouteRule } from './compile-route.ts';
import type { PlacesByHost, RefusedRow, RuleRow } from './host-rules.ts';
import { placeOfPath, segmentsOfPath } from './places.ts';

/** A host that a route is served on, and the listener that it has it from. */
export interface HostOfRoute {
  readonly key: HostKey;
  readonly hostname: string;
  readonly gateway: { readonly namespace: string; readonly name: string; readonly listener: string };
}

const KIND_OF = {
  ratelimitpolicies: 'RateLimitPolicy',
  authpolicies: 'AuthPolicy',
  securitypolicies: 'SecurityPolicy',
} as const;
const WIDTH = { Gateway: 0, Upstream: 1, HTTPRoute: 2, HTTPRouteRule: 3 } as const;

/** Where the rules of a route lie: what a later look replaces. */
export function placesOf(rows: readonly RuleRow[]): PlacesByHost {
  const places: Record<HostKey, number[]> = {};
  for (const { host, place } of rows) {
    places[host] ??= [];
    places[host].push(place);
  }
  return places;
}

/** What there is no room for, and where: host and path, or the first of several expressions. */
export function lackOf({ row: { host, page }, lacks }: RefusedRow): string {
  return `no room for more ${lacks} at ${host}${page.rules[0]?.path.value ?? ''}`;
}

/**
 * The rules of a route on one host, by path, with the policies that are in force for each. What keeps a policy from being
 * enforced is added to `policyFaults`: its rules are answered with an error.
 */
export function rowsOf(
  route: Resource,
  compiled: CompiledRoute,
  host: HostOfRoute,
  policies: PolicyLookup,
  policyFaults: Set<string>,
): RuleRow[] {
  const createdMs = Date.parse(route.metadata.creationTimestamp);
  const rows = new Map<
    number,
    { segments: number; prioritised: boolean; instructions: number; rules: CompiledRule[]; actions: RuleAction[] }
  >();
  for (const rule of compiled.rules) {
    const { action, priority, conditions } = actionOf(route, rule, host, policies, policyFaults);
    rule.matches.forEach(({ path, match, instructions }, matchIndex) => {
      const place = placeOfPath(path);
      const row = rows.get(place) ?? { segments: 0, prioritised: false, instructions: 0, rules: [], actions: [] };
      rows.set(place, row);
      let index = row.actions.indexOf(action);
      if (index < 0) index = row.actions.push(action) - 1;
      if (path.type === 'PathPrefix') row.segments = Math.max(row.segments, segmentsOfPath(path));
      row.prioritised ||= priority !== 0;
      row.instructions += instructions;
      row.rules.push({ path, match: { ...match, conditions }, priority, createdMs, action: index, matchIndex });
    });
  }
  return [...rows].map(([place, { rules, actions, ...row }]) => ({
    host: host.key,
    place,
    ...row,
    page: { rules, actions },
  }));
}

function actionOf(
  route: Resource,
  rule: CompiledRouteRule,
  host: HostOfRoute,
  lookup: PolicyLookup,
  policyFaults: Set<string>,
) {
  const { namespace = '', name } = route.metadata;
  const { gateway } = host;
  // From the widest to the narrowest.
  const targets: { text: string; target: AttachedPolicy['target'] }[] = [
    { text: targetText('Gateway', gateway.namespace, gateway.name, null), target: 'Gateway' },
    { text: targetText('Gateway', gateway.namespace, gateway.name, gateway.listener), target: 'Gateway' },
    // Of several upstreams the first one's goes before the others'.
    ...rule.upstreams
      .filter((upstream) => upstream.namespace === namespace)
      .map((upstream) => ({
        text: targetText('Upstream', upstream.namespace, upstream.name, null),
        target: 'Upstream' as const,
      }))
      .reverse(),
    { text: targetText('HTTPRoute', namespace, name, null), target: 'HTTPRoute' },
  ];
  if (rule.name !== null)
    targets.push({ text: targetText('HTTPRoute', namespace, name, rule.name), target: 'HTTPRouteRule' });
  const policies: AttachedPolicy[] = [];
  const faults: { reason: string; field: string; message: string }[] = [];
  let routeMatch: { priority: number; conditions: CompiledRule['match']['conditions'] } = {
    priority: 0,
    conditions: null,
  };
  for (const plural of POLICY_PLURALS) {
    const owners = ownersPolicies(lookup, rule.reached, namespace, plural);
    if (owners.length > 1 && plural !== 'ratelimitpolicies') {
      const names = owners.map(({ policy }) => policy).join(', ');
      const message = `Upstreams of other namespaces have different ones, of which one can be in force: ${names}`;
      faults.push({ reason: 'Invalid', field: plural, message });
      policyFaults.add(`${plural} cannot be enforced together, requests are answered 500: ${message}`);
      continue;
    }
    const inForce = owners.map((policy) => ({ policy, target: 'Upstream' as AttachedPolicy['target'] }));
    const own = narrowest(lookup, targets, plural);
    if (own !== null && (inForce.length === 0 || plural === 'ratelimitpolicies')) inForce.push(own);
    for (const { policy, target } of inForce) {
      if (policy.routeMatch !== null) routeMatch = policy.routeMatch;
      if (policy.fault !== null) {
        faults.push({ reason: 'Invalid', field: `${plural} ${policy.policy}`, message: policy.fault });
        policyFaults.add(`${plural} ${policy.policy} cannot be enforced, requests are answered 500: ${policy.fault}`);
      } else if (plural !== 'routematchpolicies' && policy.entryKey !== null) {
        policies.push({ kind: KIND_OF[plural], key: policy.entryKey, target });
      }
    }
  }
  policies.sort((a, b) => WIDTH[a.target] - WIDTH[b.target]);
  const action: RuleAction = {
    ...rule.action,
    gateway,
    policies,
    broken: rule.action.broken ?? brokenBy(faults),
  };
  return { action, ...routeMatch };
}
