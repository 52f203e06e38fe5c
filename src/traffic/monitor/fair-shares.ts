/** How many of what they want each of several tenants has, so that nobody has less for another one's wanting more. */
export function fairShares(wanted: ReadonlyMap<string, number>, all: number): Map<string, number> {
  const shares = new Map<string, number>();
  let left = all;
  let tenants = wanted.size;
  for (const [tenant, count] of [...wanted].sort(([, a], [, b]) => a - b)) {
    const share = Math.min(count, Math.floor(left / tenants));
    shares.set(tenant, share);
    left -= share;
    tenants -= 1;
  }
  return shares;
}
