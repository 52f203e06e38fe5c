import type { ServiceInstance } from './instance.ts';

/** What became of the instances of a service, each list in the order of ids. */
export interface ServiceChanges {
  readonly added: readonly ServiceInstance[];
  /** As they are now. */
  readonly changed: readonly ServiceInstance[];
  /** As they were. */
  readonly removed: readonly ServiceInstance[];
}

/** The difference between two listings of one service. */
export function changesBetween(before: readonly ServiceInstance[], after: readonly ServiceInstance[]): ServiceChanges {
  const old = new Map(before.map((instance) => [instance.id, instance]));
  const present = new Set(after.map((instance) => instance.id));
  return {
    added: after.filter((instance) => !old.has(instance.id)),
    changed: after.filter((instance) => {
      const previous = old.get(instance.id);
      return previous !== undefined && !sameInstance(previous, instance);
    }),
    removed: before.filter((instance) => !present.has(instance.id)),
  };
}

export function isNoChange(changes: ServiceChanges): boolean {
  return changes.added.length === 0 && changes.changed.length === 0 && changes.removed.length === 0;
}

function sameInstance(a: ServiceInstance, b: ServiceInstance): boolean {
  const keys = Object.keys(a.metadata);
  return (
    a.address === b.address &&
    a.port === b.port &&
    keys.length === Object.keys(b.metadata).length &&
    keys.every((key) => a.metadata[key] === b.metadata[key])
  );
}
