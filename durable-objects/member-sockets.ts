import type { ClusterMessage } from '../src/core/protocol/cluster.ts';

/** Close codes, in the range left to applications (RFC 6455, section 7.4.2). */
export const CLOSED = { left: 4000, replaced: 4001, expired: 4002, restored: 4003, gone: 4004, unread: 4005 } as const;

/** What is kept with a member's socket over hibernation. */
interface Held {
  readonly memberId: string;
}

/** The sockets that members hold, by member. */
export class MemberSockets {
  readonly #ctx: DurableObjectState;
  readonly #sockets = new Map<string, WebSocket>();

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    for (const socket of ctx.getWebSockets()) {
      const memberId = this.memberOf(socket);
      if (memberId !== undefined) this.#sockets.set(memberId, socket);
    }
  }

  /** Who holds a socket; undefined where it has not joined, or is nobody's any more. */
  memberOf(socket: WebSocket): string | undefined {
    return (socket.deserializeAttachment() as Partial<Held> | null)?.memberId;
  }

  /** Whether a member holds a socket. */
  has(memberId: string): boolean {
    return this.#sockets.has(memberId);
  }

  members(): string[] {
    return [...this.#sockets.keys()];
  }

  /** When a member's socket was last pinged: the platform answers, and remembers it. */
  lastPingMs(memberId: string): number | null {
    const socket = this.#sockets.get(memberId);
    if (socket === undefined) return null;
    return this.#ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? null;
  }

  hold(memberId: string, socket: WebSocket): void {
    const before = this.#sockets.get(memberId);
    socket.serializeAttachment({ memberId } satisfies Held);
    this.#sockets.set(memberId, socket);
    // A process that comes back may find its old connection still open.
    if (before !== undefined && before !== socket) release(before, CLOSED.replaced, 'replaced by a newer connection');
  }

  /** The socket is nobody's any more; it stays open. */
  letGo(socket: WebSocket): void {
    const memberId = this.memberOf(socket);
    socket.serializeAttachment(null);
    if (memberId !== undefined && this.#sockets.get(memberId) === socket) this.#sockets.delete(memberId);
  }

  close(memberId: string, code: number, reason: string): void {
    const socket = this.#sockets.get(memberId);
    this.#sockets.delete(memberId);
    if (socket !== undefined) release(socket, code, reason);
  }

  closeAll(code: number, reason: string): void {
    for (const memberId of this.members()) this.close(memberId, code, reason);
  }

  tellAll(message: ClusterMessage): void {
    for (const socket of this.#sockets.values()) tell(socket, message);
  }
}

/** Closes a socket that is nobody's any more: its end says nothing of the member. */
function release(socket: WebSocket, code: number, reason: string): void {
  socket.serializeAttachment(null);
  socket.close(code, reason);
}

/** A peer that is gone is noticed by its close; what was sent to it meanwhile is lost with it. */
export function tell(socket: WebSocket, message: ClusterMessage): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}
