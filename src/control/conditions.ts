import { isJsonObject, type JsonObject, type JsonValue } from './json.ts';
import { metaTime } from './resource.ts';

/** One aspect of an object's state, as `kubectl wait --for=condition=…` reads it. */
export interface Condition {
  readonly type: string;
  readonly status: 'True' | 'False' | 'Unknown';
  /** One CamelCase word for machines. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
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

/** The condition of a type in an object's status. */
export function findCondition(status: JsonValue | undefined, type: string): JsonObject | undefined {
  return isJsonObject(status) ? conditionsIn(status.conditions).find((item) => item.type === type) : undefined;
}

function conditionsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}
