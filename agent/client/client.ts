import { once } from 'node:events';
import * as http from 'node:http';
import * as https from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { rootCertificates } from 'node:tls';
// Ours, and not the Worker's of the same name.
import { URL } from 'node:url';
import { answerError } from './answer-error.ts';
import { ApiError, ConnectionError, reasonOf } from './errors.ts';
import { openSocket, type Socket, type SocketOptions } from './socket.ts';

/** Where a client speaks to, and as whom. */
export interface Target {
  /** Such as `http://127.0.0.1:8787`; a path in it goes before every path asked for. */
  readonly url: string;
  /** Absent: requests carry none, and all but the open paths are refused. */
  readonly token?: string;
  /** Asked for the token as it is now where the server takes this one no more (401): tokens are replaced. */
  readonly readToken?: () => Promise<string>;
  /** PEM of authorities to trust beside the usual ones. */
  readonly authorities?: string;
}

export interface ClientRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  /** Encoded, from the first slash, without a query. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly json?: unknown;
  /** Sent as it is, `sizeBytes` of it where that is known. */
  readonly body?: Readable | Uint8Array;
  readonly sizeBytes?: number;
  readonly signal?: AbortSignal;
  /** The connection is given up when nothing moves on it for so long; 0 waits for ever. */
  readonly idleMs?: number;
}

/** A good answer (2xx), its body still to be read. */
export interface ClientAnswer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Readable;
}

/** The HTTP API as programs of ours call it. Every call throws ApiError or ConnectionError. */
export interface Client {
  readonly target: Target;
  /** The answer as a stream; who asks reads it to its end or destroys it. */
  open(request: ClientRequest): Promise<ClientAnswer>;
  text(request: ClientRequest): Promise<string>;
  /** The answer's JSON; its shape is the server's word. */
  json<T>(request: ClientRequest): Promise<T>;
  /** Asks and reads nothing of the answer. */
  send(request: ClientRequest): Promise<void>;
  /** Opens a WebSocket on a path. */
  connect(path: string, options: Omit<SocketOptions, 'headers' | 'authorities'>): Promise<Socket>;
  /** Lets idle connections go. */
  close(): void;
}

const IDLE_MS = 60_000;
/** An error's body beyond this is cut off. */
const ERROR_CHARS = 64 * 1024;

export function createClient(target: Target): Client {
  const base = new URL(target.url);
  const secure = base.protocol === 'https:';
  const authorities = target.authorities === undefined ? undefined : [...rootCertificates, target.authorities];
  const options = { keepAlive: true, ...(authorities === undefined ? {} : { ca: authorities }) };
  const agent = secure ? new https.Agent(options) : new http.Agent(options);
  const begin = secure ? https.request : http.request;
  let token = target.token;
  const urlOf = (path: string) => {
    // A URL has no such segments: the path of another thing would be asked for.
    if (/\/\.{1,2}(?=\/|$|\?)/.test(path)) throw new Error(`no name and no part of a key is "." or "..": ${path}`);
    return new URL(base.pathname.replace(/\/$/, '') + path, base);
  };
  const authorization = (): Record<string, string> => (token === undefined ? {} : { authorization: `Bearer ${token}` });

  /** Asks once more where the token has been replaced since it was read. */
  const renewing = async <T>(ask: () => Promise<T>): Promise<T> => {
    const used = token;
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401 || target.readToken === undefined) throw error;
      const read = await target.readToken().catch(() => used);
      if (read === used) throw error;
      token = read;
      return await ask();
    }
  };

  const open: Client['open'] = (request) =>
    // A stream can be sent once only.
    request.body === undefined || request.body instanceof Uint8Array
      ? renewing(() => openOnce(request))
      : openOnce(request);
  const openOnce: Client['open'] = async (request) => {
    const url = urlOf(request.path);
    for (const [name, value] of Object.entries(request.query ?? {})) {
      if (value !== undefined) url.searchParams.set(name, String(value));
    }
    const payload = request.json === undefined ? request.body : Buffer.from(JSON.stringify(request.json));
    const sizeBytes = payload instanceof Uint8Array ? payload.length : request.sizeBytes;
    const outgoing = begin(url, {
      method: request.method,
      agent,
      ...(request.signal === undefined ? {} : { signal: request.signal }),
      headers: {
        accept: 'application/json',
        ...authorization(),
        ...(request.json === undefined ? {} : { 'content-type': 'application/json' }),
        ...(sizeBytes === undefined ? {} : { 'content-length': String(sizeBytes) }),
        ...request.headers,
      },
    });
    const idleMs = request.idleMs ?? IDLE_MS;
    outgoing.setTimeout(idleMs, () => outgoing.destroy(new Error(`nothing came for ${idleMs / 1000} s`)));
    const answered = once(outgoing, 'response') as Promise<[http.IncomingMessage]>;
    if (payload === undefined || payload instanceof Uint8Array) outgoing.end(payload);
    // A refusal may come before all of the body is sent, and is heard all the same; other failures reach `answered`.
    else pipeline(payload, outgoing, () => {});
    let incoming: http.IncomingMessage;
    try {
      [incoming] = await answered;
    } catch (error) {
      if (request.signal?.aborted) throw error;
      throw new ConnectionError(`no answer from ${base.origin}: ${reasonOf(error)}`, error);
    }
    // What breaks after the answer shows in the answer's own stream.
    outgoing.on('error', () => {});
    const status = incoming.statusCode ?? 0;
    if (status >= 200 && status < 300) return { status, headers: incoming.headers, body: incoming };
    const text = await readText(incoming, ERROR_CHARS).catch(() => '');
    if (payload !== undefined && !(payload instanceof Uint8Array)) payload.destroy();
    throw answerError(status, incoming.headers, text);
  };
  const whole: Client['text'] = async (request) => {
    const { body } = await open(request);
    try {
      return await readText(body);
    } catch (error) {
      if (request.signal?.aborted) throw error;
      throw new ConnectionError(`the answer of ${base.origin} broke off: ${reasonOf(error)}`, error);
    }
  };
  return {
    target,
    open,
    text: whole,
    async json<T>(request: ClientRequest) {
      const text = await whole(request);
      try {
        return JSON.parse(text) as T;
      } catch (error) {
        throw new ConnectionError(`${base.origin} does not answer in JSON; is it Orasi Edge?`, error);
      }
    },
    async send(request) {
      await whole(request);
    },
    connect: (path, socketOptions) =>
      renewing(() => {
        const url = urlOf(path);
        url.protocol = secure ? 'wss:' : 'ws:';
        const trusted = authorities === undefined ? {} : { authorities };
        return openSocket(url, { ...socketOptions, ...trusted, headers: authorization() });
      }),
    close: () => agent.destroy(),
  };
}

async function readText(stream: Readable, maxChars = Number.POSITIVE_INFINITY): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of stream as AsyncIterable<Uint8Array>) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > maxChars) return text.slice(0, maxChars);
  }
  return text + decoder.decode();
}

/** A path of encoded parts. */
export function pathOf(...parts: readonly (string | number)[]): string {
  return parts.map((part) => `/${encodeURIComponent(part)}`).join('');
}
