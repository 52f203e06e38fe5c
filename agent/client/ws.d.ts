/** What is used here of `ws`, which ships no types: https://github.com/websockets/ws/blob/8.21.0/doc/ws.md */
declare module 'ws' {
  import { EventEmitter } from 'node:events';
  import type { ClientRequest, IncomingMessage, Server } from 'node:http';

  export class WebSocket extends EventEmitter {
    constructor(
      url: URL,
      options: {
        readonly headers: Readonly<Record<string, string>>;
        readonly ca?: readonly string[];
        readonly handshakeTimeout: number;
        readonly maxPayload: number;
        readonly perMessageDeflate: false;
      },
    );
    /** As tests open one. */
    constructor(url: string, options: { readonly headers: Readonly<Record<string, string>>; readonly origin?: string });
    constructor(
      url: string,
      protocols: readonly string[],
      options: { readonly headers: Readonly<Record<string, string>> },
    );
    readonly readyState: 0 | 1 | 2 | 3;
    readonly protocol: string;
    send(data: string | Buffer, options?: { readonly binary: boolean }): void;
    close(code?: number, reason?: string): void;
    /** Ends it without a farewell. */
    terminate(): void;
    /** Of tests: reads no more of the connection. */
    pause(): void;
    on(event: 'open', listener: () => void): this;
    on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): this;
    on(event: 'close', listener: (code: number, reason: Buffer) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    on(event: 'unexpected-response', listener: (request: ClientRequest, response: IncomingMessage) => void): this;
  }

  /** Of tests: the other side. */
  export class WebSocketServer extends EventEmitter {
    constructor(options: {
      readonly server?: Server;
      readonly host?: string;
      readonly port?: number;
      readonly handleProtocols?: (offered: ReadonlySet<string>) => string | false;
    });
    readonly clients: ReadonlySet<WebSocket>;
    address(): { readonly port: number };
    close(): void;
    on(event: 'connection', listener: (socket: WebSocket, request: IncomingMessage) => void): this;
  }
}
