import type {
  CompiledApiKeys,
  CompiledAuth,
  CompiledConsumer,
  CompiledHmac,
  CompiledHmacKey,
  CompiledJwt,
  CompiledJwtKeys,
} from '../core/protocol/auth-policy.ts';
import {
  apiKeyIn,
  consumerOf,
  entriesOfSecret,
  entryOfSecret,
  hmacKeyOf,
  leastSecretBytes,
  MIN_HMAC_BYTES,
  type SecretSource,
} from './secret-entries.ts';

/** What no token is signed by. */
const NO_KEYS: CompiledJwtKeys = { type: 'inline', keys: [] };

/** Whether a policy opens to anything that a Secret holds. */
export function hasSecrets({ apiKey, hmac, jwt }: CompiledAuth): boolean {
  return (
    Object.keys(apiKey?.consumers ?? {}).length > 0 ||
    Object.keys(hmac?.keys ?? {}).length > 0 ||
    (jwt?.providers.some(({ keys }) => keys.type === 'secret') ?? false)
  );
}

/**
 * A policy as it was compiled once, with the keys and secrets that its Secrets hold now: one that was taken away since
 * opens no more, one that took its place does. A Secret that is gone, or an entry that could not be compiled today, opens
 * to nobody. All else is as it was.
 */
export function withPresentSecrets(auth: CompiledAuth, source: SecretSource): CompiledAuth {
  return {
    ...auth,
    hmac: auth.hmac === null ? null : presentHmac(auth.hmac, source),
    jwt: auth.jwt === null ? null : presentJwt(auth.jwt, source),
    apiKey: auth.apiKey === null ? null : presentKeys(auth.apiKey, source),
  };
}

function presentKeys(apiKey: CompiledApiKeys, source: SecretSource): CompiledApiKeys {
  const tenants = new Map(
    Object.values(apiKey.consumers).map(({ keyId, tenant }) => [keyId.slice(0, keyId.indexOf('/')), tenant]),
  );
  const consumers: Record<string, CompiledConsumer> = {};
  for (const [secret, tenant] of tenants) {
    for (const [entry, bytes] of entriesOfSecret(secret, source)) {
      const key = apiKeyIn(bytes);
      if (key !== null) consumers[source.digest(key)] = consumerOf(secret, entry, tenant);
    }
  }
  return { ...apiKey, consumers };
}

function presentHmac(hmac: CompiledHmac, source: SecretSource): CompiledHmac {
  const keys: Record<string, CompiledHmacKey> = Object.create(null);
  const before = Object.entries(hmac.keys);
  const tenants = new Map(before.map(([, { secret, tenant }]) => [secret, tenant]));
  // Of the policy: what each key is sealed for ends in its own name.
  const context = before[0]?.[1].context.slice(0, -before[0][0].length);
  for (const [secret, tenant] of tenants) {
    for (const [entry, bytes] of entriesOfSecret(secret, source)) {
      if (bytes.length < MIN_HMAC_BYTES) continue;
      keys[entry] = hmacKeyOf({ secret, entry, bytes, tenant }, `${context}${entry}`, source);
    }
  }
  return { ...hmac, keys: { ...keys } };
}

function presentJwt(jwt: CompiledJwt, source: SecretSource): CompiledJwt {
  const providers = jwt.providers.map((provider) => {
    const { keys, algorithms } = provider;
    if (keys.type !== 'secret') return provider;
    const bytes = entryOfSecret(keys.secret, keys.entry, source);
    // The provider stays: what clients send under the names of its headers must not arrive.
    if (bytes === undefined || bytes.length < leastSecretBytes(algorithms)) return { ...provider, keys: NO_KEYS };
    return { ...provider, keys: { ...keys, sealed: source.seal(bytes.toString('base64'), keys.context) } };
  });
  return { ...jwt, providers };
}
