import type { JsonObject, JsonValue } from './json.ts';
import type { KindInfo } from './kind-info.ts';

/** One fault of an object: where, what kind of fault, what was expected. */
export interface Cause {
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldValueTypeInvalid'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldManagerConflict'
    | 'NamespaceTerminating';
  readonly message: string;
  readonly field: string;
}

/** The reasons we answer with; clients branch on them, so they are Kubernetes' own. */
export type StatusReason =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'MethodNotAllowed'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Expired'
  | 'RequestEntityTooLarge'
  | 'UnsupportedMediaType'
  | 'Invalid'
  | 'TooManyRequests'
  | 'InternalError'
  | 'ServiceUnavailable'
  | 'NotAcceptable';

/** A refusal as Kubernetes clients expect it: HTTP code, reason, message and details. */
export class StatusError extends Error {
  readonly code: number;
  readonly reason: StatusReason;
  readonly details: JsonObject | undefined;

  constructor(code: number, reason: StatusReason, message: string, details?: JsonObject) {
    super(message);
    this.name = 'StatusError';
    this.code = code;
    this.reason = reason;
    this.details = details;
  }

  /** The `Status` object that is the body of the answer. */
  toStatus(): JsonObject {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: this.message,
      reason: this.reason,
      ...(this.details ? { details: this.details } : {}),
      code: this.code,
    };
  }
}

/** `pipelines.orasi.io`, or `secrets` for the core group. */
function qualifiedResource(kind: KindInfo): string {
  return kind.group === '' ? kind.plural : `${kind.plural}.${kind.group}`;
}

function details(kind: KindInfo, name: string, more: Record<string, JsonValue> = {}): JsonObject {
  return { name, ...(kind.group === '' ? {} : { group: kind.group }), kind: kind.plural, ...more };
}

/** 404: the kind has no object of that name. */
export function notFound(kind: KindInfo, name: string): StatusError {
  return new StatusError(404, 'NotFound', `${qualifiedResource(kind)} "${name}" not found`, details(kind, name));
}

/** 409: the name is taken. */
export function alreadyExists(kind: KindInfo, name: string): StatusError {
  return new StatusError(
    409,
    'AlreadyExists',
    `${qualifiedResource(kind)} "${name}" already exists`,
    details(kind, name),
  );
}

/** 409: the write does not go with what is there. */
export function conflict(kind: KindInfo, name: string, because: string): StatusError {
  const message = `Operation cannot be fulfilled on ${qualifiedResource(kind)} "${name}": ${because}`;
  return new StatusError(409, 'Conflict', message, details(kind, name));
}

/** 409: the object has another `resourceVersion` by now. */
export function staleVersion(kind: KindInfo, name: string): StatusError {
  return conflict(
    kind,
    name,
    'the object has been modified; please apply your changes to the latest version and try again',
  );
}

/** 403: the caller, or the state of the object, does not allow it. */
export function forbidden(kind: KindInfo, name: string, because: string, causes: readonly Cause[] = []): StatusError {
  const message = `${qualifiedResource(kind)} "${name}" is forbidden: ${because}`;
  return new StatusError(
    403,
    'Forbidden',
    message,
    details(kind, name, causes.length > 0 ? { causes: asJson(causes) } : {}),
  );
}

/** 400: the request itself is wrong. */
export function badRequest(message: string): StatusError {
  return new StatusError(400, 'BadRequest', message);
}

/** 422 with every fault; the message lists them as the API server does. */
export function invalid(kind: KindInfo, name: string, causes: readonly Cause[]): StatusError {
  const sentences = causes.map((cause) => `${cause.field}: ${cause.message}`);
  const list = sentences.length === 1 ? sentences[0] : `[${sentences.join(', ')}]`;
  const qualified = kind.group === '' ? kind.kind : `${kind.kind}.${kind.group}`;
  return new StatusError(422, 'Invalid', `${qualified} "${name}" is invalid: ${list}`, {
    ...(name === '' ? {} : { name }),
    ...(kind.group === '' ? {} : { group: kind.group }),
    kind: kind.kind,
    causes: asJson(causes),
  });
}

/** 410: too old to go on from; the client begins anew. */
export function expired(message: string): StatusError {
  return new StatusError(410, 'Expired', message);
}

/** 413: the body is over the limit. */
export function tooLarge(limitBytes: number): StatusError {
  return new StatusError(413, 'RequestEntityTooLarge', `Request entity too large: limit is ${limitBytes}`);
}

/** The answer to a deletion that took effect at once. */
export function deleted(kind: KindInfo, name: string, uid: string): JsonObject {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details: details(kind, name, { uid }) };
}

function asJson(causes: readonly Cause[]): JsonValue {
  return causes.map(({ reason, message, field }) => ({ reason, message, field }));
}

/** A field that has to be there and is not. */
export function required(field: string, detail = ''): Cause {
  return {
    reason: 'FieldValueRequired',
    message: detail === '' ? 'Required value' : `Required value: ${detail}`,
    field,
  };
}

/** A value its field does not take, and what the field takes. */
export function invalidValue(field: string, value: unknown, expected: string): Cause {
  return { reason: 'FieldValueInvalid', message: `Invalid value: ${shown(value)}: ${expected}`, field };
}

/** A value outside the closed list of its field. */
export function unsupportedValue(field: string, value: unknown, supported: readonly JsonValue[]): Cause {
  const list = supported.map((item) => JSON.stringify(item)).join(', ');
  return {
    reason: 'FieldValueNotSupported',
    message: `Unsupported value: ${shown(value)}: supported values: ${list}`,
    field,
  };
}

/** A field that may not be set, or not be changed. */
export function forbiddenField(field: string, because: string): Cause {
  return { reason: 'FieldValueForbidden', message: `Forbidden: ${because}`, field };
}

/** A value that stands twice where it has to be unique. */
export function duplicate(field: string, value: unknown): Cause {
  return { reason: 'FieldValueDuplicate', message: `Duplicate value: ${shown(value)}`, field };
}

/** A value as a message quotes it; long ones are cut, since a message travels in logs and terminals. */
function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? 'undefined';
  return text.length > 200 ? `${text.slice(0, 200)}…` : text;
}
