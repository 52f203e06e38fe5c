import type {
  CompiledBackend,
  CompiledCors,
  CompiledFilter,
  CompiledRedirect,
  HeaderChanges,
  HeaderValue,
  PathModifier,
} from '../../core/protocol/gateway.ts';
import { canonicalPath } from '../../traffic/canonical.ts';
import { RESERVED_HEADERS } from '../../traffic/filters/own-headers.ts';
import { isJsonObject, type JsonObject, type JsonValue, numberIn, objectIn, objectsIn, textsIn } from '../json.ts';

/** Why a rule cannot be run as it is declared. Its requests are answered 500: they are nobody else's. */
export interface RuleFault {
  readonly reason: 'UnsupportedValue' | 'IncompatibleFilters' | 'InvalidKind';
  /** Within the rule: `filters[0].externalAuth`. */
  readonly field: string;
  readonly message: string;
}

/** What the filters of a rule or a backend come to, and what is wrong with them. */
export interface CompiledFilters {
  readonly filters: readonly CompiledFilter[];
  readonly faults: readonly RuleFault[];
}

/** Resolves the backend that a mirror names; null where it does not resolve, which is said elsewhere. */
export type MirrorBackend = (reference: JsonObject, field: string) => CompiledBackend | null;

/** Filters that a backend of its own may have: what comes before its choice (a redirect, CORS) cannot wait for it. */
const OF_BACKENDS: ReadonlySet<unknown> = new Set(['RequestHeaderModifier', 'ResponseHeaderModifier']);

/** Types that the standard allows once in a rule; two of them would be two answers. */
const ONCE: ReadonlySet<unknown> = new Set([
  'RequestRedirect',
  'URLRewrite',
  'CORS',
  'RequestHeaderModifier',
  'ResponseHeaderModifier',
]);

/** The filters of a rule, in their order. `onlyPrefixes` says whether every match of the rule is by a path prefix. */
export function compileFilters(
  list: readonly JsonObject[],
  field: string,
  onlyPrefixes: boolean,
  mirrorBackend: MirrorBackend,
): CompiledFilters {
  const filters: CompiledFilter[] = [];
  const faults: RuleFault[] = [];
  const seen = new Set<unknown>();
  list.forEach((filter, index) => {
    const at = `${field}[${index}]`;
    if (seen.has(filter.type) && ONCE.has(filter.type)) {
      faults.push({ reason: 'IncompatibleFilters', field: at, message: `a second ${String(filter.type)}` });
    }
    seen.add(filter.type);
    const compiled = compileFilter(filter, at, onlyPrefixes, mirrorBackend);
    if ('faults' in compiled) faults.push(...compiled.faults);
    else if (compiled.filter !== null) filters.push(compiled.filter);
  });
  if (seen.has('RequestRedirect') && seen.has('URLRewrite')) {
    faults.push({ reason: 'IncompatibleFilters', field, message: 'RequestRedirect and URLRewrite exclude each other' });
  }
  return { filters, faults };
}

/** The filters of one backend of a rule. */
export function compileBackendFilters(list: readonly JsonObject[], field: string): CompiledFilters {
  const faults = list.flatMap((filter, index): RuleFault[] =>
    OF_BACKENDS.has(filter.type)
      ? []
      : [
          {
            reason: 'UnsupportedValue',
            field: `${field}[${index}].type`,
            message: `${String(filter.type)} is not built for a backend`,
          },
        ],
  );
  if (faults.length > 0) return { filters: [], faults };
  return compileFilters(list, field, false, () => null);
}

type OneFilter = { readonly filter: CompiledFilter | null } | { readonly faults: readonly RuleFault[] };

function compileFilter(filter: JsonObject, at: string, onlyPrefixes: boolean, mirrorBackend: MirrorBackend): OneFilter {
  switch (filter.type) {
    case 'RequestHeaderModifier':
      return headersFilter(
        'RequestHeaderModifier',
        objectIn(filter.requestHeaderModifier),
        `${at}.requestHeaderModifier`,
      );
    case 'ResponseHeaderModifier':
      return headersFilter(
        'ResponseHeaderModifier',
        objectIn(filter.responseHeaderModifier),
        `${at}.responseHeaderModifier`,
      );
    case 'RequestRedirect':
      return redirectFilter(objectIn(filter.requestRedirect), `${at}.requestRedirect`, onlyPrefixes);
    case 'URLRewrite':
      return rewriteFilter(objectIn(filter.urlRewrite), `${at}.urlRewrite`, onlyPrefixes);
    case 'RequestMirror':
      return mirrorFilter(objectIn(filter.requestMirror), `${at}.requestMirror`, mirrorBackend);
    case 'CORS':
      return { filter: { type: 'CORS', cors: corsOf(objectIn(filter.cors)) } };
    case 'ExtensionRef':
      // Standard: a filter that cannot be resolved is never skipped.
      return fault('InvalidKind', `${at}.extensionRef`, 'no kind of ours is a filter');
    default:
      return fault('UnsupportedValue', `${at}.type`, `${String(filter.type)} is not built`);
  }
}

