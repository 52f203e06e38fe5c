import { keyring } from '../../src/access/secret-encryption.ts';
import { ControlPlaneMachine, type ControlPlaneParts } from '../../src/control/control-plane.ts';
import type { JsonObject } from '../../src/control/json.ts';
import { BUILT_IN_KINDS } from '../../src/control/kinds.ts';
import { memoryStorage } from '../../src/control/memory-storage.ts';
import { migrate } from '../../src/control/sql-storage.ts';
import { manualClock } from '../../src/core/clock.ts';
import type { ObjectDatabase } from '../../src/core/object-database.ts';
import type { ResourceAnswer, ResourceCall } from '../../src/core/protocol/control-plane.ts';
import { seededRandom } from '../../src/core/random.ts';
import { createLogs } from '../../src/observe/log.ts';
import { objectDatabase } from '../object-database.ts';

/** A migrated database of the control plane. */
export function nodeDatabase(): ObjectDatabase & { close(): void } {
  const sql = objectDatabase();
  migrate(sql);
  return { ...sql, close: () => sql.database.close() };
}

export const START_MS = Date.UTC(2026, 10, 21);

/** A control plane in memory with a clock that stands still, and short ways to call it. */
export function testPlane(parts: Partial<ControlPlaneParts> = {}) {
  const clock = manualClock(START_MS);
  const random = seededRandom(1);
  const lines: string[] = [];
  const storage = parts.storage ?? memoryStorage();
  const machine = new ControlPlaneMachine({
    storage,
    sealer: keyring([new Uint8Array(32).fill(7)], random.bytes),
    clock,
    random,
    log: createLogs({ '*': 'debug' }, (_level, line) => lines.push(line), clock)('control'),
    releases: [],
    ...parts,
  });
  machine.start();

  const call = (call: Partial<ResourceCall> & Pick<ResourceCall, 'verb'>): ResourceAnswer & { json: JsonObject } => {
    const answer = machine.call({ ...PIPELINES, ...call });
    return { ...answer, json: JSON.parse(answer.body ?? '{}') };
  };
  return {
    machine,
    storage,
    clock,
    lines,
    call,
    /** A call with an object as its body. */
    send: (verb: ResourceCall['verb'], body: unknown, more: Partial<ResourceCall> = {}) =>
      call({
        verb,
        body: JSON.stringify(body),
        contentType: verb === 'patch' ? 'application/merge-patch+json' : 'application/json',
        ...more,
      }),
    /** Does all the work that is due now, and what follows from it. */
    async settle(rounds = 50) {
      for (let i = 0; i < rounds; i++) {
        const due = machine.nextWorkAtMs();
        if (due === null || due > clock.now()) return;
        await machine.runDueWork();
      }
      throw new Error('the work does not end');
    },
  };
}

/** One without the kinds that are there from the start, for tests that count revisions. */
export function plainPlane(parts: Partial<ControlPlaneParts> = {}) {
  const kinds = BUILT_IN_KINDS.filter(({ kind }) => kind.group !== 'gateway.networking.k8s.io');
  return testPlane({ kinds, ...parts });
}

export const PIPELINES: ResourceCall = {
  verb: 'get',
  group: 'orasi.io',
  version: 'v1alpha1',
  resource: 'pipelines',
  namespace: 'default',
  name: null,
  subresource: null,
  query: {},
  contentType: '',
  body: '',
  representation: 'object',
};
export const NAMESPACES: Partial<ResourceCall> = { group: '', version: 'v1', resource: 'namespaces', namespace: null };
export const SECRETS: Partial<ResourceCall> = { group: '', version: 'v1', resource: 'secrets' };

export function pipeline(name: string, spec: JsonObject = {}, metadata: JsonObject = {}): JsonObject {
  return {
    apiVersion: 'orasi.io/v1alpha1',
    kind: 'Pipeline',
    metadata: { name, ...metadata },
    spec: { dataset: name.replaceAll('-', '_'), ...spec },
  };
}
