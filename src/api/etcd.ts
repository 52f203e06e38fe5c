import type { Verb } from '../access/authorize.ts';
import { toBase64 } from '../core/bytes.ts';
import { keyInterval, rangeCall } from '../core/kv-calls.ts';
import type { ClusterKv, KvCall, KvResult } from '../core/protocol/cluster-kv.ts';
import { clusterObjectName } from './cluster-name.ts';
import { etcdErrorResponse, etcdRefusal } from './etcd-errors.ts';
import { type Fields, MalformedMessage, type Message, readMessage, type Shown, show } from './etcd-json.ts';
import { AUTHENTICATE, loginRefused, loginToken } from './etcd-login.ts';
import {
  COMPACTION,
  DELETE_RANGE,
  deleteRangeOf,
  LEASE,
  LEASE_GRANT,
  LEASE_LEASES,
  LEASE_TIME_TO_LIVE,
  PUT,
  putOf,
  RANGE,
  rangeOf,
  shownAnswer,
  TXN,
  txnOf,
} from './etcd-messages.ts';
import { etcdWatchLines, splitMessages, watchesOf } from './etcd-watch.ts';
import { readKvBody } from './kv-body.ts';
import type { ApiBase } from './ports.ts';
import { type ApiApp, type ApiRequest, defineRoute } from './route.ts';

/** The states of clusters, by `{namespaceUid}/{cluster}`. */
export type ClusterStates = (name: string) => Promise<ClusterKv>;

const ROOT = '/v1/namespaces/{ns}/clusters/{cluster}/v3';

interface Method {
  /** Below `/v3`; etcd 3.4 has two spellings of some. */
  readonly paths: readonly string[];
  readonly verb: Verb;
  readonly message: Message;
  readonly summary: string;
  call(fields: Fields): KvCall;
}

const METHODS: readonly Method[] = [
  {
    paths: ['kv/range'],
    verb: 'get',
    message: RANGE,
    summary: 'Keys of an interval, now or at a revision.',
    call: rangeOf,
  },
  { paths: ['kv/put'], verb: 'update', message: PUT, summary: 'Writes a key.', call: putOf },
  {
    paths: ['kv/deleterange'],
    verb: 'delete',
    message: DELETE_RANGE,
    summary: 'Deletes the keys of an interval.',
    call: deleteRangeOf,
  },
  { paths: ['kv/txn'], verb: 'update', message: TXN, summary: 'Compares, then does one of two things.', call: txnOf },
  {
    paths: ['kv/compaction'],
    verb: 'update',
    message: COMPACTION,
    summary: 'Forgets the history before a revision.',
    call: (fields) => ({ op: 'compact', revision: fields.number('revision') }),
  },
  {
    paths: ['lease/grant'],
    verb: 'create',
    message: LEASE_GRANT,
    summary: 'Grants a lease.',
    call: (fields) => ({ op: 'grant', leaseId: idOf(fields), ttlSeconds: fields.number('TTL') }),
  },
  {
    paths: ['lease/keepalive'],
    verb: 'update',
    message: LEASE,
    summary: "Begins a lease's time anew.",
    call: (fields) => ({ op: 'keepAlive', leaseId: idOf(fields) }),
  },
  {
    paths: ['lease/revoke', 'kv/lease/revoke'],
    verb: 'delete',
    message: LEASE,
    summary: 'Ends a lease and deletes its keys.',
    call: (fields) => ({ op: 'revoke', leaseId: idOf(fields) }),
  },
  {
    paths: ['lease/timetolive', 'kv/lease/timetolive'],
    verb: 'get',
    message: LEASE_TIME_TO_LIVE,
    summary: 'What is left of a lease, and its keys.',
    call: (fields) => ({ op: 'timeToLive', leaseId: idOf(fields), keys: fields.flag('keys') }),
  },
  {
    paths: ['lease/leases', 'kv/lease/leases'],
    verb: 'list',
    message: LEASE_LEASES,
    summary: 'The leases there are.',
    call: () => ({ op: 'leases' }),
  },
];

/**
 * etcd's API in its JSON form, below `…/clusters/{cluster}/v3/`: the store of the cluster's state as existing etcd
 * clients speak to it. Bodies are read by their own rules and not by a schema, since those are etcd's to the letter.
 */
