import * as z from 'zod';
import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import { pause } from '../core/timer.ts';
import type { IncomingObject } from '../ingest/doors.ts';
import type { Ingest } from '../ingest/ingest.ts';
import type { DecodeInfo, LedgerObject } from '../storage/catalog-records.ts';
import type { Ledger } from '../storage/ledger.ts';
import { boundedBody, declaredSize, receiving } from './body.ts';
import { decodeInfo } from './decode-info.ts';
import { ObjectView, objectView } from './object-view.ts';
import { pageQuery, pageResponse, pageSchema } from './paging.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, defineRoute } from './route.ts';

/** Longest wait of one request for an object to be taken in. */
const WAIT_SECONDS_MAX = 300;
/** The ledger is asked again after this long, growing to `WAIT_STEP_MAX_MS`: an answer is late by at most that. */
const WAIT_STEP_MS = 50;
const WAIT_STEP_MAX_MS = 1_000;

export const waitQuery = {
  wait: z.coerce
    .number()
    .int()
    .min(0)
    .max(WAIT_SECONDS_MAX)
    .default(0)
    .describe('Seconds the answer is held at most, until the object is committed or failed.'),
};

/** `/v1/namespaces/{ns}/…/objects`: the first door in, and the ledger to look at. */
export function mountObjects(app: ApiApp, base: ApiBase, door: Ingest, ledger: Ledger): void {
  defineRoute(
    app,
    base,
    {
      method: 'put',
      path: '/v1/namespaces/{ns}/datasets/{dataset}/objects/{name+}',
      access: { verb: 'create', resource: 'objects' },
      tag: 'data',
      summary: 'Streams the body to the bucket and takes it in.',
      query: z.object({
        ...waitQuery,
        format: z
          .string()
          .optional()
          .describe('json, csv, parquet or arrow; detected where neither this nor the pipeline says it.'),
      }),
      rawBody: 'The object; Content-Type and Content-Encoding (gzip, zstd) are part of it.',
      responses: { 202: { description: 'Accepted: it will be taken in, or fail with a reason.', schema: ObjectView } },
    },
    async ({ params, query, raw }) => {
      const object = await incomingObject(base, params, decodeOf(raw.headers, query.format));
      const sizeBytes = declaredSize(raw.headers);
      const body = raw.body ?? new Uint8Array(0);
      const accepted = await receiving(raw, () =>
        sizeBytes === undefined && raw.body !== null
          ? door.put(object, boundedBody(raw.body))
          : door.put(object, body, sizeBytes),
      );
      return Response.json(objectView(await settled(ledger, accepted, query.wait)), { status: 202 });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/v1/namespaces/{ns}/objects',
      access: { verb: 'list', resource: 'objects' },
      tag: 'data',
      summary: 'Object versions, oldest first.',
      query: z.object({
        ...pageQuery,
        dataset: z.string().optional(),
        state: z.enum(['received', 'processing', 'committed', 'failed']).optional(),
      }),
      responses: { 200: { description: 'A page of objects.', schema: pageSchema(ObjectView) } },
    },
    async ({ params, query: { limit, cursor, ...filter } }) =>
      pageResponse(await ledger.list(await base.namespaceUid(params.ns), filter, limit, cursor), objectView),
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/v1/namespaces/{ns}/objects/{objectId}',
      access: { verb: 'get', resource: 'objects' },
      tag: 'data',
      summary: 'One object version: its state, counts and error.',
      query: z.object(waitQuery),
      responses: { 200: { description: 'The object.', schema: ObjectView } },
    },
    async ({ params, query }) => {
      const object = await ledger.get(await base.namespaceUid(params.ns), params.objectId);
      if (object === null) throw missingObject(params.objectId);
      return Response.json(objectView(await settled(ledger, object, query.wait)));
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: '/v1/namespaces/{ns}/objects/{objectId}',
      access: { verb: 'delete', resource: 'objects' },
      tag: 'data',
      summary: 'Takes the rows of an object out of every answer, at once.',
      responses: { 204: { description: 'They are gone.' } },
    },
    async ({ params }) => {
      if (!(await ledger.mask(await base.namespaceUid(params.ns), params.objectId)))
        throw missingObject(params.objectId);
      return new Response(null, { status: 204 });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: '/v1/namespaces/{ns}/objects/{objectId}/retry',
      access: { verb: 'update', resource: 'objects' },
      tag: 'data',
      summary: 'Puts a failed object back to be taken in.',
      responses: { 202: { description: 'It is received again.', schema: ObjectView } },
    },
    async ({ params }) => {
      const namespaceUid = await base.namespaceUid(params.ns);
      const object = await ledger.get(namespaceUid, params.objectId);
      if (object === null) throw missingObject(params.objectId);
      const retried = await door.retry(namespaceUid, params.objectId);
      if (retried === null)
        throw new OrasiError('conflict', `the object is ${object.state}; only a failed one can be retried`);
      return Response.json(objectView(retried), { status: 202 });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: '/v1/namespaces/{ns}/objects/{objectId}/quarantine',
      access: { verb: 'get', resource: 'quarantine' },
      tag: 'data',
      summary: 'The rows that were set aside, a line each, with reasons.',
      responses: { 200: { description: 'NDJSON.', mediaTypes: ['application/x-ndjson'] } },
    },
    async ({ params }) => {
      const namespaceUid = await base.namespaceUid(params.ns);
      if ((await ledger.get(namespaceUid, params.objectId)) === null) throw missingObject(params.objectId);
      const rows = await door.quarantine(namespaceUid, params.objectId);
      return new Response(rows, { headers: { 'content-type': 'application/x-ndjson' } });
    },
  );
}

