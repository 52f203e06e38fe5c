/**
 * Hostnames as listeners and routes have them: `a.example.com`, `*.example.com` for everything below it at any depth,
 * and the empty text for any host. Two of them either nest or share no host at all.
 */

/** Whether every host of `hostname` is a host of `pattern`. */
export function covers(pattern: string, hostname: string): boolean {
  if (pattern === '' || pattern === hostname) return true;
  if (!pattern.startsWith('*.') || hostname === '') return false;
  return suffixOf(hostname).endsWith(pattern.slice(1));
}

/** The hosts that both have, as one hostname; null where they share none. */
export function intersection(a: string, b: string): string | null {
  if (covers(a, b)) return b;
  return covers(b, a) ? a : null;
}

/** Every hostname that covers this one, itself first, the widest last; without the one of any host. */
export function coveringHostnames(hostname: string): string[] {
  const all = [hostname];
  const from = hostname.startsWith('*.') ? 2 : 0;
  for (let dot = hostname.indexOf('.', from); dot >= 0; dot = hostname.indexOf('.', dot + 1)) {
    all.push(`*${hostname.slice(dot)}`);
  }
  return all;
}

/** Labels from right to left, so that what a wildcard covers lies together in order: `com.example.*`. */
export function reversedHostname(hostname: string): string {
  return hostname.split('.').reverse().join('.');
}

/** The range of reversed hostnames that a wildcard covers, itself included: from the first up to but without the second. */
export function coveredRange(wildcard: string): readonly [string, string] {
  const stem = reversedHostname(wildcard.slice(2));
  return [`${stem}.`, `${stem}/`];
}

function suffixOf(hostname: string): string {
  return hostname.startsWith('*.') ? hostname.slice(1) : hostname;
}
