import { addressBytes } from '../../core/address-blocks.ts';
import { LIMITS } from '../../core/limits.ts';
import type { KeyPart } from '../../core/protocol/rate-limit.ts';
import { hashText } from '../snapshot/key-hash.ts';

/** What the keys of limits are made of. */
export interface KeyFacts {
  /** As the rules on trusted proxies have it; null where it is not known. */
  readonly clientIp: string | null;
  readonly identity: { readonly apiKey: string | null; readonly user: string | null; readonly tenant: string | null };
  readonly header: (name: string) => string | null;
  /** Canonical. */
  readonly path: string;
  readonly pathVariables: Readonly<Record<string, string>>;
}

/**
 * What a caller is told from others by: `ip=203.0.113.9&header.x-client=a`, its values percent-encoded. A part that the
 * request does not have stands there without a value: all requests that lack it share a counter.
 */
export function limitKey(parts: readonly KeyPart[], facts: KeyFacts): string {
  let key = '';
  for (const part of parts) {
    const value = partOf(part, facts);
    if (key !== '') key += '&';
    key += nameOf(part);
    if (value !== null) key += `=${written(value)}`;
  }
  return key;
}

/** Whether a key is one that these parts make: it has their names, in their order. */
export function isKeyOf(parts: readonly KeyPart[], key: string): boolean {
  const names = key === '' ? [] : key.split('&').map((part) => part.split('=', 1)[0]);
  return names.length === parts.length && parts.every((part, i) => nameOf(part) === names[i]);
}

function partOf(part: KeyPart, facts: KeyFacts): string | null {
  switch (part.type) {
    case 'ip':
      return facts.clientIp === null ? null : addressKey(facts.clientIp);
    case 'header':
      return facts.header(part.name);
    case 'pathSegment':
      return segmentOf(facts.path, part.index, part.literals);
    case 'pathGroup':
      return Object.hasOwn(facts.pathVariables, part.name) ? facts.pathVariables[part.name] : null;
    default:
      return facts.identity[part.type];
  }
}

function nameOf(part: KeyPart): string {
  switch (part.type) {
    case 'header':
      return `header.${part.name}`;
    case 'pathSegment':
      return `path.${part.index}`;
    case 'pathGroup':
      return `path.${part.name}`;
    default:
      return part.type;
  }
}

/**
 * An IPv4 address as it is; of an IPv6 address the first 64 bits, since whoever has one has all of these (RFC 6177);
 * an IPv4 address within IPv6 is one of IPv4.
 */
export function addressKey(address: string): string {
  if (!address.includes(':')) return address;
  const bytes = addressBytes(address);
  if (bytes === null) return address;
  const isMapped = bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  if (isMapped) return bytes.slice(12).join('.');
  const words = [0, 2, 4, 6].map((at) => ((bytes[at] << 8) | bytes[at + 1]).toString(16));
  return `${words.join(':')}::`;
}

/** Letters, digits and what else a value may have as it stands in an address's query. */
const PLAIN = /^[A-Za-z0-9._~:@-]*$/;

function written(value: string): string {
  const short =
    value.length <= LIMITS.rateLimitKeyChars
      ? value
      : `${value.slice(0, LIMITS.rateLimitKeyChars)}~${hashText(value).toString(36)}${hashText(`~${value}`).toString(36)}`;
  return PLAIN.test(short) ? short : encodeURIComponent(short.toWellFormed());
}

/** The segment of that number where those before it are the literals; null where the path is another or too short. */
function segmentOf(path: string, index: number, literals: readonly (string | null)[]): string | null {
  let start = 1;
  for (let at = 0; ; at++) {
    const slash = path.indexOf('/', start);
    const segment = slash === -1 ? path.slice(start) : path.slice(start, slash);
    if (at === index) return segment === '' ? null : segment;
    const literal = literals[at];
    if (literal !== null && literal !== segment) return null;
    if (slash === -1) return null;
    start = slash + 1;
  }
}
