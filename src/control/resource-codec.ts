import { isJsonObject, type JsonObject } from './json.ts';
import type { Kind } from './kind.ts';
import { keyText, type Resource, type ResourceKey } from './resource.ts';
import { StatusError } from './status.ts';

/**
 * Encryption of what is kept at rest, as the control plane sees it. Calls are bound to `context`: text sealed for
 * one object opens for no other.
 */
export interface Sealer {
  /** Names the key that seals, and changes with it. */
  readonly keyId: string;
  seal(plain: string, context: string): string;
  /** Throws where the text was not sealed for this context or the key is not known. */
  open(sealed: string, context: string): string;
}

/** Where the sealed part of an object stands in its stored body. */
const SEALED = '$sealed';

/** Objects ↔ stored bodies: JSON in which the fields a kind keeps secret are one sealed text. */
export interface ResourceCodec {
  encode(kind: Kind, key: ResourceKey, object: Resource): string;
  /** The object, opened. Throws InternalError where the sealed part does not open. */
  decode(key: ResourceKey, body: string): Resource;
  /** The object with its sealed part left closed: `encode` takes it as it is, and a lost key is no obstacle. */
  decodeClosed(body: string): Resource;
  /** The body sealed with the present key. */
  reseal(kind: Kind, key: ResourceKey, body: string): string;
}

/** The codec whose sealed fields only `sealer` can read. */
export function resourceCodec(sealer: Sealer): ResourceCodec {
  const codec: ResourceCodec = {
    encode(kind, key, object) {
      const fields = kind.strategy?.sealedFields;
      if (fields === undefined || Object.hasOwn(object, SEALED)) return JSON.stringify(object);
      const open: JsonObject = { ...object };
      const secret: JsonObject = {};
      for (const name of fields) {
        if (!Object.hasOwn(open, name)) continue;
        secret[name] = open[name];
        delete open[name];
      }
      // `kubectl apply` keeps the whole object, secrets and all, in an annotation.
      const { annotations, ...metadata } = object.metadata;
      if (annotations !== undefined) secret[ANNOTATIONS] = annotations;
      return JSON.stringify({ ...open, metadata, [SEALED]: sealer.seal(JSON.stringify(secret), keyText(key)) });
    },
    decode(key, body) {
      const object = JSON.parse(body) as Resource;
      const sealed = object[SEALED];
      if (typeof sealed !== 'string') return object;
      const { [ANNOTATIONS]: annotations, ...secret } = JSON.parse(opened(sealer, key, sealed)) as JsonObject;
      delete object[SEALED];
      if (isJsonObject(annotations)) object.metadata.annotations = annotations as Record<string, string>;
      return Object.assign(object, secret);
    },
    decodeClosed: (body) => JSON.parse(body) as Resource,
    reseal: (kind, key, body) => codec.encode(kind, key, codec.decode(key, body)),
  };
  return codec;
}

function opened(sealer: Sealer, key: ResourceKey, sealed: string): string {
  try {
    return sealer.open(sealed, keyText(key));
  } catch (error) {
    const because = error instanceof Error ? error.message : String(error);
    throw new StatusError(
      500,
      'InternalError',
      `Internal error occurred: ${keyText(key)} cannot be opened: ${because}`,
    );
  }
}

/** Where annotations stand in the sealed part; no field of an object has such a name. */
const ANNOTATIONS = 'metadata.annotations';

/** What may be shown of an object whose sealed part is closed. */
export function withoutSealed(object: Resource): Resource {
  const { [SEALED]: _closed, ...shown } = object;
  return shown as Resource;
}
