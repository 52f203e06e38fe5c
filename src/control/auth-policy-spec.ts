import { Buffer } from 'node:buffer';
import { LIMITS } from '../core/limits.ts';
import type {
  CompiledApiKeys,
  CompiledAuth,
  CompiledAuthorization,
  CompiledConsumer,
  CompiledHmac,
  CompiledHmacKey,
  CompiledJwt,
  CompiledJwtKeys,
  CompiledJwtProvider,
  CompiledMtls,
  CredentialPlace,
  IdentityHeader,
} from '../core/protocol/auth-policy.ts';
import { ruleFaults } from '../traffic/rules/rules.ts';
import { authPolicyFaults, parsed, plainHex } from './auth-policy-faults.ts';
import { isJsonObject, type JsonObject, type JsonValue, numberIn, objectIn, objectsIn, textsIn } from './json.ts';
import type { Resource } from './resource.ts';
import {
  apiKeyIn,
  consumerOf,
  entriesOfSecret,
  entryOfSecret,
  hmacKeyOf,
  leastSecretBytes,
  MIN_API_KEY_CHARS,
  MIN_HMAC_BYTES,
  type SecretSource,
} from './secret-entries.ts';
import { type Cause, invalidValue } from './status.ts';

const ASYMMETRIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

/** Names of the Secrets that a policy stands on: when one changes, the policy is compiled again. */
export function secretsOfAuthPolicy(policy: Resource): string[] {
  const { apiKey, jwt, hmac } = objectIn(policy.spec);
  const names = [...objectsIn(objectIn(apiKey).secrets), ...objectsIn(objectIn(hmac).secrets)].map(({ name }) => name);
  const providers = objectsIn(objectIn(jwt).providers).map(({ keys }) => objectIn(objectIn(keys).secretRef).name);
  return [...new Set([...names, ...providers].filter((name) => typeof name === 'string'))];
}

/** A validated `AuthPolicy`, compiled, or what is wrong with it, its Secrets included. Faults never quote a secret. */
export function compileAuthPolicy(
  policy: Resource,
  source: SecretSource,
): { compiled: CompiledAuth } | { faults: Cause[] } {
  const spec = objectIn(policy.spec);
  const faults = authPolicyFaults(policy);
  const context = `gateway/${policy.metadata.namespace ?? ''}/${policy.metadata.uid}`;
  const compiled: CompiledAuth = {
    mtls: isJsonObject(spec.mtls) ? mtlsIn(spec.mtls) : null,
    hmac: isJsonObject(spec.hmac) ? hmacIn(spec.hmac, source, context, faults) : null,
    jwt: isJsonObject(spec.jwt) ? jwtIn(spec.jwt, source, context, faults) : null,
    apiKey: isJsonObject(spec.apiKey) ? apiKeysIn(spec.apiKey, source, faults) : null,
    anonymous: spec.anonymous === true,
    authorization: isJsonObject(spec.authorization) ? authorizationIn(spec.authorization) : null,
    realm: typeof spec.realm === 'string' ? spec.realm : 'api',
    identityHeaders: objectsIn(spec.identityHeaders).map(identityHeaderIn),
  };
  if (compiled.authorization !== null) {
    for (const { index, offset, message } of ruleFaults(compiled.authorization)) {
      const { expression } = compiled.authorization.rules[index];
      const field = `spec.authorization.rules[${index}].expression`;
      faults.push(invalidValue(field, expression, `at character ${offset + 1}: ${message}`));
    }
  }
  return faults.length > 0 ? { faults } : { compiled };
}

