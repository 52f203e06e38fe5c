import { OrasiError } from '../core/errors.ts';
import { instanceFaults } from '../core/service-instance.ts';

/** One process that offers a service, as the others find it. Services and ids are any text without control characters. */
export interface ServiceInstance {
  /** Unique among the instances of its service; a later registration of the same id takes the place of the earlier. */
  readonly id: string;
  readonly service: string;
  /** Host name or IP address, without a port. */
  readonly address: string;
  readonly port: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/**
 * Refuses what not every backend can hold.
 *
 * @throws OrasiError `bad_request` with the path of each field at fault.
 */
export function checkInstance(instance: ServiceInstance): void {
  const errors = instanceFaults(instance);
  if (errors.length > 0) throw new OrasiError('bad_request', 'the instance cannot be registered', { errors });
}

/** In the order of ids, so that two readers of one set see the same list. */
export function sortInstances(instances: Iterable<ServiceInstance>): ServiceInstance[] {
  return [...instances].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}
