import type {
  KvCompare,
  KvFrameRecord,
  KvInterval,
  KvOperation,
  KvOperationAnswer,
  KvRange,
  KvRecord,
  KvTxn,
  KvWatch,
} from '../core/protocol/cluster-kv.ts';
import type { Fields, Message, Shown } from './etcd-json.ts';

/** The messages of etcd's API, version 3.4 (etcdserver/etcdserverpb/rpc.proto), and what they are to us. */
export const RANGE: Message = {
  name: 'etcdserverpb.RangeRequest',
  fields: {
    key: 'bytes',
    range_end: 'bytes',
    limit: 'int64',
    revision: 'int64',
    sort_order: ['NONE', 'ASCEND', 'DESCEND'],
    sort_target: ['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE'],
    serializable: 'bool',
    keys_only: 'bool',
    count_only: 'bool',
    min_mod_revision: 'int64',
    max_mod_revision: 'int64',
    min_create_revision: 'int64',
    max_create_revision: 'int64',
  },
};
export const PUT: Message = {
  name: 'etcdserverpb.PutRequest',
  fields: {
    key: 'bytes',
    value: 'bytes',
    lease: 'int64',
    prev_kv: 'bool',
    ignore_value: 'bool',
    ignore_lease: 'bool',
  },
};
export const DELETE_RANGE: Message = {
  name: 'etcdserverpb.DeleteRangeRequest',
  fields: { key: 'bytes', range_end: 'bytes', prev_kv: 'bool' },
};
const COMPARE: Message = {
  name: 'etcdserverpb.Compare',
  fields: {
    result: ['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL'],
    target: ['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE'],
    key: 'bytes',
    range_end: 'bytes',
    version: 'int64',
    create_revision: 'int64',
    mod_revision: 'int64',
    value: 'bytes',
    lease: 'int64',
  },
};
const REQUEST_OP: Message = {
  name: 'etcdserverpb.RequestOp',
  fields: {
    request_range: { message: () => RANGE },
    request_put: { message: () => PUT },
    request_delete_range: { message: () => DELETE_RANGE },
    request_txn: { message: () => TXN },
  },
};
export const TXN: Message = {
  name: 'etcdserverpb.TxnRequest',
  fields: {
    compare: { list: () => COMPARE },
    success: { list: () => REQUEST_OP },
    failure: { list: () => REQUEST_OP },
  },
};
export const COMPACTION: Message = {
  name: 'etcdserverpb.CompactionRequest',
  fields: { revision: 'int64', physical: 'bool' },
};
export const LEASE_GRANT: Message = {
  name: 'etcdserverpb.LeaseGrantRequest',
  fields: { TTL: 'int64', ID: 'int64' },
};
export const LEASE: Message = { name: 'etcdserverpb.LeaseRequest', fields: { ID: 'int64' } };
export const LEASE_TIME_TO_LIVE: Message = {
  name: 'etcdserverpb.LeaseTimeToLiveRequest',
  fields: { ID: 'int64', keys: 'bool' },
};
export const LEASE_LEASES: Message = { name: 'etcdserverpb.LeaseLeasesRequest', fields: {} };
const WATCH_CREATE: Message = {
  name: 'etcdserverpb.WatchCreateRequest',
  fields: {
    key: 'bytes',
    range_end: 'bytes',
    start_revision: 'int64',
    progress_notify: 'bool',
    filters: { list: () => ['NOPUT', 'NODELETE'] },
    prev_kv: 'bool',
    watch_id: 'int64',
    fragment: 'bool',
  },
};
export const WATCH: Message = {
  name: 'etcdserverpb.WatchRequest',
  fields: {
    create_request: { message: () => WATCH_CREATE },
    cancel_request: { message: () => ({ name: 'etcdserverpb.WatchCancelRequest', fields: { watch_id: 'int64' } }) },
    progress_request: { message: () => ({ name: 'etcdserverpb.WatchProgressRequest', fields: {} }) },
  },
};

export function rangeOf(fields: Fields): KvOperation & { op: 'range' } {
  return {
    op: 'range',
    ...intervalOf(fields),
    limit: fields.number('limit'),
    revision: fields.number('revision'),
    sortOrder: SORT_ORDERS[fields.choice('sort_order')] ?? 'none',
    sortTarget: SORT_TARGETS[fields.choice('sort_target')] ?? 'key',
    keysOnly: fields.flag('keys_only'),
    countOnly: fields.flag('count_only'),
    minModRevision: fields.number('min_mod_revision'),
    maxModRevision: fields.number('max_mod_revision'),
    minCreateRevision: fields.number('min_create_revision'),
    maxCreateRevision: fields.number('max_create_revision'),
  };
}

