import { OrasiError } from '../../src/core/errors.ts';
import { r2ObjectStore } from '../../src/storage/r2-object-store.ts';
import { CALL_HEADER, type StoreCall } from './r2-call.ts';

/** The R2 adapter where it runs in earnest, in workerd, for tests in Node to call. */
const worker = {
  async fetch(request: Request, env: { BUCKET: R2Bucket }): Promise<Response> {
    const call = JSON.parse(decodeURIComponent(request.headers.get(CALL_HEADER) ?? '')) as StoreCall;
    try {
      return await answer(call, request, env.BUCKET);
    } catch (error) {
      const code = error instanceof OrasiError ? error.code : 'internal';
      return Response.json({ code, message: String(error) }, { status: 500 });
    }
  },
};
// biome-ignore lint/style/noDefaultExport: the runtime takes a Worker as the default export.
export default worker;

async function answer(call: StoreCall, request: Request, bucket: R2Bucket): Promise<Response> {
  const store = r2ObjectStore(bucket);
  const body = async (streamed: boolean) => {
    if (!streamed) return new Uint8Array(await request.arrayBuffer());
    // Through a transform, so that the runtime does not know the length by itself.
    return (request.body ?? new Blob([]).stream()).pipeThrough(new TransformStream<Uint8Array, Uint8Array>());
  };
  switch (call.op) {
    case 'head':
      return Response.json(await store.head(call.key));
    case 'read':
      return new Response((await store.read(call.key, call.offset, call.length, call.etag)).slice());
    case 'stream':
      return new Response(await store.stream(call.key, call.offset, call.etag));
    case 'put':
      return Response.json(await store.put(call.key, await body(call.streamed), call.options));
    case 'createUpload':
      return Response.json((await store.createUpload(call.key, call.options)).uploadId);
    case 'uploadPart': {
      const upload = store.resumeUpload(call.key, call.uploadId);
      return Response.json(await upload.uploadPart(call.part, await body(call.streamed), call.sizeBytes));
    }
    case 'complete':
      return Response.json(await store.resumeUpload(call.key, call.uploadId).complete(call.parts));
    case 'abort':
      await store.resumeUpload(call.key, call.uploadId).abort();
      return Response.json(null);
    case 'delete':
      await store.delete(call.keys);
      return Response.json(null);
    case 'list':
      return Response.json(await store.list(call.prefix, call.cursor, call.limit));
  }
}
