import { cloneJson, isJsonObject, type JsonObject } from './json.ts';
import type { AdmissionRules, Kind } from './kind.ts';
import { apiVersionOf } from './kind-info.ts';
import { callersMeta, checkMetaShape, finalizerFaults, metaFaults } from './object-meta.ts';
import type { Resource } from './resource.ts';
import { badRequest, conflict, invalid, invalidValue, type StatusError, staleVersion } from './status.ts';
import { applyDefaults, prune, validate } from './structural-schema.ts';

/** What callers send, and how it becomes an object that may be stored. All of it is pure. */

/** What to do with fields the schema does not know: they are always dropped; `Warn` says so, `Strict` refuses. */
export type FieldValidation = 'Ignore' | 'Warn' | 'Strict';

export interface WriteOptions {
  /** Check and answer as if, change nothing. */
  readonly dryRun?: boolean;
  readonly fieldValidation?: FieldValidation;
}

/** What was sent, as an object of its kind, and the fields its metadata has beyond its own. Throws BadRequest where it belongs elsewhere. */
export function readInput(kind: Kind, namespace: string, input: JsonObject): { object: Resource; unknown: string[] } {
  const object = cloneJson(input);
  checkApiVersion(kind, object);
  if (object.kind !== undefined && object.kind !== kind.kind) {
    throw badRequest(`the kind in the data (${String(object.kind)}) does not match the expected kind (${kind.kind})`);
  }
  const metadata = object.metadata ?? {};
  if (!isJsonObject(metadata)) throw badRequest('metadata must be an object');
  const { unknown, causes } = checkMetaShape(metadata);
  if (causes.length > 0) throw invalid(kind, String(metadata.name ?? ''), causes);
  if (kind.namespaced && metadata.namespace && metadata.namespace !== namespace) {
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  }
  return { object: { ...object, apiVersion: apiVersionOf(kind), kind: kind.kind, metadata } as Resource, unknown };
}

/** Throws BadRequest where what was sent says another version than it was sent to. */
export function checkApiVersion(kind: Kind, object: JsonObject): void {
  const apiVersion = apiVersionOf(kind);
  if (object.apiVersion === undefined || object.apiVersion === apiVersion) return;
  throw badRequest(
    `the API version in the data (${String(object.apiVersion)}) does not match the expected API version (${apiVersion})`,
  );
}

/** Whether what was sent is a version of the object it is to replace; throws BadRequest, Invalid, Conflict. */
export function checkIdentity(kind: Kind, name: string, sent: Resource, current: Resource, isPatch: boolean): void {
  const { name: sentName, uid, resourceVersion } = sent.metadata;
  if (sentName && sentName !== name) {
    throw badRequest(`the name of the object (${sentName}) does not match the name on the URL (${name})`);
  }
  if (!resourceVersion && !isPatch && kind.strategy?.unconditionalUpdate !== true) {
    throw invalid(kind, name, [
      {
        ...invalidValue('metadata.resourceVersion', 0, ''),
        message: 'Invalid value: 0x0: must be specified for an update',
      },
    ]);
  }
  if (resourceVersion && resourceVersion !== current.metadata.resourceVersion) throw staleVersion(kind, name);
  if (uid && uid !== current.metadata.uid) {
    throw conflict(
      kind,
      name,
      `Precondition failed: UID in precondition: ${uid}, UID in object meta: ${current.metadata.uid}`,
    );
  }
}

/** The present object with everything that was sent but its status. */
export function withSpecOf(kind: Kind, current: Resource, sent: Resource): Resource {
  const { labels: _l, annotations: _a, finalizers: _f, ownerReferences: _o, ...kept } = current.metadata;
  const next = { ...sent, metadata: { ...kept, ...callersMeta(sent.metadata) } } as Resource;
  if (kind.statusSubresource) {
    delete next.status;
    if (current.status !== undefined) next.status = cloneJson(current.status);
  }
  return next;
}

/** The present object with nothing of what was sent but its status. */
export function withStatusOf(current: Resource, sent: Resource): Resource {
  const next = cloneJson(current);
  if (sent.status === undefined) delete next.status;
  else next.status = sent.status;
  return next;
}

/**
 * Normalises, prunes, defaults and validates in place; `prepare` runs once the object has its shape. Throws Invalid with
 * every fault, or BadRequest for unknown fields where they are refused; returns warnings.
 */
export function admit(
  kind: Kind,
  object: Resource,
  current: Resource | undefined,
  unknownMeta: readonly string[],
  options: WriteOptions,
  rules: AdmissionRules,
  prepare: (object: Resource) => void,
): string[] {
  const { apiVersion, kind: kindName, metadata, ...body } = object;
  const causes = kind.strategy?.normalize?.(body) ?? [];
  const unknown = [...unknownMeta, ...prune(kind.schema, body)];
  if (unknown.length > 0 && options.fieldValidation === 'Strict') throw strictDecodingError(kind, unknown);
  applyDefaults(kind.schema, body);
  for (const name of Object.keys(object)) delete object[name];
  Object.assign(object, { apiVersion, kind: kindName, metadata }, body);
  if (causes.length === 0) {
    prepare(object);
    const { apiVersion: _version, kind: _kind, metadata: meta, ...declared } = object;
    causes.push(...metaFaults(kind, meta), ...validate(kind.schema, declared));
    if (current) causes.push(...finalizerFaults(meta, current.metadata));
    if (causes.length === 0) causes.push(...(kind.strategy?.validate?.(object, current, rules) ?? []));
  }
  if (causes.length > 0) throw invalid(kind, metadata.name, causes);
  return options.fieldValidation === 'Ignore' ? [] : unknown.map((path) => `unknown field "${path}"`);
}

function strictDecodingError(kind: Kind, unknown: readonly string[]): StatusError {
  const list = unknown.map((path) => `unknown field "${path}"`).join(', ');
  return badRequest(
    `${kind.kind} in version "${kind.version}" cannot be handled as a ${kind.kind}: strict decoding error: ${list}`,
  );
}
