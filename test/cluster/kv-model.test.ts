import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deleteCall, keyInterval, rangeCall } from '../../src/core/kv-calls.ts';
import type {
  KvCall,
  KvCompare,
  KvFrameRecord,
  KvOperation,
  KvOperationAnswer,
  KvRecord,
} from '../../src/core/protocol/cluster-kv.ts';
import { sized } from '../scale.ts';
import { bytes, kvWorld, putOf, text, watching, watchOf } from './kv-fixture.ts';
import {
  Model,
  type ModelAnswer,
  type ModelCompare,
  type ModelOperation,
  type ModelRecord,
  type ModelTxn,
  Refused,
  type Span,
} from './kv-model.ts';

/** What is done to store and model alike. Revisions are told by how far they are from the present one. */
type Step =
  | { readonly do: 'operation'; readonly operation: ModelOperation }
  | { readonly do: 'txn'; readonly txn: ModelTxn }
  | { readonly do: 'compact'; readonly back: number }
  | { readonly do: 'grant'; readonly lease: string; readonly ttlSeconds: number }
  | { readonly do: 'keepAlive' | 'revoke'; readonly lease: string }
  | { readonly do: 'wait'; readonly ms: number }
  /** The object is evicted and comes back. */
  | { readonly do: 'restart' };

const key = fc.constantFrom('a', 'a/1', 'a/2', 'b', 'c');
const lease = fc.constantFrom('7', '8');
const span: fc.Arbitrary<Span> = fc.record({ from: key, end: fc.constantFrom(null, null, 'a0', 'b', '*') });
const operation: fc.Arbitrary<ModelOperation> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      op: fc.constant('put' as const),
      key,
      value: fc.constantFrom('', 'x', 'yy'),
      lease: fc.oneof({ weight: 2, arbitrary: fc.constant('0') }, { weight: 1, arbitrary: lease }),
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('delete' as const), span }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('range' as const),
      span,
      // Negative: so far back; 1: in the future.
      revision: fc.constantFrom(0, 0, 0, -1, -2, -5, 1),
      limit: fc.constantFrom(0, 0, 1, 2),
    }),
  },
);
const compare: fc.Arbitrary<ModelCompare> = fc.oneof(
  fc.record({
    key,
    target: fc.constantFrom('version' as const, 'create' as const, 'mod' as const),
    result: fc.constantFrom('equal' as const, 'notEqual' as const, 'greater' as const, 'less' as const),
    operand: fc.nat(12),
  }),
  fc.record({
    key,
    target: fc.constant('value' as const),
    result: fc.constantFrom('equal' as const, 'notEqual' as const, 'greater' as const, 'less' as const),
    operand: fc.constantFrom('', 'x', 'y'),
  }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: fc.record({ do: fc.constant('operation' as const), operation }) },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('txn' as const),
      txn: fc.record({
        compare: fc.array(compare, { maxLength: 2 }),
        success: fc.array(operation, { maxLength: 3 }),
        failure: fc.array(operation, { maxLength: 3 }),
      }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('compact' as const), back: fc.integer({ min: -1, max: 2 }) }) },
  {
    weight: 4,
    arbitrary: fc.record({ do: fc.constant('grant' as const), lease, ttlSeconds: fc.integer({ min: 1, max: 9 }) }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('keepAlive' as const, 'revoke' as const), lease }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 500, max: 5_000 }) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
);

test('a store is what a copy of the state for each revision says it is', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 50 }),
      fc.constantFrom(0, 1, 50),
      async (steps, back) => {
        const { model, world } = play(steps);
        const { call } = world;
        expect(call({ op: 'verify' })).toMatchObject({
          problems: [],
          keys: model.state.size,
          liveBytes: model.liveBytes,
        });
        // Every revision that is told of can be read, and a watch tells all of them.
        for (let at = Math.max(1, model.compacted); at <= model.revision; at++) {
          const all = { op: 'range', span: { from: 'a', end: '*' }, revision: at, limit: 0 } as const;
          expect(outcome(() => inStore(world, { do: 'operation', operation: all }))).toEqual({
            answer: model.one(all),
          });
        }
        const from = Math.max(1, model.compacted, model.revision - back);
        expect(await told(world, from, model.revision)).toEqual(model.events.slice(from).flat());
      },
    ),
    { numRuns: sized(100) },
  );
});

/** Does the steps to both, and holds each answer of the store to the model's. */
function play(steps: readonly Step[]) {
  let world = kvWorld();
  const { clock, database } = world;
  const model = new Model();
  for (const [at, relative] of steps.entries()) {
    const step = settled(relative, model.revision);
    if (step.do === 'wait') clock.advance(step.ms);
    if (step.do === 'restart') world = kvWorld({}, database, clock);
    model.expire(clock.now());
    const expected = outcome(() => inModel(model, step, clock.now()));
    expect({ at, step, ...outcome(() => inStore(world, step)) }).toEqual({ at, step, ...expected });
  }
  return { model, world };
}

/** The step with its revisions told from the present one, so that both mean the same. */
function settled(step: Step, present: number): Step {
  const settle = (operation: ModelOperation): ModelOperation =>
    operation.op !== 'range' || operation.revision === 0
      ? operation
      : { ...operation, revision: Math.max(1, present + operation.revision) };
  if (step.do === 'operation') return { ...step, operation: settle(step.operation) };
  if (step.do === 'compact') return { ...step, back: present - step.back };
  if (step.do !== 'txn') return step;
  const { compare, success, failure } = step.txn;
  return { ...step, txn: { compare, success: success.map(settle), failure: failure.map(settle) } };
}

