import { type Timing, untilAborted } from '../../src/discovery/timing.ts';
import type { Fault } from './tcp-proxy.ts';

/** A way to something in this process that misbehaves as a network does: what `TcpProxy` is to a server. */
export class Link {
  private readonly timing: Timing;
  private readonly standing = new Set<() => void>();
  private fault: Fault = { type: 'none' };

  constructor(timing: Timing) {
    this.timing = timing;
  }

  set(fault: Fault): void {
    const before = this.fault;
    this.fault = fault;
    // What was swallowed is not sent later.
    if (fault.type === 'refuse' || (before.type === 'halfOpen' && fault.type !== 'halfOpen')) this.drop();
  }

  /** Breaks what is on its way. */
  drop(): void {
    for (const cut of [...this.standing]) cut();
  }

  async call<T>(work: () => Promise<T>, signal: AbortSignal = new AbortController().signal): Promise<T> {
    const cut = new AbortController();
    const onCut = () => cut.abort(new TypeError('fetch failed'));
    this.standing.add(onCut);
    try {
      return await untilAborted(untilAborted(this.pass(work), cut.signal), signal);
    } finally {
      this.standing.delete(onCut);
    }
  }

  private async pass<T>(work: () => Promise<T>): Promise<T> {
    await this.way();
    const done = await work();
    await this.way();
    return done;
  }

  /** One way of a message: it arrives, or never, or not at all. */
  private async way(): Promise<void> {
    if (this.fault.type === 'refuse') throw new TypeError('fetch failed');
    if (this.fault.type === 'halfOpen') await new Promise(() => {});
    if (this.fault.type === 'delay') await this.timing.wait(this.fault.ms, new AbortController().signal);
  }

  /** A stream that comes this way: it breaks when cut, and what it carries is swallowed while nothing passes. */
  stream(source: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
    const reader = source.getReader();
    let onCut: () => void = () => {};
    return new ReadableStream({
      start: (controller) => {
        onCut = () => {
          this.standing.delete(onCut);
          controller.error(new TypeError('terminated'));
          void reader.cancel().catch(() => {});
        };
        this.standing.add(onCut);
      },
      pull: async (controller) => {
        const { done, value } = await reader.read();
        if (!this.standing.has(onCut)) return;
        await this.way();
        if (done) {
          this.standing.delete(onCut);
          controller.close();
        } else controller.enqueue(value);
      },
      cancel: async () => {
        this.standing.delete(onCut);
        await reader.cancel();
      },
    });
  }
}
