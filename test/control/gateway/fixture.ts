import type { JsonObject } from '../../../src/control/json.ts';
import type { ResourceCall } from '../../../src/core/protocol/control-plane.ts';
import { testPlane } from '../fixture.ts';

export const GATEWAY_API = 'gateway.networking.k8s.io/v1';

/** Where calls for the Gateway API's kinds go. */
export function gatewayApi(resource: string, version = 'v1'): Partial<ResourceCall> {
  return { group: 'gateway.networking.k8s.io', version, resource };
}

export const ROUTES = gatewayApi('httproutes');
export const GATEWAYS = gatewayApi('gateways');
export const CLASSES: Partial<ResourceCall> = { ...gatewayApi('gatewayclasses'), namespace: null };

export function route(name: string, spec: JsonObject): JsonObject {
  return { apiVersion: GATEWAY_API, kind: 'HTTPRoute', metadata: { name }, spec };
}

export function gateway(name: string, spec: JsonObject): JsonObject {
  return { apiVersion: GATEWAY_API, kind: 'Gateway', metadata: { name }, spec };
}

/** A control plane, and what it says of a manifest: '' where it takes it, else each fault as `path: message`. */
export function verdicts() {
  const plane = testPlane();
  return (body: JsonObject, call: Partial<ResourceCall>): string => {
    const { status, json } = plane.send('create', body, {
      ...call,
      query: { dryRun: 'All', fieldValidation: 'Strict' },
    });
    if (status === 201) return '';
    const details = json.details as { causes?: { field: string; message: string }[] } | undefined;
    return details?.causes?.map(({ field, message }) => `${field}: ${message}`).join('\n') ?? String(json.message);
  };
}
