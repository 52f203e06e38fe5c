/** What is used here of `ws`, which ships no types: https://github.com/websockets/ws/blob/8.21.0/doc/ws.md */
declare module 'ws' {
  import type { ClientRequest, IncomingMessage } from 'node:http';

  export class WebSocket {
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
    readonly readyState: 0 | 1 | 2 | 3;
    send(text: string): void;
    close(code?: number, reason?: string): void;
    /** Ends it without a farewell. */
    terminate(): void;
    on(event: 'open', listener: () => void): this;
    on(event: 'message', listener: (data: Buffer, isBinary: boolean) => void): this;
    on(event: 'close', listener: (code: number, reason: Buffer) => void): this;
    on(event: 'error', listener: (error: Error) => void): this;
    on(event: 'unexpected-response', listener: (request: ClientRequest, response: IncomingMessage) => void): this;
  }
}
