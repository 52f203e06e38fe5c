import type { FileHandle } from 'node:fs/promises';
import type { PartSource } from './upload.ts';

/** The parts of a file. Throws where the file has become shorter meanwhile. */
export function filePartSource(file: FileHandle, sizeBytes: number): PartSource {
  return {
    sizeBytes,
    async read(part, partBytes) {
      const start = (part - 1) * partBytes;
      if (start >= sizeBytes) return null;
      const bytes = Buffer.allocUnsafe(Math.min(partBytes, sizeBytes - start));
      for (let read = 0; read < bytes.length; ) {
        const { bytesRead } = await file.read(bytes, read, bytes.length - read, start + read);
        if (bytesRead === 0) throw new Error('the file became shorter while it was read');
        read += bytesRead;
      }
      return bytes;
    },
  };
}

/** The parts of a stream, which can be read once: each is held until the next is asked for. */
export function streamPartSource(stream: AsyncIterable<Uint8Array>): PartSource {
  const chunks = stream[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array(0);
  return {
    sizeBytes: null,
    async read(_part, partBytes) {
      const held = [rest];
      let bytes = rest.length;
      while (bytes < partBytes) {
        const next = await chunks.next();
        if (next.done) break;
        held.push(next.value);
        bytes += next.value.length;
      }
      const all = Buffer.concat(held, bytes);
      rest = all.subarray(partBytes);
      return bytes === 0 ? null : all.subarray(0, partBytes);
    },
  };
}
