import { OrasiError } from '../core/errors.ts';
import type { KvRefusal } from '../core/protocol/cluster-kv.ts';
import { MalformedMessage } from './etcd-json.ts';

/** gRPC's codes, as far as etcd answers with them, and the HTTP status its gateway makes of each. */
const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const RESOURCE_EXHAUSTED = 8;
const FAILED_PRECONDITION = 9;
const OUT_OF_RANGE = 11;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const UNAVAILABLE = 14;
const UNAUTHENTICATED = 16;

const STATUSES: Readonly<Record<number, number>> = {
  [INVALID_ARGUMENT]: 400,
  [NOT_FOUND]: 404,
  [PERMISSION_DENIED]: 403,
  [RESOURCE_EXHAUSTED]: 429,
  [FAILED_PRECONDITION]: 412,
  [OUT_OF_RANGE]: 400,
  [UNIMPLEMENTED]: 501,
  [INTERNAL]: 500,
  [UNAVAILABLE]: 503,
  [UNAUTHENTICATED]: 401,
};

/** etcd's own words, since clients compare them. */
const REFUSALS: Readonly<Record<KvRefusal, readonly [message: string, code: number]>> = {
  empty_key: ['etcdserver: key is not provided', INVALID_ARGUMENT],
  value_provided: ['etcdserver: value is provided', INVALID_ARGUMENT],
  lease_provided: ['etcdserver: lease is provided', INVALID_ARGUMENT],
  key_not_found: ['etcdserver: key not found', INVALID_ARGUMENT],
  too_many_operations: ['etcdserver: too many operations in txn request', INVALID_ARGUMENT],
  duplicate_key: ['etcdserver: duplicate key given in txn request', INVALID_ARGUMENT],
  compacted: ['etcdserver: mvcc: required revision has been compacted', OUT_OF_RANGE],
  future_revision: ['etcdserver: mvcc: required revision is a future revision', OUT_OF_RANGE],
  lease_not_found: ['etcdserver: requested lease not found', NOT_FOUND],
  lease_exists: ['etcdserver: lease already exists', FAILED_PRECONDITION],
  lease_ttl_too_large: ['etcdserver: too large lease TTL', OUT_OF_RANGE],
  value_too_large: ['etcdserver: request is too large', INVALID_ARGUMENT],
  answer_too_large: ['grpc: received message larger than max', RESOURCE_EXHAUSTED],
  quota_exceeded: ['etcdserver: mvcc: database space exceeded', RESOURCE_EXHAUSTED],
  stale_epoch: ['orasi: the epoch is not the present one', FAILED_PRECONDITION],
};

/** A refusal of the store, as etcd answers it. */
export function etcdRefusal(refusal: KvRefusal): Response {
  return etcdError(...REFUSALS[refusal]);
}

/** Whether a path is of etcd's face, whose errors are gRPC's as its gateway shows them. */
export function isEtcdPath(path: string): boolean {
  return /^\/v1\/namespaces\/[^/]+\/clusters\/[^/]+\/v3\//.test(path);
}

/** Any error as etcd's gateway answers it; what is not one of ours is a defect and says nothing of itself. */
export function etcdErrorResponse(error: unknown): Response {
  if (error instanceof MalformedMessage) return etcdError(error.message, INVALID_ARGUMENT);
  if (!(error instanceof OrasiError)) return etcdError('an unexpected error; it has been logged', INTERNAL);
  switch (error.status) {
    case 401:
      return etcdError('etcdserver: invalid auth token', UNAUTHENTICATED);
    case 403:
      return etcdError('etcdserver: permission denied', PERMISSION_DENIED);
    case 404:
      return etcdError(error.message, NOT_FOUND);
    case 405:
      return etcdError(error.message, UNIMPLEMENTED);
    case 413:
      return etcdError('etcdserver: request is too large', INVALID_ARGUMENT);
    case 429:
      return etcdError(error.message, RESOURCE_EXHAUSTED);
    case 503:
      return etcdError(error.message, UNAVAILABLE);
    default:
      return error.status < 500
        ? etcdError(error.message, INVALID_ARGUMENT)
        : etcdError('an unexpected error; it has been logged', INTERNAL);
  }
}

function etcdError(message: string, code: number): Response {
  const headers = new Headers({ 'content-type': 'application/json' });
  const status = STATUSES[code] ?? 500;
  if (status === 429 || status === 503) headers.set('retry-after', '1');
  return new Response(JSON.stringify({ error: message, message, code }), { status, headers });
}
