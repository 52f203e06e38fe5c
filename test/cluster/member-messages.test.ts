import { expect, test } from 'vitest';
import { memberLost, takeMessage } from '../../durable-objects/member-messages.ts';
import { MemberSockets } from '../../durable-objects/member-sockets.ts';
import { World } from './world.ts';

/** A socket with what is attached to it. */
function socketOf(): WebSocket {
  let attachment: unknown = null;
  return {
    readyState: WebSocket.OPEN,
    serializeAttachment: (value: unknown) => {
      attachment = value;
    },
    deserializeAttachment: () => attachment,
    send() {},
    close() {},
  } as unknown as WebSocket;
}

function world() {
  const { cluster } = new World();
  const sockets = new MemberSockets({ getWebSockets: () => [] } as unknown as DurableObjectState);
  return {
    cluster,
    sockets,
    join: (socket: WebSocket) =>
      takeMessage(cluster, sockets, socket, { type: 'join', memberId: 'a', status: 'Running' }),
  };
}

test('a member whose socket is lost is disconnected', () => {
  const { cluster, sockets, join } = world();
  const socket = socketOf();
  join(socket);
  sockets.letGo(socket);
  memberLost(cluster, sockets, 'a');
  expect(cluster.member('a')).toMatchObject({ value: { connected: false, health: 'Inactive' } });
});

test('a member that is back before the loss of its old socket is looked at stays connected', () => {
  const { cluster, sockets, join } = world();
  const before = socketOf();
  join(before);
  sockets.letGo(before);
  join(socketOf());
  memberLost(cluster, sockets, 'a');
  expect(cluster.member('a')).toMatchObject({ value: { connected: true, health: 'Active' } });
});
