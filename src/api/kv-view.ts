import * as z from 'zod';
import { MAX_OPERATIONS } from '../cluster/kv/check.ts';
import { recordView } from '../cluster/kv/record-view.ts';
import { fromBase64 } from '../core/bytes.ts';
import { badField, type ErrorCode, OrasiError } from '../core/errors.ts';
import { deleteCall, keyInterval, prefixInterval, putCall, rangeCall } from '../core/kv-calls.ts';
import type {
  KvAnswer,
  KvCompare,
  KvOperation,
  KvOperationAnswer,
  KvRefusal,
  KvResult,
  KvTxn,
} from '../core/protocol/cluster-kv.ts';

/** The shapes of a cluster's state on the native surface: keys and values are text, or base64 where they are not. */
export const RecordShape = z.object({
  key: z.string().optional(),
  keyBase64: z.string().optional().describe('In place of `key`, where it is not UTF-8.'),
  value: z.string().optional(),
  valueBase64: z.string().optional().describe('In place of `value`, where it is not UTF-8.'),
  revision: z.number().int().describe('Of its last write; the ETag.'),
  createRevision: z.number().int(),
  version: z.number().int().describe('Writes since it was created.'),
  leaseId: z.string().optional(),
});

const LeaseId = z.string().regex(/^[1-9]\d{0,18}$/, 'expected a positive 64-bit integer in a string');
export const ValueShape = z
  .strictObject({
    value: z.string().optional(),
    valueBase64: z.base64().optional(),
    leaseId: LeaseId.optional().describe('The key is deleted when the lease ends.'),
  })
  .refine(
    (body) => (body.value === undefined) !== (body.valueBase64 === undefined),
    'expected one of `value` (text) and `valueBase64`',
  );

const Key = z.string().min(1);
const Revision = z.number().int().nonnegative();
const CompareShape = z
  .strictObject({
    key: Key,
    target: z.enum(['value', 'version', 'revision', 'createRevision', 'leaseId']),
    result: z.enum(['equal', 'notEqual', 'greater', 'less']).default('equal'),
    value: z.union([z.string(), Revision]).describe('A number for version and revisions, else text.'),
  })
  .refine(
    ({ target, value }) => (typeof value === 'string') === (target === 'value' || target === 'leaseId'),
    'expected text for `value` and `leaseId`, a number for the others',
  );
const OperationShape = z.union([
  z.strictObject({
    put: z.strictObject({ key: Key, value: z.string(), leaseId: LeaseId.optional() }),
  }),
  z.strictObject({ get: z.strictObject({ key: Key }) }),
  z.strictObject({ list: z.strictObject({ prefix: z.string() }) }),
  z.strictObject({ delete: z.strictObject({ key: Key }) }),
  z.strictObject({ deletePrefix: z.strictObject({ prefix: z.string() }) }),
]);
export const TxnShape = z.strictObject({
  compare: z
    .array(CompareShape)
    .max(MAX_OPERATIONS)
    .default([])
    .describe('All must hold; a key that is not there has revision 0.'),
  success: z.array(OperationShape).max(MAX_OPERATIONS).default([]),
  failure: z.array(OperationShape).max(MAX_OPERATIONS).default([]),
});
export const TxnAnswerShape = z.object({
  succeeded: z.boolean(),
  revision: z.number().int(),
  results: z.array(
    z.object({
      items: z.array(RecordShape).optional(),
      deleted: z.number().int().optional(),
      revision: z.number().int().optional(),
    }),
  ),
});
export const LeaseShape = z.object({
  leaseId: z.string(),
  ttlSeconds: z.number().describe('As granted, at least 2; each renewal begins it anew.'),
  remainingSeconds: z.number(),
  keys: z.array(z.string()).optional(),
});

const encoder = new TextEncoder();

export function bytesOf(text: string): Uint8Array {
  return encoder.encode(text);
}

export function valueBytes(body: z.output<typeof ValueShape>): Uint8Array {
  return body.value === undefined ? fromBase64(body.valueBase64 ?? '') : bytesOf(body.value);
}

export function txnCall(body: z.output<typeof TxnShape>): KvTxn & { op: 'txn' } {
  return {
    op: 'txn',
    compare: body.compare.map(compareOf),
    success: body.success.map(operationOf),
    failure: body.failure.map(operationOf),
  };
}

function compareOf({ key, target, result, value }: z.output<typeof CompareShape>): KvCompare {
  const condition = { ...keyInterval(bytesOf(key)), result };
  switch (target) {
    case 'value':
      return { ...condition, target, value: bytesOf(String(value)) };
    case 'leaseId':
      return { ...condition, target: 'lease', leaseId: leaseIdOf(String(value)) };
    case 'version':
      return { ...condition, target, number: Number(value) };
    case 'revision':
      return { ...condition, target: 'mod', number: Number(value) };
    case 'createRevision':
      return { ...condition, target: 'create', number: Number(value) };
  }
}

function operationOf(operation: z.output<typeof OperationShape>): KvOperation {
  if ('put' in operation) {
    const { key, value, leaseId } = operation.put;
    return putCall(bytesOf(key), bytesOf(value), { leaseId: leaseId ?? '0' });
  }
  if ('get' in operation) return rangeCall(keyInterval(bytesOf(operation.get.key)));
  if ('list' in operation) return rangeCall(prefixInterval(bytesOf(operation.list.prefix)));
  const interval =
    'delete' in operation
      ? keyInterval(bytesOf(operation.delete.key))
      : prefixInterval(bytesOf(operation.deletePrefix.prefix));
  return deleteCall(interval);
}

/** A lease's id from a path or a condition. Throws `bad_request`. */
export function leaseIdOf(text: string): string {
  if (/^(0|[1-9]\d{0,18})$/.test(text) && BigInt(text) < 2n ** 63n) return text;
  throw badField('leaseId', 'expected a positive 64-bit integer');
}

export function operationView(answer: KvOperationAnswer): z.input<typeof TxnAnswerShape>['results'][number] {
  switch (answer.op) {
    case 'range':
      return { items: answer.records.map((record) => recordView(record)) };
    case 'put':
      return { revision: answer.revision };
    default:
      return { deleted: answer.op === 'deleteRange' ? answer.deleted : 0, revision: answer.revision };
  }
}

const CODES: Readonly<Record<KvRefusal, ErrorCode>> = {
  empty_key: 'bad_request',
  value_provided: 'bad_request',
  lease_provided: 'bad_request',
  key_not_found: 'not_found',
  too_many_operations: 'bad_request',
  duplicate_key: 'bad_request',
  compacted: 'gone',
  future_revision: 'bad_request',
  lease_not_found: 'not_found',
  lease_exists: 'conflict',
  lease_ttl_too_large: 'bad_request',
  value_too_large: 'payload_too_large',
  answer_too_large: 'bad_request',
  quota_exceeded: 'quota_exceeded',
  stale_epoch: 'precondition_failed',
};

/** A refusal of the store in the words of this surface. */
export function refusalOf(answer: KvAnswer & { ok: false }): OrasiError {
  return new OrasiError(CODES[answer.refusal], answer.message);
}

/** The result of a call. Throws its refusal. */
export function resultOf<Op extends KvResult['op']>(answer: KvAnswer, op: Op): KvResult & { op: Op } {
  if (!answer.ok) throw refusalOf(answer);
  if (answer.result.op !== op) throw new Error(`asked for ${op} and was answered ${answer.result.op}`);
  return answer.result as KvResult & { op: Op };
}
