import { addressBytes } from '../../core/address-blocks.ts';
import { isJsonObject, type JsonObject, type JsonValue, objectIn, objectsIn } from '../json.ts';
import { has } from './filters.ts';
import type { SchemaRule } from './rule.ts';

const HOSTNAME = /^(\*\.)?[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const QUALIFIED_NAME =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9]$/;

/** What Gateway's schema cannot say: the rules of the standard's CustomResourceDefinition (v1.5.1, experimental). */
export const GATEWAY_RULES: readonly SchemaRule[] = [
  ...['IPAddress', 'Hostname'].map(
    (type): SchemaRule => ({
      path: 'spec.addresses',
      message: `${type} values must be unique`,
      holds: (addresses) => {
        const values = objectsIn(addresses).flatMap((address) =>
          address.type === type && typeof address.value === 'string' ? [address.value] : [],
        );
        return new Set(values).size === values.length;
      },
    }),
  ),
  {
    path: 'spec.addresses[*]',
    message: `Hostname value must be empty or contain only valid characters (matching ${HOSTNAME.source})`,
    holds: (address) => !isOfType(address, 'Hostname') || !has(address, 'value') || HOSTNAME.test(textOf(address)),
  },
  {
    path: 'status.addresses[*]',
    message: `Hostname value must only contain valid characters (matching ${HOSTNAME.source})`,
    holds: (address) => !isOfType(address, 'Hostname') || HOSTNAME.test(textOf(address)),
  },
  // The standard says these two by `oneOf`, which schemas of ours do not have.
  ...['spec.addresses[*]', 'status.addresses[*]'].map(
    (path): SchemaRule => ({
      path,
      message: 'value of an IPAddress must be an IPv4 or IPv6 address',
      holds: (address) =>
        !isOfType(address, 'IPAddress') || !has(address, 'value') || addressBytes(textOf(address)) !== null,
    }),
  ),
  ...(['annotations', 'labels'] as const).flatMap((member): SchemaRule[] => {
    const name = member === 'labels' ? 'Label' : 'Annotation';
    return [
      {
        path: `spec.infrastructure.${member}`,
        message: `${name} keys must be in the form of an optional DNS subdomain prefix followed by a required name segment of up to 63 characters.`,
        holds: (map) => keysOf(map).every((key) => QUALIFIED_NAME.test(key)),
      },
      {
        path: `spec.infrastructure.${member}`,
        message: `If specified, the ${name.toLowerCase()} key's prefix must be a DNS subdomain not longer than 253 characters in total.`,
        holds: (map) => keysOf(map).every((key) => key.split('/')[0].length < 253),
      },
    ];
  }),
  {
    path: 'spec.listeners',
    message: "tls must not be specified for protocols ['HTTP', 'TCP', 'UDP']",
    holds: ofListeners(({ protocol, tls }) => !['HTTP', 'TCP', 'UDP'].includes(String(protocol)) || tls === undefined),
  },
  {
    path: 'spec.listeners',
    message: 'tls mode must be Terminate for protocol HTTPS',
    holds: ofListeners(
      ({ protocol, tls }) => protocol !== 'HTTPS' || tls === undefined || objectIn(tls).mode === 'Terminate',
    ),
  },
  {
    path: 'spec.listeners',
    message: 'tls mode must be set for protocol TLS',
    holds: ofListeners(({ protocol, tls }) => protocol !== 'TLS' || has(tls, 'mode')),
  },
  {
    path: 'spec.listeners',
    message: "hostname must not be specified for protocols ['TCP', 'UDP']",
    holds: ofListeners(
      ({ protocol, hostname }) => !['TCP', 'UDP'].includes(String(protocol)) || hostname === undefined,
    ),
  },
  {
    path: 'spec.listeners',
    message: 'Combination of port, protocol and hostname must be unique for each listener',
    holds: (listeners) => {
      const texts = objectsIn(listeners).map(({ port, protocol, hostname }) =>
        JSON.stringify([port, protocol, hostname ?? null]),
      );
      return new Set(texts).size === texts.length;
    },
  },
  {
    path: 'spec.listeners[*].tls',
    message: 'certificateRefs or options must be specified when mode is Terminate',
    holds: (tls) => {
      const { mode, certificateRefs, options } = objectIn(tls);
      return mode !== 'Terminate' || objectsIn(certificateRefs).length > 0 || keysOf(options).length > 0;
    },
  },
];

/** What GatewayClass's schema cannot say. */
export const GATEWAY_CLASS_RULES: readonly SchemaRule[] = [
  {
    path: 'spec.controllerName',
    message: 'Value is immutable',
    holds: (name, old) => old === undefined || name === old,
  },
];

function ofListeners(holds: (listener: JsonObject) => boolean): SchemaRule['holds'] {
  return (listeners) => objectsIn(listeners).every(holds);
}

function isOfType(address: JsonValue, type: string): boolean {
  return objectIn(address).type === type;
}

function textOf(address: JsonValue): string {
  return String(objectIn(address).value ?? '');
}

function keysOf(map: JsonValue | undefined): string[] {
  return isJsonObject(map) ? Object.keys(map) : [];
}