export function mountEtcd(app: ApiApp, base: ApiBase, states: ClusterStates): void {
  for (const method of METHODS) {
    for (const path of method.paths) {
      defineRoute(
        app,
        base,
        {
          method: 'post',
          path: `${ROOT}/${path}`,
          access: { verb: method.verb, resource: 'kv' },
          tag: 'etcd',
          summary: `${method.summary} As etcd's \`/v3/${path}\`.`,
          rawBody: `JSON of \`${method.message.name}\`: bytes in base64, 64-bit integers as strings.`,
          responses: { 200: { description: "etcd's answer.", mediaTypes: ['application/json'] } },
        },
        (request) => answering(async () => unary(request, method, await identify(request, base, states))),
      );
    }
  }
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${ROOT}/auth/authenticate`,
      access: { verb: 'get', resource: 'kv' },
      tag: 'etcd',
      summary: "Logs in: the password is an API key, and the token too. As etcd's `/v3/auth/authenticate`.",
      rawBody: `JSON of \`${AUTHENTICATE.name}\`; the name may be any.`,
      responses: { 200: { description: "etcd's answer.", mediaTypes: ['application/json'] } },
    },
    (request) => answering(async () => login(request, await identify(request, base, states))),
  );
  defineRoute(
    app,
    base,
    {
      method: 'post',
      path: `${ROOT}/watch`,
      access: { verb: 'watch', resource: 'kv' },
      tag: 'etcd',
      summary: "Events as they happen, or from a revision on: a line of JSON each. As etcd's `/v3/watch`.",
      rawBody: 'JSON of `etcdserverpb.WatchRequest`, one or more; the stream begins when the body has ended.',
      responses: { 200: { description: 'Lines of `{"result": …}`.', mediaTypes: ['application/json'] } },
    },
    (request) => answering(async () => watch(request, await identify(request, base, states))),
  );
}

/** A cluster as etcd tells of it. There is no Raft: its term is always the first, and ids are made from names. */
interface Identity {
  readonly kv: ClusterKv;
  header(revision: number): Shown;
}

async function identify(
  request: ApiRequest<unknown, unknown>,
  base: ApiBase,
  states: ClusterStates,
): Promise<Identity> {
  const name = await clusterObjectName(base, request.params);
  const ids = { cluster_id: idFor(name), member_id: idFor(`${name}/member`) };
  return { kv: await states(name), header: (revision) => ({ ...ids, revision, raft_term: 1 }) };
}

async function unary(
  request: ApiRequest<unknown, unknown>,
  method: Method,
  { kv, header }: Identity,
): Promise<Response> {
  const call = method.call(readMessage(method.message, await readKvBody(request.raw)));
  const answer = await kv.kv(call, null);
  if (!answer.ok) return etcdRefusal(answer.refusal);
  const shown = JSON.stringify(shownResult(answer.result, header(answer.result.revision)));
  return new Response(answer.result.op === 'keepAlive' ? `${shown}\n` : shown, {
    headers: { 'content-type': 'application/json' },
  });
}

async function login({ raw }: ApiRequest<unknown, unknown>, { header }: Identity): Promise<Response> {
  const token = await loginToken(raw);
  if (token === undefined) throw loginRefused();
  return Response.json(show({ header: header(0), token }));
}

function idOf(fields: Fields): string {
  return String(fields.int64('ID'));
}

function shownResult(result: KvResult, header: Shown): object {
  switch (result.op) {
    case 'range':
    case 'put':
    case 'deleteRange':
    case 'txn':
      return show(shownAnswer(result, header));
    case 'grant':
      return show({ header, ID: result.leaseId, TTL: result.ttlSeconds });
    case 'keepAlive':
      return { result: show({ header, ID: result.leaseId, TTL: result.ttlSeconds }) };
    case 'timeToLive': {
      const { ttlSeconds, grantedTtlSeconds } = result;
      return {
        ...show({ header, ID: result.leaseId, TTL: ttlSeconds, grantedTTL: grantedTtlSeconds }),
        ...(result.keys.length === 0 ? {} : { keys: result.keys.map(toBase64) }),
      };
    }
    case 'leases':
      return show({ header, leases: result.leaseIds.map((ID) => ({ ID })) });
    default:
      return show({ header });
  }
}

async function watch(request: ApiRequest<unknown, unknown>, { kv, header }: Identity): Promise<Response> {
  const asked = watchesOf(splitMessages(await readKvBody(request.raw)));
  const { watches, said } = asked;
  // What is not a watch that goes on is answered here, and as of now.
  const present = said.length === 0 ? 0 : await revisionOf(kv);
  const lines = etcdWatchLines(header, watches.length, present, said);
  return new Response(request.whileKnown((await kv.kvWatch(watches)).pipeThrough(lines)), {
    headers: { 'content-type': 'application/json' },
  });
}

async function revisionOf(kv: ClusterKv): Promise<number> {
  const answer = await kv.kv(rangeCall(keyInterval(new Uint8Array(1)), { countOnly: true }), null);
  return answer.ok ? answer.result.revision : 0;
}

/** An id that is the same for a name at all times: FNV-1a, 64 bits, decimal. */
function idFor(name: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of new TextEncoder().encode(name)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return String(hash);
}

async function answering(work: () => Promise<Response>): Promise<Response> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MalformedMessage) return etcdErrorResponse(error);
    throw error;
  }
}
