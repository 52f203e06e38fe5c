import type {
  JoinAnswer,
  LeaderView,
  MemberLoad,
  MemberReport,
  MemberStatus,
} from '../../src/core/protocol/cluster.ts';
import type { Random } from '../../src/core/random.ts';
import { type Backoff, pause, pauseMs } from '../client/backoff.ts';
import { type Client, pathOf } from '../client/client.ts';
import type { Socket, SocketEnd } from '../client/socket.ts';
import type { AgentConfig } from './config.ts';
import type { Log } from './log.ts';

/** The agent's place in its cluster. */
export interface Membership {
  /** Whether the cluster was heard of within the session. */
  isJoined(): boolean;
  /** `socket`: its end is noticed at once; `polling`: by heartbeats that fail to come. */
  link(): 'socket' | 'polling' | 'none';
  leader(): { readonly memberId: string | null; readonly epoch: number };
  /** Sends a heartbeat now: something of it has changed. */
  nudge(): void;
  /** Leaves, once. Never throws. */
  leave(): Promise<void>;
}

export interface MembershipParts {
  readonly client: Client;
  readonly namespace: string;
  readonly config: () => AgentConfig;
  readonly status: () => MemberStatus;
  /** Where its own port is reached. */
  readonly address: string;
  readonly load: () => Promise<MemberLoad>;
  readonly random: Random;
  readonly log: Log;
  /** Told when another process has joined under this name: two cannot be one member. */
  readonly replaced: () => void;
}

/** A session is so many heartbeats. */
const SESSION_HEARTBEATS = 3;
const SOCKET_BACKOFF: Backoff = { firstMs: 250, capMs: 60_000 };
const POLL_BACKOFF: Backoff = { firstMs: 500, capMs: 15_000 };
const CALL_MS = 10_000;
const LEAVE_MS = 3_000;
/** What the cluster closes a WebSocket with that another one of the same member has taken the place of. */
const REPLACED = 4001;

/**
 * Joins, and stays: over a WebSocket while one can be held, else by heartbeats over HTTP, trying for a WebSocket all
 * the while. A heartbeat joins anew where the cluster has forgotten the member.
 */
