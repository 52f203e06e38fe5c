import type { ClusterEvent } from '../../../src/core/protocol/cluster.ts';
import type { KvWatchFrame } from '../../../src/core/protocol/cluster-kv.ts';
import { orNone } from '../clients.ts';
import { type Network, NoAnswer } from '../network.ts';
import type { ChangesSeen } from '../oracle/cluster-oracle.ts';
import type { KvOracle } from '../oracle/kv-oracle.ts';
import { isSimulated, type ObjectHost } from '../platform/object-host.ts';
import { Process } from '../process.ts';
import type { World } from '../world.ts';

const EVERYTHING = { key: new Uint8Array(1), rangeEnd: new Uint8Array(1) };

/** Reads one stream of an object until it breaks, slowly and with pauses; then resumes. */
export abstract class Watcher extends Process {
  /** It reads all there is, at once, and gives up no stream. */
  diligent = false;
  protected readonly network: Network;
  protected readonly host: ObjectHost;

  constructor(world: World, name: string, network: Network, host: ObjectHost) {
    super(world, name);
    this.network = network;
    this.host = host;
  }

  async run(): Promise<void> {
    for (;;) {
      const stream = await this.open();
      if (stream !== null) await this.follow(stream);
      await this.sleep(this.world.below(this.diligent ? 1_000 : 10_000));
    }
  }

  protected abstract open(): Promise<ReadableStream<Uint8Array> | null>;
  /** Takes a whole line of the stream. False where the watch is over. */
  protected abstract line(text: string): boolean;

  private async follow(stream: ReadableStream<Uint8Array>): Promise<void> {
    const { world } = this;
    const decoder = new TextDecoder();
    let reading: ReturnType<ObjectHost['reading']>;
    try {
      reading = this.host.reading(stream);
    } catch {
      return;
    }
    let text = '';
    let over = false;
    while (!over && (this.diligent || !world.chance(0.03))) {
      const chunk = await this.live(reading.next().catch((error: unknown) => this.brokenOff(error)));
      if (chunk === null) break;
      text += decoder.decode(chunk, { stream: true });
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) over ||= !this.line(line);
      if (!this.diligent && world.chance(0.1)) await this.sleep(world.below(60_000));
    }
    reading.cancel();
    world.trace(this.name, 'stops reading');
  }

  private brokenOff(error: unknown): null {
    if (!isSimulated(error) && !(error instanceof NoAnswer))
      this.world.broken('a watch fails of itself', String(error));
    return null;
  }
}

/** Watches all keys. */
export class KeyWatcher extends Watcher {
  private readonly oracle: KvOracle;
  /** The next revision it is to be told of; 0 before it knows. */
  private next = 0;

  constructor(world: World, name: string, network: Network, host: ObjectHost, oracle: KvOracle) {
    super(world, name, network, host);
    this.oracle = oracle;
  }

  /** The last revision it has. */
  get reached(): number {
    return this.next - 1;
  }

  protected override async open(): Promise<ReadableStream<Uint8Array> | null> {
    const watch = { watchId: 1, startRevision: this.next, previous: false, puts: true, deletes: true, progress: true };
    const args = [[{ ...EVERYTHING, ...watch }]];
    return await this.live(
      orNone(this.network.call<ReadableStream<Uint8Array>>(this.name, this.host, 'kvWatch', args)),
    );
  }

  protected override line(text: string): boolean {
    const frame = JSON.parse(text) as KvWatchFrame;
    if (frame.type === 'created' && this.next === 0) this.next = frame.revision + 1;
    if (frame.type === 'compacted') this.next = frame.compactedRevision;
    else this.next = this.oracle.watched(frame, this.next);
    return frame.type !== 'compacted';
  }
}

/** Watches the changes of members and leaders. */
export class ChangeWatcher extends Watcher {
  private readonly seen: ChangesSeen;

  constructor(world: World, name: string, network: Network, host: ObjectHost, seen: ChangesSeen) {
    super(world, name, network, host);
    this.seen = seen;
  }

  protected override async open(): Promise<ReadableStream<Uint8Array> | null> {
    const asked = this.network.call<ReadableStream<Uint8Array> | { ok: false }>(this.name, this.host, 'watch', [
      this.seen.revision,
    ]);
    const answer = await this.live(orNone(asked));
    if (answer === null) return null;
    if ('getReader' in answer) return answer;
    this.seen.restart();
    return null;
  }

  protected override line(text: string): boolean {
    if (!text.startsWith('data: ')) return true;
    const message = JSON.parse(text.slice('data: '.length)) as { type: string } & ClusterEvent;
    if (message.type === 'event') this.seen.event(message);
    return true;
  }
}
