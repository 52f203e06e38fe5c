import type { JsonValue } from './json.ts';
import { isJsonObject } from './json.ts';
import { labelValueFault, qualifiedNameFault } from './names.ts';
import type { Resource } from './resource.ts';
import { badRequest } from './status.ts';

/** Whether an object is selected. */
export type Selector = (object: Resource) => boolean;

/**
 * A label selector as Kubernetes writes it: requirements joined by commas, each `key`, `!key`, `key=value`,
 * `key==value`, `key!=value`, `key in (a,b)` or `key notin (a,b)`. Throws BadRequest.
 */
export function parseLabelSelector(text: string): Selector {
  const requirements = splitRequirements(text).map(parseLabelRequirement);
  return (object) => {
    const labels = object.metadata.labels ?? {};
    return requirements.every((holds) => holds(labels));
  };
}

type LabelRequirement = (labels: Readonly<Record<string, string>>) => boolean;

function parseLabelRequirement(text: string): LabelRequirement {
  const set = /^(\S+)\s+(in|notin)\s+\(([^()]*)\)$/.exec(text);
  if (set) {
    const key = labelKey(set[1], text);
    const values = new Set(set[3].split(',').map((value) => labelValue(value.trim(), text)));
    const isIn = set[2] === 'in';
    return (labels) => (Object.hasOwn(labels, key) ? values.has(labels[key]) === isIn : !isIn);
  }
  const compared = /^([^\s=!]+)\s*(==|=|!=)\s*([^\s=!]*)$/.exec(text);
  if (compared) {
    const key = labelKey(compared[1], text);
    const value = labelValue(compared[3], text);
    // A label that is not there differs from every value.
    if (compared[2] === '!=') return (labels) => !Object.hasOwn(labels, key) || labels[key] !== value;
    return (labels) => Object.hasOwn(labels, key) && labels[key] === value;
  }
  const absent = text.startsWith('!');
  const key = labelKey(absent ? text.slice(1).trim() : text, text);
  return (labels) => Object.hasOwn(labels, key) !== absent;
}

function labelKey(key: string, requirement: string): string {
  if (qualifiedNameFault(key) !== undefined)
    throw badRequest(`unable to parse requirement: "${requirement}": "${key}" is not a label key`);
  return key;
}

function labelValue(value: string, requirement: string): string {
  if (labelValueFault(value) !== undefined)
    throw badRequest(`unable to parse requirement: "${requirement}": "${value}" is not a label value`);
  return value;
}

/** Parts at the commas outside of parentheses. */
function splitRequirements(text: string): string[] {
  return text
    .split(/,(?![^(]*\))/)
    .map((part) => part.trim())
    .filter((part, _, parts) => part !== '' || parts.length > 1)
    .map((part) => {
      if (part === '')
        throw badRequest(`unable to parse requirement: found ',' without a requirement beside it in "${text}"`);
      return part;
    });
}

/** Fields every kind can be selected by; a kind's own are paths into the object. */
const COMMON_FIELDS = ['metadata.name', 'metadata.namespace'];

/**
 * A field selector: `path=value`, `path==value` or `path!=value` joined by commas. `fields` are the paths the kind
 * has beside the common ones. Throws BadRequest for others, as the API server does.
 */
export function parseFieldSelector(text: string, fields: readonly string[] = []): Selector {
  const requirements = text
    .split(',')
    .filter((part) => part.trim() !== '')
    .map((part) => {
      const match = /^\s*([^=!]+?)\s*(==|=|!=)\s*(.*?)\s*$/.exec(part);
      if (!match) throw badRequest(`invalid selector: '${part}'; can't understand '${part}'`);
      const [, path, operator, value] = match;
      if (!COMMON_FIELDS.includes(path) && !fields.includes(path))
        throw badRequest(`field label not supported: ${path}`);
      return (object: Resource) => (fieldText(object, path) === value) === (operator !== '!=');
    });
  return (object) => requirements.every((holds) => holds(object));
}

function fieldText(object: Resource, path: string): string {
  let value: JsonValue | undefined = object;
  for (const part of path.split('.')) value = isJsonObject(value) ? value[part] : undefined;
  return value === undefined || value === null ? '' : String(value);
}
