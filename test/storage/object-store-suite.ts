import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import { LIMITS } from '../../src/core/limits.ts';
import { readAll } from '../../src/storage/byte-streams.ts';
import { createObjectSink } from '../../src/storage/object-sink.ts';
import type { ObjectStore } from '../../src/storage/object-store.ts';

const text = (value: string) => new TextEncoder().encode(value);
const PART = LIMITS.uploadPartBytes;
const bytesOf = (length: number) => new Uint8Array(randomBytes(length));

function streamOf(bytes: Uint8Array, chunkBytes = 100_000): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.slice(at, at + chunkBytes));
      at += chunkBytes;
    },
  });
}

/** The rules of every object store. Keys begin with a prefix of the test's own. */
export function objectStoreSuite(name: string, open: () => ObjectStore): void {
  const rule = (title: string, body: (store: ObjectStore, prefix: string) => Promise<void>) =>
    test(`${name}: ${title}`, () => body(open(), `t${title.replace(/\W/g, '')}/`));

  rule('what is put is read back whole, in part and as a stream, with its metadata', async (store, p) => {
    const put = await store.put(`${p}a`, text('hello world'), {
      metadata: { name: 'x%20y' },
      contentType: 'text/plain',
      contentEncoding: 'gzip',
    });
    expect(put).toMatchObject({ key: `${p}a`, sizeBytes: 11, contentType: 'text/plain', contentEncoding: 'gzip' });
    expect(await store.head(`${p}a`)).toEqual(put);
    expect(put!.metadata).toEqual({ name: 'x%20y' });
    expect(put!.uploadedAtMs).toBeGreaterThan(1_600_000_000_000);
    expect(await store.read(`${p}a`, 0, 11)).toEqual(text('hello world'));
    expect(await store.read(`${p}a`, 6, 3)).toEqual(text('wor'));
    expect(await store.read(`${p}a`, 6, 100)).toEqual(text('world'));
    expect(await store.read(`${p}a`, 11, 5)).toEqual(new Uint8Array(0));
    expect(await store.read(`${p}a`, 50, 5)).toEqual(new Uint8Array(0));
    expect(await readAll(await store.stream(`${p}a`))).toEqual(text('hello world'));
    expect(await readAll(await store.stream(`${p}a`, 6))).toEqual(text('world'));
  });

  rule('a read of another version, or of nothing, says which', async (store, p) => {
    const first = await store.put(`${p}a`, text('one'));
    await store.put(`${p}a`, text('two'));
    await expect(store.read(`${p}a`, 0, 3, first!.etag)).rejects.toMatchObject({ code: 'source_changed' });
    await expect(store.stream(`${p}a`, 0, first!.etag)).rejects.toMatchObject({ code: 'source_changed' });
    await expect(store.read(`${p}none`, 0, 3)).rejects.toMatchObject({ code: 'source_missing' });
    await expect(store.read(`${p}none`, 0, 3, 'etag')).rejects.toMatchObject({ code: 'source_missing' });
    expect(await store.head(`${p}none`)).toBeNull();
  });

  rule('the same bytes have the same etag, other bytes another', async (store, p) => {
    const [a, b, c] = [
      await store.put(`${p}a`, text('x')),
      await store.put(`${p}b`, text('x')),
      await store.put(`${p}c`, text('y')),
    ];
    expect(a!.etag).toBe(b!.etag);
    expect(c!.etag).not.toBe(a!.etag);
  });

  rule('create-only writes nothing over what is there', async (store, p) => {
    expect(await store.put(`${p}a`, text('one'), { ifAbsent: true })).not.toBeNull();
    expect(await store.put(`${p}a`, text('two'), { ifAbsent: true })).toBeNull();
    expect(await store.read(`${p}a`, 0, 3)).toEqual(text('one'));
    const racers = await Promise.all([1, 2, 3].map((i) => store.put(`${p}race`, text(String(i)), { ifAbsent: true })));
    expect(racers.filter((stored) => stored !== null)).toHaveLength(1);
  });

  rule('a stream of unknown length is stored whole, small or in parts', async (store, p) => {
    const large = bytesOf(2 * PART + 12_345);
    for (const [key, bytes] of [
      ['empty', new Uint8Array(0)],
      ['small', text('x')],
      ['exact', large.slice(0, PART)],
      ['large', large],
    ] as const) {
      const stored = await store.put(`${p}${key}`, streamOf(bytes), { metadata: { m: key } });
      expect(stored).toMatchObject({ sizeBytes: bytes.length, metadata: { m: key } });
      const read = await readAll(await store.stream(`${p}${key}`));
      expect(Buffer.compare(read, bytes)).toBe(0);
    }
    expect(await store.put(`${p}large`, streamOf(large), { ifAbsent: true })).toBeNull();
  });

  rule('a stream of known length is stored in one piece, with the etag of its bytes', async (store, p) => {
    const bytes = bytesOf(PART + 1000);
    const streamed = await store.put(`${p}streamed`, streamOf(bytes), { sizeBytes: bytes.length });
    const whole = await store.put(`${p}whole`, bytes);
    expect(streamed!.etag).toBe(whole!.etag);
  });

  rule('a stream that is not as long as was said is refused, and nothing stored', async (store, p) => {
    await expect(store.put(`${p}short`, streamOf(text('abc')), { sizeBytes: 4 })).rejects.toMatchObject({
      code: 'bad_request',
    });
    await expect(store.put(`${p}long`, streamOf(text('abcde')), { sizeBytes: 4 })).rejects.toMatchObject({
      code: 'bad_request',
    });
    expect(await store.head(`${p}short`)).toBeNull();
    expect(await store.head(`${p}long`)).toBeNull();
  });

  rule(
    'an upload in parts goes on in another process by its id, parts in any order, a part again',
    async (store, p) => {
      const bytes = bytesOf(2 * PART + 77);
      const begun = await store.createUpload(`${p}u`, { metadata: { m: '1' }, contentType: 'text/csv' });
      const third = await begun.uploadPart(3, bytes.slice(2 * PART));
      const resumed = store.resumeUpload(`${p}u`, begun.uploadId);
      await resumed.uploadPart(1, bytes.slice(PART, 2 * PART));
      const first = await resumed.uploadPart(1, streamOf(bytes.slice(0, PART)), PART);
      const second = await resumed.uploadPart(2, streamOf(bytes.slice(PART, 2 * PART)));
      expect(await store.head(`${p}u`)).toBeNull();
      const stored = await resumed.complete([first, second, third]);
      expect(stored).toMatchObject({ sizeBytes: bytes.length, metadata: { m: '1' }, contentType: 'text/csv' });
      expect(Buffer.compare(await readAll(await store.stream(`${p}u`)), bytes)).toBe(0);
      await expect(resumed.complete([first, second, third])).rejects.toMatchObject({ code: 'gone' });
      await expect(resumed.uploadPart(4, text('x'))).rejects.toMatchObject({ code: 'gone' });
    },
  );

  rule('a sink writes front to back, once', async (store, p) => {
    const bytes = bytesOf(PART + 999);
    for (const [key, content] of [
      ['small', bytes.slice(0, 1000)],
      ['large', bytes],
    ] as const) {
      const sink = createObjectSink(store, `${p}${key}`, { contentType: 'x/y' });
      for (let at = 0; at < content.length; at += 300_000) await sink.write(content.slice(at, at + 300_000));
      expect(await sink.finish()).toMatchObject({ sizeBytes: content.length, contentType: 'x/y' });
      expect(Buffer.compare(await readAll(await store.stream(`${p}${key}`)), content)).toBe(0);
      const second = createObjectSink(store, `${p}${key}`);
      for (let at = 0; at < content.length; at += 300_000) await second.write(content.slice(at, at + 300_000));
      expect(await second.finish()).toBeNull();
    }
  });

  rule('keys are listed in order, page by page, from any key on', async (store, p) => {
    for (const key of ['b', 'a/2', 'a/1', 'c', 'a/3']) await store.put(`${p}${key}`, text(key), { metadata: { key } });
    const seen: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.list(`${p}a/`, cursor, 2);
      seen.push(...page.objects.map(({ key, metadata }) => `${key}=${metadata['key']}`));
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(seen).toEqual([`${p}a/1=a/1`, `${p}a/2=a/2`, `${p}a/3=a/3`]);
    expect((await store.list(p, `${p}a/2`)).objects.map(({ key }) => key)).toEqual([`${p}a/3`, `${p}b`, `${p}c`]);
  });

  rule('what is deleted is gone, and deleting what is not there is nothing', async (store, p) => {
    await store.put(`${p}a`, text('x'));
    await store.delete([`${p}a`, `${p}b`]);
    await store.delete([]);
    expect(await store.head(`${p}a`)).toBeNull();
  });
}
