import { isJsonObject, type JsonValue } from './json.ts';

/**
 * Reads a path of a printer column: the part of Kubernetes' JSONPath that columns use. Steps are `.name`, `[0]`,
 * `[*]` (the first item, which is what a column shows), `[?(@.type=="Ready")]` (the first item that matches) and, last,
 * `.length()` for the number of members.
 * Undefined where the path leads nowhere.
 */
export function readPath(value: JsonValue, path: string): JsonValue | undefined {
  let here: JsonValue | undefined = value;
  for (const step of parsePath(path)) {
    if (here === undefined || here === null) return undefined;
    here = step(here);
  }
  return here;
}

type Step = (value: JsonValue) => JsonValue | undefined;

const STEP = /\.length\(\)|\.([A-Za-z_][\w-]*)|\[(\d+|\*)\]|\[\?\(@\.([\w.-]+)\s*==\s*["']([^"']*)["']\)\]/y;
const parsed = new Map<string, readonly Step[]>();

function parsePath(path: string): readonly Step[] {
  const known = parsed.get(path);
  if (known !== undefined) return known;
  const steps: Step[] = [];
  STEP.lastIndex = 0;
  while (STEP.lastIndex < path.length) {
    const at = STEP.lastIndex;
    const match = STEP.exec(path);
    if (match === null) throw new SyntaxError(`"${path}" is not understood from "${path.slice(at)}" on`);
    const [, name, index, field, wanted] = match;
    if (name !== undefined) steps.push((value) => member(value, name));
    else if (index !== undefined)
      steps.push((value) => (Array.isArray(value) ? value[index === '*' ? 0 : Number(index)] : undefined));
    else if (field !== undefined)
      steps.push((value) => (Array.isArray(value) ? value.find((item) => member(item, field) === wanted) : undefined));
    else
      steps.push((value) =>
        Array.isArray(value) ? value.length : isJsonObject(value) ? Object.keys(value).length : undefined,
      );
  }
  parsed.set(path, steps);
  return steps;
}

function member(value: JsonValue, name: string): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}
