import { build } from 'esbuild';
import { convertV4MiniflareOptions, Miniflare } from 'miniflare';
import { afterAll, beforeAll } from 'vitest';
import { type ErrorCode, OrasiError } from '../../src/core/errors.ts';
import type { MultipartUpload, ObjectStore } from '../../src/storage/object-store.ts';
import { objectStoreSuite } from '../storage/object-store-suite.ts';
import { CALL_HEADER, type StoreCall } from './r2-call.ts';

let miniflare: Miniflare;
let url: URL;

beforeAll(async () => {
  const bundled = await build({
    entryPoints: ['test/e2e/r2-worker.ts'],
    bundle: true,
    format: 'esm',
    write: false,
    target: 'es2024',
    conditions: ['workerd'],
    external: ['node:*'],
  });
  miniflare = new Miniflare(
    convertV4MiniflareOptions({
      workers: [
        {
          name: 'r2',
          modules: [{ type: 'ESModule', path: 'r2.js', contents: bundled.outputFiles[0].text }],
          compatibilityDate: '2026-08-15',
          compatibilityFlags: ['nodejs_compat'],
          r2Buckets: { BUCKET: 'bucket' },
        },
      ],
    }),
  );
  url = await miniflare.ready;
});
afterAll(async () => {
  await miniflare.dispose();
});

type Body = Uint8Array | ReadableStream<Uint8Array>;

async function call(store: StoreCall, body?: Body): Promise<Response> {
  const headers = { [CALL_HEADER]: encodeURIComponent(JSON.stringify(store)) };
  const response = await fetch(url, { method: 'POST', headers, body: body as BodyInit, duplex: 'half' } as RequestInit);
  if (response.ok) return response;
  const { code, message } = (await response.json()) as { code: ErrorCode; message: string };
  throw new OrasiError(code, message);
}

const json = async <T>(store: StoreCall, body?: Body): Promise<T> => (await (await call(store, body)).json()) as T;

/** The adapter in workerd as an object store in Node. */
const remote: ObjectStore = {
  head: (key) => json({ op: 'head', key }),
  read: async (key, offset, length, etag) =>
    new Uint8Array(await (await call({ op: 'read', key, offset, length, etag })).arrayBuffer()),
  stream: async (key, offset, etag) => (await call({ op: 'stream', key, offset, etag })).body ?? new Blob([]).stream(),
  put: (key, body, options) => json({ op: 'put', key, options, streamed: !(body instanceof Uint8Array) }, body),
  createUpload: async (key, options) => uploadOf(key, await json<string>({ op: 'createUpload', key, options })),
  resumeUpload: uploadOf,
  delete: async (keys) => {
    await call({ op: 'delete', keys });
  },
  list: (prefix, cursor, limit) => json({ op: 'list', prefix, cursor, limit }),
};

function uploadOf(key: string, uploadId: string): MultipartUpload {
  return {
    key,
    uploadId,
    uploadPart: (part, body, sizeBytes) =>
      json({ op: 'uploadPart', key, uploadId, part, sizeBytes, streamed: !(body instanceof Uint8Array) }, body),
    complete: (parts) =>
      json({ op: 'complete', key, uploadId, parts: parts.map(({ part, etag }) => ({ part, etag })) }),
    abort: async () => {
      await call({ op: 'abort', key, uploadId });
    },
  };
}

objectStoreSuite('R2', () => remote);
