import { urlFault } from '../core/outbound.ts';
import { jwksFault } from '../traffic/json-web-keys.ts';
import { isJsonObject, type JsonObject, objectIn, objectsIn, textsIn } from './json.ts';
import { targetFaults } from './policy-targets.ts';
import type { Resource } from './resource.ts';
import { type Cause, duplicate, forbiddenField, invalidValue, required } from './status.ts';

/** Headers that the gateway itself makes, or that say where a message ends. */
const RESERVED = words(
  'connection content-length expect forwarded host keep-alive te trailer transfer-encoding upgrade via x-forwarded-for',
  'x-forwarded-host x-forwarded-proto x-request-id traceparent tracestate authorization cookie',
);

/** What the schema cannot express, without a look at Secrets and rules, which may be mended without the policy. */
export function authPolicyFaults(policy: Resource): Cause[] {
  const spec = objectIn(policy.spec);
  const causes = targetFaults(spec);
  const ways = [spec.apiKey, spec.jwt, spec.hmac, spec.mtls].filter(isJsonObject);
  if (ways.length === 0 && !isJsonObject(spec.authorization))
    causes.push(required('spec', 'one of apiKey, jwt, hmac, mtls, authorization'));
  if (spec.anonymous === true && ways.length === 0)
    causes.push(forbiddenField('spec.anonymous', 'everybody is anonymous where there is no way to say who one is'));
  causes.push(...apiKeyFaults(objectIn(spec.apiKey)));
  for (const [at, provider] of objectsIn(objectIn(spec.jwt).providers).entries())
    causes.push(...providerFaults(provider, `spec.jwt.providers[${at}]`));
  const headers = objectsIn(spec.identityHeaders).map(({ name }, at) => [`spec.identityHeaders[${at}].name`, name]);
  for (const [path, name] of headers) causes.push(...headerFaults(String(path), String(name)));
  const issuers = objectsIn(objectIn(spec.jwt).providers).map(({ issuer }) => issuer);
  for (const [at, issuer] of issuers.entries())
    if (issuers.indexOf(issuer) < at) causes.push(duplicate(`spec.jwt.providers[${at}].issuer`, issuer));
  const { mtls } = spec;
  if (isJsonObject(mtls)) {
    for (const [at, text] of textsIn(mtls.fingerprintsSha256).entries())
      if (!/^[0-9a-f]{64}$/.test(plainHex(text)))
        causes.push(invalidValue(`spec.mtls.fingerprintsSha256[${at}]`, text, 'expected 64 hexadecimal digits'));
    for (const [at, text] of textsIn(mtls.subjectAltNames).entries())
      if (!/^(DNS|URI|email):.+$/.test(text))
        causes.push(invalidValue(`spec.mtls.subjectAltNames[${at}]`, text, 'expected DNS:…, URI:… or email:…'));
  }
  return causes;
}

function apiKeyFaults({ secrets, platformKeys, forward, from }: JsonObject): Cause[] {
  const causes: Cause[] = [];
  if (Array.isArray(secrets) && secrets.length === 0 && !isJsonObject(platformKeys))
    causes.push(required('spec.apiKey.secrets', 'without platformKeys no key would be known'));
  if (isJsonObject(platformKeys) && forward === true)
    causes.push(forbiddenField('spec.apiKey.forward', 'keys of the platform are not told to upstreams'));
  for (const [at, place] of objectsIn(from).entries())
    if (place.prefix !== undefined && place.type !== 'Header')
      causes.push(forbiddenField(`spec.apiKey.from[${at}].prefix`, 'only headers have one'));
  return causes;
}

function providerFaults(provider: JsonObject, path: string): Cause[] {
  const causes: Cause[] = [];
  const keys = objectIn(provider.keys);
  const given = ['url', 'discovery', 'inline', 'secretRef'].filter(
    (name) => keys[name] !== undefined && keys[name] !== false,
  );
  if (given.length !== 1)
    causes.push(invalidValue(`${path}.keys`, given, 'expected exactly one of url, discovery, inline, secretRef'));
  if (typeof keys.url === 'string') causes.push(...keyUrlFaults(keys.url, `${path}.keys.url`));
  if (keys.discovery === true) causes.push(...keyUrlFaults(String(provider.issuer), `${path}.issuer`));
  if (typeof keys.inline === 'string') {
    const fault = jwksFault(parsed(keys.inline));
    if (fault !== null) causes.push(invalidValue(`${path}.keys.inline`, '(keys)', fault));
  }
  const algorithms = textsIn(provider.algorithms);
  const symmetric = isJsonObject(keys.secretRef);
  for (const [at, name] of algorithms.entries())
    if (name.startsWith('HS') !== symmetric) {
      const rule = symmetric
        ? 'a secret makes HS256 and its like only'
        : 'public keys verify no HS256: whoever has them could sign';
      causes.push(invalidValue(`${path}.algorithms[${at}]`, name, rule));
    }
  for (const [at, { header }] of objectsIn(provider.claimsToHeaders).entries())
    causes.push(...headerFaults(`${path}.claimsToHeaders[${at}].header`, String(header)));
  return causes;
}

/** Keys that come over plain HTTP are anybody's who is on the way; on the machine itself there is no way. */
function keyUrlFaults(url: string, path: string): Cause[] {
  const fault = urlFault(url);
  if (fault !== null) return [invalidValue(path, url, fault)];
  const { protocol, hostname } = new URL(url);
  const local = hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.');
  return protocol === 'https:' || local ? [] : [invalidValue(path, url, 'expected https')];
}

function headerFaults(path: string, name: string): Cause[] {
  return RESERVED.has(name.toLowerCase()) ? [invalidValue(path, name, 'is a header with another meaning')] : [];
}

/** A text as JSON; undefined where it is none. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** A fingerprint as it is compared: lower case, without colons. */
export function plainHex(text: string): string {
  return text.replaceAll(':', '').toLowerCase();
}

function words(...texts: string[]): ReadonlySet<string> {
  return new Set(texts.join(' ').split(' '));
}
