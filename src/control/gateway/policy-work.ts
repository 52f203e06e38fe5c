import { policyEntryKey } from '../../traffic/snapshot/keys.ts';
import { compileAuthPolicy, secretsOfAuthPolicy } from '../auth-policy-spec.ts';
import { conditionFalse, conditionTrue, type Verdict, withCondition } from '../conditions.ts';
import { GATEWAY_CONTROLLER } from '../default-gateway.ts';
import { GATEWAY_GROUP } from '../gateway-schema/references.ts';
import { type JsonObject, jsonEqual, objectIn, objectsIn } from '../json.ts';
import { compileRateLimits } from '../rate-limit-spec.ts';
import { DONE, type ReconcileResult } from '../reconcile.ts';
import type { Resource, ResourceKey } from '../resource.ts';
import { compileRouteMatch, routeMatchFaults } from '../route-match-spec.ts';
import { compileSecurityPolicy } from '../security-policy-spec.ts';
import type { Cause } from '../status.ts';
import { POLICY_PLURALS, type PolicyPlural, type PolicyState, targetText } from './attached-policies.ts';
import { clipped } from './clipped.ts';
import type { ListenerWork } from './listener-work.ts';
import { NO_POLICY } from './records.ts';
import type { Workspace } from './workspace.ts';

/** Rules are looked at again at once, and by portions where they are many. */
const RETIRED_AFTER_MS = 2_000;
/** Rules that are searched in one step, before others get a turn. */
const RULES_A_STEP = 2_000;

/** A target as a policy names it, in the policy's namespace. */
interface Target {
  readonly kind: string;
  readonly name: string;
  readonly section: string | null;
  readonly text: string;
}

/** What a policy compiles to: the text of its entry (null for what rules carry themselves), or a fault. */
type Outcome = { readonly entry: string | null; readonly state: PolicyState };

/** Policies: what they are attached to, what of them is in force, and the entries of those that have one. */
export class PolicyWork {
  private readonly space: Workspace;
  private readonly listeners: ListenerWork;

  constructor(space: Workspace, listeners: ListenerWork) {
    this.space = space;
    this.listeners = listeners;
  }

  /** Looks at a policy, `plural/namespace/name`. */
  look(text: string): ReconcileResult {
    const [resource, namespace, name] = text.split('/');
    const plural = POLICY_PLURALS.find((item) => item === resource);
    if (plural === undefined) return { error: `no kind of policy: ${resource}`, terminal: true };
    const work = `gateway-policy:${text}`;
    const { space } = this;
    const before = space.records.get(work, NO_POLICY);
    const policy = space.find('orasi.io', plural, namespace, name);
    const references = new Set<string>();
    const targets = policy === undefined ? [] : targetsOf(policy);
    const outcome = policy === undefined ? null : this.compile(plural, policy, references);
    const age = policy === undefined ? 0 : this.ageOf(plural, namespace, name);
    const policyName = `${namespace}/${name}`;
    const texts = [...new Set(targets.map((target) => target.text))];

    const touched = [...new Set([...before.targets, ...texts])];
    const inForceBefore = touched.map((target) => space.policies.inForce(target, plural));
    for (const target of before.targets) space.policies.detach(target, plural, before.age, policyName);
    if (outcome !== null)
      for (const target of texts) space.policies.attach(target, plural, age, policyName, outcome.state);
    touched.forEach((target, index) => {
      const present = inForceBefore[index];
      const next = space.policies.inForce(target, plural);
      if (!sameInForce(present, next)) this.touchTarget(target);
      // Who gives way, and who comes into force, is in the status of each.
      for (const other of space.policies.on(target, plural)) {
        if (other !== policyName && present?.policy !== next?.policy) space.ask(`gateway-policy:${plural}/${other}`);
      }
    });

    const entryKey = outcome?.entry == null ? null : outcome.state.entryKey;
    if (before.entryKey !== null && before.entryKey !== entryKey) {
      // Of one that is at fault the rules are answered with an error in any case; one that is gone stays in force until
      // none names it, since no version may have a rule without its policies.
      if (outcome === null) space.ask(`gateway-retired-policy:${text} ${before.entryKey}`, RETIRED_AFTER_MS);
      else space.entries.put(before.entryKey, null);
    }
    if (entryKey !== null && outcome !== null) space.entries.put(entryKey, outcome.entry);
    for (const target of targets) references.add(`target:${targetText(target.kind, namespace, target.name, null)}`);
    space.references.replace(work, before.references, [...references]);
    space.records.put(
      work,
      policy === undefined ? null : { references: [...references], targets: texts, age, entryKey },
    );
    if (policy !== undefined && outcome !== null) this.writeStatus(plural, policy, targets, outcome.state.fault);
    space.publish();
    return DONE;
  }

