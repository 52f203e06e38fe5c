/** Parts that a window passes in: the oldest is forgotten as a whole. */
const PARTS = 10;

/** How many calls of the last so many milliseconds failed, in constant memory; up to a tenth of the window more is counted. */
export class FailureWindow {
  private readonly partMs: number;
  private readonly calls = new Uint32Array(PARTS);
  private readonly failures = new Uint32Array(PARTS);
  private part = 0;
  private totalCalls = 0;
  private totalFailures = 0;

  constructor(windowMs: number) {
    this.partMs = windowMs / PARTS;
  }

  record(failed: boolean, nowMs: number): void {
    this.turn(nowMs);
    const at = this.part % PARTS;
    this.calls[at] += 1;
    this.totalCalls += 1;
    if (!failed) return;
    this.failures[at] += 1;
    this.totalFailures += 1;
  }

  /** The share of failures; null where there are fewer calls than `minimum`. */
  failureShare(minimum: number, nowMs: number): number | null {
    this.turn(nowMs);
    return this.totalCalls < minimum || this.totalCalls === 0 ? null : this.totalFailures / this.totalCalls;
  }

  clear(): void {
    this.calls.fill(0);
    this.failures.fill(0);
    this.totalCalls = 0;
    this.totalFailures = 0;
  }

  /** Forgets the parts that have passed. A clock that goes back stays in the part it was in. */
  private turn(nowMs: number): void {
    const now = Math.floor(nowMs / this.partMs);
    if (now <= this.part) return;
    if (now - this.part >= PARTS) this.clear();
    else {
      for (let part = this.part + 1; part <= now; part++) {
        const at = part % PARTS;
        this.totalCalls -= this.calls[at];
        this.totalFailures -= this.failures[at];
        this.calls[at] = 0;
        this.failures[at] = 0;
      }
    }
    this.part = now;
  }
}
