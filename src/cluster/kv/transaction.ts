import { unreachable } from '../../core/errors.ts';
import { LIMITS } from '../../core/limits.ts';
import type {
  KvCompare,
  KvDeleteRange,
  KvDeleteRangeAnswer,
  KvOperation,
  KvOperationAnswer,
  KvPut,
  KvPutAnswer,
  KvRange,
  KvRangeAnswer,
  KvRecord,
  KvTxn,
  KvTxnAnswer,
} from '../../core/protocol/cluster-kv.ts';
import { compareBytes } from './interval.ts';
import { KvRefused } from './refusal.ts';
import { type KvStore, RECORD_BYTES } from './store.ts';

/**
 * One revision in the making. Reads see what was written before them in it; the revision is taken with the first
 * write, and not at all without one. The caller holds the database's transaction.
 */
export class KvTransaction {
  private readonly store: KvStore;
  private readonly hasLease: (leaseId: string) => boolean;
  private readonly began: number;
  private writes = 0;
  private deleted = 0;
  /** Of the records in its answers so far. */
  private answerBytes = 0;

  constructor(store: KvStore, hasLease: (leaseId: string) => boolean) {
    this.store = store;
    this.hasLease = hasLease;
    this.began = store.revision();
  }

  get revision(): number {
    return this.writes === 0 ? this.began : this.began + 1;
  }

  /** Throws `future_revision`, `compacted` or `answer_too_large`. */
  range(range: KvRange): KvRangeAnswer {
    const { revision } = this;
    if (range.revision > revision) throw futureRevision();
    const at = range.revision <= 0 ? revision : range.revision;
    if (at < this.store.compactedRevision()) throw compacted();
    const picks =
      range.sortOrder !== 'none' ||
      range.minModRevision !== 0 ||
      range.maxModRevision !== 0 ||
      range.minCreateRevision !== 0 ||
      range.maxCreateRevision !== 0;
    // One more than asked for tells whether there are more.
    const limit = picks || range.limit <= 0 ? 0 : range.limit + 1;
    const byValue = range.sortTarget === 'value';
    const columns = range.countOnly ? 'count' : range.keysOnly && !byValue ? 'keys' : 'all';
    const found =
      at === revision ? this.store.present(range, limit, columns) : this.store.asOf(at, range, limit, columns);
    const records = sorted(picks ? found.records.filter((record) => isPicked(range, record)) : found.records, range);
    const more = range.limit > 0 && records.length > range.limit;
    const shown = more ? records.slice(0, range.limit) : records;
    const answered = range.keysOnly ? shown.map((record) => ({ ...record, value: NOTHING })) : shown;
    return { op: 'range', revision, records: this.answered(answered), more, count: found.count };
  }

  /** Records that are part of the answer. Throws `answer_too_large`: one bound is that of all operations together. */
  private answered(records: KvRecord[]): KvRecord[] {
    for (const { key, value } of records) this.answerBytes += key.length + value.length + RECORD_BYTES;
    if (this.answerBytes > this.store.answerBytes) {
      throw new KvRefused(
        'answer_too_large',
        `the records asked for have ${this.answerBytes} bytes; ask for fewer at once`,
      );
    }
    return records;
  }

  /** Throws `lease_not_found`, `key_not_found`, `quota_exceeded` or `answer_too_large`. */
  put(put: KvPut): KvPutAnswer {
    const there = this.store.get(put.key);
    this.checkLease(put);
    this.checkKept(put, there);
    this.checkRoom(put, there);
    const revision = this.began + 1;
    this.store.put(
      {
        key: put.key,
        value: put.ignoreValue && there !== undefined ? there.value : put.value,
        createRevision: there?.createRevision ?? revision,
        modRevision: revision,
        version: (there?.version ?? 0) + 1,
        leaseId: put.ignoreLease && there !== undefined ? there.leaseId : put.leaseId,
      },
      there,
      this.writes,
    );
    this.writes += 1;
    const [previous = null] = put.previous && there !== undefined ? this.answered([there]) : [];
    return { op: 'put', revision, previous };
  }

  private checkKept(put: KvPut, there: KvRecord | undefined): void {
    if ((put.ignoreValue || put.ignoreLease) && there === undefined) {
      throw new KvRefused('key_not_found', 'to keep the value or the lease of a key there must be the key');
    }
  }

  private checkLease({ leaseId }: KvPut): void {
    if (leaseId !== '0' && !this.hasLease(leaseId)) {
      throw new KvRefused('lease_not_found', `there is no lease ${leaseId}`);
    }
  }

  /** A lease takes another key where it has not all that it may have. */
  private checkRoom({ leaseId }: KvPut, there: KvRecord | undefined): void {
    if (leaseId === '0' || there?.leaseId === leaseId) return;
    if (this.store.countKeysOfLease(leaseId) >= LIMITS.keysPerLease) {
      throw new KvRefused('quota_exceeded', `a lease has at most ${LIMITS.keysPerLease} keys`);
    }
  }

  /** Throws `too_many_operations` or `answer_too_large`. */
  deleteRange(range: KvDeleteRange): KvDeleteRangeAnswer {
    const previous = range.previous ? this.answered(this.store.present(range, 0, 'all').records) : [];
    const keys = this.store.keys(range, LIMITS.keysPerDeletion - this.deleted);
    this.deleted += keys.length;
    for (const key of keys) this.deleteKey(key);
    return { op: 'deleteRange', revision: this.revision, deleted: keys.length, previous };
  }

  /** The key must be there. */
  deleteKey(key: Uint8Array): void {
    this.store.delete(key, this.began + 1, this.writes);
    this.writes += 1;
  }

