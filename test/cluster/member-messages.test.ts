import { expect, test } from 'vitest';
import { heard, memberLost, takeMessage } from '../../durable-objects/member-messages.ts';
import { MemberSockets } from '../../durable-objects/member-sockets.ts';
import { World } from './world.ts';

/** A socket with what is attached to it. */
function socketOf(told: string[] = []): WebSocket {
  let attachment: unknown = null;
  let readyState: number = WebSocket.OPEN;
  return {
    get readyState() {
      return readyState;
    },
    serializeAttachment: (value: unknown) => {
      attachment = value;
    },
    deserializeAttachment: () => attachment,
    send: (text: string) => told.push(text),
    close() {
      readyState = WebSocket.CLOSING;
    },
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

test('what was on its way when a socket was replaced is not done, and does not replace the newer one', () => {
  const { cluster, sockets, join } = world();
  const before = socketOf();
  const after = socketOf();
  join(before);
  join(after);
  expect(heard(before, '{"type":"join","memberId":"a","status":"Running"}')).toBeNull();
  join(before);
  expect([sockets.memberOf(before), sockets.memberOf(after)]).toEqual([undefined, 'a']);
  expect([after.readyState, cluster.member('a')]).toMatchObject([WebSocket.OPEN, { value: { connected: true } }]);
});

test('what is no message is answered with what is wrong with it', () => {
  const told: string[] = [];
  expect(heard(socketOf(told), '{"type":"leave"}')).toEqual({ type: 'leave' });
  expect(heard(socketOf(told), 'nonsense')).toBeNull();
  expect(told.map((text) => JSON.parse(text))).toEqual([
    { type: 'error', code: 'bad_request', message: 'expected JSON' },
  ]);
});
