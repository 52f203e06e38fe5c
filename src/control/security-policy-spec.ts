import { blocksOf } from '../core/address-blocks.ts';
import type { CompiledSecurity } from '../core/protocol/security-policy.ts';
import { bodySchemaFault } from '../traffic/body-schema.ts';
import { RESERVED_HEADERS } from '../traffic/filters/own-headers.ts';
import { resolveProfile, SECURITY_PROFILES } from '../traffic/security-profiles.ts';
import { isJsonObject, type JsonObject, type JsonValue, numberIn, objectIn, objectsIn, textsIn } from './json.ts';
import { targetFaults } from './policy-targets.ts';
import type { Resource } from './resource.ts';
import { type Cause, invalidValue } from './status.ts';

/** A validated `SecurityPolicy`, compiled, or what is wrong with it. */
export function compileSecurityPolicy(policy: Resource): { compiled: CompiledSecurity } | { faults: Cause[] } {
  const faults = securityPolicyFaults(policy);
  if (faults.length > 0) return { faults };
  const spec = objectIn(policy.spec);
  const [addresses, request, headers] = [
    objectIn(spec.addresses),
    objectIn(spec.request),
    objectIn(spec.responseHeaders),
  ];
  const { jsonSchema } = request;
  const compiled: CompiledSecurity = {
    addresses: { allow: textsIn(addresses.allow), deny: textsIn(addresses.deny) },
    request: {
      methods: listIn(request.methods),
      maxUrlBytes: numberIn(request.maxUrlBytes, null),
      maxHeaderBytes: numberIn(request.maxHeaderBytes, null),
      maxHeaders: numberIn(request.maxHeaders, null),
      maxBodyBytes: numberIn(request.maxBodyBytes, null),
      contentTypes: lowerIn(listIn(request.contentTypes)),
      requiredHeaders: textsIn(request.requiredHeaders).map((name) => name.toLowerCase()),
      body: isJsonObject(jsonSchema)
        ? { schema: jsonSchema, maxBytes: numberIn(request.jsonSchemaMaxBytes, 65_536) }
        : null,
    },
    webSocketOrigins: isJsonObject(spec.webSocket) ? lowerIn(textsIn(spec.webSocket.origins)) : null,
    responseHeaders: resolveProfile(SECURITY_PROFILES.find((name) => name === spec.profile) ?? 'none', {
      set: headersIn(headers.set),
      omit: textsIn(headers.omit),
      remove: textsIn(headers.remove),
    }),
  };
  return { compiled };
}

/** What the schema cannot express. */
export function securityPolicyFaults(policy: Resource): Cause[] {
  const spec = objectIn(policy.spec);
  const causes = targetFaults(spec);
  const addresses = objectIn(spec.addresses);
  for (const list of ['allow', 'deny'] as const) {
    for (const [at, text] of textsIn(addresses[list]).entries()) {
      const fault = blockFault(text);
      if (fault !== null) causes.push(invalidValue(`spec.addresses.${list}[${at}]`, text, fault));
    }
  }
  for (const [at, origin] of textsIn(objectIn(spec.webSocket).origins).entries()) {
    if (!isOrigin(origin))
      causes.push(
        invalidValue(
          `spec.webSocket.origins[${at}]`,
          origin,
          'expected https://app.example.com or https://*.example.com',
        ),
      );
  }
  for (const [at, { name }] of headersIn(objectIn(spec.responseHeaders).set).entries()) {
    if (RESERVED_HEADERS.has(name.toLowerCase()))
      causes.push(
        invalidValue(`spec.responseHeaders.set[${at}].name`, name, "is the connection's or the gateway's own"),
      );
  }
  const { jsonSchema } = objectIn(spec.request);
  if (isJsonObject(jsonSchema)) {
    const fault = bodySchemaFault(jsonSchema);
    if (fault !== null) causes.push(invalidValue(`spec.request.jsonSchema${fault.path}`, fault.value, fault.message));
  }
  return causes;
}

function blockFault(text: string): string | null {
  try {
    return blocksOf(text).length === 1 ? null : 'expected one block: 10.0.0.0/8 or fd00::/8';
  } catch {
    return 'expected a block of addresses: 10.0.0.0/8 or fd00::/8';
  }
}

function isOrigin(text: string): boolean {
  if (!/^https?:\/\/(\*\.)?[^*/?#@\s]+$/i.test(text)) return false;
  const plain = text.replace('://*.', '://');
  return URL.canParse(plain) && new URL(plain).origin === plain.toLowerCase();
}

function headersIn(value: JsonValue | undefined): { name: string; value: string }[] {
  return objectsIn(value).map((header: JsonObject) => ({ name: String(header.name), value: String(header.value) }));
}

function listIn(value: JsonValue | undefined): string[] | null {
  return Array.isArray(value) ? textsIn(value) : null;
}

function lowerIn<T extends readonly string[] | null>(texts: T): T {
  return (texts === null ? null : texts.map((text) => text.toLowerCase())) as T;
}
