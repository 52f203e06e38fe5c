import * as z from 'zod';
import type { Ingest } from '../ingest/ingest.ts';
import type { UploadRef } from '../ingest/uploads.ts';
import type { Ledger } from '../storage/ledger.ts';
import type { UploadPart, UploadRecord } from '../storage/uploads.ts';
import { declaredSize, receiving } from './body.ts';
import { decodeInfo } from './decode-info.ts';
import { ObjectView, objectView } from './object-view.ts';
import { incomingObject, settled, waitQuery } from './objects.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

const Part = z.object({ part: z.number(), etag: z.string(), sizeBytes: z.number() });
const Upload = z.object({
  uploadId: z.string(),
  dataset: z.string(),
  name: z.string(),
  partBytes: z.number(),
  state: z.enum(['open', 'completed', 'aborted']),
  parts: z.array(Part),
});
const UploadRequest = z.strictObject({
  name: z.string().describe('The name of the object to be.'),
  partBytes: z.number().int().optional().describe('Size of every part but the last.'),
  format: z.string().optional(),
  contentType: z.string().optional(),
  contentEncoding: z.string().optional(),
});

const UPLOADS = '/v1/namespaces/{ns}/datasets/{dataset}/uploads';

/** Resumable uploads: equal parts in any order, each as often as it takes, for what one request cannot carry. */
export function mountUploads(app: ApiApp, base: ApiBase, ingest: Ingest, ledger: Ledger): void {
  const uploadOf = async ({ ns, dataset, id }: Readonly<Record<string, string>>): Promise<UploadRef> => ({
    namespaceUid: await base.namespaceUid(ns),
    dataset,
    uploadId: id,
  });
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: UPLOADS,
      access: { verb: 'create', resource: 'uploads' },
      tag: 'data',
      summary: 'Begins a resumable upload.',
      body: UploadRequest,
      responses: { 201: { description: 'The upload, open for parts.', schema: Upload } },
    },
    async ({ params, body }) => {
      const decode = decodeInfo(body, (field) => field);
      const object = await incomingObject(base, { ...params, name: body.name }, decode);
      return Response.json(uploadView(await ingest.uploads.create(object, body.partBytes), []), { status: 201 });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${UPLOADS}/{id}`,
      access: { verb: 'get', resource: 'uploads' },
      tag: 'data',
      summary: 'What is there so far, for a client that resumes.',
      responses: { 200: { description: 'The upload and its parts.', schema: Upload } },
    },
    async ({ params }) => {
      const { upload, parts } = await ingest.uploads.get(await uploadOf(params));
      return Response.json(uploadView(upload, parts));
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'put',
      path: `${UPLOADS}/{id}/parts/{n}`,
      access: { verb: 'update', resource: 'uploads' },
      tag: 'data',
      summary: 'Stores one part, numbered from 1; sent again, it takes the place of the first.',
      rawBody: 'The bytes of the part.',
      responses: { 200: { description: 'The part as stored.', schema: Part } },
    },
    async ({ params, raw }) => {
      const upload = await uploadOf(params);
      const body = raw.body ?? new Uint8Array(0);
      const sizeBytes = declaredSize(raw.headers);
      // Anything but plain digits is no number of a part, which is refused where numbers are checked.
      const part = /^\d+$/.test(params.n) ? Number(params.n) : Number.NaN;
      return Response.json(await receiving(raw, () => ingest.uploads.putPart(upload, part, body, sizeBytes)));
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${UPLOADS}/{id}/complete`,
      access: { verb: 'update', resource: 'uploads' },
      tag: 'data',
      summary: 'Makes an object of the parts and takes it in; repeating it gives the same object.',
      query: z.object({
        ...waitQuery,
        parts: z.coerce.number().int().min(1).optional().describe('Refused where there are not as many parts.'),
        sizeBytes: z.coerce.number().int().min(1).optional().describe('Refused where the parts are not as long.'),
      }),
      responses: { 202: { description: 'Accepted.', schema: ObjectView } },
    },
    async ({ params, query }) => {
      const object = await ingest.uploads.complete(await uploadOf(params), query);
      return Response.json(objectView(await settled(ledger, object, query.wait)), { status: 202 });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: `${UPLOADS}/{id}`,
      access: { verb: 'update', resource: 'uploads' },
      tag: 'data',
      summary: 'Gives an upload up; its parts are removed.',
      responses: { 204: { description: 'Aborted.' } },
    },
    async ({ params }) => {
      await ingest.uploads.abort(await uploadOf(params));
      return new Response(null, { status: 204 });
    },
  );
}

function uploadView(upload: UploadRecord, parts: readonly UploadPart[]): z.input<typeof Upload> {
  const { uploadId, dataset, name, partBytes, state } = upload;
  return { uploadId, dataset, name, partBytes, state, parts: [...parts] };
}
