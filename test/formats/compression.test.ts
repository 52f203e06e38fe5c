import { gunzipSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { concatBytes } from '../../src/core/bytes.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type Compression, compressionOf, contentEncodings, decompress } from '../../src/formats/compression.ts';

const random = seededRandom(7);
const noise = random.bytes(300_000);
const text = new TextEncoder().encode(Array.from({ length: 30_000 }, (_, i) => `line ${i}\n`).join(''));

function chunked(bytes: Uint8Array, size: number): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream(
    {
      pull(controller) {
        if (at >= bytes.length) return controller.close();
        controller.enqueue(bytes.slice(at, at + size));
        at += size;
      },
    },
    { highWaterMark: 0 },
  );
}

async function undo(bytes: Uint8Array, compression: Compression, size = 10_000): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of decompress(chunked(bytes, size), compression)) chunks.push(chunk);
  return concatBytes(chunks);
}

const compress = { gzip: (bytes: Uint8Array) => gzipSync(bytes), zstd: (bytes: Uint8Array) => zstdCompressSync(bytes) };

describe.each(['gzip', 'zstd'] as const)('%s', (name) => {
  test('what was compressed comes back, however it is cut', async () => {
    for (const data of [text, noise, new Uint8Array(0), Uint8Array.of(1)]) {
      for (const size of data.length > 1000 ? [1000, 1_000_000] : [1, 7, 1000]) {
        const undone = await undo(compress[name](data), name, size);
        expect(Buffer.compare(undone, data)).toBe(0);
      }
    }
  });

  test('members and frames one after another are one stream', async () => {
    const twice = concatBytes([compress[name](text), compress[name](new Uint8Array(0)), compress[name](noise)]);
    for (const size of [997, 1_000_000]) {
      expect(Buffer.compare(await undo(twice, name, size), concatBytes([text, noise]))).toBe(0);
    }
  });

  test('a stream that is cut off anywhere is refused', async () => {
    const whole = concatBytes([compress[name](text), compress[name](text)]);
    for (const cut of [1, 3, 5, 30, whole.length / 2 - 1, whole.length / 2 + 3, whole.length - 1]) {
      await expect(undo(whole.subarray(0, cut), name), `cut at ${cut}`).rejects.toMatchObject({
        code: 'malformed_input',
      });
    }
  });

  test('a stream with damage or with anything behind it is refused', async () => {
    const whole = compress[name](text);
    const damaged = whole.slice();
    damaged[damaged.length >> 1] ^= 0x55;
    await expect(undo(damaged, name)).rejects.toMatchObject({ code: 'malformed_input' });
    const more = concatBytes([whole, new TextEncoder().encode('garbage')]);
    await expect(undo(more, name)).rejects.toMatchObject({ code: 'malformed_input' });
  });

  test('it is told by its magic', () => {
    expect(compressionOf(compress[name](text))).toBe(name);
    expect(compressionOf(text)).toBeUndefined();
  });

  test('a reader that goes away ends the work, and no more is read than is asked for', async () => {
    const whole = compress[name](noise);
    let pulled = 0;
    let cancelled = false;
    let at = 0;
    const source = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          pulled += 1000;
          controller.enqueue(whole.slice(at, at + 1000));
          at += 1000;
        },
        cancel() {
          cancelled = true;
        },
      },
      { highWaterMark: 0 },
    );
    const reader = decompress(source, name).getReader();
    await reader.read();
    await new Promise((resolve) => setImmediate(resolve));
    expect(pulled).toBeLessThan(whole.length);
    await reader.cancel();
    for (let i = 0; i < 100 && !cancelled; i++) await new Promise((resolve) => setImmediate(resolve));
    expect(cancelled).toBe(true);
  });
});

test('skippable zstd frames are passed over', async () => {
  const little = noise.subarray(0, 1000);
  const skippable = (bytes: number) =>
    Uint8Array.from([0x5a, 0x2a, 0x4d, 0x18, bytes, 0, 0, 0, ...new Uint8Array(bytes)]);
  const whole = concatBytes([
    skippable(5),
    zstdCompressSync(text),
    skippable(0),
    zstdCompressSync(little),
    skippable(200),
  ]);
  for (const size of [1, 1_000_000]) {
    expect(Buffer.compare(await undo(whole, 'zstd', size), concatBytes([text, little]))).toBe(0);
  }
  expect(compressionOf(skippable(1))).toBe('zstd');
});

test('zstd that asks for more memory than there is is refused by name', async () => {
  // Frame header: magic, descriptor (no single segment), window descriptor of 2^27 bytes.
  const huge = Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3, 1, 0, 0]);
  await expect(undo(huge, 'zstd')).rejects.toThrow('window of 134217728 bytes');
});

test('a bomb is undone at the pace of its reader', async () => {
  const bomb = gzipSync(new Uint8Array(64 * 1024 * 1024));
  const reader = decompress(chunked(bomb, bomb.length), 'gzip').getReader();
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 10; i++) await reader.read();
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  await reader.cancel();
});

test('a content encoding header lists what to undo, or names something unknown', () => {
  expect(contentEncodings('')).toEqual([]);
  expect(contentEncodings('identity')).toEqual([]);
  expect(contentEncodings('gzip, ZSTD')).toEqual(['gzip', 'zstd']);
  expect(contentEncodings('br')).toBeUndefined();
  expect(gunzipSync(compress.gzip(text)).length).toBe(text.length);
});
