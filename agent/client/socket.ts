// Node 20 has no WebSocket of its own, and none of Node's takes an authority of ours.
import { WebSocket } from 'ws';
import { answerError } from './answer-error.ts';
import { ConnectionError, reasonOf } from './errors.ts';

/** How a WebSocket ended. */
export interface SocketEnd {
  /** Of RFC 6455, section 7.4, or from 4000 on the platform's own; 1006 where it broke off. */
  readonly code: number;
  readonly reason: string;
}

/** An open WebSocket of JSON messages. */
export interface Socket {
  /** Sends, or does nothing where the connection is over: who sends learns that from `closed`. */
  send(message: object): void;
  /** Resolves when it is over, by whomever. */
  readonly closed: Promise<SocketEnd>;
  /** Says farewell; without an answer within two seconds the connection is ended all the same. */
  close(): void;
}

export interface SocketOptions {
  readonly headers: Readonly<Record<string, string>>;
  /** PEM of the authorities trusted; absent: the usual ones. */
  readonly authorities?: readonly string[];
  /** The text `ping` is sent so often; a connection on which nothing came since the one before is given up. */
  readonly pingMs: number;
  readonly onMessage: (message: Readonly<Record<string, unknown>>) => void;
  /** Told of anything that came, a `pong` too. */
  readonly onAlive?: () => void;
}

const HANDSHAKE_MS = 10_000;
const FAREWELL_MS = 2_000;
/** A message beyond this is none of the platform's. */
const MESSAGE_BYTES = 64 * 1024 * 1024;
const ERROR_CHARS = 64 * 1024;

/** Throws ApiError where the server refuses, ConnectionError where there is none. */
export function openSocket(url: URL, options: SocketOptions): Promise<Socket> {
  const { headers, authorities, pingMs, onMessage, onAlive } = options;
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, {
      headers,
      ...(authorities === undefined ? {} : { ca: authorities }),
      handshakeTimeout: HANDSHAKE_MS,
      maxPayload: MESSAGE_BYTES,
      perMessageDeflate: false,
    });
    let end: (end: SocketEnd) => void = () => {};
    const closed = new Promise<SocketEnd>((done) => {
      end = done;
    });
    let heard = true;
    let pinging: NodeJS.Timeout | undefined;
    socket.on('unexpected-response', (request, response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text = (text + chunk).slice(0, ERROR_CHARS);
      });
      response.on('close', () => {
        request.destroy();
        reject(answerError(response.statusCode ?? 0, response.headers, text));
      });
    });
    socket.on('error', (error) => {
      reject(new ConnectionError(`no WebSocket from ${url.origin}: ${reasonOf(error)}`, error));
    });
    socket.on('close', (code, reason) => {
      clearInterval(pinging);
      end({ code, reason: reason.toString('utf8') });
    });
    socket.on('message', (data, isBinary) => {
      heard = true;
      onAlive?.();
      const text = isBinary ? '' : data.toString('utf8');
      if (text === 'pong') return;
      const message = recordOf(text);
      if (message === undefined) socket.close(1003, 'expected a JSON object');
      else onMessage(message);
    });
    socket.on('open', () => {
      pinging = setInterval(() => {
        if (!heard) return socket.terminate();
        heard = false;
        socket.send('ping');
      }, pingMs);
      resolve({
        send: (message) => {
          if (socket.readyState === 1) socket.send(JSON.stringify(message));
        },
        closed,
        close: () => {
          socket.close(1000);
          const timer = setTimeout(() => socket.terminate(), FAREWELL_MS);
          void closed.then(() => clearTimeout(timer));
        },
      });
    });
  });
}

function recordOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
