import { migrateKv } from '../../src/cluster/kv/database.ts';
import { KvMachine } from '../../src/cluster/kv/machine.ts';
import { manualClock } from '../../src/core/clock.ts';
import { deleteCall, putCall, rangeCall } from '../../src/core/kv-calls.ts';
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
import type { KvSettings } from '../../src/core/protocol/cluster-settings.ts';
import { seededRandom } from '../../src/core/random.ts';
import { type ObjectDatabase, objectDatabase } from '../object-database.ts';

/** A migrated database of a cluster's state. */
export function kvDatabase(): ObjectDatabase {
  const sql = objectDatabase();
  migrateKv(sql);
  return sql;
}

export const SETTINGS: KvSettings = {
  historyRevisions: 10_000,
  historyBytes: 16 * 1024 * 1024,
  liveBytes: 16 * 1024 * 1024,
  valueBytes: 1024 * 1024,
  answerBytes: 16 * 1024 * 1024,
};

export const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
export const text = (value: Uint8Array): string => new TextDecoder().decode(value);
export const ALL = { key: new Uint8Array(1), rangeEnd: new Uint8Array(1) };

export const rangeOf = ({ key, rangeEnd = new Uint8Array(0), ...range }: Partial<KvRange> & Pick<KvRange, 'key'>) =>
  rangeCall({ key, rangeEnd }, range);
export const putOf = (key: string, value: string, put: Partial<KvPut> = {}) => putCall(bytes(key), bytes(value), put);
export const deleteOf = (
  key: string,
  { rangeEnd = new Uint8Array(0), previous = false }: Partial<KvDeleteRange> = {},
) => deleteCall({ key: bytes(key), rangeEnd }, previous);

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
