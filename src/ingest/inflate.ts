import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { type Compression, decompress } from '../formats/compression.ts';
import { inPieces } from '../storage/byte-streams.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import { stagingKey } from '../storage/layout.ts';
import type { InflateCheckpoint } from './checkpoint.ts';
import type { IngestPorts } from './ports.ts';
import { type StoredBytes, storedSource } from './source.ts';

export type Inflated =
  /** Small enough to be held. */
  | { readonly kind: 'memory'; readonly bytes: Uint8Array }
  /** An inflated copy in the store, to be recorded and later removed. */
  | { readonly kind: 'stored'; readonly source: StoredBytes }
  /** This invocation has done its share. */
  | { readonly kind: 'more'; readonly checkpoint: InflateCheckpoint };

/** Inflating is cheap beside decoding, so one invocation takes this many parts' bytes of it. */
const INFLATE_PARTS = 16;

/**
 * Undoes the compression of an object. A decoder that stops halfway must be able to go on there, and a compressed
 * stream has no such places, so what is larger than a part is first copied inflated; the copy itself resumes at
 * whole pieces, at the price of inflating what came before once more.
 * `stillOurs` is called between pieces and throws where the claim was lost.
 */
export async function inflateObject(
  ports: IngestPorts,
  object: LedgerObject,
  compression: readonly Compression[],
  from: InflateCheckpoint | undefined,
  stillOurs: () => Promise<void>,
): Promise<Inflated> {
  try {
    return await inflateFrom(ports, object, compression, from, stillOurs);
  } catch (error) {
    // An attempt that died between completing the copy and recording it leaves an upload that has ended.
    if (from !== undefined && error instanceof OrasiError && error.code === 'gone') {
      return await inflateFrom(ports, object, compression, undefined, stillOurs);
    }
    throw error;
  }
}

async function inflateFrom(
  ports: IngestPorts,
  object: LedgerObject,
  compression: readonly Compression[],
  from: InflateCheckpoint | undefined,
  stillOurs: () => Promise<void>,
): Promise<Inflated> {
  const { store, limits } = ports;
  const pieceBytes = LIMITS.uploadPartBytes;
  const key = from?.key ?? stagingKey(object.namespaceUid, object.objectId, object.attempt, object.part);
  const stored = from?.parts ?? [];
  const compressed = await storedSource(store, object).stream(0);
  const pieces = inPieces(compression.reduce(decompress, compressed), pieceBytes);
  let upload = from === undefined ? undefined : store.resumeUpload(key, from.uploadId);
  const parts = [...stored];
  try {
    for (let ordinal = 0; ; ordinal++) {
      const { value: piece, done } = await pieces.next();
      if (done) break;
      await stillOurs();
      if (ordinal < stored.length) continue;
      const last = piece.length < pieceBytes;
      if (last && upload === undefined) return await keepSmall(ports, key, piece);
      if (parts.length === LIMITS.uploadParts) {
        throw new OrasiError(
          'unprocessable',
          `the object inflates to more than ${LIMITS.uploadParts * pieceBytes} bytes`,
        );
      }
      if (!last || piece.length > 0) {
        upload ??= await store.createUpload(key);
        parts.push((await upload.uploadPart(parts.length + 1, piece)).etag);
      }
      const share = (parts.length - stored.length) * pieceBytes;
      if (!last && upload !== undefined && share >= INFLATE_PARTS * limits.partBytes) {
        return { kind: 'more', checkpoint: { step: 'inflate', key, compression, uploadId: upload.uploadId, parts } };
      }
    }
  } finally {
    await pieces.return(undefined);
  }
  if (upload === undefined) throw new OrasiError('internal', 'an inflated stream ended without a piece');
  const copy = await upload.complete(parts.map((etag, i) => ({ part: i + 1, etag })));
  return { kind: 'stored', source: { key, etag: copy.etag, sizeBytes: copy.sizeBytes } };
}

/** What fits a part is held; the rest of a single piece is stored in one go, the same bytes in every try. */
async function keepSmall(ports: IngestPorts, key: string, bytes: Uint8Array): Promise<Inflated> {
  if (bytes.length <= ports.limits.partBytes) return { kind: 'memory', bytes };
  const copy = await ports.store.put(key, bytes);
  if (copy === null) throw new OrasiError('internal', 'an unconditional write was refused');
  return { kind: 'stored', source: { key, etag: copy.etag, sizeBytes: copy.sizeBytes } };
}
