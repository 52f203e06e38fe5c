import type { CompiledBreaker } from '../../core/protocol/upstream.ts';
import type { BreakerState, SharedBreaker } from '../../core/protocol/upstream-monitor.ts';
import { FailureWindow } from './failure-window.ts';

/** Probes that were granted and not begun in this time are the monitor's again. */
export const GRANT_MS = 10_000;
/** An isolate that has not heard of the monitor for so long recovers by itself. */
export const ALONE_AFTER_MS = 15_000;
/** How often one that waits for probes is looked at. */
const LOOK_EVERY_MS = 1_000;
/** The smallest share of requests let through by a breaker that has just closed. */
const LEAST_SHARE = 0.1;

/** How a breaker lets a request through. A probe's end decides whether it closes. */
export type Admission = 'request' | 'probe' | null;

/** What became of a breaker, for the object that tells other isolates. */
export type BreakerEvent =
  | { readonly event: 'opened' | 'reopened'; readonly reason: string }
  | { readonly event: 'probed'; readonly successes: number };

/**
 * One isolate's circuit breaker, of an upstream or of one endpoint. It opens by what it sees itself and by what it hears
 * from others; once others know, it is the shared object that says when probes go out and through which isolate, so that
 * a fleet sends as many as one process would. Cut off from that object, it recovers by itself.
 *
 * Invariant: while it is Open nothing is let through, and while it is HalfOpen nothing but granted probes.
 */
export class Breaker {
  private settings: CompiledBreaker;
  private present: BreakerState = 'Closed';
  private changedMs = 0;
  private consecutive = 0;
  private window: FailureWindow | null;
  /** While Open: when a recovery of its own may begin. */
  private retryAtMs = 0;
  /** While Closed again: since when; the share let through rises with it. */
  private closedAtMs = Number.NEGATIVE_INFINITY;
  private probesLeft = 0;
  private probesUntilMs = 0;
  private successes = 0;
  /** Of the shared breaker, as last heard. */
  private round = 0;
  /** Its own opening, until a later round tells that the object has heard of it. */
  private untold: BreakerEvent | null = null;
  private toldSuccesses = 0;
  private why = '';

  constructor(settings: CompiledBreaker) {
    this.settings = settings;
    this.window = windowOf(settings);
  }

  /** Takes up changed settings; what was counted stays. */
  configure(settings: CompiledBreaker): void {
    if (settings.errorRatio?.windowMs !== this.settings.errorRatio?.windowMs) this.window = windowOf(settings);
    this.settings = settings;
  }

  get state(): BreakerState {
    return this.present;
  }

  get sinceMs(): number {
    return this.changedMs;
  }

  get knownRound(): number {
    return this.round;
  }

  get reason(): string {
    return this.why;
  }

  /** Milliseconds until it may be worth trying again. */
  retryInMs(nowMs: number): number {
    return this.present === 'Closed' ? 0 : Math.max(0, this.retryAtMs - nowMs);
  }

  /** Whether it would let a request through, changing nothing. */
  wouldAdmit(nowMs: number, heardMs: number): boolean {
    if (this.present === 'Closed') return true;
    if (this.present === 'HalfOpen') return this.probesLeft > 0 && nowMs < this.probesUntilMs;
    return this.mayRecoverAlone(nowMs, heardMs);
  }

  /** Whether probes would be sent, if they were granted. */
  wantsProbes(nowMs: number): boolean {
    if (this.present === 'Closed' || nowMs < this.retryAtMs) return false;
    return this.present === 'Open' || this.probesLeft === 0 || nowMs >= this.probesUntilMs;
  }

  /** When `wouldAdmit` may say otherwise without anything having happened. */
  nextChangeMs(nowMs: number): number {
    if (this.present === 'HalfOpen' && this.probesLeft > 0) return this.probesUntilMs;
    if (this.present === 'Open') return this.retryAtMs > nowMs ? this.retryAtMs : nowMs + LOOK_EVERY_MS;
    return Number.POSITIVE_INFINITY;
  }

  /**
   * Lets a request through or not. `chance` is a random number from 0 to 1, `heardMs` when the shared object was last
   * heard of.
   */
  admit(nowMs: number, chance: number, heardMs: number): Admission {
    if (this.present === 'Closed') {
      const { gradualRecoveryMs } = this.settings;
      const elapsedMs = nowMs - this.closedAtMs;
      if (elapsedMs >= gradualRecoveryMs) return 'request';
      return chance < Math.max(LEAST_SHARE, elapsedMs / gradualRecoveryMs) ? 'request' : null;
    }
    if (this.present === 'Open' && this.mayRecoverAlone(nowMs, heardMs)) {
      this.toHalfOpen(this.settings.halfOpenMaxRequests, nowMs);
      this.successes = 0;
      this.toldSuccesses = 0;
    }
    if (this.present !== 'HalfOpen' || this.probesLeft === 0) return null;
    if (nowMs >= this.probesUntilMs) {
      this.probesLeft = 0;
      this.present = 'Open';
      this.retryAtMs = nowMs;
      return null;
    }
    this.probesLeft -= 1;
    return 'probe';
  }