function headersFilter(
  type: 'RequestHeaderModifier' | 'ResponseHeaderModifier',
  modifier: JsonObject,
  at: string,
): OneFilter {
  const headers = headerChanges(modifier);
  const names = [...headers.set, ...headers.add].map(({ name }) => name).concat(headers.remove);
  const reserved = names.find((name) => RESERVED_HEADERS.has(name));
  if (reserved !== undefined)
    return fault('UnsupportedValue', at, `${reserved} is the connection's or the gateway's own`);
  return { filter: { type, headers } };
}

function redirectFilter(redirect: JsonObject, at: string, onlyPrefixes: boolean): OneFilter {
  const { scheme } = redirect;
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    return fault('UnsupportedValue', `${at}.scheme`, `${String(scheme)} is no scheme of ours`);
  }
  const path = pathModifier(redirect.path, `${at}.path`, onlyPrefixes);
  if ('faults' in path) return path;
  const compiled: CompiledRedirect = {
    scheme: scheme ?? null,
    hostname: textOr(redirect.hostname, null),
    path: path.modifier,
    port: numberIn(redirect.port, null),
    statusCode: numberIn(redirect.statusCode, 302),
  };
  return { filter: { type: 'RequestRedirect', redirect: compiled } };
}

function rewriteFilter(rewrite: JsonObject, at: string, onlyPrefixes: boolean): OneFilter {
  const path = pathModifier(rewrite.path, `${at}.path`, onlyPrefixes);
  if ('faults' in path) return path;
  return { filter: { type: 'URLRewrite', rewrite: { hostname: textOr(rewrite.hostname, null), path: path.modifier } } };
}

function pathModifier(
  value: JsonValue | undefined,
  at: string,
  onlyPrefixes: boolean,
): { readonly modifier: PathModifier | null } | { readonly faults: readonly RuleFault[] } {
  if (!isJsonObject(value)) return { modifier: null };
  switch (value.type) {
    case 'ReplaceFullPath':
      return replacement('ReplaceFullPath', textOr(value.replaceFullPath, ''), `${at}.replaceFullPath`);
    case 'ReplacePrefixMatch':
      if (!onlyPrefixes)
        return fault('UnsupportedValue', at, 'ReplacePrefixMatch needs a rule that matches by one PathPrefix');
      return replacement('ReplacePrefixMatch', textOr(value.replacePrefixMatch, ''), `${at}.replacePrefixMatch`);
    default:
      return fault('UnsupportedValue', `${at}.type`, `${String(value.type)} is not built`);
  }
}

/** A path in the spelling that requests have: a `?` or `#` in it is of the path, and begins nothing else. */
function replacement(
  type: PathModifier['type'],
  text: string,
  at: string,
): { readonly modifier: PathModifier } | { readonly faults: readonly RuleFault[] } {
  if (text === '') return { modifier: { type, value: '' } };
  const value = canonicalPath(text.startsWith('/') ? text : `/${text}`);
  return typeof value === 'string' ? { modifier: { type, value } } : fault('UnsupportedValue', at, value.message);
}

function mirrorFilter(mirror: JsonObject, at: string, mirrorBackend: MirrorBackend): OneFilter {
  const backend = mirrorBackend(objectIn(mirror.backendRef), `${at}.backendRef`);
  // Standard: a mirror whose backend does not resolve is dropped, and said in ResolvedRefs.
  if (backend === null) return { filter: null };
  return { filter: { type: 'RequestMirror', mirror: { backend, fraction: mirrorFraction(mirror) } } };
}

function mirrorFraction(mirror: JsonObject): number {
  if (isJsonObject(mirror.fraction)) {
    return Math.min(1, numberIn(mirror.fraction.numerator, 0) / numberIn(mirror.fraction.denominator, 100));
  }
  return numberIn(mirror.percent, 100) / 100;
}

function headerChanges(modifier: JsonObject): HeaderChanges {
  return {
    set: headerValues(modifier.set),
    add: headerValues(modifier.add),
    remove: [...new Set(textsIn(modifier.remove).map((name) => name.toLowerCase()))],
  };
}

/** Names in lower case; of entries with equivalent names the first counts (standard). */
function headerValues(value: JsonValue | undefined): HeaderValue[] {
  const values = new Map<string, string>();
  for (const header of objectsIn(value)) {
    const name = String(header.name).toLowerCase();
    if (!values.has(name)) values.set(name, String(header.value));
  }
  return [...values].map(([name, text]) => ({ name, value: text }));
}

function corsOf(cors: JsonObject): CompiledCors {
  return {
    allowOrigins: textsIn(cors.allowOrigins),
    allowCredentials: cors.allowCredentials === true,
    allowMethods: textsIn(cors.allowMethods),
    allowHeaders: textsIn(cors.allowHeaders),
    exposeHeaders: textsIn(cors.exposeHeaders),
    maxAgeSeconds: numberIn(cors.maxAge, 5),
  };
}

function fault(reason: RuleFault['reason'], field: string, message: string): { readonly faults: readonly RuleFault[] } {
  return { faults: [{ reason, field, message }] };
}

function textOr<T>(value: JsonValue | undefined, otherwise: T): string | T {
  return typeof value === 'string' ? value : otherwise;
}
