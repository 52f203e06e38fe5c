import type { HostKey } from '../core/protocol/gateway.ts';

/**
 * The keys under which rules for a host may lie, most specific first: the host itself, `*.` before each of its parents,
 * longest first, and the key of any host. An address has no parents.
 */
export function hostKeys(scheme: 'http' | 'https', host: string): HostKey[] {
  const keys: HostKey[] = [`${scheme}://${host}`];
  if (!isAddress(host)) {
    for (let dot = host.indexOf('.'); dot >= 0; dot = host.indexOf('.', dot + 1)) {
      keys.push(`${scheme}://*${host.slice(dot)}`);
    }
  }
  keys.push(`${scheme}://`);
  return keys;
}

function isAddress(host: string): boolean {
  return host.startsWith('[') || /^[\d.]+$/.test(host);
}
