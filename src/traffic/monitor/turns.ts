/** What was used is half forgotten after so long. */
const HALF_LIFE_MS = 60_000;
/** Whoever answered within so long last time is quick. */
const QUICK_MS = 1_000;

/** How long connections were held for somebody, of late. Changed in place. */
export interface Use {
  ms: number;
  atMs: number;
}

/** Somebody who is asked again and again. Changed in place. */
export interface Asked {
  dueMs: number;
  /** When it was asked what it is being asked; null while it is not. */
  sinceMs: number | null;
  /** When it was asked last, and how long that took; null where it never was. */
  lastMs: number | null;
  tookMs: number | null;
  /** How much later than due that began. */
  lateMs: number;
  /** Its last answer was another than is thought of it: so many more decide. */
  isInDoubt: boolean;
  readonly use: Use;
}

/** One who is asked, and what its tenant and its upstream have used by all of theirs. */
export interface Turn {
  readonly asked: Asked;
  readonly tenantUse: Use;
  readonly upstreamUse: Use;
}

/** How many are asked at a time. */
export interface Connections {
  readonly all: number;
  /** At most so many of those who are not known to be quick. */
  readonly slow: number;
}

export function newUse(): Use {
  return { ms: 0, atMs: 0 };
}

/** Of somebody who is to be asked first at `dueMs`. */
export function newAsked(dueMs: number): Asked {
  const isInDoubt = false;
  return { dueMs, sinceMs: null, lastMs: null, tookMs: null, lateMs: 0, isInDoubt, use: newUse() };
}

/**
 * Who is asked next where more are due than there are connections. A connection goes to the tenant that has held them for
 * the least time of late, then to its upstream for which that holds, then to an endpoint of which something is to be
 * decided, then to the one that has held them least: what hangs until its time-out waits for others of its kind, and delays
 * neither what answers nor another tenant. Those who are not known to be quick never hold all connections, since one that
 * is held cannot be taken back.
 */
export class Turns {
  private readonly connections: Connections;
  private running = 0;
  private slow = 0;

  constructor(connections: Connections) {
    this.connections = connections;
  }

  /** Whether somebody who is due would be asked. */
  hasRoomFor({ tookMs }: Asked): boolean {
    return this.running < this.connections.all && (isQuick(tookMs) || this.slow < this.connections.slow);
  }

  /** The one whose turn it is; null where nobody is due for whom there is room. */
  next<T extends Turn>(turns: Iterable<T>, nowMs: number): T | null {
    let first: T | null = null;
    for (const turn of turns) {
      const { dueMs, sinceMs } = turn.asked;
      if (dueMs > nowMs || sinceMs !== null || !this.hasRoomFor(turn.asked)) continue;
      if (first === null || isBefore(turn, first, nowMs)) first = turn;
    }
    return first;
  }

  /** It is asked now, and is due again at `dueMs`. */
  begin({ asked, tenantUse, upstreamUse }: Turn, dueMs: number, nowMs: number): void {
    asked.sinceMs = nowMs;
    asked.lateMs = nowMs - asked.dueMs;
    asked.dueMs = dueMs;
    this.running += 1;
    if (!isQuick(asked.tookMs)) this.slow += 1;
    // What it took last it will take again; the rest is charged when it is known.
    for (const use of [tenantUse, upstreamUse, asked.use]) charge(use, asked.tookMs ?? 0, nowMs);
  }

  /** It has been asked. Who is gone meanwhile gives back its connection likewise. */
  end({ asked, tenantUse, upstreamUse }: Turn, nowMs: number): void {
    if (asked.sinceMs === null) return;
    this.running -= 1;
    if (!isQuick(asked.tookMs)) this.slow -= 1;
    const tookMs = nowMs - asked.sinceMs;
    for (const use of [tenantUse, upstreamUse, asked.use]) charge(use, tookMs - (asked.tookMs ?? 0), nowMs);
    asked.lastMs = nowMs;
    asked.tookMs = tookMs;
    asked.sinceMs = null;
  }
}

/** Whether so little was used that it may be forgotten. */
export function isForgotten(use: Use, nowMs: number): boolean {
  return usedMs(use, nowMs) < 1;
}

function isQuick(tookMs: number | null): boolean {
  return tookMs !== null && tookMs < QUICK_MS;
}

function usedMs({ ms, atMs }: Use, nowMs: number): number {
  return ms * 2 ** ((atMs - nowMs) / HALF_LIFE_MS);
}

function charge(use: Use, ms: number, nowMs: number): void {
  use.ms = Math.max(0, usedMs(use, nowMs) + ms);
  use.atMs = nowMs;
}

function isBefore(a: Turn, b: Turn, nowMs: number): boolean {
  const difference = lead(a.tenantUse, b.tenantUse, nowMs) || lead(a.upstreamUse, b.upstreamUse, nowMs);
  if (difference !== 0) return difference < 0;
  if (a.asked.isInDoubt !== b.asked.isInDoubt) return a.asked.isInDoubt;
  return (lead(a.asked.use, b.asked.use, nowMs) || a.asked.dueMs - b.asked.dueMs) < 0;
}

/** Negative where the first has used less. */
function lead(a: Use, b: Use, nowMs: number): number {
  return a === b ? 0 : usedMs(a, nowMs) - usedMs(b, nowMs);
}
