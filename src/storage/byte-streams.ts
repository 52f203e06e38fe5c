import { concatBytes } from '../core/bytes.ts';

/** All bytes of a stream; only for what is known to be small. */
export async function readAll(stream: ReadableStream<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return concatBytes(chunks);
}

/** Cuts a stream into pieces of exactly `pieceBytes`, the last shorter (and there is always a last, if empty). */
export async function* inPieces(stream: AsyncIterable<Uint8Array>, pieceBytes: number): AsyncGenerator<Uint8Array> {
  let piece = new Uint8Array(0);
  let filled = 0;
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; ) {
      if (filled === pieceBytes) {
        yield piece;
        piece = new Uint8Array(0);
        filled = 0;
      }
      const take = Math.min(pieceBytes - filled, chunk.length - at);
      piece = withRoom(piece, filled, filled + take, pieceBytes);
      piece.set(chunk.subarray(at, at + take), filled);
      filled += take;
      at += take;
    }
  }
  yield piece.subarray(0, filled);
}

/** Room for `needed` bytes, doubling up to `most`: a small stream does not pay for a large piece. */
function withRoom(
  piece: Uint8Array<ArrayBuffer>,
  filled: number,
  needed: number,
  most: number,
): Uint8Array<ArrayBuffer> {
  if (needed <= piece.length) return piece;
  const grown = new Uint8Array(Math.min(most, Math.max(needed, 2 * piece.length, 65_536)));
  grown.set(piece.subarray(0, filled));
  return grown;
}
