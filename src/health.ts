import type { ComponentHealth } from './api/ports.ts';
import type { Deps } from './deps.ts';

/** Asks each component something small and true: a read that only an answering component can serve. */
export async function checkHealth(deps: Deps): Promise<readonly ComponentHealth[]> {
  const probes: Readonly<Record<string, () => Promise<unknown>>> = {
    bucket: () => deps.store.head('health'),
    catalogue: () => deps.catalog.datasets.list('', 1),
    'control-plane': () => deps.control.namespaceUid('default'),
  };
  return await Promise.all(
    Object.entries(probes).map(async ([name, probe]) => {
      try {
        await probe();
        return { name, healthy: true, reason: 'answers' };
      } catch (error) {
        deps.logs('health').error('component does not answer', { name, error });
        return { name, healthy: false, reason: 'does not answer; see the log' };
      }
    }),
  );
}
