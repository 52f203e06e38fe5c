import * as z from 'zod';
import { OrasiError } from '../core/errors.ts';
import { LIMITS } from '../core/limits.ts';
import type { Admission } from '../query/admission.ts';
import type { QueryEngine, QueryRequest } from '../query/engine.ts';
import type { Answer } from '../query/results/answer.ts';
import { encodeArrow } from '../query/results/encode-arrow.ts';
import { encodeCsv } from '../query/results/encode-csv.ts';
import { encodeJson, encodeNdjson } from '../query/results/encode-json.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, type ApiRequest, defineRoute } from './route.ts';

/** Beyond 2^53 a JSON number may have been another one before it was read; as text it stands for the exact value. */
const isExact = (value: number) => !Number.isInteger(value) || Number.isSafeInteger(value);
const Parameter = z.union([
  z.string(),
  z.number().refine(isExact, 'expected a string: a number of this size is not exact in JSON'),
  z.boolean(),
  z.null(),
]);

const Query = z.strictObject({
  sql: z.string().min(1).max(LIMITS.sqlTextChars),
  params: z.array(Parameter).optional(),
  maxRows: z.number().int().min(1).max(LIMITS.queryResultRows).optional(),
  timeoutMs: z.number().int().min(1).max(LIMITS.queryTimeoutMs).optional(),
});

const QueryAnswer = z.object({
  columns: z.array(z.object({ name: z.string(), type: z.string() })),
  rows: z.array(z.array(z.unknown())),
  stats: z.object({
    elapsedMs: z.number(),
    rowsScanned: z.number(),
    rowsReturned: z.number(),
    truncated: z.boolean(),
    segmentsTotal: z.number(),
    segmentsPruned: z.number(),
    segmentsScanned: z.number(),
    indexesUsed: z.array(z.object({ name: z.string(), kind: z.string() })),
    reads: z.number(),
    bytesRead: z.number(),
  }),
});

type Encoder = (answer: Answer) => AsyncGenerator<Uint8Array>;

/** Answers that may be longer than memory: they are sent as they are made. */
const STREAMED: Readonly<Record<string, Encoder>> = {
  'application/x-ndjson': encodeNdjson,
  'text/csv': encodeCsv,
  'application/vnd.apache.arrow.stream': encodeArrow,
};

/** `/v1/namespaces/{ns}/query`: a statement in, rows out; and what would be done for it. */
export function mountQuery(app: ApiApp, base: ApiBase, engine: QueryEngine, admission: Admission): void {
  const requestOf = async ({
    params,
    body,
    raw,
  }: ApiRequest<unknown, z.output<typeof Query>>): Promise<QueryRequest> => ({
    namespaceUid: await base.namespaceUid(params.ns),
    ...body,
    signal: raw.signal,
  });
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: '/v1/namespaces/{ns}/query',
      access: { verb: 'create', resource: 'queries' },
      tag: 'query',
      summary: 'Runs a SELECT; the Accept header chooses JSON, NDJSON, CSV or an Arrow stream.',
      body: Query,
      responses: { 200: { description: 'The rows.', schema: QueryAnswer, mediaTypes: Object.keys(STREAMED) } },
    },
    async (request) => {
      const mediaType = chosenType(request.raw.headers.get('accept'));
      const query = await requestOf(request);
      const limitMs = query.timeoutMs ?? LIMITS.queryTimeoutMs;
      const leave = await admission.enter(limitMs);
      let streaming = false;
      try {
        const answer = await engine.run(query);
        if (mediaType === 'application/json') return await whole(encodeJson(answer));
        const response = await streamed(STREAMED[mediaType](answer), mediaType, limitMs, leave);
        streaming = true;
        return response;
      } finally {
        // A streamed answer gives its slot back itself, when it ends.
        if (!streaming) leave();
      }
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: '/v1/namespaces/{ns}/query/explain',
      access: { verb: 'create', resource: 'queries' },
      tag: 'query',
      summary: 'The plan as a tree, with estimates, and the indexes considered and why not.',
      body: Query,
      responses: { 200: { description: 'The plan.', schema: z.object({ plan: z.unknown() }) } },
    },
    async (request) => {
      const query = await requestOf(request);
      const leave = await admission.enter(query.timeoutMs ?? LIMITS.queryTimeoutMs);
      try {
        return Response.json({ plan: await engine.explain(query) });
      } finally {
        leave();
      }
    },
  );
}

/** The first media type of an Accept header that there is. Throws `bad_request` where there is none. */
function chosenType(accept: string | null): string {
  if (accept === null || accept.trim() === '') return 'application/json';
  for (const range of accept.split(',')) {
    const type = range.split(';')[0].trim().toLowerCase();
    if (type === '*/*' || type === 'application/*' || type === 'application/json') return 'application/json';
    if (Object.hasOwn(STREAMED, type)) return type;
  }
  const message = `expected one of application/json, ${Object.keys(STREAMED).join(', ')}`;
  throw new OrasiError('bad_request', `Accept: ${message}`, { errors: [{ path: 'accept', message }] });
}

/** An answer held until it is whole, so that an error on the way is an error's status and never part of a 200. */
async function whole(chunks: AsyncGenerator<Uint8Array>): Promise<Response> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > LIMITS.queryResultBytes) {
      throw new OrasiError(
        'query_too_large',
        `the answer is over ${LIMITS.queryResultBytes} bytes; lower maxRows, or stream it as NDJSON, CSV or Arrow`,
      );
    }
    parts.push(chunk as Uint8Array<ArrayBuffer>);
  }
  return new Response(new Blob(parts), { headers: { 'content-type': 'application/json' } });
}

/**
 * An answer sent as it is made. It begins once there is a first piece; an error after that breaks the connection off. So
 * does the end of the query's time where the caller has not read all by then: who stops reading would hold memory and
 * a slot for ever.
 */
async function streamed(
  chunks: AsyncGenerator<Uint8Array>,
  mediaType: string,
  limitMs: number,
  leave: () => void,
): Promise<Response> {
  let first: IteratorResult<Uint8Array> | undefined = await chunks.next();
  let timer: ReturnType<typeof setTimeout> | undefined;
  const end = () => {
    clearTimeout(timer);
    leave();
  };
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      timer = setTimeout(() => {
        controller.error(new OrasiError('timeout', `the answer was not read within ${limitMs} ms`));
        end();
        // What it was about to answer is nobody's concern any more.
        chunks.return(undefined).catch(() => {});
      }, limitMs);
    },
    async pull(controller) {
      try {
        const next = first ?? (await chunks.next());
        first = undefined;
        if (!next.done) return controller.enqueue(next.value);
        end();
        controller.close();
      } catch (error) {
        end();
        controller.error(error);
      }
    },
    async cancel() {
      end();
      await chunks.return(undefined);
    },
  });
  return new Response(body, { headers: { 'content-type': mediaType } });
}
