import { Buffer } from 'node:buffer';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { Timer } from '../core/timer.ts';
import { MessagePace } from './message-pace.ts';
import type { UnreadMessages } from './unread.ts';

/** A WebSocket, as far as the pump goes. */
export type SocketSide = Pick<
  WebSocket,
  'accept' | 'addEventListener' | 'binaryType' | 'close' | 'readyState' | 'removeEventListener' | 'send'
>;

/** What a pump stands on. */
export interface PumpParts {
  readonly clock: Clock;
  readonly timer: Timer;
  /** Of all of the isolate. */
  readonly unread: UnreadMessages;
  /** Breaks the connection to the upstream off without a word, as a client does that vanishes. */
  readonly breakOff: () => void;
  /** A message of so many bytes was passed on. */
  readonly passed: (from: Sender, bytes: number) => void;
}

export type Sender = 'client' | 'upstream';

/** A WebSocket that is open between a client and its upstream. */
export interface PumpedSocket {
  readonly isOver: boolean;
  /** Ends once, with the first of both sides that ends; tells whether that was by a close. Never fails. */
  readonly ended: Promise<{ readonly clean: boolean }>;
  /** Ends both sides. From then on nothing passes, whatever they still send. */
  close(code: number, reason: string): void;
}

/** Close codes of our own (RFC 6455, section 7.4). */
const UPSTREAM_LOST = 1011;
const TOO_LARGE = 1009;
/** As a watch of a cluster ends whose client does not read. */
const CLOSED_UNREAD = 4005;
/** The policy that it breaks is the isolate's: messages of others wait while one socket has some. */
const TOO_MANY = 1008;

/** Codes that nobody sent: they say how the connection ended (RFC 6455, section 7.4.1). */
const NO_CODE = 1005;
const NO_CLOSE = 1006;
/** What is sent on of a code that may not be sent: whoever sent it broke the protocol. */
const PROTOCOL_ERROR = 1002;
const NEVER_SENT: ReadonlySet<number> = new Set([1004, NO_CODE, NO_CLOSE, 1015]);
/** Of a close frame, which has 125 bytes, two of them the code. */
const REASON_BYTES = 123;
/** How long an upstream may take to answer a close. */
const FAREWELL_MS = 5_000;

/** `WebSocket.OPEN`, which Node has under another name. */
const OPEN = 1;

/**
 * Passes messages between two sides, in their order and as what they are, until one of them ends. The platform tells
 * nothing of what a side has not read yet and takes all that is sent, so `unread` stands for back-pressure.
 */
export function pumpSocket(client: SocketSide, upstream: SocketSide, parts: PumpParts): PumpedSocket {
  const sides = { client, upstream };
  const unread = { client: parts.unread.side(), upstream: parts.unread.side() };
  const pace = new MessagePace();
  let isOver = false;
  let tell: (end: { clean: boolean }) => void = () => undefined;
  const ended = new Promise<{ clean: boolean }>((resolve) => {
    tell = resolve;
  });
  let callOffFarewell: (() => void) | null = null;
  const hearNoMore: (() => void)[] = [];
  const end = (clean: boolean, lingersFromMs: number | null = null) => {
    isOver = true;
    // A side may send on for as long as it likes: what nobody hears costs the isolate the least.
    for (const stop of hearNoMore) stop();
    tell({ clean });
    unread.client.ended(lingersFromMs);
    unread.upstream.ended(lingersFromMs);
    // Nothing counts it any more: one that does not answer must not stay for that.
    callOffFarewell = parts.timer(FAREWELL_MS, parts.breakOff);
  };
  const gone = (side: Sender) => {
    if (side === 'upstream') callOffFarewell?.();
  };
  const close = (code: number, reason: string): void => {
    if (isOver) return;
    end(true, parts.clock.now());
    client.close(code, reason);
    upstream.close(code, reason);
  };
  /** The connection of a side is gone: its upstream sees the same, a client cannot be shown it. */
  const lost = (side: Sender, code: number, reason: string): void => {
    end(false);
    if (side === 'client') parts.breakOff();
    else client.close(code, reason);
    callOffFarewell?.();
  };

  const listen = (side: Sender, other: Sender): void => {
    const [from, to] = [sides[side], sides[other]];
    from.binaryType = 'arraybuffer';
    const pass = ({ data }: MessageEvent) => {
      if (isOver || to.readyState !== OPEN) return;
      const nowMs = parts.clock.now();
      if (pace.isTooFast(nowMs)) {
        close(TOO_MANY, `more than ${LIMITS.gatewaySocketMessages} messages in a second`);
        return;
      }
      const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
      to.send(data);
      parts.passed(side, bytes);
      unread[side].heard();
      if (unread[other].isTooMuch(bytes, nowMs)) close(CLOSED_UNREAD, `the ${other} reads too slowly`);
    };
    from.addEventListener('message', pass);
    hearNoMore.push(() => from.removeEventListener('message', pass));
    from.addEventListener('close', ({ code, reason }) => {
      if (isOver) return gone(side);
      if (code === NO_CLOSE) return lost(side, UPSTREAM_LOST, 'the upstream broke the connection');
      end(true);
      gone(side);
      if (code === NO_CODE) to.close();
      else to.close(...sendable(code, reason));
    });
    // What broke is the connection or the protocol; no close follows.
    from.addEventListener('error', ({ message }) => {
      if (isOver) return gone(side);
      // The platform says so in words alone.
      if (message.includes('too large')) lost(side, TOO_LARGE, 'a message of the upstream is too large');
      else lost(side, UPSTREAM_LOST, 'the upstream broke the connection');
    });
  };
  listen('client', 'upstream');
  listen('upstream', 'client');
  client.accept();
  upstream.accept();
  return {
    get isOver() {
      return isOver;
    },
    ended,
    close,
  };
}

/** A close as it may be sent on: the platform hands over any code, and text that has grown by what was not UTF-8 in it. */
function sendable(code: number, reason: string): [code: number, reason: string] {
  if (code < 1000 || code > 4999 || NEVER_SENT.has(code)) return [PROTOCOL_ERROR, ''];
  const bytes = Buffer.from(reason);
  if (bytes.length <= REASON_BYTES) return [code, reason];
  // Without the beginning of a character that is cut.
  return [code, new TextDecoder().decode(bytes.subarray(0, REASON_BYTES), { stream: true })];
}
