import * as z from 'zod';

/**
 * The texts that Gateway API resources are made of, with the patterns and bounds of the standard (v1.5.1). Functions,
 * since zod is only run where kinds are compiled.
 */

const SUBDOMAIN = '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*';

/** A text of a length, by a pattern written as the standard writes it. */
function patterned(pattern: string, min: number, max: number) {
  return z.string().min(min).max(max).meta({ pattern });
}

/** Of an API; the core group is empty. */
export function groupName() {
  return z
    .string()
    .max(253)
    .meta({ pattern: `^$|^${SUBDOMAIN}$` });
}

export function kindName() {
  return patterned('^[a-zA-Z]([-a-zA-Z0-9]*[a-zA-Z0-9])?$', 1, 63);
}

export function objectName() {
  return z.string().min(1).max(253);
}

export function namespaceName() {
  return patterned('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$', 1, 63);
}

/** Of a listener, of a rule. */
export function sectionName() {
  return patterned(`^${SUBDOMAIN}$`, 1, 253);
}

/** Without a wildcard. */
export function preciseHostname() {
  return patterned(`^${SUBDOMAIN}$`, 1, 253);
}

/** `a.example.com`, or `*.example.com` for everything below. */
export function hostname() {
  return patterned(`^(\\*\\.)?${SUBDOMAIN}$`, 1, 253);
}

/** `orasi.io/gateway-controller`. */
export function controllerName() {
  return patterned(`^${SUBDOMAIN}\\/[A-Za-z0-9\\/\\-._~%!$&'()*+,;=:]+$`, 1, 253);
}

/** Of a header, or of a query parameter. */
export function fieldName() {
  return patterned("^[A-Za-z0-9!#$%&'*+\\-.^_\\x60|~]+$", 1, 256);
}

/** Visible characters; single spaces or tabs between them. */
export function fieldValue() {
  return patterned('^[!-~]+([\\t ]?[!-~]+)*$', 1, 4_096);
}

/** `10s`, `1h30m`, `500ms` (GEP-2257). */
export function duration() {
  return z.string().meta({ pattern: '^([0-9]{1,5}(h|m|s|ms)){1,4}$' });
}

export function portNumber() {
  return int32(1, 65_535);
}

export function int32(min?: number, max?: number) {
  let number = z.int();
  if (min !== undefined) number = number.min(min);
  if (max !== undefined) number = number.max(max);
  return number.meta({ format: 'int32' });
}

/** A list that is replaced as a whole by whoever writes it. */
export function atomicList<T extends z.ZodType>(item: T) {
  return z.array(item).meta({ 'x-kubernetes-list-type': 'atomic' });
}

/** A list of values that are there once. */
export function setList<T extends z.ZodType>(item: T) {
  return z.array(item).meta({ 'x-kubernetes-list-type': 'set' });
}

/** A list of objects known by the values of `keys`. */
export function mapList<T extends z.ZodType>(item: T, ...keys: string[]) {
  return z.array(item).meta({ 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys });
}
