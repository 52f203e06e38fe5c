import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { AgentSockets } from '../../durable-objects/agent-sockets.ts';
import { LIMITS } from '../../src/core/limits.ts';
import { queueFixture } from './queue-fixture.ts';

/** A socket as the platform holds it while the object sleeps. */
class HeldSocket {
  readyState: number = WebSocket.OPEN;
  closed: number | null = null;
  readonly told: string[] = [];
  private attachment: unknown = null;

  serializeAttachment(value: unknown): void {
    this.attachment = structuredClone(value);
  }
  deserializeAttachment(): unknown {
    return structuredClone(this.attachment);
  }
  send(text: string): void {
    this.told.push(JSON.parse(text).type);
  }
  close(code: number): void {
    this.closed = code;
    this.readyState = WebSocket.CLOSING;
  }
}

beforeAll(() => {
  vi.stubGlobal('WebSocketRequestResponsePair', class {});
  vi.stubGlobal(
    'WebSocketPair',
    class {
      readonly 0 = null;
      readonly 1 = new HeldSocket();
    },
  );
  // Node's own has no status 101.
  vi.stubGlobal(
    'Response',
    class {
      readonly status: number;
      constructor(_body: null, { status }: { status: number }) {
        this.status = status;
      }
    },
  );
});
afterAll(() => void vi.unstubAllGlobals());

/** A queue's sockets; `wake` is what an eviction leaves of them. */
function fixture() {
  const { clock, queue } = queueFixture();
  const held: HeldSocket[] = [];
  const ctx = {
    acceptWebSocket: (socket: HeldSocket) => held.push(socket),
    getWebSockets: () => held,
    getWebSocketAutoResponseTimestamp: () => new Date(clock.now()),
    setWebSocketAutoResponse: () => {},
  } as unknown as DurableObjectState;
  const open = () => new AgentSockets(ctx, clock, () => queue);
  const world = {
    clock,
    held,
    sockets: open(),
    wake() {
      world.sockets = open();
    },
    say: (socket: HeldSocket, message: object) =>
      world.sockets.message(socket as unknown as WebSocket, JSON.stringify(message)),
    accept: () => world.sockets.accept([]).status,
  };
  return world;
}
const helloOf = (agentId: string) => ({ type: 'hello', agentId, slots: 1 });

test('sockets that do not say who they are hold a place for thirty seconds, though they ping, speak and sleep', () => {
  const { accept, say, held, clock, wake } = fixture();
  for (let place = 0; place < LIMITS.queueConnections; place++) expect(accept()).toBe(101);
  say(held[0], helloOf('a'));
  clock.advance(29_999);
  say(held[1], { type: 'slots', slots: 1 });
  wake();
  expect(accept()).toBe(503);
  clock.advance(1);
  expect(accept()).toBe(101);
  expect(held.map(({ closed }) => closed)).toEqual([null, ...Array(LIMITS.queueConnections - 1).fill(4002), null]);
  wake();
  for (let place = 2; place < LIMITS.queueConnections; place++) expect(accept()).toBe(101);
  expect(accept()).toBe(503);
});

test('a socket that does not say who it is is ended at the next look, and what it says then is not heard', () => {
  const { accept, say, held, clock, sockets } = fixture();
  accept();
  accept();
  say(held[0], helloOf('a'));
  clock.advance(30_000);
  expect(sockets.serve()).toBe(0);
  say(held[1], helloOf('b'));
  expect(held.map(({ closed, told }) => [closed, told])).toEqual([
    [null, ['welcome']],
    [4002, []],
  ]);
  expect(sockets.agents().map(({ agentId }) => agentId)).toEqual(['a']);
});