function apiKeysIn(apiKey: JsonObject, source: SecretSource, faults: Cause[]): CompiledApiKeys {
  const consumers: Record<string, CompiledConsumer> = Object.create(null);
  let keys = 0;
  for (const [at, ref] of objectsIn(apiKey.secrets).entries()) {
    const path = `spec.apiKey.secrets[${at}]`;
    for (const [entry, bytes] of entriesOf(ref, source, path, faults)) {
      const key = apiKeyIn(bytes);
      if (key === null) {
        const rule = `entry "${entry}" is no key: at least ${MIN_API_KEY_CHARS} visible characters of ASCII`;
        faults.push(invalidValue(path, ref.name, rule));
        continue;
      }
      const digest = source.digest(key);
      if (consumers[digest] !== undefined)
        faults.push(invalidValue(path, ref.name, `entry "${entry}" is the key of another consumer`));
      consumers[digest] = consumerOf(String(ref.name), entry, textOr(ref.tenant, null));
      keys += 1;
    }
  }
  if (keys > LIMITS.policyKeys)
    faults.push(invalidValue('spec.apiKey.secrets', keys, `must not have more than ${LIMITS.policyKeys} keys`));
  return {
    from: placesIn(apiKey.from, [{ type: 'header', name: 'x-api-key', prefix: '' }]),
    platformRoles: isJsonObject(apiKey.platformKeys) ? textsIn(apiKey.platformKeys.roles) : null,
    consumers: { ...consumers },
    forward: apiKey.forward === true,
  };
}

function jwtIn(jwt: JsonObject, source: SecretSource, context: string, faults: Cause[]): CompiledJwt {
  return {
    from: placesIn(jwt.from, [{ type: 'header', name: 'authorization', prefix: 'Bearer ' }]),
    providers: objectsIn(jwt.providers).map((provider, at) =>
      providerIn(provider, source, `${context}/jwt/${provider.name}`, `spec.jwt.providers[${at}]`, faults),
    ),
    forward: jwt.forward !== false,
  };
}

function providerIn(
  provider: JsonObject,
  source: SecretSource,
  context: string,
  path: string,
  faults: Cause[],
): CompiledJwtProvider {
  const algorithms = textsIn(provider.algorithms);
  const symmetric = isJsonObject(objectIn(provider.keys).secretRef);
  const usual = symmetric ? ['HS256'] : ASYMMETRIC;
  const used = algorithms.length > 0 ? algorithms : usual;
  return {
    name: String(provider.name),
    issuer: String(provider.issuer),
    audiences: textsIn(provider.audiences),
    algorithms: used,
    keys: jwtKeysIn(objectIn(provider.keys), source, { context, path, algorithms: used }, faults),
    clockSkewSeconds: numberIn(provider.clockSkewSeconds, 30),
    maxAgeSeconds: numberIn(provider.maxAgeSeconds, null),
    type: textOr(provider.type, null),
    userClaim: textOr(provider.userClaim, 'sub'),
    tenantClaim: textOr(provider.tenantClaim, null),
    claimsToHeaders: objectsIn(provider.claimsToHeaders).map(({ claim, header }) => ({
      claim: String(claim),
      header: String(header).toLowerCase(),
    })),
  };
}

function jwtKeysIn(
  keys: JsonObject,
  source: SecretSource,
  { context, path, algorithms }: { context: string; path: string; algorithms: readonly string[] },
  faults: Cause[],
): CompiledJwtKeys {
  if (typeof keys.url === 'string') return { type: 'url', url: keys.url };
  if (typeof keys.inline === 'string') {
    const set = parsed(keys.inline);
    return { type: 'inline', keys: isJsonObject(set) ? objectsIn(set.keys) : [] };
  }
  if (!isJsonObject(keys.secretRef)) return { type: 'discovery' };
  const { name, key } = keys.secretRef;
  const [secret, entry] = [String(name), textOr(key, 'secret')];
  const bytes = entryOfSecret(secret, entry, source);
  const least = leastSecretBytes(algorithms);
  if (bytes === undefined)
    faults.push(invalidValue(`${path}.keys.secretRef`, `${name}/${key}`, 'there is no such entry of a Secret'));
  else if (bytes.length < least)
    faults.push(invalidValue(`${path}.keys.secretRef`, `${name}/${key}`, `must have ${least} bytes at least`));
  const sealed = source.seal((bytes ?? Buffer.alloc(0)).toString('base64'), context);
  return { type: 'secret', sealed, context, secret, entry };
}

