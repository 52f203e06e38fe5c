import type { Schema } from '../columns/types.ts';
import type { Compression } from '../formats/compression.ts';
import type { Checkpoint } from '../formats/format.ts';
import { decodeSchema, encodeSchema } from '../storage/scalar-json.ts';
import type { StoredBytes } from './source.ts';

/** A compressed object on its way to an inflated copy: the bytes of `parts` are stored, what follows is to be inflated. */
export interface InflateCheckpoint {
  readonly step: 'inflate';
  readonly key: string;
  readonly compression: readonly Compression[];
  readonly uploadId: string;
  /** Etags of the parts so far, each of `LIMITS.uploadPartBytes`. */
  readonly parts: readonly string[];
}

/** A decode that goes on: what earlier parts came to, and where the next begins. */
export interface DecodeCheckpoint {
  readonly step: 'decode';
  /** Where the uncompressed bytes are. */
  readonly source: StoredBytes;
  /** Absent where nothing is decoded yet. */
  readonly progress?: {
    /** The format and options that were settled on. */
    readonly format: string;
    readonly options: Readonly<Record<string, string | number | boolean>>;
    readonly decoder: Checkpoint;
    readonly schema: Schema;
    readonly rowsCommitted: number;
    readonly rowsQuarantined: number;
  };
}

/** What one part of a large object leaves to the next, in the ledger. */
export type PartCheckpoint = InflateCheckpoint | DecodeCheckpoint;

/** Schemas travel as texts, since a type is more than its JSON. */
export function writeCheckpoint(checkpoint: PartCheckpoint): string {
  return JSON.stringify(checkpoint, (key, value) => (key === 'schema' ? encodeSchema(value as Schema) : value));
}

/** Reads what `writeCheckpoint` wrote; nothing else is ever kept there. */
export function readCheckpoint(text: string): PartCheckpoint {
  return JSON.parse(text, (key, value) => (key === 'schema' ? decodeSchema(value as string) : value)) as PartCheckpoint;
}
