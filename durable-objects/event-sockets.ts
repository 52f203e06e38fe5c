import type { EventSource } from '../src/cluster/event-stream.ts';
import type { ClusterRefusal, WatchMessage } from '../src/core/protocol/cluster.ts';
import { CLOSED } from './member-sockets.ts';

/** How a watch's socket is told from a member's. */
const TAG = 'events';
const EVENTS_AT_ONCE = 100;

/** What is kept with a watch over hibernation: the last revision it was told of. */
interface Standing {
  readonly after: number;
}

/**
 * Watches over WebSocket. A watch is a place in the log and keeps nothing else, so that the object may sleep between
 * two changes; it is told of a change in the same turn in which the change is written, and sent it when that is safe.
 */
export class EventSockets {
  readonly #ctx: DurableObjectState;
  readonly #sockets: Set<WebSocket>;

  constructor(ctx: DurableObjectState) {
    this.#ctx = ctx;
    this.#sockets = new Set(ctx.getWebSockets(TAG));
  }

  /** Whether a socket is a watch's. */
  has(socket: WebSocket): boolean {
    return this.#sockets.has(socket);
  }

  /** Opens a watch of the changes after a revision. */
  open(source: EventSource, after: number): Response {
    const { 0: client, 1: server } = new WebSocketPair();
    this.#ctx.acceptWebSocket(server, [TAG]);
    server.serializeAttachment({ after } satisfies Standing);
    this.#sockets.add(server);
    this.#catchUp(server, source);
    this.progress(server);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Tells every watch what it has not heard of. */
  catchUp(source: EventSource): void {
    for (const socket of this.#sockets) this.#catchUp(socket, source);
  }

  /** Tells a watch how far it has come. */
  progress(socket: WebSocket): void {
    send(socket, { type: 'progress', revision: standing(socket).after });
  }

  forget(socket: WebSocket): void {
    this.#sockets.delete(socket);
  }

  #catchUp(socket: WebSocket, source: EventSource): void {
    let { after } = standing(socket);
    const compactedRevision = source.compactedRevision();
    if (after < compactedRevision) {
      send(socket, { type: 'gone', compactedRevision });
      this.forget(socket);
      socket.close(CLOSED.gone, 'that history is gone');
      return;
    }
    for (;;) {
      const events = source.eventsAfter(after, EVENTS_AT_ONCE);
      for (const event of events) send(socket, { type: 'event', ...event });
      after = events.at(-1)?.revision ?? after;
      if (events.length < EVENTS_AT_ONCE) break;
    }
    socket.serializeAttachment({ after } satisfies Standing);
  }
}

/** A refusal of an upgrade: the door makes a problem of it. */
export function refusedUpgrade(refusal: ClusterRefusal): Response {
  return Response.json(refusal, { status: 410 });
}

function standing(socket: WebSocket): Standing {
  return socket.deserializeAttachment() as Standing;
}

function send(socket: WebSocket, message: WatchMessage): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
}
