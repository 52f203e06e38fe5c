import type { DatabaseSync } from 'node:sqlite';
import { type KvDatabase, migrateKv } from '../../src/cluster/kv/database.ts';
import { KvMachine, type KvSettings } from '../../src/cluster/kv/machine.ts';
import { manualClock } from '../../src/core/clock.ts';
import type {
  KvCall,
  KvDeleteRange,
  KvPut,
  KvRange,
  KvRefusal,
  KvResult,
  KvWatch,
  KvWatchFrame,
} from '../../src/core/protocol/cluster-kv.ts';
import { seededRandom } from '../../src/core/random.ts';
import { objectDatabase } from '../object-database.ts';

/** A migrated database of a cluster's state. */
export function kvDatabase(): KvDatabase & { readonly database: DatabaseSync } {
  const sql = objectDatabase();
  migrateKv(sql);
  return sql;
}

export const SETTINGS: KvSettings = {
  historyRevisions: 10_000,
  historyBytes: 16 * 1024 * 1024,
  valueBytes: 1024 * 1024,
  answerBytes: 16 * 1024 * 1024,
};

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array): string => new TextDecoder().decode(value);
export const ALL = { key: new Uint8Array(1), rangeEnd: new Uint8Array(1) };

export const rangeOf = (range: Partial<KvRange> & Pick<KvRange, 'key'>): KvCall & { op: 'range' } => ({
  op: 'range',
  rangeEnd: new Uint8Array(0),
  limit: 0,
  revision: 0,
  sortOrder: 'none',
  sortTarget: 'key',
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
  ...range,
});
export const putOf = (key: string, value: string, put: Partial<KvPut> = {}): KvCall & { op: 'put' } => ({
  op: 'put',
  key: bytes(key),
  value: bytes(value),
  leaseId: '0',
  previous: false,
  ignoreValue: false,
  ignoreLease: false,
  ...put,
});
export const deleteOf = (key: string, range: Partial<KvDeleteRange> = {}): KvCall & { op: 'deleteRange' } => ({
  op: 'deleteRange',
  key: bytes(key),
  rangeEnd: new Uint8Array(0),
  previous: false,
  ...range,
});

/** A state machine in memory with a clock that stands still, and short ways to call it. */
export function kvWorld(settings: Partial<KvSettings> = {}, database = kvDatabase(), clock = manualClock(1_000_000)) {
  const machine = new KvMachine({
    database,
    clock,
    random: seededRandom(1),
    settings: { ...SETTINGS, ...settings },
  });
  const call = <Op extends KvCall['op']>(call: KvCall & { op: Op }, ifEpoch: number | null = null) => {
    const answer = machine.call(call, ifEpoch, 7);
    if (!answer.ok) throw new Error(`${answer.refusal}: ${answer.message}`);
    return answer.result as KvResult & { op: Op };
  };
  const refusal = (call: KvCall, ifEpoch: number | null = null): KvRefusal | null => {
    const answer = machine.call(call, ifEpoch, 7);
    return answer.ok ? null : answer.refusal;
  };
  return { machine, database, clock, call, refusal };
}

export const watchOf = (watch: Partial<KvWatch> = {}): KvWatch => ({
  ...ALL,
  watchId: 0,
  startRevision: 0,
  previous: false,
  puts: true,
  deletes: true,
  progress: false,
  ...watch,
});

/** Reads frames as they come; timers fire when told to. */
export function watching(machine: KvMachine, ...watches: KvWatch[]) {
  const timers = new Set<() => void>();
  const stream = machine.watch(watches, {
    progressEveryMs: 1000,
    startTimer(_ms, fire) {
      timers.add(fire);
      return () => timers.delete(fire);
    },
  });
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  return {
    timers,
    cancel: () => reader.cancel(),
    fireTimers() {
      const due = [...timers];
      timers.clear();
      for (const fire of due) fire();
    },
    /** The next frame, or null at the end. */
    async next(): Promise<KvWatchFrame | null> {
      while (!text.includes('\n')) {
        const { done, value } = await reader.read();
        if (done) return null;
        text += value;
      }
      const at = text.indexOf('\n');
      const line = text.slice(0, at);
      text = text.slice(at + 1);
      return JSON.parse(line) as KvWatchFrame;
    },
  };
}
