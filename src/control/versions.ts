import type { JsonObject } from './json.ts';
import type { Kind } from './kind.ts';
import { apiVersionOf } from './kind-info.ts';
import type { Resource } from './resource.ts';
import { checkApiVersion } from './resource-input.ts';

/**
 * Kinds that are served under more than one version, with one schema: an object is stored under `version` and shown
 * under that which was asked for.
 */

/** Every version of a kind, the one of storage first. */
export function versionsOf(kind: Pick<Kind, 'version' | 'olderVersions'>): readonly string[] {
  return [kind.version, ...(kind.olderVersions ?? [])];
}

/** The kind as it is called in a version. */
export function inVersion(kind: Kind, version: string): Kind {
  return kind.version === version ? kind : { ...kind, version };
}

/** An object as it is shown in the version of `asked`. */
export function shownIn(asked: Kind, object: Resource): Resource {
  const apiVersion = apiVersionOf(asked);
  return object.apiVersion === apiVersion ? object : { ...object, apiVersion };
}

/** What was sent in the version of `asked`, as it is stored; throws BadRequest where it says another version. */
export function storedFrom(asked: Kind, kind: Kind, sent: JsonObject): JsonObject {
  if (asked.version === kind.version) return sent;
  checkApiVersion(asked, sent);
  return { ...sent, apiVersion: apiVersionOf(kind) };
}
