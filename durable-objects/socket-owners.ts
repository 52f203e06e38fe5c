import { CLOSED_REVOKED, SOCKET_OWNER } from '../src/core/protocol/socket-owner.ts';

/** What a socket is remembered by over hibernation: whose it is. */
export function ownerTags(request: Request): string[] {
  const owner = request.headers.get(SOCKET_OWNER);
  return owner === null ? [] : [owner];
}

/** Closes the sockets that a key opened, and answers them: no close of theirs may come, so their ends are the caller's. */
export function closeSocketsOf(ctx: DurableObjectState, owner: string): WebSocket[] {
  const sockets = ctx.getWebSockets(owner);
  for (const socket of sockets) socket.close(CLOSED_REVOKED, 'its key was revoked');
  return sockets;
}
