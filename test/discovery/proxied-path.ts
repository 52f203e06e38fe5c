import type { DiscoveryBackend } from '../../src/discovery/backend.ts';
import type { RegistryPath } from './registry.ts';
import { TcpProxy } from './tcp-proxy.ts';

/** A way to a server of this machine through a proxy of its own. */
export interface ProxiedPath extends RegistryPath {
  readonly url: string;
}

export async function proxiedPath(port: number, open: (url: string) => DiscoveryBackend): Promise<ProxiedPath> {
  const proxy = await TcpProxy.open(port);
  return {
    url: proxy.url,
    open: () => open(proxy.url),
    set: (fault) => proxy.set(fault),
    drop: () => proxy.drop(),
    close: () => proxy.close(),
  };
}
