/**
 * An `AuthPolicy`, compiled. Secrets are not in it: keys of consumers are digests (HMAC-SHA-256 with a key derived from
 * ENCRYPTION_KEY, so that the file alone does not tell whether a guess is right), and what has to be known as it is, the
 * secrets of signatures, is sealed with a key derived from it (src/access/policy-secrets.ts).
 */
export interface CompiledAuth {
  /**
   * Ways to say who one is, any of which will do. The first of mtls, hmac, jwt and apiKey whose credentials a request
   * has is the one that decides: credentials that are wrong are refused, whatever else the request has.
   */
  readonly mtls: CompiledMtls | null;
  readonly hmac: CompiledHmac | null;
  readonly jwt: CompiledJwt | null;
  readonly apiKey: CompiledApiKeys | null;
  /** Whether a request without any credentials goes on as nobody; wrong ones are refused all the same. */
  readonly anonymous: boolean;
  readonly authorization: CompiledAuthorization | null;
  /** `realm` of `WWW-Authenticate`. */
  readonly realm: string;
  /** Headers that say who the caller is, to the upstream: incoming ones of these names never reach it. */
  readonly identityHeaders: readonly IdentityHeader[];
}

/** Where a credential may be. */
export type CredentialPlace =
  /** Name in lower case; a value counts only after `prefix`, which is compared without regard to case: `Bearer `. */
  | { readonly type: 'header'; readonly name: string; readonly prefix: string }
  | { readonly type: 'query'; readonly name: string }
  | { readonly type: 'cookie'; readonly name: string };

/** A header that tells the upstream who is calling. */
export interface IdentityHeader {
  /** In lower case. */
  readonly name: string;
  readonly value: 'user' | 'tenant' | 'id' | 'method';
}

/** Keys that consumers show. */
export interface CompiledApiKeys {
  /** The first place that has a value decides. */
  readonly from: readonly CredentialPlace[];
  /** Roles of the platform's own keys that open, of keys of this namespace or of all; null: none do. */
  readonly platformRoles: readonly string[] | null;
  /** Whose key it is, by its digest in hex. */
  readonly consumers: Readonly<Record<string, CompiledConsumer>>;
  /** Whether the upstream sees the key. */
  readonly forward: boolean;
}

/** Whom a key stands for. */
export interface CompiledConsumer {
  /** `{secret}/{entry}`: tells keys apart in limits and logs, and says nothing of the key. */
  readonly keyId: string;
  readonly user: string;
  readonly tenant: string | null;
}

/** Tokens that callers bring (RFC 7519). */
export interface CompiledJwt {
  readonly from: readonly CredentialPlace[];
  /** One issuer each. */
  readonly providers: readonly CompiledJwtProvider[];
  readonly forward: boolean;
}

/** An issuer, and what its tokens have to say. */
export interface CompiledJwtProvider {
  readonly name: string;
  /** Of claim `iss`, to the letter. */
  readonly issuer: string;
  /** One of which must be in claim `aud`; empty: the claim is not looked at. */
  readonly audiences: readonly string[];
  /** Never of both sorts: public keys verify none of HS*, secrets nothing else. */
  readonly algorithms: readonly string[];
  readonly keys: CompiledJwtKeys;
  /** How far the issuer's clock may be off, for `exp`, `nbf` and `iat`. */
  readonly clockSkewSeconds: number;
  /** A token older than this by its `iat` is refused; null: as long as `exp` says. */
  readonly maxAgeSeconds: number | null;
  /** Required value of the header `typ`, `at+jwt` for one; null: any. */
  readonly type: string | null;
  /** Dotted paths of the claims that name the user and the tenant. */
  readonly userClaim: string;
  readonly tenantClaim: string | null;
  /** Incoming headers of these names never reach the upstream. */
  readonly claimsToHeaders: readonly { readonly claim: string; readonly header: string }[];
}

/** Where an issuer's keys are. */
export type CompiledJwtKeys =
  /** A JSON Web Key Set at an address. */
  | { readonly type: 'url'; readonly url: string }
  /** The set that `{issuer}/.well-known/openid-configuration` names. */
  | { readonly type: 'discovery' }
  /** Public keys. */
  | { readonly type: 'inline'; readonly keys: readonly Readonly<Record<string, unknown>>[] }
  /** A secret of HS*, sealed, and which entry of which Secret it was. */
  | {
      readonly type: 'secret';
      readonly sealed: string;
      readonly context: string;
      readonly secret: string;
      readonly entry: string;
    };

/** HTTP Message Signatures (RFC 9421) by hmac-sha256. */
export interface CompiledHmac {
  /** By `keyid`. */
  readonly keys: Readonly<Record<string, CompiledHmacKey>>;
  /** Components that must be signed, besides those that always must. */
  readonly components: readonly string[];
  /** How old a signature may be, and how far the signer's clock may be off. Its nonce is remembered as long. */
  readonly maxAgeSeconds: number;
  readonly clockSkewSeconds: number;
  /** A longer body is refused: it is read whole, since its digest is to be right before the upstream sees any of it. */
  readonly maxBodyBytes: number;
  readonly forward: boolean;
}

/** A signer's secret, sealed for this context alone, and whom it stands for. */
export interface CompiledHmacKey {
  readonly sealed: string;
  readonly context: string;
  /** The Secret that it is an entry of. */
  readonly secret: string;
  readonly user: string;
  readonly tenant: string | null;
}

/** Client certificates that Cloudflare has verified. Where several lists are given, one of each must fit. */
export interface CompiledMtls {
  /** In lower-case hex without colons. Empty lists are not looked at. */
  readonly fingerprintsSha256: readonly string[];
  /** As RFC 2253 writes them. */
  readonly subjects: readonly string[];
  readonly issuers: readonly string[];
  /** Of subjectAltName: `DNS:a.example.com`, `URI:spiffe://…`, `email:…`. */
  readonly subjectAltNames: readonly string[];
}

/**
 * Rules in CEL (src/traffic/rules). A deny rule that holds, or fails, refuses the request; else an allow rule that holds
 * lets it through; else what is usual does.
 */
export interface CompiledAuthorization {
  readonly rules: readonly {
    readonly name: string;
    readonly action: 'Allow' | 'Deny';
    readonly expression: string;
  }[];
  readonly otherwise: 'Allow' | 'Deny';
}

/** Who makes a request: as limits, rules, logs and the upstream have it. */
export interface Identity {
  readonly method: 'anonymous' | 'apiKey' | 'jwt' | 'hmac' | 'mtls';
  /** Of that method: the key's id, the token's subject, the certificate's fingerprint; empty of nobody. */
  readonly id: string;
  /** The key's id where it is a key. */
  readonly apiKey: string | null;
  readonly user: string | null;
  readonly tenant: string | null;
  /** Of a token; of a certificate what is known of it; else empty. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Nobody: before authentication, and where none is asked for. */
export const ANONYMOUS: Identity = { method: 'anonymous', id: '', apiKey: null, user: null, tenant: null, claims: {} };
