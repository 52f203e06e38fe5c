import { claimAt } from '../access/json-web-token.ts';
import type { CompiledAuth, CompiledJwtProvider } from '../core/protocol/auth-policy.ts';
import type { Exchange } from './exchange.ts';

/**
 * Takes out what a client says under the names of identity headers, also as a server behind CGI or WSGI would take it
 * for the same: `x_user` for `x-user`.
 */
export function removeIdentityHeaders(exchange: Exchange, auth: CompiledAuth): void {
  const names = headersSaid(auth);
  if (names.size === 0) return;
  for (const name of [...exchange.headers.keys()])
    if (names.has(name.replaceAll('_', '-'))) exchange.headers.delete(name);
}

const said = new WeakMap<CompiledAuth, ReadonlySet<string>>();

function headersSaid(auth: CompiledAuth): ReadonlySet<string> {
  const present = said.get(auth);
  if (present !== undefined) return present;
  const claimed =
    auth.jwt?.providers.flatMap(({ claimsToHeaders }) => claimsToHeaders.map(({ header }) => header)) ?? [];
  const names = new Set(
    [...auth.identityHeaders.map(({ name }) => name), ...claimed].map((name) => name.replaceAll('_', '-')),
  );
  said.set(auth, names);
  return names;
}

/** Tells the upstream who calls. */
export function addIdentityHeaders(
  exchange: Exchange,
  auth: CompiledAuth,
  provider: CompiledJwtProvider | undefined,
): void {
  const { identity, headers } = exchange;
  if (identity.method !== 'anonymous') {
    for (const { name, value } of auth.identityHeaders) {
      const text = headerText(identity[value]);
      if (text !== null) headers.set(name, text);
    }
  }
  for (const { claim, header } of provider?.claimsToHeaders ?? []) {
    const text = headerText(claimAt(identity.claims, claim));
    if (text !== null) headers.set(header, text);
  }
}

/**
 * A claim as the value of a header: lists of plain values with commas between them, objects as JSON. What is not visible
 * ASCII, and `%`, is percent-encoded: a value can neither end its line nor be taken for another.
 */
function headerText(value: unknown): string | null {
  if (value === undefined || value === null || value === '') return null;
  const isList = Array.isArray(value) && value.every((item) => typeof item !== 'object' || item === null);
  const text = isList ? value.join(',') : typeof value === 'object' ? JSON.stringify(value) : String(value);
  return text.toWellFormed().replace(/[^\x20-\x24\x26-\x7e]/gu, (char) => encodeURIComponent(char));
}
