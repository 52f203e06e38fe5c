import type { ResourceCall } from '../core/protocol/control-plane.ts';
import { isJsonObject, type JsonObject, parseJsonObject } from './json.ts';
import type { Kind } from './kind.ts';
import { mergePatch } from './merge-patch.ts';
import type { Resource } from './resource.ts';
import type { FieldValidation, WriteOptions } from './resource-input.ts';
import type { DeleteOptions } from './resource-store.ts';
import { parseFieldSelector, parseLabelSelector, type Selector } from './selectors.ts';
import { badRequest, StatusError } from './status.ts';

/** What a call asks for, understood: body, patch, selectors and options. */

/** Throws MethodNotAllowed where the call is on a collection. */
export function nameOf(call: ResourceCall): string {
  if (call.name === null) throw notAllowed();
  return call.name;
}

/** What a write is about: the declaration, or the status. */
export function partOf(call: ResourceCall): 'object' | 'status' {
  return call.subresource === 'status' ? 'status' : 'object';
}

/** The body as JSON; throws UnsupportedMediaType, BadRequest. */
export function readObject(call: ResourceCall, kind: Kind): JsonObject {
  if (call.contentType !== '' && call.contentType !== 'application/json') {
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json',
    );
  }
  try {
    return parseJsonObject(call.body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badRequest(
      `the object provided is unrecognized (must be of type ${kind.kind}): json parse error: ${error.message}`,
    );
  }
}

/** The patch in the body, as a change of the present object; throws UnsupportedMediaType, BadRequest. */
export function patchOf(call: ResourceCall): (current: Resource) => JsonObject {
  if (call.contentType !== 'application/merge-patch+json') {
    throw new StatusError(
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/merge-patch+json',
    );
  }
  let patch: JsonObject;
  try {
    patch = parseJsonObject(call.body);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badRequest(`error decoding patch: ${error.message}`);
  }
  return (current) => {
    // The present version comes along, so that a patch naming none is a change to whatever is there.
    const merged = mergePatch(current, patch);
    return isJsonObject(merged) ? merged : {};
  };
}

/** Throws BadRequest for values an option does not have. */
export function writeOptions(call: ResourceCall): WriteOptions {
  const { fieldValidation = 'Warn' } = call.query;
  if (!isFieldValidation(fieldValidation)) {
    throw badRequest(
      `fieldValidation: Unsupported value: "${fieldValidation}": supported values: "Ignore", "Warn", "Strict"`,
    );
  }
  return { dryRun: isDryRun(call.query.dryRun), fieldValidation };
}

function isFieldValidation(text: string): text is FieldValidation {
  return text === 'Ignore' || text === 'Warn' || text === 'Strict';
}

function isDryRun(text: string | undefined): boolean {
  if (text === undefined || text === '') return false;
  if (text !== 'All') throw badRequest(`dryRun: Unsupported value: "${text}": supported values: "All"`);
  return true;
}

/** Options of a deletion: from the query, else from the body. */
export function deleteOptions(call: ResourceCall): DeleteOptions {
  let body: JsonObject = {};
  if (call.body !== '') {
    try {
      body = parseJsonObject(call.body);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw badRequest(`DeleteOptions: json parse error: ${error.message}`);
    }
  }
  const policy = call.query.propagationPolicy ?? body.propagationPolicy;
  if (
    policy !== undefined &&
    policy !== null &&
    policy !== 'Background' &&
    policy !== 'Foreground' &&
    policy !== 'Orphan'
  ) {
    throw badRequest(
      `propagationPolicy: Unsupported value: ${JSON.stringify(policy)}: supported values: "Background", "Foreground", "Orphan"`,
    );
  }
  const { uid, resourceVersion } = isJsonObject(body.preconditions) ? body.preconditions : {};
  return {
    dryRun: isDryRun(call.query.dryRun) || (Array.isArray(body.dryRun) && body.dryRun.includes('All')),
    preconditions: {
      ...(typeof uid === 'string' ? { uid } : {}),
      ...(typeof resourceVersion === 'string' ? { resourceVersion } : {}),
    },
    propagationPolicy: policy ?? undefined,
  };
}

/** Labels, fields and the one name of the path. */
export function selectorOf(call: ResourceCall): Selector {
  const byLabels = parseLabelSelector(call.query.labelSelector ?? '');
  const byFields = parseFieldSelector(call.query.fieldSelector ?? '');
  // `…/pipelines/orders?watch=true` watches the one object.
  return (object) => (call.name === null || object.metadata.name === call.name) && byLabels(object) && byFields(object);
}

/** Undefined for all. */
export function limitOf(call: ResourceCall): number | undefined {
  const limit = call.query.limit === undefined ? 0 : wholeNumber('limit', call.query.limit);
  return limit === 0 ? undefined : limit;
}

/** A query parameter that is a whole number; throws BadRequest where it is none. */
export function wholeNumber(name: string, text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw badRequest(`${name}: Invalid value: "${text}": must be a whole number`);
  return Number(text);
}

/** Whether a query parameter says yes. */
export function isTrue(text: string | undefined): boolean {
  return text === 'true' || text === '1';
}

/** 405, as the API server says it. */
export function notAllowed(): StatusError {
  return new StatusError(
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
    {},
  );
}
