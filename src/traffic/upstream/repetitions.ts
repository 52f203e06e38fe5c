/** How long a request may take from its grant of a repetition to the repetition, beyond the pause. */
const GRANT_SLACK_MS = 1_000;

/** How much of an upstream's traffic repeats what failed: what is under way, and what was granted and has yet to begin. */
export class Repetitions {
  private underWay = 0;
  /** One each, until when it may begin. Pauses differ, so that one may be forgotten a little late. */
  private readonly grantedUntilMs: number[] = [];

  count(nowMs: number): number {
    while (this.grantedUntilMs.length > 0 && this.grantedUntilMs[0] <= nowMs) this.grantedUntilMs.shift();
    return this.underWay + this.grantedUntilMs.length;
  }

  /** One will begin after a pause. */
  grant(delayMs: number, nowMs: number): void {
    this.grantedUntilMs.push(nowMs + delayMs + GRANT_SLACK_MS);
  }

  begin(): void {
    this.grantedUntilMs.shift();
    this.underWay += 1;
  }

  end(): void {
    this.underWay -= 1;
  }
}
