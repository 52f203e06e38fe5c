import type { World } from '../world.ts';

/** What the object's side of a connection needs of its object. */
export interface SocketHost {
  readonly world: World;
  /** Runs `then` once what the object has written is safe, unless the instance dies before. */
  whenSafe(then: () => void): void;
  received(socket: ServerSocket, text: string): void;
  closed(socket: ServerSocket): void;
}

/** The two ends of a WebSocket. Messages arrive in order, after a while; those of a cut connection do not. */
export class ClientSocket {
  onMessage: (text: string) => void = () => {};
  onClose: (code: number) => void = () => {};
  /** Nothing comes through in either direction, and nobody is told: half open. */
  cut = false;
  readonly server: ServerSocket;
  private readonly world: World;
  private open = true;
  private arrivesAtMs = 0;

  constructor(world: World) {
    this.world = world;
    this.server = new ServerSocket(this, world);
  }

  send(text: string): void {
    if (!this.open || this.cut) return;
    this.arrivesAtMs = Math.max(this.arrivesAtMs, this.world.nowMs + 1 + this.world.below(20));
    this.world.after(this.arrivesAtMs - this.world.nowMs, () => {
      if (!this.cut) this.server.receive(text);
    });
  }

  /** The process that holds it ends it, or is gone; a half-open one is not noticed there. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    if (this.cut) return;
    this.world.after(1 + this.world.below(20), () => this.server.lost());
  }

  /** The object's end is gone. */
  ended(code: number): void {
    if (!this.open || this.cut) return;
    this.open = false;
    this.onClose(code);
  }
}

/** The end that an object holds. It outlives the instance, as a hibernating connection does. */
export class ServerSocket {
  readyState = 1;
  lastPingMs: number | null = null;
  onPing: (atMs: number) => void = () => {};
  host: SocketHost | null = null;
  tags: readonly string[] = [];
  readonly client: ClientSocket;
  private readonly world: World;
  private attachment: unknown = null;
  private arrivesAtMs = 0;

  constructor(client: ClientSocket, world: World) {
    this.client = client;
    this.world = world;
  }

  send(text: string): void {
    this.host?.whenSafe(() => {
      this.arrivesAtMs = Math.max(this.arrivesAtMs, this.world.nowMs + 1 + this.world.below(20));
      this.world.after(this.arrivesAtMs - this.world.nowMs, () => {
        if (!this.client.cut) this.client.onMessage(text);
      });
    });
  }

  close(code = 1000): void {
    if (this.readyState !== 1) return;
    this.readyState = 3;
    this.world.after(1 + this.world.below(20), () => this.client.ended(code));
  }

  serializeAttachment(value: unknown): void {
    this.attachment = structuredClone(value);
  }

  deserializeAttachment(): unknown {
    return structuredClone(this.attachment);
  }

  receive(text: string): void {
    if (this.readyState !== 1) return;
    if (text === 'ping') {
      // The platform answers it and does not wake the object.
      this.lastPingMs = this.world.nowMs;
      this.onPing(this.lastPingMs);
      this.world.after(1 + this.world.below(20), () => {
        if (!this.client.cut) this.client.onMessage('pong');
      });
      return;
    }
    this.host?.received(this, text);
  }

  /** The client's end is gone. */
  lost(): void {
    if (this.readyState !== 1) return;
    this.readyState = 3;
    this.host?.closed(this);
  }
}
