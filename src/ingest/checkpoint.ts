import type { Schema } from '../columns/types.ts';
import type { Checkpoint } from '../formats/format.ts';
import { decodeSchema, encodeSchema } from '../storage/scalar-json.ts';
import type { StoredBytes } from './source.ts';

/** What one part of a large object leaves to the next, in the ledger. */
export interface PartCheckpoint {
  /** The format that was settled on. */
  readonly format: string;
  /** Where the uncompressed bytes are. */
  readonly source: StoredBytes;
  readonly decoder: Checkpoint;
  readonly schema: Schema;
  readonly rowsCommitted: number;
  readonly rowsQuarantined: number;
}

export function writeCheckpoint(checkpoint: PartCheckpoint): string {
  return JSON.stringify({ ...checkpoint, schema: encodeSchema(checkpoint.schema) });
}

export function readCheckpoint(text: string): PartCheckpoint {
  const parsed = JSON.parse(text) as Omit<PartCheckpoint, 'schema'> & { schema: string };
  return { ...parsed, schema: decodeSchema(parsed.schema) };
}
