import type { JsonObject } from './json.ts';
import type { Kind } from './kind.ts';
import { keyText, type Resource, type ResourceKey } from './resource.ts';

/** Encryption of what is kept at rest, as the control plane sees it. Both calls are bound to `context`: text sealed for one object opens for no other. */
export interface Sealer {
  seal(plain: string, context: string): string;
  /** Throws where the text was not sealed for this context or the key is not known. */
  open(sealed: string, context: string): string;
  /** Whether the text was sealed with another key than the present one. */
  isStale(sealed: string): boolean;
}

/** Where the sealed fields of an object stand in its stored body. */
const SEALED = '$sealed';

/** Objects ↔ stored bodies: JSON in which the fields a kind keeps secret are one sealed text. */
export interface ResourceCodec {
  encode(kind: Kind, key: ResourceKey, object: Resource): string;
  decode(key: ResourceKey, body: string): Resource;
  /** The body sealed with the present key; the same text where it already is. */
  reseal(kind: Kind, key: ResourceKey, body: string): string;
}

export function resourceCodec(sealer: Sealer): ResourceCodec {
  const decode = (key: ResourceKey, body: string): Resource => {
    const stored = JSON.parse(body) as Resource & { [SEALED]?: string };
    const sealed = stored[SEALED];
    if (sealed === undefined) return stored;
    delete stored[SEALED];
    return Object.assign(stored, JSON.parse(sealer.open(sealed, keyText(key))) as JsonObject);
  };
  const encode = (kind: Kind, key: ResourceKey, object: Resource): string => {
    const names = kind.strategy?.sealedFields?.filter((name) => Object.hasOwn(object, name)) ?? [];
    if (names.length === 0) return JSON.stringify(object);
    const open: JsonObject = { ...object };
    const secret: JsonObject = {};
    for (const name of names) {
      secret[name] = open[name];
      delete open[name];
    }
    return JSON.stringify({ ...open, [SEALED]: sealer.seal(JSON.stringify(secret), keyText(key)) });
  };
  return {
    encode,
    decode,
    reseal(kind, key, body) {
      const sealed = (JSON.parse(body) as { [SEALED]?: string })[SEALED];
      if (sealed === undefined || !sealer.isStale(sealed)) return body;
      return encode(kind, key, decode(key, body));
    },
  };
}
