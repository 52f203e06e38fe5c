import { applied, type Operation } from './history.ts';

/** A call, or its answer, in a list from which what has been put in order is taken out. */
interface Entry {
  readonly operation: Operation;
  /** The place of the operation among those of its key. */
  readonly at: number;
  /** Undefined in an answer. */
  readonly answer?: Entry;
  readonly isCall: boolean;
  before: Entry | null;
  after: Entry | null;
}

/**
 * Whether there is one order of all operations in which each takes effect between its call and its answer and every
 * answer is right: linearizability (Herlihy and Wing 1990). It is decided for each key by itself, since a history is
 * linearizable where it is for each object. The search is Wing and Gong's (1993) with Lowe's memory of what was tried
 * ("Testing for linearizability", 2017), as Porcupine has it. Returns the first key, in order, that has no such order.
 */
export function unlinearizableKey(history: readonly Operation[]): string | null {
  const byKey = new Map<string, Operation[]>();
  for (const operation of history) {
    // A read that was not answered told nobody anything.
    if (operation.act.type === 'get' && operation.answeredAt === Number.POSITIVE_INFINITY) continue;
    byKey.set(operation.key, [...(byKey.get(operation.key) ?? []), operation]);
  }
  for (const key of [...byKey.keys()].sort()) if (!isLinearizable(byKey.get(key) ?? [])) return key;
  return null;
}

function isLinearizable(operations: readonly Operation[]): boolean {
  const head = entriesOf(operations);
  const tried = new Set<string>();
  const taken: { entry: Entry; state: string | null }[] = [];
  let state: string | null = null;
  let done = 0n;
  let entry = head.after;
  // At the end of the list no answer was met: all that were answered are in order.
  while (entry !== null) {
    if (entry.isCall) {
      const next = applied(state, entry.operation.act);
      const bits: bigint = done | (1n << BigInt(entry.at));
      const place = `${bits.toString(36)} ${JSON.stringify(next)}`;
      if (next === undefined || tried.has(place)) {
        entry = entry.after;
        continue;
      }
      tried.add(place);
      taken.push({ entry, state });
      state = next;
      done = bits;
      takeOut(entry);
      entry = head.after;
      continue;
    }
    // An answer whose operation found no place before it: the last one put in order has to stand elsewhere.
    const last = taken.pop();
    if (last === undefined) return false;
    state = last.state;
    done &= ~(1n << BigInt(last.entry.at));
    putBack(last.entry);
    entry = last.entry.after;
  }
  return true;
}

/** Calls and answers in the order of time, calls first where they are at once: they overlap then. */
function entriesOf(operations: readonly Operation[]): Entry {
  const events: { atTime: number; entry: Entry }[] = [];
  for (const [at, operation] of operations.entries()) {
    const links = { operation, at, before: null, after: null };
    if (operation.answeredAt === Number.POSITIVE_INFINITY) {
      events.push({ atTime: operation.calledAt, entry: { ...links, isCall: true } });
      continue;
    }
    const answer: Entry = { ...links, isCall: false };
    events.push({ atTime: operation.calledAt, entry: { ...links, isCall: true, answer } });
    events.push({ atTime: operation.answeredAt, entry: answer });
  }
  events.sort((a, b) => a.atTime - b.atTime || Number(b.entry.isCall) - Number(a.entry.isCall));
  const head: Entry = { operation: operations[0], at: -1, isCall: true, before: null, after: null };
  let last = head;
  for (const { entry } of events) {
    last.after = entry;
    entry.before = last;
    last = entry;
  }
  return head;
}

function takeOut(call: Entry): void {
  for (const entry of [call, call.answer]) {
    if (entry === undefined) continue;
    if (entry.before !== null) entry.before.after = entry.after;
    if (entry.after !== null) entry.after.before = entry.before;
  }
}

/** The reverse of `takeOut`, of the one taken out last. */
function putBack(call: Entry): void {
  for (const entry of [call.answer, call]) {
    if (entry === undefined) continue;
    if (entry.before !== null) entry.before.after = entry;
    if (entry.after !== null) entry.after.before = entry;
  }
}

/**
 * What is wrong with the revisions of a history, in words; null where nothing is. Over all keys: a write that was
 * answered before another was called has the smaller revision, no two writes share one, and who reads a value reads
 * the revision of its write. Every write writes another value.
 */
export function revisionFault(history: readonly Operation[]): string | null {
  const writes = history
    .filter(({ act, revision }) => revision !== undefined && isWrite(act))
    .sort((a, b) => (a.revision ?? 0) - (b.revision ?? 0));
  let earliestAnswerAfter = Number.POSITIVE_INFINITY;
  for (const write of writes.toReversed()) {
    if (write.calledAt > earliestAnswerAfter) return `revision ${write.revision} is below one that was answered before`;
    earliestAnswerAfter = Math.min(earliestAnswerAfter, write.answeredAt);
  }
  const revisions = new Map<string, number>();
  const taken = new Set<number>();
  for (const { act, revision } of writes) {
    if (revision === undefined) continue;
    if (taken.has(revision)) return `two writes have revision ${revision}`;
    taken.add(revision);
    if (act.type === 'put' || act.type === 'cas') revisions.set(act.value, revision);
  }
  for (const { act, revision } of history) {
    if (act.type !== 'get' || act.value === null || revision === undefined) continue;
    const written = revisions.get(act.value) ?? revision;
    // A write whose answer was lost has the revision that its readers saw, all of them the same.
    revisions.set(act.value, written);
    if (written !== revision) return `"${act.value}" was read at revision ${revision} and has ${written}`;
  }
  return null;
}

function isWrite(act: Operation['act']): boolean {
  if (act.type === 'delete') return act.existed === true;
  return act.type === 'put' || (act.type === 'cas' && act.swapped === true);
}
