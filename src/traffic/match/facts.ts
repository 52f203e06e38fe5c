import { LIMITS } from '../../core/limits.ts';
import type { ValueSource } from '../../core/protocol/gateway.ts';
import { isSpent, type StepMeter } from '../../core/regex/match.ts';
import { type CanonicalRequest, pathSegments } from '../canonical.ts';

/** What the platform tells of a request's place and certificate: members of `request.cf`. */
export interface RequestPlace {
  readonly country?: string | null | undefined;
  readonly continent?: string | null | undefined;
  readonly colo?: string | null | undefined;
  readonly tlsClientAuth?: ClientCertificate | null | undefined;
}

/** The client's certificate as the platform verified it. */
export interface ClientCertificate {
  /** `1` where one was presented. */
  readonly certPresented?: string;
  /** `SUCCESS`, or what failed. */
  readonly certVerified?: string;
  /** `1` where it has been revoked. */
  readonly certRevoked?: string;
  readonly certSubjectDN?: string;
  /** Hexadecimal. */
  readonly certFingerprintSHA256?: string;
}

/** One request as conditions ask about it. What has to be parsed is parsed when it is first asked for. */
export class RequestFacts {
  readonly target: CanonicalRequest;
  readonly place: RequestPlace;
  /** What expressions have cost this request; once it is spent, what conditions say is worth nothing. */
  readonly meter: StepMeter = { steps: 0, most: LIMITS.gatewayMatchSteps };
  readonly #headers: Pick<Headers, 'get'>;
  #query: URLSearchParams | null = null;
  #segments: readonly string[] | null = null;
  #labels: readonly string[] | null = null;

  constructor(target: CanonicalRequest, headers: Pick<Headers, 'get'>, place: RequestPlace) {
    this.target = target;
    this.place = place;
    this.#headers = headers;
  }

  /** Whether expressions have cost more than a request may. */
  get isSpent(): boolean {
    return isSpent(this.meter);
  }

  /** A header's value; of one sent more than once all values, with a comma and a space between them (RFC 9110 §5.3). */
  header(name: string): string | null {
    return this.#headers.get(name);
  }

  /** A query parameter's value, decoded; of one sent more than once the first, as the standard recommends. */
  query(name: string): string | null {
    if (this.target.search === '') return null;
    this.#query ??= new URLSearchParams(this.target.search);
    return this.#query.get(name);
  }

  /** What stands at a source, or null. Segments of the path are in their canonical spelling. */
  valueAt(source: ValueSource): string | null {
    switch (source.type) {
      case 'header':
        return this.header(source.name);
      case 'query':
        return this.query(source.name);
      case 'pathSegment':
        this.#segments ??= pathSegments(this.target.path);
        return this.#segments[source.index] ?? null;
      case 'hostLabel':
        this.#labels ??= this.target.host.split('.');
        return this.#labels[source.index] ?? null;
    }
  }
}
