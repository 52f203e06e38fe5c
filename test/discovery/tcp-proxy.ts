import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What becomes of bytes and connections. `halfOpen`: connections stand, and nothing passes in either direction. */
export type Fault =
  | { readonly type: 'none' }
  | { readonly type: 'refuse' }
  | { readonly type: 'halfOpen' }
  | { readonly type: 'delay'; readonly ms: number };

/** A TCP proxy on a port of its own that can be told to misbehave. */
export class TcpProxy {
  private server: Server | undefined;
  private readonly sockets = new Set<Socket>();
  private readonly targetPort: number;
  private fault: Fault = { type: 'none' };
  port = 0;

  private constructor(targetPort: number) {
    this.targetPort = targetPort;
  }

  static async open(targetPort: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(targetPort);
    await proxy.listen();
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** From now on; connections that stand are under it as well. */
  async set(fault: Fault): Promise<void> {
    const before = this.fault;
    this.fault = fault;
    if (fault.type === 'refuse') {
      const { server } = this;
      this.server = undefined;
      server?.close();
      this.drop();
    } else if (this.server === undefined) {
      await this.listen();
    }
    // What was swallowed is not sent later: the connections it belongs to are of no use any more.
    if (before.type === 'halfOpen' && fault.type !== 'halfOpen') this.drop();
  }

  /** Resets every connection that stands. */
  drop(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
    this.sockets.clear();
  }

  async close(): Promise<void> {
    this.drop();
    this.server?.close();
    this.server = undefined;
  }

  private async listen(): Promise<void> {
    const server = createServer((client) => this.pass(client));
    server.listen(this.port, '127.0.0.1');
    await once(server, 'listening');
    this.port = (server.address() as { port: number }).port;
    this.server = server;
  }

  private pass(client: Socket): void {
    const upstream = connect(this.targetPort, '127.0.0.1');
    const pairs: [Socket, Socket][] = [
      [client, upstream],
      [upstream, client],
    ];
    for (const [from, to] of pairs) {
      this.sockets.add(from);
      from.setNoDelay(true);
      from.on('data', (bytes) => this.forward(bytes, to));
      from.on('error', () => {});
      from.on('close', () => {
        this.sockets.delete(from);
        if (this.fault.type !== 'halfOpen') to.destroy();
      });
    }
  }

  private forward(bytes: Buffer, to: Socket): void {
    if (this.fault.type === 'halfOpen') return;
    if (this.fault.type !== 'delay') return void to.write(bytes);
    const timer = setTimeout(() => to.writable && to.write(bytes), this.fault.ms);
    to.once('close', () => clearTimeout(timer));
  }
}
