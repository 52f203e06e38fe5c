import type { CredentialPlace } from '../core/protocol/auth-policy.ts';
import type { Exchange } from './exchange.ts';

/** What a place of a request has, or null. Only what comes after the prefix, where one is asked for. */
export function credentialAt(exchange: Pick<Exchange, 'given' | 'target'>, place: CredentialPlace): string | null {
  const headers = exchange.given;
  switch (place.type) {
    case 'header': {
      const value = headers.get(place.name);
      if (value === null) return null;
      const { prefix } = place;
      if (value.slice(0, prefix.length).toLowerCase() !== prefix.toLowerCase()) return null;
      return nonEmpty(value.slice(prefix.length).trim());
    }
    case 'query': {
      // A parameter that is there twice is read by one as the first, by another as the last: by nobody here.
      const values = new URLSearchParams(exchange.target.search).getAll(place.name);
      return values.length === 1 ? nonEmpty(values[0]) : null;
    }
    case 'cookie':
      return cookieOf(headers.get('cookie'), place.name);
  }
}

/** Takes a credential out of what goes to the upstream, and out of what is logged. */
export function removeCredential(exchange: Exchange, place: CredentialPlace): void {
  switch (place.type) {
    case 'header': {
      const value = exchange.headers.get(place.name);
      const { prefix } = place;
      if (value !== null && value.slice(0, prefix.length).toLowerCase() === prefix.toLowerCase())
        exchange.headers.delete(place.name);
      return;
    }
    case 'query': {
      const { target } = exchange;
      const search = withoutParameter(target.search, place.name);
      if (search !== target.search) exchange.target = { ...target, search };
      return;
    }
    case 'cookie': {
      const cookies = exchange.headers.get('cookie');
      if (cookies === null) return;
      const kept = cookies.split(';').filter((cookie) => nameOfCookie(cookie) !== place.name);
      if (kept.length === 0) exchange.headers.delete('cookie');
      else exchange.headers.set('cookie', kept.join(';').trim());
      return;
    }
  }
}

/** The query without a parameter; the others stay as they were written. */
function withoutParameter(search: string, name: string): string {
  if (search === '') return search;
  const parts = search.slice(1).split('&');
  const kept = parts.filter((part) => !new URLSearchParams(part).has(name));
  if (kept.length === parts.length) return search;
  return kept.length === 0 ? '' : `?${kept.join('&')}`;
}

function cookieOf(header: string | null, name: string): string | null {
  if (header === null) return null;
  const found = header.split(';').filter((cookie) => nameOfCookie(cookie) === name);
  if (found.length !== 1) return null;
  const value = found[0].slice(found[0].indexOf('=') + 1).trim();
  return nonEmpty(/^"(.*)"$/.exec(value)?.[1] ?? value);
}

function nameOfCookie(cookie: string): string {
  const equals = cookie.indexOf('=');
  return equals < 0 ? '' : cookie.slice(0, equals).trim();
}

function nonEmpty(text: string): string | null {
  return text === '' ? null : text;
}
