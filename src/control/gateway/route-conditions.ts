import { LIMITS } from '../../core/limits.ts';
import { conditionFalse, conditionTrue, type Verdict } from '../conditions.ts';
import type { Attachment } from './attach.ts';
import { clipped } from './clipped.ts';
import type { RuleFault } from './compile-filters.ts';
import type { CompiledRoute, MatchFault } from './compile-route.ts';
import { IN_NO_VERSION } from './route-publications.ts';

/** What is known of a route at one of its parents. */
export interface ParentOutcome {
  readonly attachment: Attachment;
  /** Hostnames of it that are another namespace's, with whose. */
  readonly conflicts: readonly { readonly hostname: string; readonly owner: string }[];
  /** Whether any host of it is served. */
  readonly hasHost: boolean;
  /** Null where its matches do not compile and no earlier spec is left. */
  readonly compiled: CompiledRoute | null;
  /** The spec in force is an earlier one, of that generation, for these faults of the present one. */
  readonly fallback: { readonly generation: number } | null;
  readonly matchFaults: readonly MatchFault[];
  /** Why it is refused everywhere, whatever its parents say. */
  readonly refusal: { readonly reason: string; readonly message: string } | null;
  /** Policies that cannot be enforced, each a sentence. */
  readonly policyFaults: readonly string[];
  /** What there is no room for of it, and where. */
  readonly lacks: readonly string[];
  /** Whether its rules are served as they are. */
  readonly programmed: Verdict;
}

/** A condition of a route at one of its parents. */
export interface RouteVerdict extends Verdict {
  /** Another generation than the present one, where the condition speaks of that. */
  readonly observedGeneration?: number;
}

/** The conditions of a route at one parent. */
export function routeConditions(outcome: ParentOutcome): RouteVerdict[] {
  const { compiled } = outcome;
  const accepted = acceptance(outcome);
  const conditions = [accepted, resolution(compiled)];
  if (accepted.status === 'True') {
    const { observedGeneration } = accepted;
    const programmed =
      observedGeneration === undefined ? outcome.programmed : { ...outcome.programmed, observedGeneration };
    conditions.push(...partial(outcome), programmed);
  }
  return conditions.map((condition) => ({ ...condition, message: clipped(condition.message) }));
}

/** Types that a route has only where they are said: `Programmed` of none that is not accepted. */
export const PASSING_CONDITIONS: readonly string[] = [
  'PartiallyInvalid',
  'HostnameConflict',
  'PolicyFault',
  'Programmed',
];

/**
 * Whether rules that came with version `since` are served as they are: where that is no later than the version `served`,
 * whose content isolates were told of last. `pinned` is the version that is held to, null for none.
 */
export function programmed(since: number, served: number, pinned: number | null): Verdict {
  if (since <= served) {
    const message = `since version ${since}, which every isolate has within ${LIMITS.gatewaySyncMs / 1_000} s`;
    return conditionTrue('Programmed', 'Programmed', message);
  }
  if (pinned !== null) return rolledBack(pinned);
  const version = since === IN_NO_VERSION ? 'the next version' : `version ${since}`;
  return conditionFalse('Programmed', 'Pending', `it is served from ${version} on`);
}

/** Said of what is declared while another version is served. */
export function rolledBack(pinned: number): Verdict {
  const message = `the gateway holds to version ${pinned}: what is declared is served when that rollback is let go`;
  return conditionFalse('Programmed', 'RolledBack', message);
}

/** Said of a Gateway between a rollback's end and the version that is served then. */
export function letGo(): Verdict {
  const message = 'the rollback was let go: what is declared is served from the next version on';
  return conditionFalse('Programmed', 'Pending', message);
}

function acceptance(outcome: ParentOutcome): RouteVerdict {
  const { attachment, refusal, compiled, conflicts, fallback } = outcome;
  if (refusal !== null) return conditionFalse('Accepted', refusal.reason, refusal.message);
  if (!attachment.attached) return conditionFalse('Accepted', attachment.reason, attachment.message);
  if (compiled === null) return conditionFalse('Accepted', 'UnsupportedValue', faultsText(outcome.matchFaults));
  if (conflicts.length > 0 && !outcome.hasHost)
    return conditionFalse('Accepted', 'HostnameConflict', conflictText(conflicts));
  const faults = compiled.rules.flatMap((rule) => rule.faults);
  if (faults.length > 0 && compiled.rules.every((rule) => rule.faults.length > 0)) {
    return conditionFalse(
      'Accepted',
      reasonOf(faults),
      `no rule can be run as it is declared, their requests are answered 500: ${brokenRules(compiled)}`,
    );
  }
  const message =
    conflicts.length === 0
      ? 'accepted; Programmed says whether it is served yet'
      : `accepted, but not for all of its hostnames: ${conflictText(conflicts)}`;
  const accepted = conditionTrue('Accepted', 'Accepted', message);
  return fallback === null ? accepted : { ...accepted, observedGeneration: fallback.generation };
}

function partial(outcome: ParentOutcome): RouteVerdict[] {
  const conditions: RouteVerdict[] = [];
  const { compiled, fallback, conflicts, policyFaults, lacks } = outcome;
  if (lacks.length > 0) {
    const message = `Dropped Rule, there is ${lacks.join(', ')}`;
    conditions.push(conditionTrue('PartiallyInvalid', 'UnsupportedValue', message));
  } else if (fallback !== null) {
    const message = `Fall Back to generation ${fallback.generation}: ${faultsText(outcome.matchFaults)}`;
    conditions.push(conditionTrue('PartiallyInvalid', 'UnsupportedValue', message));
  } else if (compiled?.rules.some((rule) => rule.faults.length > 0)) {
    const message = `Dropped Rule, its requests are answered 500: ${brokenRules(compiled)}`;
    conditions.push(conditionTrue('PartiallyInvalid', 'UnsupportedValue', message));
  }
  if (conflicts.length > 0)
    conditions.push(conditionTrue('HostnameConflict', 'HostnameConflict', conflictText(conflicts)));
  if (policyFaults.length > 0) conditions.push(conditionTrue('PolicyFault', 'Invalid', policyFaults.join('; ')));
  return conditions;
}

function resolution(compiled: CompiledRoute | null): RouteVerdict {
  const unresolved = compiled?.unresolved ?? [];
  const extension = compiled?.rules.flatMap((rule) => rule.faults).find((fault) => fault.reason === 'InvalidKind');
  if (unresolved.length > 0) {
    return conditionFalse('ResolvedRefs', unresolved[0].reason, unresolved.map((item) => item.message).join('; '));
  }
  if (extension !== undefined)
    return conditionFalse('ResolvedRefs', 'InvalidKind', `${extension.field}: ${extension.message}`);
  return conditionTrue('ResolvedRefs', 'ResolvedRefs', 'everything it refers to is there');
}

function reasonOf(faults: readonly RuleFault[]): string {
  return faults.every((fault) => fault.reason === 'IncompatibleFilters') ? 'IncompatibleFilters' : 'UnsupportedValue';
}

function brokenRules(compiled: CompiledRoute): string {
  return compiled.rules
    .flatMap((rule, index) => rule.faults.map((fault) => `spec.rules[${index}].${fault.field}: ${fault.message}`))
    .join('; ');
}

function faultsText(faults: readonly MatchFault[]): string {
  return faults.map((fault) => `${fault.field}: ${fault.message}`).join('; ');
}

function conflictText(conflicts: ParentOutcome['conflicts']): string {
  return conflicts.map(({ hostname, owner }) => `${hostname} belongs to namespace ${owner}`).join('; ');
}
