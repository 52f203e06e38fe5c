import { FILTER_TYPES, PATH_CHARACTERS } from '../gateway-schema/filters.ts';
import { isJsonObject, numberIn, objectIn, objectsIn, textsIn } from '../json.ts';
import type { SchemaRule } from './rule.ts';

/** The member that a filter of a type has. */
const MEMBERS: Readonly<Record<(typeof FILTER_TYPES)[number], string>> = {
  RequestHeaderModifier: 'requestHeaderModifier',
  ResponseHeaderModifier: 'responseHeaderModifier',
  RequestMirror: 'requestMirror',
  RequestRedirect: 'requestRedirect',
  URLRewrite: 'urlRewrite',
  ExtensionRef: 'extensionRef',
  CORS: 'cors',
  ExternalAuth: 'externalAuth',
};

/** What is there once, since a second would have nothing to say or contradict the first. */
const UNREPEATED = ['CORS', 'RequestHeaderModifier', 'ResponseHeaderModifier', 'RequestRedirect', 'URLRewrite'];

/** Of a list of filters: paths go on from it. */
export const FILTER_RULES: readonly SchemaRule[] = [
  {
    path: '',
    message: 'May specify either httpRouteFilterRequestRedirect or httpRouteFilterRequestRewrite, but not both',
    holds: (filters) => !(countOf(filters, 'RequestRedirect') > 0 && countOf(filters, 'URLRewrite') > 0),
  },
  ...UNREPEATED.map(
    (type): SchemaRule => ({
      path: '',
      message: `${type} filter cannot be repeated`,
      holds: (filters) => countOf(filters, type) <= 1,
    }),
  ),
  ...FILTER_TYPES.flatMap((type): SchemaRule[] => [
    {
      path: '[*]',
      message: `filter.${MEMBERS[type]} must be nil if the filter.type is not ${type}`,
      holds: (filter) => !has(filter, MEMBERS[type]) || objectIn(filter).type === type,
    },
    {
      path: '[*]',
      message: `filter.${MEMBERS[type]} must be specified for ${type} filter.type`,
      holds: (filter) => has(filter, MEMBERS[type]) || objectIn(filter).type !== type,
    },
  ]),
  {
    path: '[*].cors.allowHeaders',
    message: "AllowHeaders cannot contain '*' alongside other methods",
    holds: standsAlone,
  },
  {
    path: '[*].cors.allowMethods',
    message: "AllowMethods cannot contain '*' alongside other methods",
    holds: standsAlone,
  },
  {
    path: '[*].cors.allowOrigins',
    message: "AllowOrigins cannot contain '*' alongside other origins",
    holds: standsAlone,
  },
  {
    path: '[*].requestMirror',
    message: 'Only one of percent or fraction may be specified in HTTPRequestMirrorFilter',
    holds: (mirror) => !(has(mirror, 'percent') && has(mirror, 'fraction')),
  },
  {
    path: '[*].requestMirror.fraction',
    message: 'numerator must be less than or equal to denominator',
    holds: (fraction) => numberIn(objectIn(fraction).numerator, 0) <= numberIn(objectIn(fraction).denominator, 100),
  },
  backendPort('[*].requestMirror.backendRef'),
  ...pathModifierRules('[*].requestRedirect.path'),
  ...pathModifierRules('[*].urlRewrite.path'),
  ...memberOfType('[*].externalAuth', 'protocol', 'GRPC', 'grpc'),
  ...memberOfType('[*].externalAuth', 'protocol', 'HTTP', 'http'),
  backendPort('[*].externalAuth.backendRef'),
];

/** Of a backend: an Upstream has its port in its addresses, a Service has to name one. */
export function backendPort(path: string): SchemaRule {
  return {
    path,
    message: 'Must have port for Service reference',
    holds: (backend) => {
      const { group, kind, port } = objectIn(backend);
      return group !== '' || kind !== 'Service' || port !== undefined;
    },
  };
}

export const PATH_PATTERN = new RegExp(PATH_CHARACTERS);

export function has(value: unknown, member: string): boolean {
  return isJsonObject(value) && Object.hasOwn(value, member);
}

function countOf(filters: Parameters<SchemaRule['holds']>[0], type: string): number {
  return objectsIn(filters).filter((filter) => filter.type === type).length;
}

function standsAlone(list: Parameters<SchemaRule['holds']>[0]): boolean {
  const values = textsIn(list);
  return !values.includes('*') || values.length === 1;
}

function pathModifierRules(path: string): SchemaRule[] {
  return [
    ...memberOfType(path, 'type', 'ReplaceFullPath', 'replaceFullPath'),
    ...memberOfType(path, 'type', 'ReplacePrefixMatch', 'replacePrefixMatch'),
  ];
}

/** `member` is there where `field` says `type`, and nowhere else. */
function memberOfType(path: string, field: string, type: string, member: string): SchemaRule[] {
  return [
    {
      path,
      message: `${member} must be specified when ${field} is set to '${type}'`,
      holds: (value) => objectIn(value)[field] !== type || has(value, member),
    },
    {
      path,
      message: `${field} must be '${type}' when ${member} is set`,
      holds: (value) => !has(value, member) || objectIn(value)[field] === type,
    },
  ];
}
