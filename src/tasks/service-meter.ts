/** How much a new attempt counts against all before it: some twenty of them decide. */
const WEIGHT = 0.05;

/** How long attempts take, from lease to report: an exponentially weighted mean, in memory. */
export class ServiceMeter {
  private meanMs: number | null = null;
  private count = 0;

  add(elapsedMs: number): void {
    this.count += 1;
    // The first few count alike, else the first would decide for long.
    const weight = Math.max(WEIGHT, 1 / this.count);
    this.meanMs = this.meanMs === null ? elapsedMs : this.meanMs + weight * (elapsedMs - this.meanMs);
  }

  /** Null before the first attempt ended. */
  meanSeconds(): number | null {
    return this.meanMs === null ? null : this.meanMs / 1_000;
  }
}
