import type { AddressBlock } from '../../core/address-blocks.ts';
import { outboundFault } from '../../core/outbound.ts';
import type { MemberView } from '../../core/protocol/cluster.ts';
import type { DeclaredInstance } from '../../core/protocol/discovery-settings.ts';
import type { CompiledDiscovery, CompiledEndpoint } from '../../core/protocol/upstream.ts';

/** What a registry has, as endpoints, and what of it cannot be one. */
export interface FoundEndpoints {
  readonly endpoints: readonly CompiledEndpoint[];
  readonly refused: readonly { readonly id: string; readonly reason: string }[];
}

/**
 * Instances of a service as endpoints. Their metadata may say `scheme`, `weight`, `zone` and `draining`; a private
 * address that the deployment does not allow is refused as it is where it is declared.
 */
export function endpointsOfInstances(
  instances: readonly DeclaredInstance[],
  { scheme }: CompiledDiscovery,
  allowed: readonly AddressBlock[],
  most: number,
): FoundEndpoints {
  const found = instances.map(({ id, address, port, metadata }) => {
    const host = address.includes(':') ? `[${address}]` : address;
    const own = metadata.scheme === 'http' || metadata.scheme === 'https' ? metadata.scheme : scheme;
    return { id, url: `${own}://${host}:${port}`, metadata, zone: metadata.zone ?? null };
  });
  return collect(found, allowed, most);
}

/** Members of a cluster that may be given work; those that are leaving drain. `address` is `host:port` or an origin. */
export function endpointsOfMembers(
  members: readonly MemberView[],
  { scheme }: CompiledDiscovery,
  allowed: readonly AddressBlock[],
  most: number,
): FoundEndpoints {
  const found = [];
  for (const { memberId, address, zone, metadata, health, status } of members) {
    if (address === null || (health !== 'Active' && status !== 'Stopping')) continue;
    const url = /^https?:\/\//.test(address) ? address : `${scheme}://${address}`;
    const leaving = status === 'Stopping' ? { ...metadata, draining: 'true' } : metadata;
    found.push({ id: memberId, url, metadata: leaving, zone: zone ?? metadata.zone ?? null });
  }
  return collect(found, allowed, most);
}

function collect(
  found: readonly {
    readonly id: string;
    readonly url: string;
    readonly metadata: Readonly<Record<string, string>>;
    readonly zone: string | null;
  }[],
  allowed: readonly AddressBlock[],
  most: number,
): FoundEndpoints {
  const endpoints = new Map<string, CompiledEndpoint>();
  const refused: { id: string; reason: string }[] = [];
  for (const { id, url, metadata, zone } of found) {
    const reason = outboundFault(url, allowed);
    if (reason !== null) refused.push({ id, reason });
    else if (endpoints.size >= most) refused.push({ id, reason: `there are more than ${most} endpoints` });
    else {
      const address = new URL(url).origin;
      const weight = Number(metadata.weight ?? 1);
      endpoints.set(address, {
        address,
        weight: Number.isFinite(weight) && weight >= 0 ? weight : 1,
        zone,
        draining: metadata.draining === 'true',
      });
    }
  }
  // In one order, so that what did not change looks the same.
  const sorted = [...endpoints.values()].sort((a, b) => (a.address < b.address ? -1 : 1));
  return { endpoints: sorted, refused };
}
