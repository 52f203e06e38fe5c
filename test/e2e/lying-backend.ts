import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';

/** How a backend may misbehave. */
export const LIES = ['slow', 'truncated', 'bad-headers', 'informational-flood', 'slow-loris'] as const;
export type Lie = (typeof LIES)[number];

/** What an answer says of where it comes from. */
export interface Identity {
  readonly tenant: string;
  readonly upstream: string;
  /** What the request said of itself. */
  readonly echo: string | null;
  /** The version of the rule that sent it, by the header that the rule sets. */
  readonly version: string | null;
}

/** A backend of one tenant that says in each answer whose it is, and may be killed, started again and made to lie. */
export class LyingBackend {
  readonly tenant: string;
  readonly upstream: string;
  /** Requests of hosts of other tenants that reached it. */
  readonly strangers: string[] = [];
  requests = 0;
  lie: Lie | null = null;
  readonly #ownHost: (host: string) => boolean;
  #server: Server | null = null;
  #port = 0;

  constructor(tenant: string, upstream: string, ownHost: (host: string) => boolean) {
    this.tenant = tenant;
    this.upstream = upstream;
    this.#ownHost = ownHost;
  }

  get address(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** Listens, on the port it had before. */
  async start(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request, response));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** Breaks every connection. */
  async kill(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    this.requests += 1;
    const host = String(request.headers['x-forwarded-host'] ?? '').split(':')[0];
    if (!this.#ownHost(host)) this.strangers.push(`${host}${request.url}`);
    const one = (name: string) => (request.headers[name] === undefined ? null : String(request.headers[name]));
    const identity: Identity = {
      tenant: this.tenant,
      upstream: this.upstream,
      echo: one('x-check'),
      version: one('x-version'),
    };
    const padding = request.url?.startsWith('/large') ? 'x'.repeat(200_000) : '';
    const body = JSON.stringify({ ...identity, padding });
    request.resume();
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    request.on('end', () => {
      const { socket } = response;
      if (this.lie === null || socket === null) response.end(body);
      else void LYING[this.lie](socket, response, body);
    });
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const head = (body: string) => `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\nconnection: close\r\n`;

const LYING: Readonly<Record<Lie, (socket: Socket, response: ServerResponse, body: string) => Promise<void>>> = {
  /** Longer than any time-out. */
  async slow(_socket, response, body) {
    await pause(4_000);
    response.end(body);
  },
  async truncated(socket, _response, body) {
    socket.write(`${head(body)}\r\n${body.slice(0, body.length / 2)}`);
    await pause(20);
    socket.destroy();
  },
  async 'bad-headers'(socket, _response, body) {
    socket.end(`${head(body)}this is no header\r\n content-length: 3\r\n\r\n${body}`);
  },
  async 'informational-flood'(socket, _response, body) {
    for (let i = 0; i < 50 && socket.writable; i++) {
      socket.write('HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n'.repeat(20));
      await pause(1);
    }
    if (socket.writable) socket.end(`${head(body)}\r\n${body}`);
  },
  /** A byte now and then: of the head, so that it never comes to its end in time. */
  async 'slow-loris'(socket, _response, body) {
    for (const byte of `${head(body)}\r\n`) {
      if (!socket.writable) return;
      socket.write(byte);
      await pause(100);
    }
    socket.destroy();
  },
};
