import { durationMs } from '../gateway/durations.ts';
import { type JsonObject, type JsonValue, objectIn, objectsIn } from '../json.ts';
import { backendPort, FILTER_RULES, has, PATH_PATTERN } from './filters.ts';
import { below, type SchemaRule } from './rule.ts';

/** More than these, over all rules of a route, are refused. */
const MATCHES = 128;

/** What HTTPRoute's schema cannot say: the rules of the standard's CustomResourceDefinition (v1.5.1, experimental). */
export const HTTP_ROUTE_RULES: readonly SchemaRule[] = [
  {
    path: 'spec.parentRefs',
    message: 'sectionName or port must be specified when parentRefs includes 2 or more references to the same parent',
    holds: (refs) => {
      const parents = objectsIn(refs);
      return parents.every((a) => parents.every((b) => !sameParent(a, b) || namesSameParts(a, b)));
    },
  },
  {
    path: 'spec.parentRefs',
    message: 'sectionName or port must be unique when parentRefs includes 2 or more references to the same parent',
    holds: (refs) =>
      allDiffer(objectsIn(refs).map((ref) => [parentText(ref), ref.sectionName ?? null, ref.port ?? null])),
  },
  {
    path: 'spec.rules',
    message:
      'While 16 rules and 64 matches per rule are allowed, the total number of matches across all rules in a route must be less than 128',
    holds: (rules) => objectsIn(rules).reduce((sum, rule) => sum + objectsIn(rule.matches).length, 0) <= MATCHES,
  },
  {
    path: 'spec.rules',
    message: 'Rule name must be unique within the route',
    holds: (rules) => allDiffer(objectsIn(rules).flatMap(({ name }) => (name === undefined ? [] : [name]))),
  },
  {
    path: 'spec.rules[*]',
    message: 'RequestRedirect filter must not be used together with backendRefs',
    holds: (rule) => {
      const { backendRefs, filters } = objectIn(rule);
      return (
        objectsIn(backendRefs).length === 0 || !objectsIn(filters).some((filter) => has(filter, 'requestRedirect'))
      );
    },
  },
  prefixNeedsOne('When using RequestRedirect filter', 'requestRedirect', filtersOfRule),
  prefixNeedsOne('When using URLRewrite filter', 'urlRewrite', filtersOfRule),
  prefixNeedsOne('Within backendRefs, when using RequestRedirect filter', 'requestRedirect', filtersOfBackends),
  prefixNeedsOne('Within backendRefs, When using URLRewrite filter', 'urlRewrite', filtersOfBackends),
  ...below('spec.rules[*].filters', FILTER_RULES),
  backendPort('spec.rules[*].backendRefs[*]'),
  ...below('spec.rules[*].backendRefs[*].filters', FILTER_RULES),
  literalPath("value must be an absolute path and start with '/'", (value) => value.startsWith('/')),
  ...['//', '/./', '/../', '%2f', '%2F', '#'].map((part) =>
    literalPath(`must not contain '${part}'`, (value) => !value.includes(part)),
  ),
  ...['/..', '/.'].map((end) => literalPath(`must not end with '${end}'`, (value) => !value.endsWith(end))),
  {
    path: 'spec.rules[*].matches[*].path',
    message: `must only contain valid characters (matching ${PATH_PATTERN.source}) for types ['Exact', 'PathPrefix']`,
    holds: (path) => isExpression(path) || PATH_PATTERN.test(textOf(path)),
  },
  {
    path: 'spec.rules[*].sessionPersistence',
    message: 'AbsoluteTimeout must be specified when cookie lifetimeType is Permanent',
    holds: (session) =>
      objectIn(objectIn(session).cookieConfig).lifetimeType !== 'Permanent' || has(session, 'absoluteTimeout'),
  },
  {
    path: 'spec.rules[*].sessionPersistence',
    message: 'cookieConfig can only be set with type Cookie',
    holds: (session) => !has(session, 'cookieConfig') || objectIn(session).type === 'Cookie',
  },
  {
    path: 'spec.rules[*].timeouts',
    message: 'backendRequest timeout cannot be longer than request timeout',
    holds: (timeouts) => {
      const { request, backendRequest } = objectIn(timeouts);
      if (typeof request !== 'string' || typeof backendRequest !== 'string') return true;
      return durationMs(request) === 0 || durationMs(backendRequest) <= durationMs(request);
    },
  },
];

/** A prefix is replaced where there is one: the rule has one match, and that is of a prefix. */
function prefixNeedsOne(when: string, member: string, filtersOf: (rule: JsonObject) => JsonObject[]): SchemaRule {
  return {
    path: 'spec.rules[*]',
    message: `${when} with path.replacePrefixMatch, exactly one PathPrefix match must be specified`,
    holds: (value) => {
      const rule = objectIn(value);
      const replaces = filtersOf(rule).some((filter) => {
        const path = objectIn(objectIn(filter[member]).path);
        return path.type === 'ReplacePrefixMatch' && path.replacePrefixMatch !== undefined;
      });
      const matches = objectsIn(rule.matches);
      return !replaces || (matches.length === 1 && objectIn(matches[0].path).type === 'PathPrefix');
    },
  };
}

function filtersOfRule(rule: JsonObject): JsonObject[] {
  return objectsIn(rule.filters);
}

function filtersOfBackends(rule: JsonObject): JsonObject[] {
  return objectsIn(rule.backendRefs).flatMap((backend) => objectsIn(backend.filters));
}

/** A rule of paths that are not regular expressions. */
function literalPath(what: string, holds: (value: string) => boolean): SchemaRule {
  return {
    path: 'spec.rules[*].matches[*].path',
    message: `${what} when type one of ['Exact', 'PathPrefix']`,
    holds: (path) => isExpression(path) || holds(textOf(path)),
  };
}

function isExpression(path: JsonValue): boolean {
  return objectIn(path).type === 'RegularExpression';
}

function textOf(path: JsonValue): string {
  return String(objectIn(path).value ?? '/');
}

function parentText({ group, kind, namespace, name }: JsonObject): string {
  return JSON.stringify([group, kind, namespace ?? null, name]);
}

function sameParent(a: JsonObject, b: JsonObject): boolean {
  return parentText(a) === parentText(b);
}

/** Whether both name a section or neither, and both a port or neither. */
function namesSameParts(a: JsonObject, b: JsonObject): boolean {
  return has(a, 'sectionName') === has(b, 'sectionName') && has(a, 'port') === has(b, 'port');
}

function allDiffer(values: readonly JsonValue[]): boolean {
  return new Set(values.map((value) => JSON.stringify(value))).size === values.length;
}
