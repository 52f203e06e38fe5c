import type { FieldError } from './errors.ts';
import type { DeclaredInstance } from './protocol/discovery-settings.ts';

const NAME = /^[^\p{Cc}]{1,128}$/u;
const ADDRESS = /^[^\s\p{Cc}]{1,253}$/u;
const METADATA_KEY = /^(?!consul-)[A-Za-z0-9_-]{1,128}$/;
const METADATA_ENTRIES = 64;
const METADATA_VALUE_BYTES = 512;

/**
 * Why not every registry could hold an instance; empty where each can. The bounds on metadata are Consul's
 * (https://developer.hashicorp.com/consul/api-docs/agent/service#meta), the narrowest of all, so that an instance
 * moves between registries as it stands.
 */
export function instanceFaults(instance: DeclaredInstance): FieldError[] {
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
  return errors;
}
