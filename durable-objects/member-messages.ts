import type { Cluster } from '../src/cluster/cluster.ts';
import { parseMemberMessage } from '../src/cluster/messages.ts';
import type { ClusterAnswer, MemberMessage } from '../src/core/protocol/cluster.ts';
import { type MemberSockets, tell } from './member-sockets.ts';

/**
 * What a socket says; null where it is no message, which is answered, and where the object has closed the socket: what
 * was on its way then is nobody's word any more.
 */
export function heard(socket: WebSocket, text: string | ArrayBuffer): MemberMessage | null {
  if (socket.readyState !== WebSocket.OPEN) return null;
  const message = parseMemberMessage(text);
  if (typeof message !== 'string') return message;
  tell(socket, { type: 'error', code: 'bad_request', message });
  return null;
}

/** Does what a socket says, in the cluster that it reached; its member is answered only where something is refused. */
export function takeMessage(cluster: Cluster, sockets: MemberSockets, socket: WebSocket, message: MemberMessage): void {
  // It may have been closed since it was heard.
  if (socket.readyState !== WebSocket.OPEN) return;
  if (message.type === 'join') {
    join(cluster, sockets, socket, message);
    return;
  }
  const memberId = sockets.memberOf(socket);
  if (memberId === undefined) {
    tell(socket, { type: 'error', code: 'conflict', message: 'join first' });
    return;
  }
  const answer = act(cluster, memberId, message);
  if (!answer.ok) tell(socket, { type: 'error', code: answer.code, message: answer.message });
}

/** The socket that a member held is gone. The cluster hears of it, unless the member is back on another one by now. */
export function memberLost(cluster: Cluster, sockets: MemberSockets, memberId: string): void {
  if (!sockets.has(memberId)) cluster.close(memberId);
}

function act(
  cluster: Cluster,
  memberId: string,
  message: Exclude<MemberMessage, { type: 'join' }>,
): ClusterAnswer<unknown> {
  switch (message.type) {
    case 'heartbeat':
      return cluster.report(memberId, message, true);
    case 'leave':
      return cluster.leave(memberId);
    case 'campaign':
      return cluster.campaign(memberId);
    case 'resign':
      return cluster.resign(memberId);
    case 'vote':
      return cluster.vote({ memberId, candidateId: message.candidateId, term: message.term });
  }
}

function join(
  cluster: Cluster,
  sockets: MemberSockets,
  socket: WebSocket,
  { memberId, ...report }: MemberMessage & { type: 'join' },
): void {
  const present = sockets.memberOf(socket);
  if (present !== undefined && present !== memberId) {
    tell(socket, { type: 'error', code: 'conflict', message: `this connection is that of "${present}"` });
    return;
  }
  sockets.hold(memberId, socket);
  const answer = cluster.report(memberId, report, true);
  if (answer.ok) {
    tell(socket, { type: 'joined', ...answer.value });
    tell(socket, { type: 'leader', ...cluster.leader() });
    const ballot = cluster.ballot();
    if (ballot !== null) tell(socket, { type: 'ballot', ...ballot });
    return;
  }
  sockets.letGo(socket);
  tell(socket, { type: 'error', code: answer.code, message: answer.message });
}
