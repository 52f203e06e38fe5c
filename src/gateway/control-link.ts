import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { SyncAnswer, SyncRequest, UpstreamMonitorCalls } from '../core/protocol/upstream-monitor.ts';
import { pause, within } from '../core/timer.ts';
import type { Log } from '../observe/log.ts';
import { checkManifest, EMPTY_MANIFEST } from '../traffic/snapshot/manifest.ts';
import type { ReadFile, Snapshots } from './snapshot.ts';

/** What an isolate knows of its upstreams, which travels with the configuration. */
export interface UpstreamNews {
  versions(): SyncRequest['upstreams'];
  takeReports(): SyncRequest['reports'];
  takeWishes(): SyncRequest['probes'];
  /** Whether reports should not wait for the read under way to end. */
  hasUrgentReports(): boolean;
  apply(states: SyncAnswer['upstreams']): void;
}

/** What the link to the control plane stands on. */
export interface ControlLinkParts {
  readonly isolate: string;
  readonly snapshots: Snapshots;
  readonly upstreams: UpstreamNews;
  /** A stub that threw is broken, so each read takes a new one. */
  readonly monitor: () => Pick<UpstreamMonitorCalls, 'sync'>;
  readonly readFile: ReadFile;
  readonly clock: Clock;
  readonly log: Log;
}

/** Reads end a little after the monitor was asked to let them wait; one that is longer under way is lost. */
const LOST_AFTER_MS = LIMITS.gatewaySyncMs + 2_000;

/** How often a request looks whether another one's read has come: it must not wait for its promise. */
const LOOK_MS = 5;

/**
 * What connects an isolate to the control plane: one read at a time of everything that changes, which waits at the
 * monitor until there is news. An isolate that has requests is so told of a change at once; one that had none for a
 * while asks before it answers, which is bounded, and then serves what it has.
 */
export class ControlLink {
  readonly #parts: ControlLinkParts;
  /** Until then requests need not ask: what is in memory is the control plane's last word, or there is none to be had. */
  #freshUntilMs = Number.NEGATIVE_INFINITY;
  #begunMs = Number.NEGATIVE_INFINITY;
  #reading = false;
  #urgentMs = Number.NEGATIVE_INFINITY;
  #reads = 0;

  constructor(parts: ControlLinkParts) {
    this.#parts = parts;
  }

  /** Reads so far, for figures. */
  get reads(): number {
    return this.#reads;
  }

  /**
   * Called by each request before it takes its version of the configuration. Null where what is known is fresh, which
   * is nearly always; else a promise that ends within LIMITS.gatewaySyncPatienceMs, and never throws.
   */
  refresh(waitUntil: (work: Promise<unknown>) => void): Promise<void> | null {
    const now = this.#parts.clock.now();
    if (this.#reading && now - this.#begunMs > LOST_AFTER_MS) this.#reading = false;
    if (now > this.#freshUntilMs) {
      // In waitUntil, so that it goes on for others where this client leaves.
      if (!this.#reading) waitUntil(this.#read(0));
      return this.#heard(now);
    }
    if (!this.#reading && now - this.#begunMs >= LIMITS.gatewaySyncPauseMs) {
      this.#freshUntilMs = Math.max(this.#freshUntilMs, now + LOST_AFTER_MS);
      waitUntil(this.#read(LIMITS.gatewaySyncMs));
    } else if (this.#parts.upstreams.hasUrgentReports() && now - this.#urgentMs >= LIMITS.gatewaySyncPauseMs) {
      this.#urgentMs = now;
      waitUntil(this.#exchange(0));
    }
    return null;
  }

  /** Asks for the states of upstreams that this isolate has not called before; the request waits for it itself. */
  async askNow(): Promise<void> {
    await within(LIMITS.gatewaySyncPatienceMs, this.#exchange(0), undefined);
  }

  /** Until the read under way, whoever began it, has come to its end. */
  async #heard(sinceMs: number): Promise<void> {
    const { clock } = this.#parts;
    while (this.#reading && clock.now() > this.#freshUntilMs) {
      if (clock.now() - sinceMs >= LIMITS.gatewaySyncPatienceMs) return this.#goOnWithout();
      await pause(LOOK_MS);
    }
  }

  /** No word is to be had: for a moment nobody asks again, so that not each request pays for it. */
  #goOnWithout(): void {
    this.#freshUntilMs = this.#parts.clock.now() + LIMITS.gatewaySyncPauseMs;
  }

  async #read(waitMs: number): Promise<void> {
    this.#reading = true;
    const begunMs = this.#parts.clock.now();
    this.#begunMs = begunMs;
    await this.#exchange(waitMs);
    // A read that was given up as lost must not end the one that took its place.
    if (this.#begunMs === begunMs) this.#reading = false;
  }

  /** One read with all that comes of it. A failure is logged and changes nothing: the next read asks again. */
  async #exchange(waitMs: number): Promise<void> {
    const { isolate, snapshots, upstreams, monitor, clock, log } = this.#parts;
    this.#reads += 1;
    try {
      const answer = await monitor().sync({
        isolate,
        configVersion: snapshots.version ?? 0,
        upstreams: upstreams.versions(),
        reports: upstreams.takeReports(),
        probes: upstreams.takeWishes(),
        waitMs,
      });
      upstreams.apply(answer.upstreams);
      if (answer.config !== null) await this.#takeUp(answer.config.manifest);
      else if (snapshots.version === null) await snapshots.takeUp(EMPTY_MANIFEST);
      this.#freshUntilMs = clock.now() + LIMITS.gatewaySyncMs;
    } catch (error) {
      this.#goOnWithout();
      log.warn('configuration not read; the last one stays in force', { error });
    }
  }

  async #takeUp(manifestKey: string): Promise<void> {
    const { readFile, snapshots } = this.#parts;
    const bytes = await readFile(manifestKey);
    if (bytes === null) throw new Error(`${manifestKey} is not in the store`);
    await snapshots.takeUp(checkManifest(JSON.parse(new TextDecoder().decode(bytes))));
  }
}
