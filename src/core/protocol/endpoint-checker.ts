import type { UpstreamKey } from './gateway.ts';
import type { CompiledUpstream } from './upstream.ts';
import type { UpstreamFindings } from './upstream-monitor.ts';

/** What an EndpointChecker object answers to the UpstreamMonitor. */
export interface EndpointCheckerCalls {
  /**
   * These are the upstreams it looks after, and no others: what it knows of those that stay stays. A part older than the
   * present one changes nothing. Answers with everything it has found of them.
   */
  watch(part: CheckerPart): Promise<Readonly<Record<UpstreamKey, UpstreamFindings>>>;
  /** When endpoints of these upstreams were asked last, milliseconds since the epoch, by their address. */
  lastChecks(keys: readonly UpstreamKey[]): Promise<Readonly<Record<UpstreamKey, Readonly<Record<string, number>>>>>;
  /** How long checks of each upstream waited beyond their interval, of late: the longest, in milliseconds. */
  delays(): Promise<readonly CheckDelay[]>;
}

/** What one checker looks after. */
export interface CheckerPart {
  /** Which one: its name is `checkerName(checker)`. */
  readonly checker: number;
  /** A higher number for every later part of any checker. */
  readonly round: number;
  readonly upstreams: readonly (readonly [UpstreamKey, CompiledUpstream])[];
  /** What is known of them: where another checker looked after one before, this one goes on from there. */
  readonly known: Readonly<Record<UpstreamKey, UpstreamFindings>>;
}

/** Checks of an upstream that come later than declared. */
export interface CheckDelay {
  readonly namespace: string;
  readonly upstream: string;
  readonly delayMs: number;
}

export function checkerName(checker: number): string {
  return `checks-${checker}`;
}
