/** What clients do when the platform is killed under them. */
export const MOMENTS = [
  'result sent',
  'submit sent',
  'claim sent',
  'heartbeat sent',
  'submit answered',
  'claim answered',
  'result answered',
] as const;
export type Moment = (typeof MOMENTS)[number];

/** A call is on its way for some milliseconds; a kill comes anywhere within. */
const ON_ITS_WAY_MS = 4;

/** Has a kill come at a moment of a call, and counts what it met. */
export class KillMoments {
  readonly counts = new Map<Moment, number>();
  private wanted: { readonly moment: Moment; readonly resolve: () => void } | null = null;

  /** The next time that a client is at this moment. */
  async next(moment: Moment): Promise<void> {
    await new Promise<void>((resolve) => {
      this.wanted = { moment, resolve };
    });
    this.counts.set(moment, (this.counts.get(moment) ?? 0) + 1);
  }

  /** Makes a call, of which the moments are told. */
  async during<T>(what: 'submit' | 'claim' | 'heartbeat' | 'result', call: Promise<T>): Promise<T> {
    setTimeout(() => this.reached(`${what} sent`), Math.random() * ON_ITS_WAY_MS);
    const answer = await call;
    if (what !== 'heartbeat') this.reached(`${what} answered`);
    return answer;
  }

  private reached(moment: Moment): void {
    if (this.wanted?.moment !== moment) return;
    this.wanted.resolve();
    this.wanted = null;
  }
}