function missingObject(objectId: string): OrasiError {
  return new OrasiError('not_found', `there is no object "${objectId}"`);
}

const DATASET_NAME = /^[a-z][a-z0-9_]{0,62}$/;

/** Checks the names of an object that arrives. Throws `bad_request` with the parameter at fault. */
export async function incomingObject(
  base: ApiBase,
  params: Readonly<Record<string, string>>,
  decode: DecodeInfo,
): Promise<IncomingObject> {
  const { ns: namespace, dataset, name } = params;
  if (!DATASET_NAME.test(dataset)) throw badParameter('dataset', 'expected [a-z][a-z0-9_]{0,62}');
  checkObjectName(name);
  return { namespace, namespaceUid: await base.namespaceUid(namespace), dataset, name, decode };
}

function checkObjectName(name: string): void {
  const bytes = new TextEncoder().encode(name).length;
  if (bytes === 0 || bytes > LIMITS.objectNameBytes) {
    throw badParameter('name', `expected 1 to ${LIMITS.objectNameBytes} bytes of UTF-8, got ${bytes}`);
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for.
  if (/[\u0000-\u001f\u007f]/.test(name) || !name.isWellFormed())
    throw badParameter('name', 'expected no control characters');
}

function badParameter(path: string, message: string): OrasiError {
  return new OrasiError('bad_request', `${path}: ${message}`, { errors: [{ path, message }] });
}

const HEADERS = { format: 'query.format', contentType: 'content-type', contentEncoding: 'content-encoding' } as const;

/** How the bytes of a request are to be decoded. Throws what `decodeInfo` does. */
function decodeOf(headers: Headers, format: string | undefined): DecodeInfo {
  const contentType = headers.get('content-type') ?? undefined;
  const contentEncoding = headers.get('content-encoding') ?? undefined;
  return decodeInfo({ format, contentType, contentEncoding }, (field) => HEADERS[field]);
}

/** The object once it is committed or failed, or as it is when the time is up. */
export async function settled(ledger: Ledger, object: LedgerObject, waitSeconds: number): Promise<LedgerObject> {
  let current = object;
  let stepMs = WAIT_STEP_MS;
  let leftMs = waitSeconds * 1_000;
  while (leftMs > 0 && (current.state === 'received' || current.state === 'processing')) {
    const pauseMs = Math.min(stepMs, leftMs);
    await pause(pauseMs);
    leftMs -= pauseMs;
    stepMs = Math.min(stepMs * 1.5, WAIT_STEP_MAX_MS);
    current = (await ledger.get(current.namespaceUid, current.objectId)) ?? current;
  }
  return current;
}
