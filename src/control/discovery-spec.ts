import * as z from 'zod';
import { urlFault } from '../core/outbound.ts';
import {
  DEFAULT_DISCOVERY_SETTINGS,
  type DeclaredInstance,
  DISCOVERY_BACKENDS,
  type DiscoverySettings,
} from '../core/protocol/discovery-settings.ts';
import { instanceFaults } from '../core/service-instance.ts';
import { isJsonObject, type JsonObject, type JsonValue, objectIn, objectsIn, textsIn } from './json.ts';
import { type Cause, invalidValue, required } from './status.ts';

/** `spec.discovery` of a Cluster. */
export function discoverySchema() {
  return z
    .object({
      backend: z
        .enum(DISCOVERY_BACKENDS)
        .default(DEFAULT_DISCOVERY_SETTINGS.backend)
        .describe('Which registry the services are in: the cluster itself, the list below, an etcd or a Consul.'),
      instances: z
        .array(
          z.object({
            id: z.string().min(1).max(128),
            service: z.string().min(1).max(128),
            address: z.string().min(1).max(253),
            port: z.int().min(1).max(65_535),
            metadata: z.record(z.string(), z.string().max(512)).default({}),
          }),
        )
        .max(1_000)
        .default([])
        .meta({ 'x-kubernetes-list-type': 'atomic' })
        .describe('What `static` has: always there, and healthy.'),
      etcd: z
        .object({
          endpoints: z
            .array(z.string().min(1).max(1_024))
            .min(1)
            .max(16)
            .meta({ 'x-kubernetes-list-type': 'atomic' })
            .describe('Addresses of the members, tried in turn.'),
          prefix: z.string().min(1).max(256).optional().describe('Begins every key; ends in a slash.'),
        })
        .optional(),
      consul: z.object({ address: z.string().min(1).max(1_024).describe('Of the one agent.') }).optional(),
    })
    .prefault({});
}

export function compileDiscovery(spec: JsonValue | undefined): DiscoverySettings {
  const { backend, instances, etcd, consul } = objectIn(spec);
  return {
    backend: DISCOVERY_BACKENDS.find((name) => name === backend) ?? DEFAULT_DISCOVERY_SETTINGS.backend,
    instances: objectsIn(instances).map(instanceIn),
    ...(isJsonObject(etcd)
      ? { etcd: { endpoints: textsIn(etcd.endpoints), ...(etcd.prefix ? { prefix: String(etcd.prefix) } : {}) } }
      : {}),
    ...(isJsonObject(consul) ? { consul: { address: String(consul.address) } } : {}),
  };
}

/** What the schema cannot express. */
export function discoveryFaults({ backend, instances, etcd, consul }: DiscoverySettings): Cause[] {
  const causes = instances.flatMap((instance, at) =>
    instanceFaults(instance).map(({ path, message }) =>
      invalidValue(`spec.discovery.instances[${at}].${path}`, instance.id, message),
    ),
  );
  if (backend === 'etcd' && etcd === undefined) causes.push(required('spec.discovery.etcd'));
  if (backend === 'consul' && consul === undefined) causes.push(required('spec.discovery.consul'));
  const addresses = [
    ...(etcd?.endpoints ?? []).map((url, at) => [`spec.discovery.etcd.endpoints[${at}]`, url] as const),
    ...(consul === undefined ? [] : [['spec.discovery.consul.address', consul.address] as const]),
  ];
  for (const [path, url] of addresses) {
    const fault = urlFault(url);
    if (fault !== null) causes.push(invalidValue(path, url, fault));
  }
  const prefix = etcd?.prefix;
  if (prefix !== undefined && !prefix.endsWith('/')) {
    causes.push(invalidValue('spec.discovery.etcd.prefix', prefix, 'must end in a slash'));
  }
  return causes;
}

function instanceIn({ id, service, address, port, metadata }: JsonObject): DeclaredInstance {
  const texts = Object.entries(objectIn(metadata)).map(([name, value]) => [name, String(value)] as const);
  return {
    id: String(id),
    service: String(service),
    address: String(address),
    port: Number(port),
    metadata: Object.fromEntries(texts),
  };
}
