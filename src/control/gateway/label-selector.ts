import { type JsonObject, objectIn, objectsIn, textsIn } from '../json.ts';

/**
 * Whether labels are what a selector selects (metav1.LabelSelector): every requirement holds; a selector without any
 * selects everything. An operator that is not known selects nothing.
 */
export function selectsLabels(selector: JsonObject, labels: Readonly<Record<string, string>>): boolean {
  const equal = Object.entries(objectIn(selector.matchLabels)).every(([key, value]) => labels[key] === value);
  return equal && objectsIn(selector.matchExpressions).every((requirement) => holds(requirement, labels));
}

function holds(requirement: JsonObject, labels: Readonly<Record<string, string>>): boolean {
  const key = String(requirement.key);
  const isThere = Object.hasOwn(labels, key);
  const values = textsIn(requirement.values);
  switch (requirement.operator) {
    case 'In':
      return isThere && values.includes(labels[key]);
    case 'NotIn':
      return !isThere || !values.includes(labels[key]);
    case 'Exists':
      return isThere;
    case 'DoesNotExist':
      return !isThere;
    default:
      return false;
  }
}
