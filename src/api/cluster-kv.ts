import * as z from 'zod';
import { recordView, textOf } from '../cluster/kv/record-view.ts';
import { badField, OrasiError } from '../core/errors.ts';
import { deleteCall, keyInterval, prefixInterval, putCall, rangeCall } from '../core/kv-calls.ts';
import { LIMITS } from '../core/limits.ts';
import type {
  ClusterKv,
  ClusterKvSockets,
  KvOperation,
  KvOperationAnswer,
  KvRecord,
} from '../core/protocol/cluster-kv.ts';
import { clusterObjectName } from './cluster-name.ts';
import { ifEpochOf, preconditionOf } from './kv-conditions.ts';
import { kvEvents } from './kv-events.ts';
import {
  bytesOf,
  operationView,
  RecordShape,
  refusalOf,
  resultOf,
  TxnAnswerShape,
  TxnShape,
  txnCall,
  ValueShape,
  valueBytes,
} from './kv-view.ts';
import { pageQuery } from './paging.ts';
import type { ApiBase } from './ports.ts';
import { problemResponse } from './problem.ts';
import { type ApiApp, defineRoute } from './route.ts';
import { isUpgrade, lastEventId, upgradeAfter } from './watch-request.ts';

const CLUSTER = '/v1/namespaces/{ns}/clusters/{cluster}';

const Revision = z.coerce.number().int().nonnegative();
const Flag = z.stringbool();
const DeletedShape = z.object({ deleted: z.number().int(), revision: z.number().int() });

