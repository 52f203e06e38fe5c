import type { Exchange } from './exchange.ts';

/** Puts the security headers of the policy in force onto an answer, an upstream's or our own. */
export function addSecurityHeaders(exchange: Exchange, headers: Headers): void {
  const policy = exchange.policies.security;
  if (policy === null) return;
  const { set, defaults, remove } = policy.spec.responseHeaders;
  const isPlain = exchange.target.scheme === 'http';
  for (const name of remove) headers.delete(name);
  for (const { name, value } of set) {
    // RFC 6797, section 7.2: not over plain HTTP, where anybody could have said it.
    if (!isPlain || name !== 'strict-transport-security') headers.set(name, value);
  }
  for (const { name, value } of defaults) if (!headers.has(name)) headers.set(name, value);
}
