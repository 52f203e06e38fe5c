import { Buffer } from 'node:buffer';
import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';

/** A WebSocket, as far as the pump goes. */
export type SocketSide = Pick<
  WebSocket,
  'accept' | 'addEventListener' | 'binaryType' | 'close' | 'readyState' | 'send'
>;

/** What a pump stands on. */
export interface PumpParts {
  readonly clock: Clock;
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

/** Codes that nobody sent: they say how the connection ended (RFC 6455, section 7.4.1). */
const NO_CODE = 1005;
const NO_CLOSE = 1006;

/** `WebSocket.OPEN`, which Node has under another name. */
const OPEN = 1;

/** What a side is taken to read in any case. */
const READ_BYTES_PER_MS = 1024;

/**
 * Passes messages between two sides, in their order and as what they are, until one of them ends. The platform tells
 * nothing of what a side has not read yet and takes all that is sent, so `Unread` stands for back-pressure.
 */
export function pumpSocket(client: SocketSide, upstream: SocketSide, parts: PumpParts): PumpedSocket {
  const sides = { client, upstream };
  const unread = { client: new Unread(), upstream: new Unread() };
  let isOver = false;
  let tell: (end: { clean: boolean }) => void = () => undefined;
  const ended = new Promise<{ clean: boolean }>((resolve) => {
    tell = resolve;
  });
  const end = (clean: boolean) => {
    isOver = true;
    tell({ clean });
  };
  const close = (code: number, reason: string): void => {
    if (isOver) return;
    end(true);
    client.close(code, reason);
    upstream.close(code, reason);
  };
  /** The other side of one whose connection is gone. */
  const lost = (side: Sender, code: number, reason: string): void => {
    end(false);
    if (side === 'client') parts.breakOff();
    else client.close(code, reason);
  };

  const listen = (side: Sender, other: Sender): void => {
    const [from, to] = [sides[side], sides[other]];
    from.binaryType = 'arraybuffer';
    from.addEventListener('message', ({ data }) => {
      if (isOver || to.readyState !== OPEN) return;
      const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
      to.send(data);
      parts.passed(side, bytes);
      unread[side].heard();
      if (unread[other].add(bytes, parts.clock.now()) > LIMITS.gatewaySocketUnreadBytes)
        close(CLOSED_UNREAD, `the ${other} reads too slowly`);
    });
    from.addEventListener('close', ({ code, reason }) => {
      if (isOver) return;
      if (code === NO_CLOSE) return lost(side, UPSTREAM_LOST, 'the upstream broke the connection');
      end(true);
      if (code === NO_CODE) to.close();
      else to.close(code, reason);
    });
    // What broke is the connection or the protocol; no close follows.
    from.addEventListener('error', ({ message }) => {
      if (isOver) return;
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

/**
 * What a side may not have read yet: what it was sent since it last sent something itself, less what it is taken to read
 * in the time. It keeps one that is slow by accident from filling the isolate's memory; one that means to can speak.
 */
class Unread {
  #bytes = 0;
  #atMs = 0;

  heard(): void {
    this.#bytes = 0;
  }

  add(bytes: number, nowMs: number): number {
    const readBytes = (nowMs - this.#atMs) * READ_BYTES_PER_MS;
    this.#bytes = Math.max(0, this.#bytes - readBytes) + bytes;
    this.#atMs = nowMs;
    return this.#bytes;
  }
}
