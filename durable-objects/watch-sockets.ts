import type { Untold } from '../src/cluster/untold.ts';
import { LIMITS } from '../src/core/limits.ts';
import type { ClusterRefusal } from '../src/core/protocol/cluster.ts';
import { CLOSED } from './member-sockets.ts';

/** What is kept with a watch over hibernation. */
interface Standing {
  /** Of what it is told changes; empty: all. */
  readonly prefix: string;
  /** All changes up to it have been told. */
  readonly after: number;
  /** Characters told since the client last spoke. */
  readonly unread: number;
}

/**
 * Watches over WebSocket. A watch is a place in a history and keeps nothing else, so that the object may sleep between
 * two changes. It is told of a change in the turn in which the change is written, and sent it when that is safe; how
 * far it has been told is kept with the socket in the same turn.
 */
export class WatchSockets {
  readonly #ctx: DurableObjectState;
  readonly #tag: string;
  readonly #untold: (prefix: string, after: number) => Untold;
  readonly #sockets: Set<WebSocket>;

  /** `tag` tells their sockets from the object's others. */
  constructor(ctx: DurableObjectState, tag: string, untold: (prefix: string, after: number) => Untold) {
    this.#ctx = ctx;
    this.#tag = tag;
    this.#untold = untold;
    this.#sockets = new Set(ctx.getWebSockets(tag));
  }

  /** Whether a socket is such a watch's. */
  has(socket: WebSocket): boolean {
    return this.#sockets.has(socket);
  }

  /** Opens a watch of the changes after a revision. */
  open(prefix: string, after: number, tags: readonly string[]): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [this.#tag, ...tags]);
    server.serializeAttachment({ prefix, after, unread: 0 } satisfies Standing);
    this.#sockets.add(server);
    this.#catchUp(server);
    this.#progress(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Tells every watch what it has not been told. */
  catchUp(): void {
    for (const socket of [...this.#sockets]) this.#catchUp(socket);
  }

  /** The client has said something, whatever it is: it has read what it was sent, and is told how far that was. */
  heard(socket: WebSocket): void {
    socket.serializeAttachment({ ...standing(socket), unread: 0 } satisfies Standing);
    this.#progress(socket);
  }

  forget(socket: WebSocket): void {
    this.#sockets.delete(socket);
  }

  /** The store is no more: whoever comes back finds another. */
  closeAll(code: number, reason: string): void {
    for (const socket of this.#sockets) socket.close(code, reason);
    this.#sockets.clear();
  }

  #catchUp(socket: WebSocket): void {
    let { prefix, after, unread } = standing(socket);
    for (;;) {
      const { messages, reached, next } = this.#untold(prefix, after);
      for (const message of messages) unread += send(socket, message);
      after = reached;
      socket.serializeAttachment({ prefix, after, unread } satisfies Standing);
      if (next === 'gone') {
        this.#close(socket, CLOSED.gone, 'that history is gone');
        return;
      }
      // The platform holds what is sent until it is read, and does not say how much that is.
      if (messages.length > 0 && unread > LIMITS.watchUnreadChars) {
        this.#close(socket, CLOSED.unread, 'too much is unread: watch again after the last revision you have');
        return;
      }
      if (next === 'nothing') return;
    }
  }

  #close(socket: WebSocket, code: number, reason: string): void {
    this.forget(socket);
    socket.close(code, reason);
  }

  #progress(socket: WebSocket): void {
    if (this.has(socket)) send(socket, { type: 'progress', revision: standing(socket).after });
  }
}

/** A refusal of an upgrade: the door makes a problem of it. */
export function refusedUpgrade(refusal: ClusterRefusal): Response {
  return Response.json(refusal, { status: 410 });
}

function standing(socket: WebSocket): Standing {
  return socket.deserializeAttachment() as Standing;
}

/** The characters sent. */
function send(socket: WebSocket, message: Untold['messages'][number]): number {
  if (socket.readyState !== WebSocket.OPEN) return 0;
  const text = JSON.stringify(message);
  socket.send(text);
  return text.length;
}
