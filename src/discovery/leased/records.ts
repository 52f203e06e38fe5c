import { asJson, asText, type Json } from '../http.ts';
import type { ServiceInstance } from '../instance.ts';

/** An instance as etcd has it. */
export interface EtcdRecord {
  readonly instance: ServiceInstance;
  readonly healthy: boolean;
}

/**
 * The key of an instance: prefix, service, `/`, id, both percent-encoded, so that neither can contain a slash and one
 * range holds exactly the instances of one service.
 */
export function keyOf(prefix: string, service: string, id: string): string {
  return `${servicePrefix(prefix, service)}${encodeURIComponent(id)}`;
}

export function servicePrefix(prefix: string, service: string): string {
  return `${prefix}${encodeURIComponent(service)}/`;
}

/** The first key behind all that begin with the prefix, which ends in a slash: the slash's successor is a zero. */
export function rangeEnd(slashed: string): string {
  return `${slashed.slice(0, -1)}0`;
}

/** The value of an instance: JSON, as any other reader of the tree would want it. */
export function recordText(instance: ServiceInstance, healthy: boolean): string {
  return JSON.stringify({ ...instance, healthy });
}

/** The instance id a key stands for; undefined where it is no key of ours. */
export function idOfKey(key: string, service: string, prefix: string): string | undefined {
  const head = servicePrefix(prefix, service);
  if (!key.startsWith(head) || key.length === head.length) return undefined;
  try {
    return decodeURIComponent(key.slice(head.length));
  } catch {
    return undefined;
  }
}

/** The service a key belongs to; undefined where it is no key of ours. */
export function serviceOfKey(key: string, prefix: string): string | undefined {
  if (!key.startsWith(prefix)) return undefined;
  const slash = key.indexOf('/', prefix.length);
  try {
    const service = decodeURIComponent(key.slice(prefix.length, Math.max(slash, prefix.length)));
    return service !== '' && idOfKey(key, service, prefix) !== undefined ? service : undefined;
  } catch {
    return undefined;
  }
}

/** Undefined where the value is none of ours: one stray key does not take a service's list down. */
export function recordOf(id: string, service: string, value: string): EtcdRecord | undefined {
  let json: Json;
  try {
    json = asJson(JSON.parse(value));
  } catch {
    return undefined;
  }
  const address = asText(json.address);
  if (address === '' || typeof json.port !== 'number') return undefined;
  const metadata: Record<string, string> = {};
  for (const [name, text] of Object.entries(asJson(json.metadata))) {
    if (typeof text === 'string') metadata[name] = text;
  }
  return { instance: { id, service, address, port: json.port, metadata }, healthy: json.healthy !== false };
}

export function toBase64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64');
}

export function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('utf8');
}
