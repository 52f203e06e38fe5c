/** An `AuthPolicy`, compiled. */
export type CompiledAuth = object;
