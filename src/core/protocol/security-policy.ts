import type { HeaderValue } from './gateway.ts';

/** A `SecurityPolicy`, compiled: profiles are resolved, and what is not asked for is null or empty. */
export interface CompiledSecurity {
  /** CIDR blocks. Where `allow` has any, others are refused; what `deny` has is refused in any case. */
  readonly addresses: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly request: RequestRules;
  /** Origins of which a WebSocket may be opened, or null: any. `*.` begins those of all its subdomains. */
  readonly webSocketOrigins: readonly string[] | null;
  readonly responseHeaders: {
    /** Over what the upstream has said, where it says anything. */
    readonly set: readonly HeaderValue[];
    /** Only where the upstream has said nothing. */
    readonly defaults: readonly HeaderValue[];
    readonly remove: readonly string[];
  };
}

/** What a request may look like; null where nothing is asked. */
export interface RequestRules {
  /** Methods there are, upper case; null: any. */
  readonly methods: readonly string[] | null;
  /** Of path and query in the form that is forwarded. */
  readonly maxUrlBytes: number | null;
  /** Of names and values together; `maxHeaders` is how many there may be. */
  readonly maxHeaderBytes: number | null;
  readonly maxHeaders: number | null;
  /** Held while the body streams: also where no length was announced. */
  readonly maxBodyBytes: number | null;
  /** Media types of a body, lower case, `*` for a subtype: `application/json`, `image/*`. Null: any. */
  readonly contentTypes: readonly string[] | null;
  /** Lower case. */
  readonly requiredHeaders: readonly string[];
  readonly body: BodySchema | null;
}

/** What JSON bodies are held against. */
export interface BodySchema {
  /** JSON Schema, of draft 2020-12 where it does not say. */
  readonly schema: Readonly<Record<string, unknown>> | boolean;
  /** A longer body is refused (413): it is read whole before the upstream sees any of it. */
  readonly maxBytes: number;
}