  /** A request that was let through has ended. */
  ended(admission: Exclude<Admission, null>, outcome: 'succeeded' | 'failed' | 'unknown', nowMs: number, why: string) {
    if (admission === 'probe') this.probeEnded(outcome, nowMs, why);
    else if (this.present === 'Closed' && outcome !== 'unknown') this.requestEnded(outcome === 'failed', nowMs, why);
  }

  /** Takes up what the shared object says of it, said just now. */
  hear(shared: SharedBreaker, nowMs: number): void {
    const isNew = shared.round > this.round;
    if (shared.round < this.round) return;
    this.round = shared.round;
    if (isNew) this.untold = null;
    // What it saw itself is later than what the object says, until a round answers it.
    if (!isNew && this.untold !== null) return;
    switch (shared.state) {
      case 'Open':
        if (isNew || this.present !== 'Open') {
          this.toOpen(shared.retryInMs, nowMs, shared.reason);
        } else this.retryAtMs = nowMs + shared.retryInMs;
        return;
      case 'HalfOpen':
        if (isNew && this.present === 'Closed') this.toOpen(0, nowMs, shared.reason);
        if (shared.probes > 0) this.toHalfOpen(shared.probes, nowMs);
        return;
      case 'Closed':
        if (this.present !== 'Closed') this.toClosed(nowMs - shared.closedForMs, nowMs);
    }
  }

  /** The shared object knows nothing of it: what was open is forgotten there, and nobody would send probes. */
  hearNothing(shared: SharedBreaker | undefined, nowMs: number): void {
    if (shared === undefined && this.untold === null && this.present !== 'Closed') this.toClosed(nowMs, nowMs);
  }

  /** What is to be told of it, again and again until it is answered. */
  untoldEvent(): BreakerEvent | null {
    if (this.untold !== null) return this.untold;
    const successes = this.successes - this.toldSuccesses;
    return successes > 0 ? { event: 'probed', successes } : null;
  }

  /** What was to be told has arrived. */
  told(event: BreakerEvent): void {
    if (event.event === 'probed') this.toldSuccesses += event.successes;
  }

  private mayRecoverAlone(nowMs: number, heardMs: number): boolean {
    return nowMs >= this.retryAtMs && nowMs - heardMs > ALONE_AFTER_MS;
  }

  private requestEnded(failed: boolean, nowMs: number, why: string): void {
    this.window?.record(failed, nowMs);
    if (!failed) {
      this.consecutive = 0;
      return;
    }
    this.consecutive += 1;
    const { failureThreshold, errorRatio } = this.settings;
    const inARow = failureThreshold > 0 && this.consecutive >= failureThreshold;
    const share = errorRatio === null ? null : (this.window?.failureShare(errorRatio.minimumRequests, nowMs) ?? null);
    const byShare = errorRatio !== null && share !== null && share >= errorRatio.threshold;
    if (!inARow && !byShare) return;
    const count = inARow ? `${this.consecutive} failures in a row` : `${Math.round((share ?? 0) * 100)} % failed`;
    const reason = `${count}, the last: ${why}`;
    this.toOpen(this.settings.recoveryMs, nowMs, reason);
    this.untold = { event: 'opened', reason };
  }

  private probeEnded(outcome: 'succeeded' | 'failed' | 'unknown', nowMs: number, why: string): void {
    if (this.present !== 'HalfOpen') return;
    if (outcome === 'unknown') {
      this.probesLeft += 1;
      return;
    }
    if (outcome === 'failed') {
      const reason = `a probe failed: ${why}`;
      this.toOpen(this.settings.recoveryMs, nowMs, reason);
      this.untold = { event: 'reopened', reason };
      return;
    }
    this.successes += 1;
    if (this.successes >= this.settings.halfOpenMaxRequests) this.toClosed(nowMs, nowMs);
  }

  private toOpen(recoveryMs: number, nowMs: number, reason: string): void {
    this.present = 'Open';
    this.changedMs = nowMs;
    this.retryAtMs = nowMs + recoveryMs;
    this.why = reason;
    this.probesLeft = 0;
    this.successes = 0;
    this.toldSuccesses = 0;
  }

  private toHalfOpen(probes: number, nowMs: number): void {
    if (this.present !== 'HalfOpen') this.changedMs = nowMs;
    this.present = 'HalfOpen';
    this.probesLeft = probes;
    this.probesUntilMs = nowMs + GRANT_MS;
  }

  private toClosed(closedAtMs: number, nowMs: number): void {
    this.present = 'Closed';
    this.changedMs = nowMs;
    this.closedAtMs = closedAtMs;
    this.consecutive = 0;
    this.window?.clear();
    this.why = '';
    this.probesLeft = 0;
    // What it opened by is over, and nobody needs to hear of it any more.
    this.untold = null;
  }
}

function windowOf({ errorRatio }: CompiledBreaker): FailureWindow | null {
  return errorRatio === null ? null : new FailureWindow(errorRatio.windowMs);
}