/** `…/clusters/{cluster}/kv`: the state of a cluster, by key, by prefix, by transaction and as it changes. */
export function mountClusterKv(
  app: ApiApp,
  base: ApiBase,
  states: (objectName: string) => Promise<ClusterKv & ClusterKvSockets>,
): void {
  const stateOf = async (params: Readonly<Record<string, string>>): Promise<ClusterKv & ClusterKvSockets> =>
    states(await clusterObjectName(base, params));

  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${CLUSTER}/kv`,
      access: { verb: 'list', resource: 'kv' },
      tag: 'cluster state',
      summary: 'The keys with a prefix, in order of their bytes, at one revision on all pages.',
      query: z.object({
        ...pageQuery,
        prefix: z.string().default(''),
        revision: Revision.default(0).describe('The state as of this revision; 0 for the present one.'),
        keysOnly: Flag.default(false),
      }),
      responses: {
        200: {
          description: 'A page of keys.',
          schema: z.object({
            items: z.array(RecordShape),
            revision: z.number().int().describe('What the page is as of; a watch from here misses nothing.'),
            count: z.number().int().describe('Keys from this page on.'),
            nextCursor: z.string().optional(),
          }),
        },
        410: { description: 'That revision has been compacted.' },
      },
    },
    async ({ params, query, requestId }) => {
      const prefix = prefixInterval(bytesOf(query.prefix));
      const cursor = query.cursor === undefined ? null : readCursor(query.cursor);
      const interval = cursor === null ? prefix : { key: cursor.key, rangeEnd: prefix.rangeEnd };
      const { limit, keysOnly } = query;
      const revision = cursor?.revision ?? query.revision;
      const answer = await (await stateOf(params)).kv(rangeCall(interval, { limit, revision, keysOnly }), null);
      if (!answer.ok && answer.refusal === 'compacted') return gone(answer.compactedRevision, requestId);
      const found = resultOf(answer, 'range');
      const at = revision === 0 ? found.revision : revision;
      const last = found.records.at(-1);
      return Response.json({
        items: found.records.map((record) => recordView(record, !keysOnly)),
        revision: at,
        count: found.count,
        ...(found.more && last !== undefined ? { nextCursor: cursorAfter(at, last.key) } : {}),
      });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: `${CLUSTER}/kv`,
      access: { verb: 'deletecollection', resource: 'kv' },
      tag: 'cluster state',
      summary: 'Deletes the keys with a prefix, in one revision. Takes `If-Epoch`.',
      query: z.object({ prefix: z.string().min(1) }),
      responses: { 200: { description: 'How many there were.', schema: DeletedShape } },
    },
    async ({ params, query, raw }) => {
      const call = deleteCall(prefixInterval(bytesOf(query.prefix)));
      const answer = await (await stateOf(params)).kv(call, ifEpochOf(raw.headers));
      const { deleted, revision } = resultOf(answer, 'deleteRange');
      return Response.json({ deleted, revision });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${CLUSTER}/kv/{key+}`,
      access: { verb: 'get', resource: 'kv' },
      tag: 'cluster state',
      summary: 'A key; the ETag is the revision of its last write.',
      query: z.object({ revision: Revision.default(0).describe('As of this revision; 0 for the present one.') }),
      responses: {
        200: { description: 'The key.', schema: RecordShape },
        410: { description: 'That revision has been compacted.' },
      },
    },
    async ({ params, query, requestId }) => {
      const call = rangeCall(keyInterval(bytesOf(params.key)), { revision: query.revision });
      const answer = await (await stateOf(params)).kv(call, null);
      if (!answer.ok && answer.refusal === 'compacted') return gone(answer.compactedRevision, requestId);
      const [record] = resultOf(answer, 'range').records;
      if (record === undefined) throw new OrasiError('not_found', `there is no key "${params.key}"`);
      return recordResponse(record);
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'put',
      path: `${CLUSTER}/kv/{key+}`,
      access: { verb: 'update', resource: 'kv' },
      tag: 'cluster state',
      summary: 'Writes a key. `If-Match` with its ETag (or `*`), `If-None-Match: *` and `If-Epoch` hold it to a state.',
      body: ValueShape,
      responses: {
        200: { description: 'The key as it is now.', schema: RecordShape },
        412: { description: 'The key, or the epoch, is another by now.' },
      },
    },
    async ({ params, body, raw }) => {
      const key = bytesOf(params.key);
      const put = putCall(key, valueBytes(body), { leaseId: body.leaseId ?? '0' });
      const state = await stateOf(params);
      const answers = await held(state, raw.headers, key, [put, rangeCall(keyInterval(key))]);
      const read = answers[1];
      if (read?.op !== 'range') throw new Error('a key that was written was not read');
      return recordResponse(read.records[0]);
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'delete',
      path: `${CLUSTER}/kv/{key+}`,
      access: { verb: 'delete', resource: 'kv' },
      tag: 'cluster state',
      summary: 'Deletes a key; `deleted` is 0 where it was not there. Takes the same headers as a PUT.',
      responses: {
        200: { description: 'Whether there was one.', schema: DeletedShape },
        412: { description: 'The key, or the epoch, is another by now.' },
      },
    },
    async ({ params, raw }) => {
      const key = bytesOf(params.key);
      const state = await stateOf(params);
      const [answer] = await held(state, raw.headers, key, [deleteCall(keyInterval(key))]);
      if (answer?.op !== 'deleteRange') throw new Error('a deletion was answered with something else');
      return Response.json({ deleted: answer.deleted, revision: answer.revision });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${CLUSTER}/kv/txn`,
      access: { verb: 'update', resource: 'kv' },
      tag: 'cluster state',
      summary: 'If all of `compare` hold then `success`, else `failure`; all in one revision. Takes `If-Epoch`.',
      body: TxnShape,
      responses: { 200: { description: 'Which it was, and what came of it.', schema: TxnAnswerShape } },
    },
    async ({ params, body, raw }) => {
      const answer = await (await stateOf(params)).kv(txnCall(body), ifEpochOf(raw.headers));
      const { succeeded, revision, answers } = resultOf(answer, 'txn');
      return Response.json({ succeeded, revision, results: answers.map(operationView) });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${CLUSTER}/kv/compact`,
      access: { verb: 'update', resource: 'kv' },
      tag: 'cluster state',
      summary: 'Forgets the history before a revision.',
      body: z.strictObject({ revision: z.number().int().positive() }),
      responses: { 200: { description: 'Done.', schema: z.object({ revision: z.number().int() }) } },
    },
    async ({ params, body, requestId }) => {
      const answer = await (await stateOf(params)).kv({ op: 'compact', revision: body.revision }, null);
      if (!answer.ok && answer.refusal === 'compacted') return gone(answer.compactedRevision, requestId);
      return Response.json({ revision: resultOf(answer, 'compact').revision });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${CLUSTER}/kv/verify`,
      access: { verb: 'get', resource: 'kv' },
      tag: 'cluster state',
      summary: 'Compares the state with its history, and takes its digest.',
      responses: {
        200: {
          description: 'What was found; `problems` is empty where all is well.',
          schema: z.object({
            revision: z.number().int(),
            compactedRevision: z.number().int(),
            keys: z.number().int(),
            leases: z.number().int(),
            liveBytes: z.number().int().describe('Of the keys and values there are.'),
            maxLiveBytes: z.number().int().describe('How many they may be; a write beyond them is refused.'),
            digest: z.string().describe('SHA-256: equal states have equal digests.'),
            problems: z.array(z.string()),
          }),
        },
      },
    },
    async ({ params }) => {
      const { op: _op, ...found } = resultOf(await (await stateOf(params)).kv({ op: 'verify' }, null), 'verify');
      return Response.json({ ...found, compactedRevision: Math.max(0, found.compactedRevision) });
    },
  );
  defineRoute(
    app,
    base,
    {
      method: 'get',
      path: `${CLUSTER}/watch/kv`,
      access: { verb: 'watch', resource: 'kv' },
      tag: 'cluster state',
      summary:
        'Every change of the keys with a prefix, in order, as server-sent events or over a WebSocket; resumes by revision.',
      query: z.object({
        revision: Revision.optional().describe(
          'The last revision known; `Last-Event-ID` says the same. Without one: from now on.',
        ),
        prefix: z.string().default(''),
      }),
      responses: {
        101: { description: 'A WebSocket: messages `event`, `progress` and `gone`.' },
        200: {
          description: 'Events `event` (one a revision, with all its changes), `progress` and `gone`.',
          mediaTypes: ['text/event-stream'],
        },
        410: { description: 'That history is gone: list the keys, and watch from the revision of the list.' },
      },
    },
    async ({ params, query, raw, requestId, whileKnown }) => {
      const state = await stateOf(params);
      const revision = query.revision ?? lastEventId(raw.headers);
      if (revision !== null) {
        const probe = rangeCall(keyInterval(bytesOf('-')), { revision: Math.max(1, revision), countOnly: true });
        const answer = await state.kv(probe, null);
        if (!answer.ok && answer.refusal === 'compacted') return gone(answer.compactedRevision, requestId);
        if (!answer.ok) throw refusalOf(answer);
      }
      if (isUpgrade(raw.headers)) {
        if (bytesOf(query.prefix).length > LIMITS.watchPrefixBytes) {
          throw badField('query.prefix', `expected at most ${LIMITS.watchPrefixBytes} bytes over a WebSocket`);
        }
        return await state.fetch(upgradeAfter(raw, revision));
      }
      const frames = await state.kvWatch([
        {
          ...prefixInterval(bytesOf(query.prefix)),
          watchId: 0,
          startRevision: revision === null ? 0 : revision + 1,
          previous: false,
          puts: true,
          deletes: true,
          progress: true,
        },
      ]);
      return new Response(whileKnown(frames.pipeThrough(kvEvents())), {
        headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-store' },
      });
    },
  );
}

/** Does what a request asks, if its headers allow. Throws `precondition_failed`. */
async function held(
  state: ClusterKv,
  headers: Headers,
  key: Uint8Array,
  success: readonly KvOperation[],
): Promise<readonly KvOperationAnswer[]> {
  const precondition = preconditionOf(headers, key);
  const compare = precondition === null ? [] : [precondition];
  const answer = await state.kv(
    { op: 'txn', compare, success, failure: [rangeCall(keyInterval(key), { keysOnly: true })] },
    ifEpochOf(headers),
  );
  const { succeeded, answers } = resultOf(answer, 'txn');
  if (succeeded) return answers;
  const [found] = answers;
  const record = found?.op === 'range' ? found.records[0] : undefined;
  const is = record === undefined ? 'not there' : `at revision ${record.modRevision}`;
  throw new OrasiError('precondition_failed', `"${textOf(key)}" is ${is}, which is not what was asked for`);
}

function recordResponse(record: KvRecord): Response {
  return Response.json(recordView(record), { headers: { etag: `"${record.modRevision}"` } });
}

function gone(compactedRevision: number | undefined, requestId: string): Response {
  const error = new OrasiError('gone', `the history before revision ${compactedRevision} has been compacted`);
  return problemResponse(error, requestId, { compactedRevision });
}

/** Where a list goes on: behind a key, at the revision of the first page. */
function cursorAfter(revision: number, key: Uint8Array): string {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return `${revision}.${Array.from(next, (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}

function readCursor(cursor: string): { revision: number; key: Uint8Array } {
  const parts = /^(\d{1,15})\.((?:[0-9a-f]{2})+)$/.exec(cursor);
  if (parts === null) throw badField('query.cursor', 'expected the nextCursor of a page');
  const digits = parts[2].match(/../g) ?? [];
  return { revision: Number(parts[1]), key: Uint8Array.from(digits, (pair) => Number.parseInt(pair, 16)) };
}
