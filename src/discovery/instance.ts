import { type FieldError, OrasiError } from '../core/errors.ts';

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

const NAME = /^[^\p{Cc}]{1,128}$/u;
const ADDRESS = /^[^\s\p{Cc}]{1,253}$/u;
const METADATA_KEY = /^(?!consul-)[A-Za-z0-9_-]{1,128}$/;
const METADATA_ENTRIES = 64;
const METADATA_VALUE_BYTES = 512;

/**
 * Refuses what not every backend can hold. The bounds on metadata are Consul's
 * (https://developer.hashicorp.com/consul/api-docs/agent/service#meta), the narrowest of all, so that an instance
 * moves between backends as it stands.
 *
 * @throws OrasiError `bad_request` with the path of each field at fault.
 */
export function checkInstance(instance: ServiceInstance): void {
  const errors: FieldError[] = [];
  const expect = (holds: boolean, path: string, message: string) => {
    if (!holds) errors.push({ path, message });
  };
  expect(NAME.test(instance.id), 'id', 'expected 1 to 128 characters, none of them control characters');
  expect(NAME.test(instance.service), 'service', 'expected 1 to 128 characters, none of them control characters');
  expect(ADDRESS.test(instance.address), 'address', 'expected a host name or an IP address');
  const { port } = instance;
  expect(Number.isInteger(port) && port >= 1 && port <= 65_535, 'port', 'expected a whole number from 1 to 65535');
  const entries = Object.entries(instance.metadata);
  expect(entries.length <= METADATA_ENTRIES, 'metadata', `expected at most ${METADATA_ENTRIES} entries`);
  for (const [key, value] of entries) {
    const path = `metadata.${key}`;
    expect(METADATA_KEY.test(key), path, 'expected a key of letters, digits, - and _, not beginning with consul-');
    expect(
      new TextEncoder().encode(value).length <= METADATA_VALUE_BYTES,
      path,
      `expected a value of at most ${METADATA_VALUE_BYTES} bytes`,
    );
  }
  if (errors.length > 0) throw new OrasiError('bad_request', 'the instance cannot be registered', { errors });
}

/** In the order of ids, so that two readers of one set see the same list. */
export function sortInstances(instances: Iterable<ServiceInstance>): ServiceInstance[] {
  return [...instances].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
}