function outcome(work: () => unknown): { answer: unknown } | { refusal: string } {
  try {
    return { answer: work() };
  } catch (error) {
    if (error instanceof Refused) return { refusal: error.refusal };
    throw error;
  }
}

function inModel(model: Model, step: Step, nowMs: number): unknown {
  switch (step.do) {
    case 'operation':
      return model.one(step.operation);
    case 'txn':
      return model.txn(step.txn);
    case 'compact':
      return model.compact(step.back);
    case 'grant': {
      if (model.leases.has(step.lease)) throw new Refused('lease_exists');
      const ttlSeconds = Math.max(2, step.ttlSeconds);
      model.leases.set(step.lease, { ttlSeconds, expiresAtMs: nowMs + 1000 * ttlSeconds });
      return ttlSeconds;
    }
    case 'keepAlive': {
      const lease = model.leases.get(step.lease);
      if (lease !== undefined) lease.expiresAtMs = nowMs + 1000 * lease.ttlSeconds;
      return lease?.ttlSeconds ?? 0;
    }
    case 'revoke':
      if (!model.leases.has(step.lease)) throw new Refused('lease_not_found');
      return model.endLease(step.lease);
    default:
      return undefined;
  }
}

function inStore({ machine }: ReturnType<typeof kvWorld>, step: Step): unknown {
  const call = (asked: KvCall) => {
    const answer = machine.call(asked, null, 7);
    if (!answer.ok) throw new Refused(answer.refusal);
    return answer.result;
  };
  switch (step.do) {
    case 'operation':
      return answerOf(call(callOf(step.operation)) as KvOperationAnswer);
    case 'txn': {
      const { compare, success, failure } = step.txn;
      const result = call({
        op: 'txn',
        compare: compare.map(compareOf),
        success: success.map(callOf),
        failure: failure.map(callOf),
      });
      if (result.op !== 'txn') throw new Error('a transaction is answered as one');
      return { succeeded: result.succeeded, answers: result.answers.map(answerOf) };
    }
    case 'compact':
      call({ op: 'compact', revision: step.back });
      return undefined;
    case 'grant':
    case 'keepAlive': {
      const result = call(
        step.do === 'grant'
          ? { op: 'grant', leaseId: step.lease, ttlSeconds: step.ttlSeconds }
          : { op: 'keepAlive', leaseId: step.lease },
      );
      return 'ttlSeconds' in result ? result.ttlSeconds : undefined;
    }
    case 'revoke':
      call({ op: 'revoke', leaseId: step.lease });
      return undefined;
    default:
      return undefined;
  }
}

function intervalOf({ from, end }: Span) {
  return { key: bytes(from), rangeEnd: end === null ? bytes('') : end === '*' ? new Uint8Array(1) : bytes(end) };
}

function callOf(operation: ModelOperation): KvOperation {
  switch (operation.op) {
    case 'put':
      return putOf(operation.key, operation.value, { leaseId: operation.lease });
    case 'delete':
      return deleteCall(intervalOf(operation.span));
    case 'range':
      return rangeCall(intervalOf(operation.span), { revision: operation.revision, limit: operation.limit });
  }
}

function compareOf({ key, target, result, operand }: ModelCompare): KvCompare {
  const condition = { ...keyInterval(bytes(key)), result };
  return target === 'value'
    ? { ...condition, target, value: bytes(String(operand)) }
    : { ...condition, target, number: Number(operand) };
}

function answerOf(answer: KvOperationAnswer): ModelAnswer {
  switch (answer.op) {
    case 'put':
      return { op: 'put', revision: answer.revision };
    case 'deleteRange':
      return { op: 'delete', revision: answer.revision, deleted: answer.deleted };
    case 'range': {
      const { revision, count, more, records } = answer;
      return { op: 'range', revision, count, more, records: records.map(recordOf) };
    }
    case 'txn':
      throw new Error('no transaction within one was asked for');
  }
}

function recordOf({ key, value, createRevision, modRevision, version, leaseId }: KvRecord): ModelRecord {
  return { key: text(key), value: text(value), create: createRevision, mod: modRevision, version, lease: leaseId };
}

/** What a watch from a revision to the present one tells. */
async function told({ machine }: ReturnType<typeof kvWorld>, from: number, to: number): Promise<ModelRecord[]> {
  const watch = watching(machine, watchOf({ startRevision: from }));
  const events: ModelRecord[] = [];
  let reached = from - 1;
  // Revision 1 is that of an empty store: nothing is told of it.
  while (Math.max(1, reached) < to) {
    const frame = await watch.next();
    if (frame?.type === 'created') continue;
    if (frame?.type !== 'events') throw new Error(`a watch told ${JSON.stringify(frame)}`);
    events.push(...frame.events.map(({ record }) => recordOf(decoded(record))));
    reached = frame.revision;
  }
  await watch.cancel();
  return events;
}

function decoded(record: KvFrameRecord): KvRecord {
  const of = (base64: string) => new Uint8Array(Buffer.from(base64, 'base64'));
  return { ...record, key: of(record.key), value: of(record.value) };
}
