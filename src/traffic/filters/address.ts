import type { CompiledRedirect, CompiledRewrite, PathMatch, PathModifier } from '../../core/protocol/gateway.ts';
import type { CanonicalRequest } from '../canonical.ts';

/** Ports that a URL of the scheme does not name. */
const WELL_KNOWN_PORTS = { http: 80, https: 443 } as const;

/**
 * The path that a filter makes of a request's, by the table of the Gateway API's `HTTPPathModifier`: the prefix is one
 * of whole segments, a slash at the end of either side is no segment, and the result begins with a slash.
 *
 * @param matched the path that the rule matched by; ReplacePrefixMatch has a PathPrefix
 */
export function modifiedPath(path: string, modifier: PathModifier, matched: PathMatch): string {
  if (modifier.type === 'ReplaceFullPath')
    return modifier.value.startsWith('/') ? modifier.value : `/${modifier.value}`;
  const rest = path.slice(withoutEndSlash(matched.value).length);
  const joined = withoutEndSlash(modifier.value) + rest;
  if (joined === '') return modifier.value.startsWith('/') ? modifier.value : '/';
  return joined.startsWith('/') ? joined : `/${joined}`;
}

function withoutEndSlash(path: string): string {
  return path.endsWith('/') ? path.slice(0, -1) : path;
}

/**
 * `Location` of a redirect. The port is the filter's; else the well-known one of the filter's scheme; else that of the
 * request, which is its listener's. It is left out where it is the scheme's own. The query is kept.
 */
export function redirectLocation(request: CanonicalRequest, redirect: CompiledRedirect, matched: PathMatch): string {
  const scheme = redirect.scheme?.toLowerCase() ?? request.scheme;
  const wellKnown = scheme === 'http' || scheme === 'https' ? WELL_KNOWN_PORTS[scheme] : null;
  const port = redirect.port ?? (redirect.scheme === null ? request.port : wellKnown);
  const shownPort = port === null || port === wellKnown ? '' : `:${port}`;
  const path = redirect.path === null ? request.path : modifiedPath(request.path, redirect.path, matched);
  return `${scheme}://${redirect.hostname ?? request.host}${shownPort}${path}${request.search}`;
}

/** The path that goes to the upstream. */
export function rewrittenPath(path: string, rewrite: CompiledRewrite, matched: PathMatch): string {
  return rewrite.path === null ? path : modifiedPath(path, rewrite.path, matched);
}