  /** Takes out the entry of a policy that is gone, `plural/namespace/name key`, once no rule names it. */
  collect(text: string): ReconcileResult {
    const { space } = this;
    const [policy, key] = text.split(' ') as [string, `policy:${string}`];
    const cursor = `retired:${key}`;
    const isThereAgain = space.records.get(`gateway-policy:${policy}`, NO_POLICY).entryKey === key;
    if (isThereAgain) {
      space.facts.set(cursor, '');
      return DONE;
    }
    const { isNamed, next } = space.rules.search(key, space.facts.text(cursor), RULES_A_STEP);
    space.facts.set(cursor, isNamed ? '' : next);
    if (isNamed) return { requeueAfterMs: RETIRED_AFTER_MS };
    if (next !== '') return { requeueAfterMs: 0 };
    space.entries.put(key, null);
    space.publish();
    return DONE;
  }

  private compile(plural: PolicyPlural, policy: Resource, references: Set<string>): Outcome {
    const { namespace = '', name } = policy.metadata;
    if (plural === 'routematchpolicies') {
      const fault = faultText(routeMatchFaults(policy));
      return {
        entry: null,
        state: { entryKey: null, fault, routeMatch: fault === null ? compileRouteMatch(policy) : null },
      };
    }
    const compiled = this.compileEntry(plural, policy, references);
    const namespaceUid = this.space.namespaceUid(namespace);
    const entryKey = policyEntryKey(namespaceUid, plural, name);
    if ('fault' in compiled) return { entry: null, state: { entryKey: null, fault: compiled.fault, routeMatch: null } };
    const entry = JSON.stringify({ kind: policy.kind, name, namespaceUid, spec: compiled.spec });
    return { entry, state: { entryKey, fault: null, routeMatch: null } };
  }

  private compileEntry(
    plural: Exclude<PolicyPlural, 'routematchpolicies'>,
    policy: Resource,
    references: Set<string>,
  ): { readonly spec: unknown } | { readonly fault: string } {
    const { edgeTiers, policySecrets } = this.space.parts;
    switch (plural) {
      case 'ratelimitpolicies':
        return outcomeOf(compileRateLimits(policy, edgeTiers));
      case 'securitypolicies':
        return outcomeOf(compileSecurityPolicy(policy));
      case 'authpolicies': {
        const namespace = policy.metadata.namespace ?? '';
        for (const secret of secretsOfAuthPolicy(policy)) references.add(`secret:${namespace}/${secret}`);
        const secret = (name: string) => this.space.store.find({ group: '', resource: 'secrets', namespace, name });
        return outcomeOf(compileAuthPolicy(policy, { ...policySecrets, secret }));
      }
    }
  }

  /** Has the rules looked at again that a target's policy is in force for. */
  private touchTarget(target: string): void {
    const [kind, rest] = target.split(' ');
    const [name] = rest.split('#');
    if (kind === 'HTTPRoute') this.space.ask(`gateway-route:${name}`);
    else if (kind === 'Upstream') this.space.touch(`upstream:${name}`);
    else this.space.touch(`gateway:${name}`);
  }

  private ageOf(plural: PolicyPlural, namespace: string, name: string): number {
    const key: ResourceKey = { group: 'orasi.io', resource: plural, namespace, name };
    return this.space.parts.storage.get(key)?.createdRevision ?? 0;
  }

