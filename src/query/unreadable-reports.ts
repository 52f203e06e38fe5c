import type { Clock } from '../core/clock.ts';
import type { Log } from '../observe/log.ts';
import type { IndexFile } from '../storage/index-catalog.ts';
import type { UnreadableIndex } from './scan/unreadable-indexes.ts';

/** Whoever looks at a reported file reads it whole, so a busy isolate is not to report it with each query. */
const QUIET_MS = 60_000;
/** Files remembered as reported; more are damaged only where something is very wrong. */
const REMEMBERED = 1000;

/** Tells whoever rebuilds indexes of the files that queries could not read. Never throws, and waits for nothing. */
export class UnreadableReports {
  readonly #report: (file: IndexFile, key: string) => void;
  readonly #clock: Clock;
  readonly #log: Log;
  /** When a key was last reported. */
  readonly #reportedMs = new Map<string, number>();

  constructor(report: (file: IndexFile, key: string) => void, clock: Clock, log: Log) {
    this.#report = report;
    this.#clock = clock;
    this.#log = log;
  }

  send(namespaceUid: string, indexes: readonly UnreadableIndex[]): void {
    const nowMs = this.#clock.now();
    for (const { key, ...index } of indexes) {
      if (nowMs - (this.#reportedMs.get(key) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) continue;
      if (this.#reportedMs.size >= REMEMBERED) this.#reportedMs.clear();
      this.#reportedMs.set(key, nowMs);
      try {
        this.#report({ namespaceUid, ...index }, key);
      } catch (error) {
        this.#log.error('an unreadable index file could not be reported', { key, error });
      }
    }
  }
}
