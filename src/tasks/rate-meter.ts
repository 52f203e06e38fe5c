const SECONDS = 60;

/** Events a second over the last minute, in memory: what was before the object started is not counted. */
export class RateMeter {
  private readonly counts = new Array<number>(SECONDS).fill(0);
  private second = 0;

  add(nowMs: number, events: number): void {
    this.moveTo(nowMs);
    this.counts[this.second % SECONDS] += events;
  }

  perSecond(nowMs: number): number {
    this.moveTo(nowMs);
    return this.counts.reduce((sum, count) => sum + count, 0) / SECONDS;
  }

  private moveTo(nowMs: number): void {
    const second = Math.floor(nowMs / 1_000);
    const passed = Math.min(SECONDS, second - this.second);
    for (let i = 0; i < passed; i++) this.counts[(second - i) % SECONDS] = 0;
    if (passed > 0) this.second = second;
  }
}
