import * as z from 'zod';
import type { LedgerObject } from '../storage/catalog-records.ts';

/** One object version as the ledger has it. */
export const ObjectView = z.object({
  objectId: z.string(),
  dataset: z.string(),
  name: z.string(),
  format: z.string().nullable(),
  sizeBytes: z.number(),
  state: z.enum(['received', 'processing', 'committed', 'failed']),
  rowsCommitted: z.number(),
  rowsQuarantined: z.number(),
  segments: z.number(),
  attempts: z.number(),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  receivedAt: z.iso.datetime(),
  committedAt: z.iso.datetime().optional(),
});

export function objectView(object: LedgerObject): z.input<typeof ObjectView> {
  return {
    objectId: object.objectId,
    dataset: object.dataset,
    name: object.name,
    format: object.format ?? null,
    sizeBytes: object.sizeBytes,
    state: object.state,
    rowsCommitted: object.rowsCommitted,
    rowsQuarantined: object.rowsQuarantined,
    segments: object.segments,
    attempts: object.attempt,
    ...(object.error === undefined ? {} : { error: object.error }),
    receivedAt: new Date(object.receivedAtMs).toISOString(),
    ...(object.committedAtMs === undefined ? {} : { committedAt: new Date(object.committedAtMs).toISOString() }),
  };
}
