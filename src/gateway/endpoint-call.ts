import type { CompiledUpstream } from '../core/protocol/upstream.ts';
import type { Admission } from '../traffic/upstream/breaker.ts';
import type { Bulkhead } from '../traffic/upstream/bulkhead.ts';
import type { CallOutcome } from './exchange.ts';
import type { Attempt } from './pipeline.ts';
import type { Endpoint } from './upstream-endpoint.ts';

/** What of a request its endpoint depends on. */
export interface CallWish {
  /** When it is chosen. */
  readonly nowMs: number;
  /** What IpHash hashes; 0 where no address is known. */
  readonly keyHash: number;
  /** The endpoint of its session; null where it has none here. */
  readonly session: number | null;
  /** By which its own zone is known; null where nothing is. */
  readonly zone: string | null;
  /** Endpoints that were tried before. */
  readonly tried: readonly string[];
}

/** An endpoint that may be called, and as what the breakers let the call through. */
export interface AdmittedPlace {
  readonly endpoint: Endpoint;
  readonly admission: Exclude<Admission, null>;
  /** Null for a probe of the upstream that passed the endpoint's own breaker. */
  readonly endpointAdmission: Admission;
}

/** Who is told what becomes of a call. */
export interface CallOwner {
  readonly compiled: CompiledUpstream;
  /** The head of an answer came, or none. */
  answered(call: EndpointCall, outcome: CallOutcome): void;
  /** The call's body has ended. */
  ended(): void;
}

/** One call, from its permission to its body's end. `bulkhead` is what it holds a place in, if anything. */
export class EndpointCall implements Attempt {
  readonly endpoint: Endpoint;
  readonly admission: Exclude<Admission, null>;
  readonly endpointAdmission: Admission;
  readonly isRetry: boolean;
  private readonly owner: CallOwner;
  private readonly bulkhead: Bulkhead | null;
  private isAnswered = false;
  private isEnded = false;

  constructor(owner: CallOwner, place: AdmittedPlace, isRetry: boolean, bulkhead: Bulkhead | null) {
    this.owner = owner;
    this.endpoint = place.endpoint;
    this.admission = place.admission;
    this.endpointAdmission = place.endpointAdmission;
    this.isRetry = isRetry;
    this.bulkhead = bulkhead;
    this.endpoint.inFlight += 1;
  }

  get address(): string {
    return this.endpoint.address;
  }

  get timeoutMs(): number {
    return this.owner.compiled.timeouts.tryMs;
  }

  answered(outcome: CallOutcome): void {
    if (this.isAnswered) return;
    this.isAnswered = true;
    this.owner.answered(this, outcome);
  }

  end(): void {
    // Given up before an answer: it says nothing of the endpoint.
    if (!this.isAnswered) this.answered({ status: null, fault: 'cancelled', headMs: 0 });
    if (this.isEnded) return;
    this.isEnded = true;
    this.endpoint.inFlight -= 1;
    this.owner.ended();
    this.bulkhead?.leave();
  }
}
