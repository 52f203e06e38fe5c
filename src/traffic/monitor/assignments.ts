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

/**
 * Whose upstreams are whose: which checker looks after which, by hash, and which of them has yet to be told so. There are
 * as many as the number of endpoints asks for. An upstream that moves is asked at once where it comes to; until then what
 * was found of it stays in force.
 */
export class Assignments {
  private readonly limits: CheckerLimits;
  private count: number;
  /** As they were told; of those that hold nothing any more, an empty text. */
  private readonly told = new Map<number, string>();
  /** Checkers that may hold something. */
  private most: number;
  private lastRound = 0;

  /** `checkers` is how many there were before a restart. */
  constructor(limits: CheckerLimits, checkers: number) {
    this.limits = limits;
    this.count = checkers;
    this.most = checkers;
  }

  get checkers(): number {
    return this.count;
  }

  checkerOf(key: UpstreamKey): number {
    return (hashText(key) >>> 0) & (this.count - 1);
  }

  /** There are so many endpoints. True where the number of checkers changes for it. */
  resize(endpoints: number): boolean {
    const before = this.count;
    while (this.count < this.limits.checkers && endpoints > this.count * this.limits.endpoints) this.count *= 2;
    // Fewer only where a quarter would do: a number that goes up and down moves nothing.
    while (this.count > 1 && endpoints * 4 <= this.count * this.limits.endpoints) this.count /= 2;
    this.most = Math.max(this.most, this.count);
    return this.count !== before;
  }

  /** What has to be told, of all parts that differ from what was told; with `again`, of each that is not empty. */
  parts(upstreams: Iterable<readonly [UpstreamKey, CompiledUpstream]>, again: boolean, nowMs: number): CheckerPart[] {
    const own = new Map<number, [UpstreamKey, CompiledUpstream][]>();
    for (const [key, entry] of upstreams) {
      const checker = this.checkerOf(key);
      const list = own.get(checker);
      if (list === undefined) own.set(checker, [[key, entry]]);
      else list.push([key, entry]);
    }
    const parts: CheckerPart[] = [];
    for (let checker = 0; checker < this.most; checker++) {
      const list = own.get(checker) ?? [];
      if (this.told.get(checker) === textOf(list) && !(again && list.length > 0)) continue;
      this.lastRound = Math.max(this.lastRound + 1, nowMs);
      parts.push({ checker, round: this.lastRound, upstreams: list });
    }
    return parts;
  }

  /** A part has arrived. */
  arrived({ checker, upstreams }: CheckerPart): void {
    this.told.set(checker, textOf(upstreams));
  }
}

function textOf(upstreams: CheckerPart['upstreams']): string {
  return upstreams.length === 0 ? '' : JSON.stringify(upstreams);
}
