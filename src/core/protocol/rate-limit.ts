/** A `RateLimitPolicy`, compiled. */
export interface CompiledRateLimits {
  readonly mode: 'edge' | 'exact' | 'leased';
}