export function startMembership(parts: MembershipParts): Membership {
  const { client, namespace, config, status, address, load, random, log, replaced } = parts;
  const { agentId, cluster } = config();
  const root = pathOf('v1', 'namespaces', namespace, 'clusters', cluster);
  const member = root + pathOf('members', agentId);
  const over = new AbortController();
  let nudged = new AbortController();
  let heardMs: number | null = null;
  let holds = false;
  let left = false;
  let leader: { memberId: string | null; epoch: number } = { memberId: null, epoch: 0 };

  const heartbeatMs = () => config().heartbeatSeconds * 1000;
  const isJoined = () => heardMs !== null && performance.now() - heardMs < SESSION_HEARTBEATS * heartbeatMs();
  /** Resolves to whether it was cut short by a nudge. */
  const wait = async (ms: number): Promise<boolean> => {
    await pause(ms, nudged.signal, over.signal);
    const { aborted } = nudged.signal;
    if (aborted) nudged = new AbortController();
    return aborted;
  };
  const report = async (): Promise<MemberReport> => {
    const { zone, capabilities, heartbeatSeconds } = config();
    const sessionTtlSeconds = SESSION_HEARTBEATS * heartbeatSeconds;
    return { status: status(), address, zone, capabilities, load: await load(), sessionTtlSeconds };
  };
  const joined = (answer: JoinAnswer, link: 'socket' | 'polling') => {
    if (!isJoined() || link === 'socket') log('joined', { cluster, leader: answer.leader, link });
    heardMs = performance.now();
    leader = { memberId: answer.leader, epoch: answer.epoch };
  };

  /** Holds a WebSocket until it ends. Resolves to whether the cluster took the member in over it. */
  const hold = async (): Promise<boolean> => {
    let isMember = false;
    const socket: Socket = await client.connect(`${root}/connect`, {
      pingMs: Math.min(CALL_MS, heartbeatMs()),
      onAlive: () => {
        if (isMember) heardMs = performance.now();
      },
      onMessage: (message) => {
        switch (message['type']) {
          case 'joined':
            isMember = true;
            holds = true;
            joined(message as unknown as JoinAnswer, 'socket');
            break;
          case 'leader': {
            const { memberId, epoch } = message as unknown as LeaderView;
            if (memberId !== leader.memberId) log('leader', { memberId, epoch });
            leader = { memberId, epoch };
            break;
          }
          case 'error':
            log('the cluster refuses', { code: message['code'], error: message['message'] });
            if (!isMember) socket.close();
        }
      },
    });
    let end: SocketEnd | undefined;
    void socket.closed.then((how) => {
      end = how;
      nudged.abort();
    });
    socket.send({ type: 'join', memberId: agentId, ...(await report()) });
    while (end === undefined && !over.signal.aborted) {
      await wait(heartbeatMs());
      if (end === undefined && !over.signal.aborted) socket.send({ type: 'heartbeat', ...(await report()) });
    }
    if (over.signal.aborted && end === undefined) {
      socket.send({ type: 'leave' });
      // The cluster closes it once the member is gone.
      await Promise.race([socket.closed, pause(LEAVE_MS)]);
      left = isMember && end !== undefined;
      socket.close();
    }
    holds = false;
    const how = await socket.closed;
    if (over.signal.aborted) return isMember;
    log('the WebSocket ended', { code: how.code, reason: how.reason });
    if (how.code === REPLACED) {
      // The member is the other one's now: to leave would be to take it away from there.
      left = true;
      over.abort();
      replaced();
    }
    return isMember;
  };

  const poll = async (): Promise<void> => {
    const json = await report();
    joined(await client.json<JoinAnswer>({ method: 'PUT', path: member, json, idleMs: CALL_MS }), 'polling');
  };

  const staying = (async () => {
    let socketDueMs = 0;
    let pollDueMs = 0;
    let socketFailures = 0;
    let pollFailures = 0;
    while (!over.signal.aborted) {
      if (performance.now() >= socketDueMs) {
        try {
          socketFailures = (await hold()) ? 1 : socketFailures + 1;
        } catch (error) {
          if (socketFailures++ === 0) log('no WebSocket', { error: String(error) });
        }
        socketDueMs = performance.now() + pauseMs(SOCKET_BACKOFF, socketFailures, random);
        // A member whose WebSocket closed has a few seconds to be heard of.
        pollDueMs = Math.min(pollDueMs, performance.now());
        if (over.signal.aborted) break;
      }
      if (performance.now() >= pollDueMs) {
        try {
          await poll();
          pollFailures = 0;
        } catch (error) {
          if (pollFailures++ === 0) log('the cluster is out of reach', { error: String(error) });
        }
        const againMs = pollFailures === 0 ? heartbeatMs() : pauseMs(POLL_BACKOFF, pollFailures, random);
        pollDueMs = performance.now() + Math.min(heartbeatMs(), againMs);
      }
      if (await wait(Math.max(0, Math.min(socketDueMs, pollDueMs) - performance.now()))) pollDueMs = 0;
    }
  })();

  return {
    isJoined,
    link: () => (holds ? 'socket' : isJoined() ? 'polling' : 'none'),
    leader: () => leader,
    nudge: () => nudged.abort(),
    async leave() {
      over.abort();
      await staying;
      if (!left && heardMs !== null) {
        const gone = await client
          .send({ method: 'DELETE', path: member, idleMs: LEAVE_MS })
          .catch((error: unknown) => error);
        if (gone instanceof Error) return log('leaving failed; the session will lapse', { error: String(gone) });
      }
      if (heardMs !== null) log('left', { cluster });
    },
  };
}
