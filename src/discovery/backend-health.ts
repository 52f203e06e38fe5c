import type { Clock } from '../core/clock.ts';

/** How the registry itself fares, as this process sees it. */
export type BackendHealth =
  /** Nothing has been asked of it yet, or nothing has been answered. */
  | { readonly state: 'connecting' }
  /** The last call of everything that goes on (registrations, watches) was answered. */
  | { readonly state: 'connected' }
  /** Something has failed since then without success; what is known is from before. */
  | { readonly state: 'stale'; readonly sinceMs: number; readonly reason: string };

/**
 * Holds the failures of each activity apart (a registration, a watch): one that succeeds does not hide that another is
 * refused. A single call that failed is forgotten with the next success of anything, since nobody may repeat it.
 */
export class BackendHealthRecord {
  private readonly clock: Clock;
  private readonly failing = new Map<string, { sinceMs: number; reason: string }>();
  private single: { sinceMs: number; reason: string } | undefined;
  private answered = false;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  succeeded(activity?: string): void {
    this.answered = true;
    this.single = undefined;
    if (activity !== undefined) this.failing.delete(activity);
  }

  failed(activity: string, reason: string): void {
    const sinceMs = this.failing.get(activity)?.sinceMs ?? this.clock.now();
    this.failing.set(activity, { sinceMs, reason });
  }

  singleFailed(reason: string): void {
    this.single = { sinceMs: this.single?.sinceMs ?? this.clock.now(), reason };
  }

  /** The activity is over; how it fared says nothing any more. */
  ended(activity: string): void {
    this.failing.delete(activity);
  }

  health(): BackendHealth {
    let earliest = this.single;
    for (const failure of this.failing.values()) {
      if (earliest === undefined || failure.sinceMs < earliest.sinceMs) earliest = failure;
    }
    if (earliest !== undefined) return { state: 'stale', ...earliest };
    return { state: this.answered ? 'connected' : 'connecting' };
  }
}
