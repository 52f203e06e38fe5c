import { isJsonObject, type JsonObject, type JsonValue, objectIn } from './json.ts';
import { metaTime, type Resource } from './resource.ts';

/** What an aspect of an object was judged to be. */
export interface Verdict {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  /** One CamelCase word for machines. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
}

/** One aspect of an object's state, as `kubectl wait --for=condition=…` reads it. */
export interface Condition extends Verdict {
  /** The generation of the object that the condition speaks of. */
  readonly observedGeneration: number;
}

/**
 * The list with the condition put in its place: `lastTransitionTime` moves only when the status turns.
 * A condition that says what is there already returns an equal list, so that writing it is no change.
 */
export function withCondition(conditions: JsonValue | undefined, condition: Condition, nowMs: number): JsonObject[] {
  const list = conditionsIn(conditions);
  const present = list.find((item) => item.type === condition.type);
  const turned = present === undefined || present.status !== condition.status;
  const lastTransitionTime = turned ? metaTime(nowMs) : (present.lastTransitionTime ?? metaTime(nowMs));
  const next: JsonObject = { ...condition, lastTransitionTime };
  return present === undefined ? [...list, next] : list.map((item) => (item === present ? next : item));
}

/** Says in an object's status what was judged of its present generation; conditions of other types stay. */
export function putVerdicts(object: Resource, verdicts: readonly Verdict[], nowMs: number): void {
  const observedGeneration = object.metadata.generation;
  const status = objectIn(object.status);
  let conditions = conditionsIn(status.conditions);
  for (const verdict of verdicts) conditions = withCondition(conditions, { ...verdict, observedGeneration }, nowMs);
  object.status = { ...status, observedGeneration, conditions };
}

/** It is so: `True`. */
export function conditionTrue(type: string, reason: string, message: string): Verdict {
  return { type, status: 'True', reason, message };
}

/** It is not: `False`. */
export function conditionFalse(type: string, reason: string, message: string): Verdict {
  return { type, status: 'False', reason, message };
}

/** The condition of a type in an object's status. */
export function findCondition(status: JsonValue | undefined, type: string): JsonObject | undefined {
  return isJsonObject(status) ? conditionsIn(status.conditions).find((item) => item.type === type) : undefined;
}

function conditionsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
