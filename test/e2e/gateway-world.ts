import { once } from 'node:events';
import http, { type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import type { Instance } from '../../scripts/launcher.ts';
import { publication, type TestConfiguration } from '../gateway/entries.ts';

/** Above what the instance's own control plane publishes. */
let version = 1_000_000;

/** Puts a configuration made by hand in force, as the control plane would; the next request of a host sees it. */
export async function publish(instance: Instance, configuration: TestConfiguration): Promise<number> {
  version += 1;
  const { files } = await publication(version, configuration);
  const { BUCKET, UPSTREAM_MONITOR } = instance.bindings;
  for (const [key, bytes] of files) await BUCKET.put(key, bytes);
  await UPSTREAM_MONITOR.getByName('gateway').announce(version);
  return version;
}

/** What reached a backend. */
export interface Received {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  /** Names and values as they stood on the wire. */
  readonly rawHeaders: readonly string[];
  readonly body: string;
}

export interface Backend {
  readonly address: string;
  readonly port: number;
  /** Requests whose bodies have ended, oldest first. */
  readonly received: Received[];
  stop(): Promise<void>;
}

export type Answering = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** A server of node's, which answers with what reached it unless `answering` does otherwise. */
export async function backendServer(answering: Answering = echo, onPort = 0): Promise<Backend> {
  const received: Received[] = [];
  const server = http.createServer((request, response) => {
    let body = '';
    request.setEncoding('latin1');
    request.on('data', (piece: string) => {
      body += piece;
    });
    request.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = request;
      received.push({ method, url, headers, rawHeaders, body });
      answering(request, response, body);
    });
    request.on('error', () => undefined);
  });
  server.listen(onPort, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    address: `http://127.0.0.1:${port}`,
    port,
    received,
    async stop() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export const echo: Answering = (request, response, body) => {
  const { method, url, headers, rawHeaders } = request;
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify({ method, url, headers, rawHeaders, body }));
};

export interface Sent {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  /** The body as JSON. */
  json<T = Received>(): T;
}

export interface Sending {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Buffer;
}

/** Sends a request by node's own client, which decodes nothing and follows nothing. */
export async function send(
  instance: Pick<Instance, 'url'>,
  host: string,
  path: string,
  sending: Sending = {},
): Promise<Sent> {
  const { hostname, port } = new URL(instance.url);
  const request = http.request({
    hostname,
    port,
    path,
    method: sending.method ?? 'GET',
    headers: { host, ...sending.headers } as http.OutgoingHttpHeaders,
  });
  // After the answer has begun its errors are the answer's; before, `once` throws them.
  request.on('error', () => undefined);
  request.end(sending.body);
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  const body = Buffer.concat(pieces);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    rawHeaders: response.rawHeaders,
    body,
    json: <T>() => JSON.parse(body.toString()) as T,
  };
}

/** Writes bytes to the instance; ends soon after so many answers have begun, so that one too many would be seen. */
export async function sendRaw(instance: Instance, bytes: string, answers = 1): Promise<string> {
  const { hostname, port } = new URL(instance.url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  socket.setTimeout(5_000, () => socket.destroy());
  socket.write(bytes, 'latin1');
  let text = '';
  socket.on('data', (piece) => {
    text += piece.toString('latin1');
    if (text.split('HTTP/1.1 ').length > answers) setTimeout(() => socket.destroy(), 50);
  });
  await once(socket, 'close');
  return text;
}
