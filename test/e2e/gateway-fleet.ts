import { type Instance, type LaunchOptions, launch } from '../../scripts/launcher.ts';
import { type Answering, type Backend, backendServer, type Sending, type Sent, send } from './gateway-world.ts';

/** Several isolates of the gateway on the Durable Objects of one instance. */
export interface Fleet {
  readonly instance: Instance;
  /** Each a Worker of its own; the instance's own Worker is none of them. */
  readonly gateways: readonly { readonly url: string }[];
  /** Through the gateway of that number. */
  send(gateway: number, host: string, path?: string, sending?: Sending): Promise<Sent>;
  /** Through each gateway once, at the same time. */
  sendAll(host: string, path?: string, sending?: Sending): Promise<readonly Sent[]>;
  stop(): Promise<void>;
}

export async function launchFleet(count: number, options: LaunchOptions = {}): Promise<Fleet> {
  const vars = { UPSTREAM_ALLOW_CIDRS: '127.0.0.0/8', ...options.vars };
  const instance = await launch({ ...options, gateways: count, vars });
  const gateways = instance.gatewayUrls.map((url) => ({ url }));
  return {
    instance,
    gateways,
    send: (gateway, host, path = '/', sending = {}) => send(gateways[gateway], host, path, sending),
    sendAll: (host, path = '/', sending = {}) =>
      Promise.all(gateways.map((gateway) => send(gateway, host, path, sending))),
    stop: () => instance.stop(),
  };
}

/** A backend whose manner of answering can be changed. */
export interface MoodyBackend extends Backend {
  /** Status 200 with its name, 500, or nothing at all. */
  mood: 'fine' | 'failing' | 'silent';
  /** Before it answers. */
  delayMs: number;
}

/** A backend that answers with its name; `/health` is answered like everything else. */
export async function moodyBackend(name: string, port = 0): Promise<MoodyBackend> {
  const state: Pick<MoodyBackend, 'mood' | 'delayMs'> = { mood: 'fine', delayMs: 0 };
  const answering: Answering = (_request, response) => {
    if (state.mood === 'silent') return;
    const answer = () => {
      response.statusCode = state.mood === 'fine' ? 200 : 500;
      response.end(name);
    };
    if (state.delayMs === 0) answer();
    else setTimeout(answer, state.delayMs);
  };
  const backend = await backendServer(answering, port);
  return Object.assign(state, backend);
}