function hmacIn(hmac: JsonObject, source: SecretSource, context: string, faults: Cause[]): CompiledHmac {
  const keys: Record<string, CompiledHmacKey> = Object.create(null);
  for (const [at, ref] of objectsIn(hmac.secrets).entries()) {
    const path = `spec.hmac.secrets[${at}]`;
    for (const [entry, bytes] of entriesOf(ref, source, path, faults)) {
      if (bytes.length < MIN_HMAC_BYTES)
        faults.push(invalidValue(path, ref.name, `entry "${entry}" must have ${MIN_HMAC_BYTES} bytes at least`));
      if (keys[entry] !== undefined)
        faults.push(invalidValue(path, ref.name, `entry "${entry}" is in another Secret too`));
      const key = { secret: String(ref.name), entry, bytes, tenant: textOr(ref.tenant, null) };
      keys[entry] = hmacKeyOf(key, `${context}/hmac/${entry}`, source);
    }
  }
  if (Object.keys(keys).length > LIMITS.policyKeys)
    faults.push(
      invalidValue('spec.hmac.secrets', Object.keys(keys).length, `must not have more than ${LIMITS.policyKeys} keys`),
    );
  return {
    keys: { ...keys },
    components: textsIn(hmac.components),
    maxAgeSeconds: numberIn(hmac.maxAgeSeconds, 300),
    clockSkewSeconds: numberIn(hmac.clockSkewSeconds, 30),
    maxBodyBytes: numberIn(hmac.maxBodyBytes, 65_536),
    forward: hmac.forward === true,
  };
}

function mtlsIn(mtls: JsonObject): CompiledMtls {
  return {
    fingerprintsSha256: textsIn(mtls.fingerprintsSha256).map(plainHex),
    subjects: textsIn(mtls.subjects),
    issuers: textsIn(mtls.issuers),
    subjectAltNames: textsIn(mtls.subjectAltNames),
  };
}

function authorizationIn({ rules, otherwise }: JsonObject): CompiledAuthorization {
  return {
    rules: objectsIn(rules).map(({ name, action, expression }, at) => ({
      name: typeof name === 'string' && name !== '' ? name : `rules[${at}]`,
      action: action === 'Deny' ? 'Deny' : 'Allow',
      expression: String(expression),
    })),
    otherwise: otherwise === 'Allow' ? 'Allow' : 'Deny',
  };
}

function identityHeaderIn({ name, value }: JsonObject): IdentityHeader {
  const values = ['user', 'tenant', 'id', 'method'] as const;
  return { name: String(name).toLowerCase(), value: values.find((known) => known === value) ?? 'user' };
}

function placesIn(value: JsonValue | undefined, usual: readonly CredentialPlace[]): readonly CredentialPlace[] {
  const places = objectsIn(value).map(({ type, name, prefix }): CredentialPlace => {
    if (type === 'Query') return { type: 'query', name: String(name) };
    if (type === 'Cookie') return { type: 'cookie', name: String(name) };
    return { type: 'header', name: String(name).toLowerCase(), prefix: textOr(prefix, '') };
  });
  return places.length > 0 ? places : usual;
}

/** Entries of a Secret that a policy refers to, and a fault where there is none. */
function entriesOf(ref: JsonObject, source: SecretSource, path: string, faults: Cause[]): [string, Buffer][] {
  const entries = entriesOfSecret(String(ref.name), source);
  if (entries.length === 0)
    faults.push(invalidValue(`${path}.name`, ref.name, 'there is no such Secret in the namespace, or it is empty'));
  return entries;
}

function textOr<T>(value: JsonValue | undefined, otherwise: T): string | T {
  return typeof value === 'string' ? value : otherwise;
}