  private writeStatus(plural: PolicyPlural, policy: Resource, targets: readonly Target[], fault: string | null): void {
    const { namespace = '', name } = policy.metadata;
    const key: ResourceKey = { group: 'orasi.io', resource: plural, namespace, name };
    const now = this.space.parts.clock.now();
    const verdicts = targets.map((target) => this.verdictAt(plural, `${namespace}/${name}`, namespace, target, fault));
    this.space.store.edit(key, (object) => {
      const observedGeneration = object.metadata.generation;
      const status = objectIn(object.status);
      const present = objectsIn(status.ancestors);
      const ancestors = targets.map((target, index): JsonObject => {
        const group = target.kind === 'Upstream' ? 'orasi.io' : GATEWAY_GROUP;
        const ancestorRef: JsonObject = { group, kind: target.kind, namespace, name: target.name };
        if (target.section !== null) ancestorRef.sectionName = target.section;
        const known = present.find((item) => jsonEqual(item.ancestorRef, ancestorRef))?.conditions;
        const conditions = withCondition(known, { ...verdicts[index], observedGeneration }, now);
        return { ancestorRef, controllerName: GATEWAY_CONTROLLER, conditions };
      });
      const summary = verdicts.find((verdict) => verdict.status === 'False') ?? verdicts[0];
      const conditions =
        summary === undefined ? [] : withCondition(status.conditions, { ...summary, observedGeneration }, now);
      object.status = { ...status, observedGeneration, conditions, ancestors };
    });
  }

  private verdictAt(
    plural: PolicyPlural,
    policy: string,
    namespace: string,
    target: Target,
    fault: string | null,
  ): Verdict {
    const missing = this.missing(namespace, target);
    if (missing !== null) return conditionFalse('Accepted', 'TargetNotFound', missing);
    const [first] = this.space.policies.on(target.text, plural);
    if (first !== policy)
      return conditionFalse('Accepted', 'Conflicted', `${plural} ${first} is older and attached to the same target`);
    if (fault !== null)
      return conditionFalse('Accepted', 'Invalid', `what it is attached to is answered 500: ${fault}`);
    return conditionTrue('Accepted', 'Accepted', 'accepted; in force from the next version on');
  }

  private missing(namespace: string, target: Target): string | null {
    const { kind, name, section } = target;
    if (kind === 'HTTPRoute') {
      const route = this.space.findStandard('httproutes', namespace, name);
      if (route === undefined) return `there is no HTTPRoute ${name}`;
      const named = objectsIn(objectIn(route.spec).rules).some((rule) => rule.name === section);
      return section === null || named ? null : `HTTPRoute ${name} has no rule named ${section}`;
    }
    if (kind === 'Upstream') {
      const isThere = this.space.find('orasi.io', 'upstreams', namespace, name) !== undefined;
      return isThere ? null : `there is no Upstream ${name}`;
    }
    const gateway = this.listeners.facts(namespace, name);
    if (gateway === null) return `there is no Gateway ${name} of a class of ours`;
    const named = gateway.listeners.some((listener) => listener.name === section);
    return section === null || named ? null : `Gateway ${name} has no listener named ${section}`;
  }
}

function targetsOf(policy: Resource): Target[] {
  const namespace = policy.metadata.namespace ?? '';
  return objectsIn(objectIn(policy.spec).targetRefs).map((reference) => {
    const kind = String(reference.kind);
    const name = String(reference.name);
    const section = typeof reference.sectionName === 'string' ? reference.sectionName : null;
    return { kind, name, section, text: targetText(kind, namespace, name, section) };
  });
}

function outcomeOf(
  compiled: { compiled: unknown } | { faults: readonly Cause[] },
): { spec: unknown } | { fault: string } {
  return 'compiled' in compiled
    ? { spec: compiled.compiled }
    : { fault: faultText(compiled.faults) ?? 'it is not valid' };
}

function faultText(faults: readonly Cause[]): string | null {
  return faults.length === 0 ? null : clipped(faults.map((fault) => `${fault.field}: ${fault.message}`).join('; '));
}

/** Whether rules come out the same: what is in an entry does not matter to them. */
function sameInForce(a: PolicyState | null, b: PolicyState | null): boolean {
  return (
    JSON.stringify([a?.entryKey, a?.fault, a?.routeMatch]) === JSON.stringify([b?.entryKey, b?.fault, b?.routeMatch])
  );
}
