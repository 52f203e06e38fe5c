import type { KvRefusal } from '../../src/core/protocol/cluster-kv.ts';

/** A key as the model has it. */
export interface ModelRecord {
  readonly key: string;
  readonly value: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: string;
}

/** From a key on: that key alone, all from it on (`end` is `*`), or those before `end`. */
export interface Span {
  readonly from: string;
  readonly end: string | null;
}

export type ModelOperation =
  | { readonly op: 'put'; readonly key: string; readonly value: string; readonly lease: string }
  | { readonly op: 'delete'; readonly span: Span }
  | { readonly op: 'range'; readonly span: Span; readonly revision: number; readonly limit: number };

export interface ModelCompare {
  readonly key: string;
  readonly target: 'version' | 'create' | 'mod' | 'value';
  readonly result: 'equal' | 'notEqual' | 'greater' | 'less';
  readonly operand: number | string;
}

export interface ModelTxn {
  readonly compare: readonly ModelCompare[];
  readonly success: readonly ModelOperation[];
  readonly failure: readonly ModelOperation[];
}

/** What an operation comes to. */
export type ModelAnswer =
  | { readonly op: 'put'; readonly revision: number }
  | { readonly op: 'delete'; readonly revision: number; readonly deleted: number }
  | {
      readonly op: 'range';
      readonly revision: number;
      readonly count: number;
      readonly more: boolean;
      readonly records: readonly ModelRecord[];
    };

export class Refused extends Error {
  readonly refusal: KvRefusal;
  constructor(refusal: KvRefusal) {
    super(refusal);
    this.refusal = refusal;
  }
}

type State = ReadonlyMap<string, ModelRecord>;

/**
 * What a store of keys and values is, in the plainest way: a whole copy of the state for each revision. Keys are of
 * ASCII, so that their order is that of their bytes.
 */
export class Model {
  /** By revision; the first is empty. */
  private readonly states: State[] = [new Map(), new Map()];
  /** By revision: what was written, a deletion with version 0, in order. */
  readonly events: ModelRecord[][] = [[], []];
  readonly leases = new Map<string, { ttlSeconds: number; expiresAtMs: number }>();
  compacted = -1;

  get revision(): number {
    return this.states.length - 1;
  }

  get state(): State {
    return this.states[this.revision] ?? new Map();
  }

  get liveBytes(): number {
    return [...this.state.values()].reduce((bytes, { key, value }) => bytes + key.length + value.length, 0);
  }

  txn({ compare, success, failure }: ModelTxn): { succeeded: boolean; answers: ModelAnswer[] } {
    for (const branch of [success, failure]) this.checkOnce(branch);
    const succeeded = compare.every((each) => this.holds(each));
    const branch = succeeded ? success : failure;
    for (const each of branch) {
      if (each.op === 'put' && each.lease !== '0' && !this.leases.has(each.lease)) throw new Refused('lease_not_found');
    }
    for (const each of branch) if (each.op === 'range') this.checkRevision(each.revision);
    const state = new Map(this.state);
    const events: ModelRecord[] = [];
    const answers = branch.map((each) => this.apply(each, state, events));
    this.commit(state, events);
    return { succeeded, answers };
  }

  one(operation: ModelOperation): ModelAnswer {
    const [answer] = this.txn({ compare: [], success: [operation], failure: [] }).answers;
    if (answer === undefined) throw new Error('an operation has an answer');
    return answer;
  }

  compact(revision: number): void {
    if (revision <= this.compacted) throw new Refused('compacted');
    if (revision > this.revision) throw new Refused('future_revision');
    this.compacted = revision;
  }

  endLease(lease: string): void {
    const state = new Map(this.state);
    const events: ModelRecord[] = [];
    for (const record of sorted(state)) if (record.lease === lease) this.remove(record.key, state, events);
    this.leases.delete(lease);
    this.commit(state, events);
  }

  expire(nowMs: number): void {
    const due = [...this.leases].filter(([, { expiresAtMs }]) => expiresAtMs <= nowMs);
    due.sort(([a, x], [b, y]) => x.expiresAtMs - y.expiresAtMs || (a < b ? -1 : 1));
    for (const [lease] of due) this.endLease(lease);
  }

  private commit(state: State, events: ModelRecord[]): void {
    if (events.length === 0) return;
    this.states.push(state);
    this.events.push(events);
  }

  private checkOnce(branch: readonly ModelOperation[]): void {
    const puts = branch.flatMap((each) => (each.op === 'put' ? [each.key] : []));
    // A deletion that is open to the end is not asked, since etcd does not ask it either.
    const deleted = (key: string) =>
      branch.some((each) => each.op === 'delete' && each.span.end !== '*' && isIn(each.span, key));
    if (new Set(puts).size < puts.length || puts.some(deleted)) throw new Refused('duplicate_key');
  }

  private checkRevision(revision: number): void {
    if (revision === 0) return;
    if (revision > this.revision) throw new Refused('future_revision');
    if (revision < this.compacted) throw new Refused('compacted');
  }

  private holds({ key, target, result, operand }: ModelCompare): boolean {
    const record = this.state.get(key);
    if (target === 'value' && record === undefined) return false;
    const present = record?.[target] ?? 0;
    const order = present < operand ? -1 : present > operand ? 1 : 0;
    return { equal: order === 0, notEqual: order !== 0, greater: order > 0, less: order < 0 }[result];
  }

  private apply(operation: ModelOperation, state: Map<string, ModelRecord>, events: ModelRecord[]): ModelAnswer {
    switch (operation.op) {
      case 'put': {
        const { key, value, lease } = operation;
        const mod = this.revision + 1;
        const before = state.get(key);
        const record = { key, value, create: before?.create ?? mod, mod, version: (before?.version ?? 0) + 1, lease };
        state.set(key, record);
        events.push(record);
        return { op: 'put', revision: mod };
      }
      case 'delete': {
        const keys = sorted(state).filter(({ key }) => isIn(operation.span, key));
        for (const { key } of keys) this.remove(key, state, events);
        return { op: 'delete', revision: this.present(events), deleted: keys.length };
      }
      case 'range': {
        const { span, revision, limit } = operation;
        const asked = revision === 0 ? state : (this.states[revision] ?? state);
        const found = sorted(asked).filter(({ key }) => isIn(span, key));
        const records = limit === 0 ? found : found.slice(0, limit);
        return {
          op: 'range',
          revision: this.present(events),
          count: found.length,
          more: records.length < found.length,
          records,
        };
      }
    }
  }

  private remove(key: string, state: Map<string, ModelRecord>, events: ModelRecord[]): void {
    state.delete(key);
    events.push({ key, value: '', create: 0, mod: this.revision + 1, version: 0, lease: '0' });
  }

  private present(events: readonly ModelRecord[]): number {
    return this.revision + (events.length > 0 ? 1 : 0);
  }
}

function sorted(state: State): ModelRecord[] {
  return [...state.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function isIn({ from, end }: Span, key: string): boolean {
  if (end === null) return key === from;
  return key >= from && (end === '*' || key < end);
}
