/** An `Upstream` as the data plane has it. What changes by itself (endpoints found, health, breakers) is in `UpstreamState`. */
export interface CompiledUpstream {
  readonly namespace: string;
  readonly namespaceUid: string;
  readonly name: string;
  /** Declared endpoints; empty where they come from discovery. */
  readonly endpoints: readonly CompiledEndpoint[];
}

export interface CompiledEndpoint {
  /** An origin without a slash at its end: `https://10.0.0.1:8443`. */
  readonly address: string;
  readonly weight: number;
  readonly zone: string | null;
}
