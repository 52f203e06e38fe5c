import type { HeaderValue } from '../core/protocol/gateway.ts';

/** Sets of security headers, for what answers are: of an API to programs, of pages to browsers, of pages that may need all. */
export const SECURITY_PROFILES = ['api', 'web', 'strict'] as const;
export type SecurityProfile = (typeof SECURITY_PROFILES)[number];

interface ProfileHeaders {
  /** Over what the upstream says: no answer is meant to be without them. */
  readonly set: readonly HeaderValue[];
  /** Where the upstream says nothing: it may know better what its page needs. */
  readonly defaults: readonly HeaderValue[];
  readonly remove: readonly string[];
}

const TWO_YEARS = 63_072_000;
const NO_FEATURES =
  'accelerometer=(), camera=(), geolocation=(), gyroscope=(), magnetometer=(), microphone=(), payment=(), usb=()';

/** What gives a server's make away helps nobody but who looks for its holes. */
const TELLTALES = ['x-powered-by', 'x-aspnet-version', 'x-aspnetmvc-version'];

/**
 * Values follow the OWASP Secure Headers Project (https://owasp.org/www-project-secure-headers/). `Strict-Transport-Security`
 * is left out of answers over plain HTTP, where RFC 6797 (section 7.2) forbids it.
 */
const PROFILES: Readonly<Record<SecurityProfile, ProfileHeaders>> = {
  api: {
    set: [
      { name: 'strict-transport-security', value: `max-age=${TWO_YEARS}; includeSubDomains` },
      { name: 'x-content-type-options', value: 'nosniff' },
    ],
    defaults: [
      // An API's answer is no page: whoever opens it as one gets nothing to run and nobody frames it.
      { name: 'content-security-policy', value: "default-src 'none'; frame-ancestors 'none'" },
      { name: 'referrer-policy', value: 'no-referrer' },
      { name: 'cache-control', value: 'no-store' },
    ],
    remove: TELLTALES,
  },
  web: {
    set: [
      { name: 'strict-transport-security', value: `max-age=${TWO_YEARS}; includeSubDomains` },
      { name: 'x-content-type-options', value: 'nosniff' },
    ],
    defaults: [
      {
        name: 'content-security-policy',
        value: "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'; object-src 'none'",
      },
      { name: 'x-frame-options', value: 'SAMEORIGIN' },
      { name: 'referrer-policy', value: 'strict-origin-when-cross-origin' },
      { name: 'permissions-policy', value: NO_FEATURES },
      { name: 'cross-origin-opener-policy', value: 'same-origin-allow-popups' },
    ],
    remove: TELLTALES,
  },
  strict: {
    set: [
      { name: 'strict-transport-security', value: `max-age=${TWO_YEARS}; includeSubDomains` },
      { name: 'x-content-type-options', value: 'nosniff' },
      { name: 'x-frame-options', value: 'DENY' },
      { name: 'referrer-policy', value: 'no-referrer' },
      { name: 'permissions-policy', value: NO_FEATURES },
      { name: 'cross-origin-opener-policy', value: 'same-origin' },
      { name: 'cross-origin-embedder-policy', value: 'require-corp' },
      { name: 'cross-origin-resource-policy', value: 'same-origin' },
      { name: 'x-permitted-cross-domain-policies', value: 'none' },
    ],
    defaults: [
      {
        name: 'content-security-policy',
        value:
          "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; upgrade-insecure-requests",
      },
    ],
    remove: [...TELLTALES, 'server'],
  },
};

const NOTHING: ProfileHeaders = { set: [], defaults: [], remove: [] };

/** The headers of a profile with what a policy changes of them. Names are in lower case. */
export function resolveProfile(
  profile: SecurityProfile | 'none',
  changes: {
    readonly set: readonly HeaderValue[];
    readonly omit: readonly string[];
    readonly remove: readonly string[];
  },
): ProfileHeaders {
  const usual = profile === 'none' ? NOTHING : PROFILES[profile];
  const set = changes.set.map(({ name, value }) => ({ name: name.toLowerCase(), value }));
  const gone = new Set([...changes.omit.map((name) => name.toLowerCase()), ...set.map(({ name }) => name)]);
  const kept = (headers: readonly HeaderValue[]) => headers.filter(({ name }) => !gone.has(name));
  const remove = [...new Set([...usual.remove, ...changes.remove.map((name) => name.toLowerCase())])];
  return {
    set: [...kept(usual.set), ...set],
    defaults: kept(usual.defaults),
    remove: remove.filter((name) => !gone.has(name)),
  };
}
