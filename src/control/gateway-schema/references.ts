import * as z from 'zod';
import { groupName, int32, kindName, namespaceName, objectName, portNumber, sectionName } from './names.ts';

/** How resources of the Gateway API name others. Members are returned, so that kinds can add their own. */

export const GATEWAY_GROUP = 'gateway.networking.k8s.io';

/** An object of the same namespace. */
export function localReference() {
  return { group: groupName(), kind: kindName(), name: objectName() };
}

/** An object of any namespace, of a kind that has to be said. */
export function objectReference() {
  return { ...localReference(), namespace: namespaceName().optional() };
}

/** A Secret, where nothing else is said. */
export function secretReference() {
  return {
    group: groupName().default(''),
    kind: kindName().default('Secret'),
    name: objectName(),
    namespace: namespaceName().optional().describe('Another namespace has to allow it by a ReferenceGrant.'),
  };
}

/** Where requests go: an Upstream, or the Upstream that a Service's name stands for. */
export function backendReference() {
  return {
    group: groupName().default(''),
    kind: kindName().default('Service').describe('Upstream of group orasi.io, or Service: the Upstream of that name.'),
    name: objectName(),
    namespace: namespaceName().optional().describe('Another namespace has to allow it by a ReferenceGrant.'),
    port: portNumber().optional().describe('Has to be there for a Service; an Upstream has its own.'),
  };
}

/** What a route attaches to. */
export function parentReference() {
  return z.object({
    group: groupName().default(GATEWAY_GROUP),
    kind: kindName().default('Gateway'),
    namespace: namespaceName().optional(),
    name: objectName(),
    sectionName: sectionName().optional().describe('The listener; all of them where it is not said.'),
    port: portNumber().optional().describe('Listeners of this port only.'),
  });
}

/** How much of something: `numerator` of `denominator`. */
export function fraction() {
  return z.object({ numerator: int32(0), denominator: int32(1).default(100) });
}
