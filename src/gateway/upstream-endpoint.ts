import type { CompiledBreaker, CompiledEndpoint } from '../core/protocol/upstream.ts';
import { Breaker } from '../traffic/upstream/breaker.ts';
import { Latency } from '../traffic/upstream/latency.ts';
import { noOutlierCounts } from '../traffic/upstream/outliers.ts';
import { sessionHash } from '../traffic/upstream/session.ts';
import type { Standing } from '../traffic/upstream/standing.ts';

/** What this isolate knows of one endpoint. */
export class Endpoint implements Standing {
  readonly address: string;
  readonly hash: number;
  readonly latency = new Latency();
  readonly outlier = noOutlierCounts();
  weight: number;
  zone: string | null;
  draining: boolean;
  healthy = true;
  breaker: Breaker | null = null;
  sinceMs: number;
  inFlight = 0;
  turn = 0;

  constructor(declared: CompiledEndpoint, sinceMs: number) {
    this.address = declared.address;
    this.hash = sessionHash(declared.address);
    this.weight = declared.weight;
    this.zone = declared.zone;
    this.draining = declared.draining;
    this.sinceMs = sinceMs;
  }

  /** Takes up what is declared of it now; what was counted stays. */
  configure({ weight, zone, draining }: CompiledEndpoint, breaker: CompiledBreaker | null): void {
    this.weight = weight;
    this.zone = zone;
    this.draining = draining;
    if (breaker === null || !breaker.perEndpoint) this.breaker = null;
    else if (this.breaker === null) this.breaker = new Breaker(breaker);
    else this.breaker.configure(breaker);
  }
}
