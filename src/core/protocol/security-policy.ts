/** A `SecurityPolicy`, compiled. */
export type CompiledSecurity = object;
