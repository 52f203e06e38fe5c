import type { ObjectDatabase } from '../../core/object-database.ts';
import type { AttachedPolicy } from '../../core/protocol/gateway.ts';
import type { CompiledRouteMatch } from '../route-match-spec.ts';

/** The kinds of policy that attach, in the order in which they run. */
export const POLICY_PLURALS = ['securitypolicies', 'authpolicies', 'ratelimitpolicies', 'routematchpolicies'] as const;
export type PolicyPlural = (typeof POLICY_PLURALS)[number];

/** A policy at one of its targets. */
export interface PolicyState {
  /** Null for what is compiled into the rules themselves. */
  readonly entryKey: `policy:${string}` | null;
  /** Why it cannot be enforced: then what it is attached to is answered with an error. Null where it can. */
  readonly fault: string | null;
  readonly routeMatch: CompiledRouteMatch | null;
}

/** The policy that is in force at a target, with its name. */
export interface PlacedPolicy extends PolicyState {
  /** `namespace/name` */
  readonly policy: string;
}

/** What a policy is attached to, as a text: `HTTPRoute default/shop`, with `#` and a section where it names one. */
export function targetText(kind: string, namespace: string, name: string, section: string | null): string {
  return `${kind} ${namespace}/${name}${section === null ? '' : `#${section}`}`;
}

/** Which policies are attached to what. Of one kind the oldest on a target is in force there, and the others are not. */
export class AttachedPolicies {
  private readonly database: ObjectDatabase;

  constructor(database: ObjectDatabase) {
    this.database = database;
  }

  attach(target: string, plural: PolicyPlural, age: number, policy: string, state: PolicyState): void {
    this.database.exec(
      'INSERT OR REPLACE INTO gateway_policies (target, plural, age, policy, state) VALUES (?, ?, ?, ?, ?)',
      target,
      plural,
      age,
      policy,
      JSON.stringify(state),
    );
  }

  detach(target: string, plural: PolicyPlural, age: number, policy: string): void {
    this.database.exec(
      'DELETE FROM gateway_policies WHERE target = ? AND plural = ? AND age = ? AND policy = ?',
      target,
      plural,
      age,
      policy,
    );
  }

  inForce(target: string, plural: PolicyPlural): PlacedPolicy | null {
    const row = this.database.exec(
      'SELECT policy, state FROM gateway_policies WHERE target = ? AND plural = ? ORDER BY age, policy LIMIT 1',
      target,
      plural,
    )[0];
    return row === undefined ? null : { policy: String(row.policy), ...(JSON.parse(String(row.state)) as PolicyState) };
  }

  /** The policies of a kind on a target, the one in force first. */
  on(target: string, plural: PolicyPlural): string[] {
    return this.database
      .exec('SELECT policy FROM gateway_policies WHERE target = ? AND plural = ? ORDER BY age, policy', target, plural)
      .map((row) => String(row.policy));
  }

  /** What is in force on targets, each asked for once: many rules have the same ones. */
  lookup(): PolicyLookup {
    const known = new Map<string, ReadonlyMap<PolicyPlural, PlacedPolicy>>();
    return (target) => {
      const present = known.get(target) ?? this.onTarget(target);
      known.set(target, present);
      return present;
    };
  }

  private onTarget(target: string): ReadonlyMap<PolicyPlural, PlacedPolicy> {
    const policies = new Map<PolicyPlural, PlacedPolicy>();
    const rows = this.database.exec(
      'SELECT plural, policy, state FROM gateway_policies WHERE target = ? ORDER BY plural, age, policy',
      target,
    );
    for (const row of rows) {
      const plural = row.plural as PolicyPlural;
      const state: PolicyState = JSON.parse(String(row.state));
      if (!policies.has(plural)) policies.set(plural, { policy: String(row.policy), ...state });
    }
    return policies;
  }
}

/** The policies in force on a target, by kind. */
export type PolicyLookup = (target: string) => ReadonlyMap<PolicyPlural, PlacedPolicy>;

/** Of targets from the widest to the narrowest the policy on the narrowest that has one. */
export function narrowest(
  lookup: PolicyLookup,
  targets: readonly { readonly text: string; readonly target: AttachedPolicy['target'] }[],
  plural: PolicyPlural,
): { readonly policy: PlacedPolicy; readonly target: AttachedPolicy['target'] } | null {
  for (let i = targets.length - 1; i >= 0; i--) {
    const policy = lookup(targets[i].text).get(plural);
    if (policy !== undefined) return { policy, target: targets[i].target };
  }
  return null;
}

/**
 * What owners of other namespaces have put on what a rule reaches of theirs. It goes before whatever the route says (of
 * limits both are in force): being allowed to send requests to an Upstream is not being allowed to do so past its
 * owner's policies. What is matched stays the route's own business.
 */
export function ownersPolicies(
  lookup: PolicyLookup,
  upstreams: readonly { readonly namespace: string; readonly name: string }[],
  namespace: string,
  plural: PolicyPlural,
): PlacedPolicy[] {
  if (plural === 'routematchpolicies') return [];
  const found = new Map<string, PlacedPolicy>();
  for (const upstream of upstreams) {
    if (upstream.namespace === namespace) continue;
    const policy = lookup(targetText('Upstream', upstream.namespace, upstream.name, null)).get(plural);
    if (policy !== undefined) found.set(policy.policy, policy);
  }
  return [...found.values()];
}
