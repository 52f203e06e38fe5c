import type { CheckerPart } from '../../core/protocol/endpoint-checker.ts';
import type { UpstreamKey } from '../../core/protocol/gateway.ts';
import type { CompiledUpstream } from '../../core/protocol/upstream.ts';
import { hashText } from '../snapshot/key-hash.ts';

/** How many checkers there are. */
export interface CheckerLimits {
  /** A power of two. */
  readonly checkers: number;
  /** Endpoints of one of them, on average, before there are twice as many. */
  readonly endpoints: number;
}

/** What one checker looks after. */
export type Part = Omit<CheckerPart, 'known'>;

/**
 * Whose upstreams are whose: which checker looks after which, by hash, and which of them has yet to be told so. There are
 * as many as the number of endpoints asks for. An upstream that moves takes what was found of it along, and is asked at
 * once.
 */
export class Assignments {
  private readonly limits: CheckerLimits;
  private count: number;
  /** As they were told; of those that hold nothing any more, an empty text. */
  private readonly told = new Map<number, string>();
  /** Checkers that may hold something. */
  private most: number;
  private lastRound = 0;

  /** `checkers` is how many there were before a restart, `most` how many may hold something: 0 where none ever did. */
  constructor(limits: CheckerLimits, checkers: number, most: number) {
    this.limits = limits;
    this.count = checkers;
    this.most = most;
  }

  get checkers(): number {
    return this.count;
  }

  /** Of so many it is to be known after a restart. */
  get mostCheckers(): number {
    return this.most;
  }

  checkerOf(key: UpstreamKey): number {
    return (hashText(key) >>> 0) & (this.count - 1);
  }

  /** There are so many endpoints: from now on so many check them as that asks for. */
  resize(endpoints: number): void {
    while (this.count < this.limits.checkers && endpoints > this.count * this.limits.endpoints) this.count *= 2;
    // Fewer only where a quarter would do: a number that goes up and down moves nothing.
    while (this.count > 1 && endpoints * 4 <= this.count * this.limits.endpoints) this.count /= 2;
  }

  /** What has to be told: the parts that differ from what was told; with `again`, each that is not empty. */
  parts(upstreams: Iterable<readonly [UpstreamKey, CompiledUpstream]>, again: boolean, nowMs: number): Part[] {
    const own = new Map<number, [UpstreamKey, CompiledUpstream][]>();
    for (const [key, entry] of upstreams) {
      const checker = this.checkerOf(key);
      const list = own.get(checker);
      if (list === undefined) own.set(checker, [[key, entry]]);
      else list.push([key, entry]);
    }
    if (own.size > 0) this.most = Math.max(this.most, this.count);
    const parts: Part[] = [];
    for (let checker = 0; checker < this.most; checker++) {
      const list = own.get(checker) ?? [];
      if (this.told.get(checker) === textOf(list) && !(again && list.length > 0)) continue;
      this.lastRound = Math.max(this.lastRound + 1, nowMs);
      parts.push({ checker, round: this.lastRound, upstreams: list });
    }
    return parts;
  }

  /** A part has arrived. */
  arrived({ checker, upstreams }: Part): void {
    this.told.set(checker, textOf(upstreams));
  }
}

function textOf(upstreams: Part['upstreams']): string {
  return upstreams.length === 0 ? '' : JSON.stringify(upstreams);
}