const SORT_ORDERS: readonly KvRange['sortOrder'][] = ['none', 'ascend', 'descend'];
const SORT_TARGETS: readonly KvRange['sortTarget'][] = ['key', 'version', 'create', 'mod', 'value'];

export function putOf(fields: Fields): KvOperation & { op: 'put' } {
  return {
    op: 'put',
    key: fields.bytes('key'),
    value: fields.bytes('value'),
    leaseId: String(fields.int64('lease')),
    previous: fields.flag('prev_kv'),
    ignoreValue: fields.flag('ignore_value'),
    ignoreLease: fields.flag('ignore_lease'),
  };
}

export function deleteRangeOf(fields: Fields): KvOperation & { op: 'deleteRange' } {
  return { op: 'deleteRange', ...intervalOf(fields), previous: fields.flag('prev_kv') };
}

export function txnOf(fields: Fields): KvTxn & { op: 'txn' } {
  return {
    op: 'txn',
    compare: fields.list('compare').map(compareOf),
    success: fields.list('success').map(operationOf),
    failure: fields.list('failure').map(operationOf),
  };
}

function operationOf(fields: Fields): KvOperation | null {
  const range = fields.message('request_range');
  if (range !== undefined) return rangeOf(range);
  const put = fields.message('request_put');
  if (put !== undefined) return putOf(put);
  const deleteRange = fields.message('request_delete_range');
  if (deleteRange !== undefined) return deleteRangeOf(deleteRange);
  const txn = fields.message('request_txn');
  return txn === undefined ? null : txnOf(txn);
}

const RESULTS: readonly KvCompare['result'][] = ['equal', 'greater', 'less', 'notEqual'];

/** A condition whose operand is of another target than it names compares with zero, as in etcd. */
function compareOf(fields: Fields): KvCompare {
  const condition = { ...intervalOf(fields), result: RESULTS[fields.choice('result')] ?? 'equal' };
  switch (fields.choice('target')) {
    case 1:
      return { ...condition, target: 'create', number: fields.number('create_revision') };
    case 2:
      return { ...condition, target: 'mod', number: fields.number('mod_revision') };
    case 3:
      return { ...condition, target: 'value', value: fields.bytes('value') };
    case 4:
      return { ...condition, target: 'lease', leaseId: String(fields.int64('lease')) };
    default:
      return { ...condition, target: 'version', number: fields.number('version') };
  }
}

function intervalOf(fields: Fields): KvInterval {
  return { key: fields.bytes('key'), rangeEnd: fields.bytes('range_end') };
}

/** A watch as asked for; without a key it is of all keys from the smallest one, as in etcd. */
export function watchOf(fields: Fields, watchId: number): KvWatch {
  const { key, rangeEnd } = intervalOf(fields);
  const filters = fields.choices('filters');
  return {
    key: key.length === 0 ? new Uint8Array(1) : key,
    rangeEnd,
    watchId,
    startRevision: fields.number('start_revision'),
    previous: fields.flag('prev_kv'),
    puts: !filters.includes(0),
    deletes: !filters.includes(1),
    progress: fields.flag('progress_notify'),
  };
}

/** A record of an answer, or of a watch's frame, whose bytes are in base64 already. */
export function shownRecord(record: KvRecord | KvFrameRecord): Shown {
  return {
    key: record.key,
    create_revision: record.createRevision,
    mod_revision: record.modRevision,
    version: record.version,
    value: record.value,
    lease: record.leaseId,
  };
}

/** An answer without its header's ids. Within a transaction a header is a revision, and a nested one's is empty. */
export function shownAnswer(answer: KvOperationAnswer, header: Shown): Shown {
  switch (answer.op) {
    case 'range':
      return { header, kvs: answer.records.map(shownRecord), more: answer.more, count: answer.count };
    case 'put':
      return { header, prev_kv: answer.previous === null ? undefined : shownRecord(answer.previous) };
    case 'deleteRange':
      return { header, deleted: answer.deleted, prev_kvs: answer.previous.map(shownRecord) };
    case 'txn':
      return { header, succeeded: answer.succeeded, responses: answer.answers.map(shownOperation) };
  }
}

function shownOperation(answer: KvOperationAnswer): Shown {
  const header = { revision: answer.revision };
  switch (answer.op) {
    case 'range':
      return { response_range: shownAnswer(answer, header) };
    case 'put':
      return { response_put: shownAnswer(answer, header) };
    case 'deleteRange':
      return { response_delete_range: shownAnswer(answer, header) };
    case 'txn':
      return { response_txn: shownAnswer(answer, {}) };
  }
}
