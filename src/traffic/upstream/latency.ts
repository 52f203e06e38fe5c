/** How fast what was measured is forgotten. */
const DECAY_MS = 10_000;
/** A call that failed counts as slow, or an endpoint that fails at once would draw all requests. */
export const FAILURE_LATENCY_MS = 1_000;

/**
 * A latency that rises at once and falls slowly (the peak-sensitive moving average of Finagle's load balancer). What was
 * measured fades with time too: an endpoint that was slow is tried again though nobody called it since.
 */
export class Latency {
  private averageMs = 0;
  private measuredMs = Number.NEGATIVE_INFINITY;

  get isKnown(): boolean {
    return this.measuredMs !== Number.NEGATIVE_INFINITY;
  }

  measure(latencyMs: number, nowMs: number): void {
    const faded = this.at(nowMs);
    const kept = this.isKnown ? Math.exp(-Math.max(0, nowMs - this.measuredMs) / DECAY_MS) : 0;
    this.averageMs = latencyMs > faded ? latencyMs : faded * kept + latencyMs * (1 - kept);
    // Calls that end at one moment leave the average as it is, but for a share of its own.
    if (latencyMs < faded && kept === 1) this.averageMs = faded * 0.9 + latencyMs * 0.1;
    this.measuredMs = nowMs;
  }

  /** Milliseconds; 0 where nothing is known. */
  at(nowMs: number): number {
    if (!this.isKnown) return 0;
    return this.averageMs * Math.exp(-Math.max(0, nowMs - this.measuredMs) / DECAY_MS);
  }
}
