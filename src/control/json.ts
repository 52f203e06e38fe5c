/** JSON values as parsed. Resources are plain JSON: numbers are doubles, as in every Kubernetes client. */
export type JsonValue = null | boolean | number | string | JsonValue[] | JsonObject;
/** An object of JSON, as resources are stored and answered. */
export interface JsonObject {
  [key: string]: JsonValue;
}

/** Whether a value is an object: neither a list nor null. */
export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The readers below are for what a schema has validated: what an older schema did not have yet is as if it were empty. */
export function objectIn(value: JsonValue | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

export function objectsIn(value: JsonValue | undefined): JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : [];
}

export function textsIn(value: JsonValue | undefined): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

export function numberIn<T>(value: JsonValue | undefined, otherwise: T): number | T {
  return typeof value === 'number' ? value : otherwise;
}

/** Equality of values; the order of an object's members does not count, that of a list's does. */
export function jsonEqual(a: JsonValue | undefined, b: JsonValue | undefined): boolean {
  if (a === b) return true;
  if (Array.isArray(a)) return Array.isArray(b) && a.length === b.length && a.every((item, i) => jsonEqual(item, b[i]));
  if (!isJsonObject(a) || !isJsonObject(b)) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) => Object.hasOwn(b, key) && jsonEqual(a[key], b[key]));
}

/** Deeper nesting than any schema has; recursion over a parsed value stays within the stack. */
const MAX_DEPTH = 64;

/**
 * Parses text that must be one JSON object. Throws a SyntaxError that says what is wrong, also where the value
 * nests too deeply or has a member called `__proto__`, which could not be copied from object to object safely.
 */
export function parseJsonObject(text: string): JsonObject {
  const value: unknown = JSON.parse(text);
  if (!isJsonObject(value)) throw new SyntaxError('expected a JSON object');
  checkMembers(value, 0);
  return value;
}

function checkMembers(value: JsonValue, depth: number): void {
  if (typeof value !== 'object' || value === null) return;
  if (depth > MAX_DEPTH) throw new SyntaxError(`nests deeper than ${MAX_DEPTH} levels`);
  if (Array.isArray(value)) {
    for (const item of value) checkMembers(item, depth + 1);
    return;
  }
  for (const [key, member] of Object.entries(value)) {
    if (key === '__proto__') throw new SyntaxError('a member cannot be called "__proto__"');
    checkMembers(member, depth + 1);
  }
}

/** A copy that shares nothing with the original. */
export function cloneJson<T extends JsonValue>(value: T): T {
  return structuredClone(value);
}
