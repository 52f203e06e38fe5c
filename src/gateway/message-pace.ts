import { LIMITS } from '../core/limits.ts';

/** Counts the messages of a WebSocket, those of both its sides, in each second. */
export class MessagePace {
  #sinceMs = 0;
  #messages = 0;

  isTooFast(nowMs: number): boolean {
    if (nowMs - this.#sinceMs >= 1_000) {
      this.#sinceMs = nowMs;
      this.#messages = 0;
    }
    this.#messages += 1;
    return this.#messages > LIMITS.gatewaySocketMessages;
  }
}
