import { constants, createGunzip, createZstdDecompress } from 'node:zlib';
import { OrasiError } from '../core/errors.ts';
import { ZstdFrames } from './zstd-frames.ts';

/** Compressions of a whole object, undone before its format is read. */
export type Compression = 'gzip' | 'zstd';

/** The compression the first bytes show, by magic. */
export function compressionOf(head: Uint8Array): Compression | undefined {
  if (head[0] === 0x1f && head[1] === 0x8b && head[2] === 8) return 'gzip';
  const zstd = head[0] === 0x28 && head[1] === 0xb5 && head[2] === 0x2f && head[3] === 0xfd;
  const skippable = (head[0] & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18;
  return zstd || skippable ? 'zstd' : undefined;
}

/** The compressions a `Content-Encoding` header lists, outermost last; undefined where it names an unknown one. */
export function contentEncodings(header: string): Compression[] | undefined {
  const codings: Compression[] = [];
  for (const token of header.split(',')) {
    const name = token.trim().toLowerCase();
    if (name === 'gzip' || name === 'x-gzip') codings.push('gzip');
    else if (name === 'zstd') codings.push('zstd');
    else if (name !== '' && name !== 'identity') return undefined;
  }
  return codings;
}

/** The file name ending a compression goes by, which is dropped before the format is told from the name. */
export const COMPRESSION_EXTENSIONS: Readonly<Record<string, Compression>> = {
  '.gz': 'gzip',
  '.gzip': 'gzip',
  '.zst': 'zstd',
  '.zstd': 'zstd',
};

/** Compressed bytes given to the decoder at a time: it may make a thousand times as many of them. */
const PIECE_BYTES = 16 * 1024;

/** One decoder of node:zlib: bytes in by `write`, bytes out by iteration, both waiting for each other. */
type Engine = ReturnType<typeof createGunzip>;

function newEngine(compression: Compression): Engine {
  return compression === 'gzip'
    ? createGunzip()
    : createZstdDecompress({ params: { [constants.ZSTD_d_windowLogMax]: 24 } });
}

/**
 * The bytes of a compressed stream, undone as they are read and never faster: gzip with any number of
 * members, zstd with any number of frames. A stream that is cut off or damaged errors with `malformed_input`.
 */
export function decompress(stream: ReadableStream<Uint8Array>, compression: Compression): ReadableStream<Uint8Array> {
  const output = compression === 'gzip' ? inflate(stream) : inflateFrames(stream);
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await output.next();
          if (done) controller.close();
          else controller.enqueue(value);
        } catch (error) {
          controller.error(error);
        }
      },
      async cancel() {
        await output.return(undefined);
      },
    },
    { highWaterMark: 0 },
  );
}

async function* pieces(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    for (let at = 0; at < chunk.length; at += PIECE_BYTES) yield chunk.subarray(at, at + PIECE_BYTES);
  }
}

async function* inflate(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* through(newEngine('gzip'), pieces(stream), 'gzip');
}

async function* inflateFrames(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const frames = new ZstdFrames();
  const source = splitFrames(frames, stream);
  try {
    for (;;) {
      const first = await source.next();
      if (first.done) break;
      yield* through(newEngine('zstd'), frameOf(first.value, source), 'zstd');
    }
  } finally {
    await source.return(undefined);
  }
  if (!frames.between) throw new OrasiError('malformed_input', 'the zstd stream ends within a frame: it is truncated');
}

interface Piece {
  readonly piece: Uint8Array;
  readonly end: boolean;
}

async function* splitFrames(frames: ZstdFrames, stream: ReadableStream<Uint8Array>): AsyncGenerator<Piece> {
  for await (const chunk of pieces(stream)) {
    yield* frames.split(chunk);
  }
}

/** The pieces of one frame, the first of which has been taken already. */
async function* frameOf(first: Piece, rest: AsyncGenerator<Piece>): AsyncGenerator<Uint8Array> {
  let current = first;
  for (;;) {
    yield current.piece;
    if (current.end) return;
    const next = await rest.next();
    if (next.done) return;
    current = next.value;
  }
}

/** Pumps pieces through an engine. The pump waits for the engine and the engine for the reader. */
async function* through(
  engine: Engine,
  input: AsyncGenerator<Uint8Array>,
  compression: Compression,
): AsyncGenerator<Uint8Array> {
  let sourceError: unknown;
  const pump = (async () => {
    try {
      for await (const piece of input) {
        if (engine.destroyed) return;
        if (!engine.write(piece)) await drained(engine);
      }
      engine.end();
    } catch (error) {
      sourceError = error;
      engine.destroy();
    }
  })();
  try {
    for await (const chunk of engine) yield chunk;
    await pump;
    if (sourceError !== undefined) throw sourceError;
  } catch (error) {
    if (sourceError !== undefined) throw sourceError;
    if (error instanceof OrasiError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new OrasiError('malformed_input', `the ${compression} stream is damaged or truncated: ${reason}`);
  } finally {
    engine.destroy();
  }
}

/** Resolves when the engine takes more, or never will. */
function drained(engine: Engine): Promise<void> {
  return new Promise((resolve) => {
    const settle = () => {
      engine.off('drain', settle);
      engine.off('close', settle);
      engine.off('error', settle);
      resolve();
    };
    engine.on('drain', settle);
    engine.on('close', settle);
    engine.on('error', settle);
  });
}
