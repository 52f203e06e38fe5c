import { toHex } from '../../core/bytes.ts';
import type { KvInterval, KvOperation, KvTxn } from '../../core/protocol/cluster-kv.ts';
import { compareBytes } from './interval.ts';
import { KvRefused } from './refusal.ts';

/** Operations or conditions a transaction may have; etcd's default. */
export const MAX_OPERATIONS = 128;
/** With those of the transactions within it, both branches: each write is held against each. etcd has no such bound. */
const MAX_NESTED_OPERATIONS = 1_024;

/** Refuses an operation for what it says, whatever the state. Rules and their order are etcd's (api/v3rpc/key.go). */
export function checkOperation(operation: KvOperation | null, maxValueBytes: number, room = MAX_OPERATIONS): void {
  if (operation === null) throw new KvRefused('key_not_found', 'an operation of a transaction says nothing');
  if (operation.op === 'txn') {
    checkTxn(operation, maxValueBytes, room);
    return;
  }
  if (operation.key.length === 0) throw new KvRefused('empty_key', 'a key has at least one byte');
  if (operation.op !== 'put') return;
  if (operation.ignoreValue && operation.value.length > 0) {
    throw new KvRefused('value_provided', 'a value is given and the present one is to be kept');
  }
  if (operation.ignoreLease && operation.leaseId !== '0') {
    throw new KvRefused('lease_provided', 'a lease is given and the present one is to be kept');
  }
  const bytes = operation.key.length + operation.value.length;
  if (bytes > maxValueBytes) {
    throw new KvRefused('value_too_large', `key and value have ${bytes} bytes; at most ${maxValueBytes}`);
  }
}

function checkTxn(txn: KvTxn, maxValueBytes: number, room: number): void {
  const operations = Math.max(txn.compare.length, txn.success.length, txn.failure.length);
  if (operations > room) throw new KvRefused('too_many_operations', `a transaction has at most ${MAX_OPERATIONS}`);
  for (const { key } of txn.compare) {
    if (key.length === 0) throw new KvRefused('empty_key', 'a key has at least one byte');
  }
  for (const operation of [...txn.success, ...txn.failure]) {
    checkOperation(operation, maxValueBytes, room - operations);
  }
}

/** Refuses a transaction that could write a key twice: a revision tells one write of a key. */
export function checkKeysOnce(txn: KvTxn): void {
  if (operationsIn(txn) > MAX_NESTED_OPERATIONS) {
    throw new KvRefused('too_many_operations', `a transaction has at most ${MAX_NESTED_OPERATIONS} with those within`);
  }
  writesOf(txn.success);
  writesOf(txn.failure);
}

function operationsIn({ success, failure }: KvTxn): number {
  const within = (operation: KvOperation | null) => 1 + (operation?.op === 'txn' ? operationsIn(operation) : 0);
  return [...success, ...failure].reduce((sum, operation) => sum + within(operation), 0);
}

interface Writes {
  /** Keys put, by their bytes in hexadecimal. */
  readonly puts: Map<string, Uint8Array>;
  readonly deletes: KvInterval[];
}

function writesOf(operations: readonly (KvOperation | null)[]): Writes {
  const puts = new Map<string, Uint8Array>();
  const deletes: KvInterval[] = operations.filter((operation) => operation?.op === 'deleteRange');
  const add = (name: string, key: Uint8Array, allowed = false): void => {
    if ((puts.has(name) && !allowed) || deletes.some((interval) => covers(interval, key))) {
      throw new KvRefused('duplicate_key', 'a transaction writes a key at most once');
    }
    puts.set(name, key);
  };
  for (const operation of operations) {
    if (operation?.op !== 'txn') continue;
    const then = writesOf(operation.success);
    const otherwise = writesOf(operation.failure);
    for (const [name, key] of then.puts) add(name, key);
    // Only one of the two branches is taken.
    for (const [name, key] of otherwise.puts) add(name, key, then.puts.has(name));
    deletes.push(...then.deletes, ...otherwise.deletes);
  }
  for (const operation of operations) if (operation?.op === 'put') add(toHex(operation.key), operation.key);
  return { puts, deletes };
}

/**
 * Whether a deletion reaches a key. Unlike a deletion itself, an end of one zero byte is taken as it stands here: so
 * does etcd 3.4, which lets such a transaction through.
 */
function covers({ key: from, rangeEnd }: KvInterval, key: Uint8Array): boolean {
  if (rangeEnd.length === 0) return compareBytes(key, from) === 0;
  return compareBytes(key, from) >= 0 && compareBytes(key, rangeEnd) < 0;
}
