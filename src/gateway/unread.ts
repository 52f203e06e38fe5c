import { LIMITS } from '../core/limits.ts';

/** What a message takes beside its bytes while it waits: the runtime holds each by itself. */
const MESSAGE_BYTES = 512;
/** What a side is taken to read in any case. */
const READ_BYTES_PER_MS = 1024;
/** What was sent to a side that we ended may wait so long for its connection to end. */
const LINGERS_MS = 60_000;

/** What the sides of an isolate's pumped WebSockets may not have read yet, all together. */
export class UnreadMessages {
  #bytes = 0;
  #sides = 0;
  readonly #lingering: { readonly untilMs: number; readonly bytes: number }[] = [];

  side(): UnreadSide {
    this.#sides += 1;
    let [bytes, atMs] = [0, 0];
    const become = (now: number) => {
      this.#bytes += now - bytes;
      bytes = now;
    };
    return {
      heard: () => become(0),
      isTooMuch: (messageBytes, nowMs) => {
        this.#forget(nowMs);
        become(Math.max(0, bytes - (nowMs - atMs) * READ_BYTES_PER_MS) + messageBytes + MESSAGE_BYTES);
        atMs = nowMs;
        if (bytes > LIMITS.gatewaySocketUnreadBytes + MESSAGE_BYTES) return true;
        // Of all together it is those who have more than their part that end.
        return this.#bytes > LIMITS.gatewaySocketsUnreadBytes && bytes > LIMITS.gatewaySocketsUnreadBytes / this.#sides;
      },
      ended: (lingersFromMs) => {
        this.#sides -= 1;
        if (lingersFromMs === null) become(0);
        else if (bytes > 0) this.#lingering.push({ untilMs: lingersFromMs + LINGERS_MS, bytes });
      },
    };
  }

  #forget(nowMs: number): void {
    while (this.#lingering.length > 0 && this.#lingering[0].untilMs <= nowMs)
      this.#bytes -= this.#lingering.shift()?.bytes ?? 0;
  }
}

/**
 * What one side may not have read yet: what it was sent since it last sent something itself, less what it is taken to
 * read in the time. It keeps one that is slow by accident from filling the isolate's memory; one that means to can speak.
 */
export interface UnreadSide {
  heard(): void;
  /** Whether there is too much with a message of so many bytes, which is counted. */
  isTooMuch(messageBytes: number, nowMs: number): boolean;
  /** Once. What waits goes with it (null), or counts a while longer: of one that we end nobody knows when it reads that. */
  ended(lingersFromMs: number | null): void;
}
