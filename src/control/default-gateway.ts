import type { JsonObject } from './json.ts';
import type { ResourceChange, ResourceStore } from './resource-store.ts';

/** What a GatewayClass says whose Gateways are ours. */
export const GATEWAY_CONTROLLER = 'orasi.io/gateway-controller';

/** The class that exists from the start. */
export const GATEWAY_CLASS = 'orasi';

/** The Gateway that every namespace has. */
export const DEFAULT_GATEWAY = 'default';

/** Of a listener's `tls.options`: who terminates. */
export const TERMINATION_OPTION = 'orasi.io/termination';

const GROUP = 'gateway.networking.k8s.io';

const CLASS: JsonObject = {
  metadata: { name: GATEWAY_CLASS },
  spec: { controllerName: GATEWAY_CONTROLLER, description: 'Routes requests at the edge' },
};

const GATEWAY: JsonObject = {
  metadata: { name: DEFAULT_GATEWAY },
  spec: {
    gatewayClassName: GATEWAY_CLASS,
    listeners: [
      { name: 'http', port: 80, protocol: 'HTTP' },
      {
        name: 'https',
        port: 443,
        protocol: 'HTTPS',
        // No certificate of ours is presented: the platform has its own.
        tls: { mode: 'Terminate', options: { [TERMINATION_OPTION]: 'cloudflare' } },
      },
    ],
  },
};

/** Makes the class, where it is not there yet, and with it the Gateways of the namespaces that there are. */
export function makeGateways(store: ResourceStore): void {
  if (!makeClass(store)) return;
  for (const { object } of store.all({ group: '', resource: 'namespaces', namespace: '' })) {
    makeGateway(store, object.metadata.name);
  }
}

/**
 * Keeps them there, in the transaction of a change: a namespace has its Gateway from the moment it is made, and a
 * Gateway that is deleted is made again as it was at first. What is edited stays as it was edited.
 */
export function keepGateways({ type, key, object }: ResourceChange, store: ResourceStore): void {
  if (type === 'ADDED' && key.group === '' && key.resource === 'namespaces') makeGateway(store, object.metadata.name);
  if (type !== 'DELETED' || key.group !== GROUP) return;
  if (key.resource === 'gateways' && key.name === DEFAULT_GATEWAY) makeGateway(store, key.namespace);
  if (key.resource === 'gatewayclasses' && key.name === GATEWAY_CLASS) makeClass(store);
}

/** Whether it had to. */
function makeClass(store: ResourceStore): boolean {
  const kind = store.kindOf({ group: GROUP, resource: 'gatewayclasses' });
  const key = { group: GROUP, resource: 'gatewayclasses', namespace: '', name: GATEWAY_CLASS };
  if (kind === undefined || store.findClosed(key) !== undefined) return false;
  store.create(kind, '', CLASS);
  return true;
}

function makeGateway(store: ResourceStore, namespace: string): void {
  const kind = store.kindOf({ group: GROUP, resource: 'gateways' });
  const home = store.findClosed({ group: '', resource: 'namespaces', namespace: '', name: namespace });
  // A namespace that is being deleted takes nothing new.
  if (kind === undefined || home === undefined || home.metadata.deletionTimestamp !== undefined) return;
  const key = { group: GROUP, resource: 'gateways', namespace, name: DEFAULT_GATEWAY };
  if (store.findClosed(key) === undefined) store.create(kind, namespace, GATEWAY);
}
