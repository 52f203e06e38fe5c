import type { Clock } from '../core/clock.ts';
import { CLOSED_REVOKED } from '../core/protocol/socket-owner.ts';
import { type Timer, within } from '../core/timer.ts';
import type { Log } from '../observe/log.ts';
import type { Exchange, Refusal } from './exchange.ts';
import type { Attempt, RateLimitStage } from './pipeline.ts';
import type { Review } from './review.ts';
import { type PumpedSocket, pumpSocket, type SocketSide } from './socket-pump.ts';
import { UnreadMessages } from './unread.ts';

/** What open WebSockets stand on. */
export interface OpenSocketParts {
  readonly review: Review;
  readonly rateLimits: Pick<RateLimitStage, 'stillOpen'>;
  /** Two ends of one WebSocket: what is sent into one comes out of the other. */
  readonly socketPair: () => { readonly client: WebSocket; readonly own: SocketSide };
  readonly clock: Clock;
  readonly timer: Timer;
  readonly log: Log;
}

/** Passes a WebSocket that an upstream has opened on to the client. */
export interface OpenSockets {
  /**
   * What the client gets: the upstream's own end, which the platform then passes on by itself and nobody here sees again;
   * or, where something is held until it closes or somebody may yet be refused, one end of a pair that is pumped.
   *
   * @param breakOff breaks the connection to the upstream off
   */
  open(exchange: Exchange, attempt: Attempt, upstream: WebSocket, breakOff: () => void): WebSocket;
}

/** With the seconds for which a key that was read is believed it makes less than ten. */
const REVIEWED_EVERY_MS = 1_000;
/** A review that takes longer has failed. */
const REVIEW_MS = 5_000;
/** Where nobody can say for so long whether it may go on, it may not. */
const UNREVIEWED_MS = 10_000;

/** Close codes, in the ranges of RFC 6455, section 7.4.2. */
const CLOSED_GONE = 4007;
const TRY_AGAIN_LATER = 1013;

/** The open WebSockets of an isolate. Each is watched by the request that opened it, which lives as long as it does. */
export function createOpenSockets(parts: OpenSocketParts): OpenSockets {
  const { review, rateLimits, clock, timer, log } = parts;
  const unread = new UnreadMessages();

  const watch = async (exchange: Exchange, socket: PumpedSocket): Promise<void> => {
    const { requestId } = exchange;
    let { version } = exchange.entries;
    let knownMs = clock.now();
    let wake = () => {};
    // Once, and not with each look: what is asked of a promise is kept until it ends.
    socket.ended.then(() => wake());
    for (;;) {
      await new Promise<void>((resolve) => {
        const callOff = timer(REVIEWED_EVERY_MS, resolve);
        wake = () => {
          callOff();
          resolve();
        };
      });
      if (socket.isOver) return;
      rateLimits.stillOpen(exchange);
      const askedMs = clock.now();
      try {
        const reviewed = await within(REVIEW_MS, review(exchange, version), null);
        if (reviewed === null) throw new Error(`no verdict within ${REVIEW_MS} ms`);
        const { refusal } = reviewed;
        version = reviewed.version;
        knownMs = askedMs;
        if (refusal === null) continue;
        log.info('a WebSocket ended', { requestId, code: refusal.code, stage: refusal.stage });
        socket.close(...closeOf(refusal));
      } catch (error) {
        log.warn('a WebSocket not reviewed', { error, requestId });
        if (clock.now() - knownMs >= UNREVIEWED_MS) socket.close(TRY_AGAIN_LATER, 'its credentials cannot be checked');
      }
    }
  };

  return {
    open(exchange, attempt, upstream, breakOff) {
      if (!isPumped(exchange)) {
        attempt.end();
        return upstream;
      }
      const { client, own } = parts.socketPair();
      const socket = pumpSocket(own, upstream, {
        clock,
        timer,
        unread,
        breakOff,
        passed(from, bytes) {
          if (from === 'client') exchange.requestBytes = (exchange.requestBytes ?? 0) + bytes;
          else exchange.responseBytes = (exchange.responseBytes ?? 0) + bytes;
        },
      });
      exchange.bodyEnd = socket.ended.then(({ clean }) => {
        exchange.bodyWhole = clean;
        attempt.end();
      });
      exchange.waitUntil(watch(exchange, socket));
      return client;
    },
  };
}

/** Whether somebody counts it until it closes, or a policy says who may have it. */
function isPumped({ watchBody, policies: { auth, security } }: Exchange): boolean {
  return watchBody || auth !== null || security !== null;
}

function closeOf({ stage }: Refusal): [code: number, reason: string] {
  if (stage === 'authentication') return [CLOSED_REVOKED, 'its credentials are no longer right'];
  return [CLOSED_GONE, 'its request would no longer be let in'];
}
