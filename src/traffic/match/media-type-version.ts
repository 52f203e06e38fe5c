import type { RequestFacts } from './facts.ts';

/**
 * The API version that a request's media type names, without a leading `v`: of the first range of Accept that names
 * one, else of Content-Type. It is the parameter `version` or `v`, or what follows `.v` at the subtype's end:
 * `application/json;version=2` and `application/vnd.acme.v2+json` both name `2`.
 */
export function mediaTypeVersion(facts: RequestFacts): string | null {
  for (const range of (facts.header('accept') ?? '').split(',')) {
    const version = versionOf(range);
    if (version !== null) return version;
  }
  return versionOf(facts.header('content-type') ?? '');
}

/** A version without the `v` that some write before it. */
export function plainVersion(version: string): string {
  return version.replace(/^[vV](?=\d)/, '');
}

function versionOf(mediaType: string): string | null {
  const [type, ...parameters] = mediaType.split(';');
  for (const parameter of parameters) {
    const equals = parameter.indexOf('=');
    const name = parameter.slice(0, equals).trim().toLowerCase();
    if (equals < 0 || (name !== 'version' && name !== 'v')) continue;
    const value = parameter.slice(equals + 1).trim();
    return plainVersion(value.startsWith('"') && value.endsWith('"') ? value.slice(1, -1) : value);
  }
  const subtype = type.trim().split('+')[0];
  const at = subtype.lastIndexOf('.v');
  const version = at < 0 ? '' : subtype.slice(at + 2);
  return /^\d[\w.-]*$/.test(version) ? version : null;
}
