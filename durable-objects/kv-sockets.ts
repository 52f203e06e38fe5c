import type { KvMachine } from '../src/cluster/kv/machine.ts';
import { type KvWatchMessage, messagesOf } from '../src/cluster/kv/watch-messages.ts';
import { LIMITS } from '../src/core/limits.ts';
import { CLOSED } from './member-sockets.ts';

/** How a watch's socket is told from others. */
const TAG = 'kv-watch';

/** What is kept with a watch over hibernation. */
interface Standing {
  readonly prefix: string;
  /** All changes up to it have been told. */
  readonly after: number;
  /** Characters told since the client last spoke. */
  readonly unread: number;
}

/**
 * Watches of keys over WebSocket. A watch is a place in the history and keeps nothing else, so that the object may
 * sleep between two changes. It is told of a change in the turn in which the change is written, and sent it when that
 * is safe; how far it has been told is kept with the socket in the same turn.
 */
export class KvSockets {
  readonly #ctx: DurableObjectState;
  readonly #sockets: Set<WebSocket>;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    this.#sockets = new Set(ctx.getWebSockets(TAG));
  }

  /** Whether a socket is such a watch's. */
  has(socket: WebSocket): boolean {
    return this.#sockets.has(socket);
  }

  /** Opens a watch of the keys with a prefix, of the changes after a revision. */
  open(keys: KvMachine, prefix: string, after: number): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [TAG]);
    server.serializeAttachment({ prefix, after, unread: 0 } satisfies Standing);
    this.#sockets.add(server);
    this.#catchUp(server, keys);
    this.#progress(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Tells every watch what it has not been told. */
  catchUp(keys: KvMachine): void {
    for (const socket of [...this.#sockets]) this.#catchUp(socket, keys);
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

  #catchUp(socket: WebSocket, keys: KvMachine): void {
    let { prefix, after, unread } = standing(socket);
    const bytes = new TextEncoder().encode(prefix);
    for (;;) {
      const { frame, reached } = keys.changesAfter(bytes, after);
      for (const message of frame === undefined ? [] : messagesOf(frame)) unread += send(socket, message);
      after = reached;
      socket.serializeAttachment({ prefix, after, unread } satisfies Standing);
      if (frame === undefined) return;
      if (frame.type === 'compacted') {
        this.#close(socket, CLOSED.gone, 'that history is gone');
        return;
      }
      // The platform holds what is sent until it is read, and does not say how much that is.
      if (unread > LIMITS.watchUnreadChars) {
        this.#close(socket, CLOSED.unread, 'too much is unread: watch again after the last revision you have');
        return;
      }
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

function standing(socket: WebSocket): Standing {
  return socket.deserializeAttachment() as Standing;
}

/** The characters sent. */
function send(socket: WebSocket, message: KvWatchMessage): number {
  if (socket.readyState !== WebSocket.OPEN) return 0;
  const text = JSON.stringify(message);
  socket.send(text);
  return text.length;
}