  /** Everything that can refuse is asked before the first write: refusals come in the order that etcd has. */
  txn(txn: KvTxn): KvTxnAnswer {
    const path = this.decide(txn);
    this.checkPath(txn, path, (operation) => {
      if (operation.op !== 'put') return;
      if (operation.ignoreValue || operation.ignoreLease) this.checkKept(operation, this.store.get(operation.key));
      this.checkLease(operation);
    });
    this.checkPath(txn, path, (operation) => {
      if (operation.op !== 'range' || operation.revision === 0) return;
      if (operation.revision > this.began) throw futureRevision();
      if (operation.revision < this.store.compactedRevision()) throw compacted();
    });
    return this.follow(txn, path);
  }

  /** Which branch each transaction takes; nested ones are decided by the state before the first write too. */
  private decide(txn: KvTxn): Path {
    const succeeded = txn.compare.every((compare) => this.holds(compare));
    const branch = succeeded ? txn.success : txn.failure;
    return { succeeded, nested: branch.map((operation) => (operation?.op === 'txn' ? this.decide(operation) : null)) };
  }

  private checkPath(txn: KvTxn, path: Path, check: (operation: KvOperation) => void): void {
    for (const [at, operation] of branchOf(txn, path).entries()) {
      const nested = path.nested[at];
      if (operation?.op === 'txn' && nested !== null) this.checkPath(operation, nested, check);
      else if (operation !== null) check(operation);
    }
  }

  private follow(txn: KvTxn, path: Path): KvTxnAnswer {
    const answers = branchOf(txn, path).flatMap((operation, at): KvOperationAnswer[] => {
      if (operation === null) return [];
      const nested = path.nested[at];
      return [operation.op === 'txn' && nested !== null ? this.follow(operation, nested) : this.apply(operation)];
    });
    return { op: 'txn', revision: this.revision, succeeded: path.succeeded, answers };
  }

  apply(operation: KvOperation): KvOperationAnswer {
    switch (operation.op) {
      case 'range':
        return this.range(operation);
      case 'put':
        return this.put(operation);
      case 'deleteRange':
        return this.deleteRange(operation);
      case 'txn':
        return this.txn(operation);
      default:
        return unreachable(operation);
    }
  }

  private holds(compare: KvCompare): boolean {
    const { records } = this.store.present(compare, 0, 'all');
    // A value that is not there cannot be told from an empty one, so nothing holds of it.
    if (records.length === 0) return compare.target !== 'value' && holdsOf(compare, NO_RECORD);
    return records.every((record) => holdsOf(compare, record));
  }
}

interface Path {
  readonly succeeded: boolean;
  /** For each operation of the branch: the path of a nested transaction, else null. */
  readonly nested: readonly (Path | null)[];
}

const NOTHING = new Uint8Array(0);
const NO_RECORD: KvRecord = {
  key: NOTHING,
  value: NOTHING,
  createRevision: 0,
  modRevision: 0,
  version: 0,
  leaseId: '0',
};

function branchOf(txn: KvTxn, path: Path): readonly (KvOperation | null)[] {
  return path.succeeded ? txn.success : txn.failure;
}

function futureRevision(): KvRefused {
  return new KvRefused('future_revision', 'the revision asked for is yet to come');
}

function compacted(): KvRefused {
  return new KvRefused('compacted', 'the revision asked for has been compacted');
}

function holdsOf(compare: KvCompare, record: KvRecord): boolean {
  const order = orderOf(compare, record);
  switch (compare.result) {
    case 'equal':
      return order === 0;
    case 'notEqual':
      return order !== 0;
    case 'greater':
      return order > 0;
    case 'less':
      return order < 0;
  }
}

function orderOf(compare: KvCompare, record: KvRecord): number {
  switch (compare.target) {
    case 'version':
      return record.version - compare.number;
    case 'create':
      return record.createRevision - compare.number;
    case 'mod':
      return record.modRevision - compare.number;
    case 'value':
      return compareBytes(record.value, compare.value);
    case 'lease': {
      const difference = BigInt(record.leaseId) - BigInt(compare.leaseId);
      return difference === 0n ? 0 : difference < 0n ? -1 : 1;
    }
  }
}

function isPicked(range: KvRange, record: KvRecord): boolean {
  return (
    (range.maxModRevision === 0 || record.modRevision <= range.maxModRevision) &&
    (range.minModRevision === 0 || record.modRevision >= range.minModRevision) &&
    (range.maxCreateRevision === 0 || record.createRevision <= range.maxCreateRevision) &&
    (range.minCreateRevision === 0 || record.createRevision >= range.minCreateRevision)
  );
}

/** As etcd sorts: a target other than the key is sorted by even where no order was asked for. */
function sorted(records: KvRecord[], { sortOrder, sortTarget }: KvRange): KvRecord[] {
  if (sortTarget === 'key' && sortOrder !== 'descend') return records;
  const direction = sortOrder === 'descend' ? -1 : 1;
  return [...records].sort((a, b) => direction * ORDERS[sortTarget](a, b));
}

const ORDERS = {
  key: (a: KvRecord, b: KvRecord) => compareBytes(a.key, b.key),
  version: (a: KvRecord, b: KvRecord) => a.version - b.version,
  create: (a: KvRecord, b: KvRecord) => a.createRevision - b.createRevision,
  mod: (a: KvRecord, b: KvRecord) => a.modRevision - b.modRevision,
  value: (a: KvRecord, b: KvRecord) => compareBytes(a.value, b.value),
};
