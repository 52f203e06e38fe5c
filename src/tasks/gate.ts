import type { TaskLimit } from '../core/protocol/queue-settings.ts';

/**
 * One limit: how many run, and a token bucket kept as the time until which it is spent (GCRA: the theoretical arrival
 * time of ITU-T I.371). Times are milliseconds since the Unix epoch.
 */
export class Gate {
  readonly name: string;
  limit: TaskLimit;
  running: number;
  /** Of a bucket that is full it lies in the past. */
  spentUntilMs: number;

  constructor(name: string, limit: TaskLimit, running: number, spentUntilMs: number) {
    this.name = name;
    this.limit = limit;
    this.running = running;
    this.spentUntilMs = spentUntilMs;
  }

  /** When one more may begin: `nowMs` for at once, infinity for when one that runs has ended. */
  opensAtMs(nowMs: number): number {
    const { concurrency, rate } = this.limit;
    if (concurrency !== null && this.running >= concurrency) return Number.POSITIVE_INFINITY;
    if (rate === null) return nowMs;
    const everyMs = 1_000 / rate.perSecond;
    return Math.max(nowMs, Math.ceil(this.spentUntilMs - (rate.burst - 1) * everyMs));
  }

  /** One begins. */
  take(nowMs: number): void {
    const { rate } = this.limit;
    if (rate !== null) this.spentUntilMs = Math.max(this.spentUntilMs, nowMs) + 1_000 / rate.perSecond;
  }

  /** What holds it shut, for people. */
  reason(nowMs: number): string {
    const { concurrency, rate } = this.limit;
    if (concurrency !== null && this.running >= concurrency) return `${this.running} of ${concurrency} at a time run`;
    const at = new Date(this.opensAtMs(nowMs)).toISOString();
    return `${rate?.perSecond} a second have begun; the next may at ${at}`;
  }
}
