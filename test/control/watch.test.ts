import { describe, expect, test } from 'vitest';
import type { JsonObject } from '../../src/control/json.ts';
import { memoryStorage } from '../../src/control/memory-storage.ts';
import { sqlStorage } from '../../src/control/sql-storage.ts';
import type { ResourceCall } from '../../src/core/protocol/control-plane.ts';
import { seededRandom } from '../../src/core/random.ts';
import { seedCount } from '../scale.ts';
import { nodeDatabase, PIPELINES, pipeline, plainPlane, SECRETS } from './fixture.ts';

interface Event {
  type: string;
  object: JsonObject & { metadata: { name: string; resourceVersion: string } };
}

/** Timers that fire when told to. */
function manualTimers() {
  const timers = new Set<{ ms: number; fire: () => void }>();
  return {
    start: (ms: number, fire: () => void) => {
      const timer = { ms, fire };
      timers.add(timer);
      return () => timers.delete(timer);
    },
    fire(ms: number) {
      for (const timer of [...timers].filter((item) => item.ms === ms)) {
        timers.delete(timer);
        timer.fire();
      }
    },
    get count() {
      return timers.size;
    },
  };
}

/** Opens a watch and reads it event by event. */
function watching(
  plane: ReturnType<typeof plainPlane>,
  query: Record<string, string>,
  more: Partial<ResourceCall> = {},
) {
  const timers = manualTimers();
  const stream = plane.machine.watch({ ...PIPELINES, verb: 'watch', query, ...more }, timers.start);
  if (!(stream instanceof ReadableStream)) return { refusal: stream, timers };
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let ended = false;
  /** Everything that is there to read now: until a read has to wait, or the end. */
  const drain = async (): Promise<Event[]> => {
    while (!ended) {
      pending ??= reader.read();
      const next = await Promise.race([pending, new Promise<null>((resolve) => setImmediate(() => resolve(null)))]);
      if (next === null) break;
      pending = null;
      if (next.done) ended = true;
      else text += decoder.decode(next.value);
    }
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    return lines.map((line) => JSON.parse(line));
  };
  let pending: ReturnType<typeof reader.read> | null = null;
  return { drain, timers, reader, ended: () => ended };
}

const short = (events: Event[]) =>
  events.map((event) => `${event.type} ${event.object.metadata.name}@${event.object.metadata.resourceVersion}`);

describe('a watch', () => {
  test('from a revision tells every later change, in order, as it happens', async () => {
    const plane = plainPlane();
    plane.send('create', pipeline('a'));
    const { drain } = watching(plane, { resourceVersion: '2' });
    expect(await drain?.()).toEqual([]);
    plane.send('create', pipeline('b'));
    plane.send('patch', { spec: { versions: 'replace' } }, { name: 'a' });
    expect(short((await drain?.()) ?? [])).toEqual(['ADDED b@3', 'MODIFIED a@4']);
    plane.call({ verb: 'delete', name: 'b' });
    expect(short((await drain?.()) ?? [])).toEqual(['DELETED b@5']);
  });

  test.each(['', '0'])('from revision "%s" begins with what there is', async (resourceVersion) => {
    const plane = plainPlane();
    for (const name of ['b', 'a']) plane.send('create', pipeline(name));
    const { drain } = watching(plane, { resourceVersion });
    plane.send('create', pipeline('c'));
    expect(short((await drain?.()) ?? [])).toEqual(['ADDED a@3', 'ADDED b@2', 'ADDED c@4']);
  });

  test('shows an object that begins to match as ADDED, one that ceases to as DELETED', async () => {
    const plane = plainPlane();
    plane.send('create', pipeline('a'));
    const { drain } = watching(plane, { resourceVersion: '2', labelSelector: 'on=yes' });
    for (const on of ['yes', 'yes-still', 'yes']) plane.send('patch', { metadata: { labels: { on } } }, { name: 'a' });
    plane.send('patch', { spec: { versions: 'replace' } }, { name: 'a' });
    plane.call({ verb: 'delete', name: 'a' });
    expect(short((await drain?.()) ?? [])).toEqual([
      'ADDED a@3',
      'DELETED a@4',
      'ADDED a@5',
      'MODIFIED a@6',
      'DELETED a@7',
    ]);
  });

  test('that has much to catch up on gets all of it, in steps', async () => {
    const plane = plainPlane();
    const open = watching(plane, { resourceVersion: '1', labelSelector: 'kept' });
    for (let i = 0; i < 250; i++) {
      plane.send('create', pipeline(`p${i}`, {}, i % 2 === 0 ? { labels: { kept: '' } } : {}));
    }
    const names = ((await open.drain?.()) ?? []).map((event) => event.object.metadata.name);
    expect(names).toEqual(Array.from({ length: 125 }, (_, i) => `p${2 * i}`));
  });

  test('begins with many objects in steps, though they change meanwhile', async () => {
    const plane = plainPlane();
    for (let i = 0; i < 150; i++) plane.send('create', pipeline(`p${100 + i}`));
    const open = watching(plane, {});
    const first = await open.reader?.read();
    const before = new TextDecoder().decode(first?.value).trim().split('\n').length;
    plane.call({ verb: 'delete', name: 'p249' });
    plane.send('patch', { spec: { versions: 'replace' } }, { name: 'p248' });
    const events = short((await open.drain?.()) ?? []);
    expect(before + events.length).toBe(152);
    expect(events.slice(-2)).toEqual(['DELETED p249@152', 'MODIFIED p248@153']);
    expect(events).toContain('ADDED p249@151');
  });

  test('of one name or one namespace tells of no other', async () => {
    const plane = plainPlane();
    const byPath = watching(plane, {}, { name: 'b' });
    const byField = watching(plane, { fieldSelector: 'metadata.name=b' });
    const elsewhere = watching(plane, {}, { namespace: 'other' });
    for (const name of ['a', 'b']) plane.send('create', pipeline(name));
    expect(short((await byPath.drain?.()) ?? [])).toEqual(['ADDED b@3']);
    expect(short((await byField.drain?.()) ?? [])).toEqual(['ADDED b@3']);
    expect(await elsewhere.drain?.()).toEqual([]);
  });

  test('from a revision that is forgotten is one ERROR event with a 410 inside, and the end', async () => {
    const plane = plainPlane();
    for (const name of ['a', 'b', 'c']) plane.send('create', pipeline(name));
    plane.storage.compact(3);
    const { drain, ended } = watching(plane, { resourceVersion: '2' });
    expect(await drain?.()).toEqual([
      {
        type: 'ERROR',
        object: {
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          message: 'too old resource version: 2 (3)',
          reason: 'Expired',
          code: 410,
        },
      },
    ]);
    expect(ended?.()).toBe(true);
  });

  test('that fell behind what is remembered ends the same way', async () => {
    const plane = plainPlane();
    const { drain } = watching(plane, { resourceVersion: '1' });
    expect(await drain?.()).toEqual([]);
    for (const name of ['a', 'b', 'c'])
      plane.machine.store.create(plane.machine.store.kinds()[2], 'default', pipeline(name));
    plane.storage.compact(3);
    plane.machine.signal.notify();
    expect((await drain?.())?.map((event) => event.object.code)).toEqual([410]);
  });

  test('from a revision yet to come is silent until it has come', async () => {
    const plane = plainPlane();
    const { drain } = watching(plane, { resourceVersion: '3' });
    for (const name of ['a', 'b', 'c']) plane.send('create', pipeline(name));
    expect(short((await drain?.()) ?? [])).toEqual(['ADDED c@4']);
  });

  test('ends at its time-out with the stream closed and no timer left', async () => {
    const plane = plainPlane();
    const { drain, timers, ended } = watching(plane, { timeoutSeconds: '7' });
    expect(await drain?.()).toEqual([]);
    timers.fire(7_000);
    expect(await drain?.()).toEqual([]);
    expect([ended?.(), timers.count, plane.machine.signal.listeners]).toEqual([true, 0, 0]);
  });

  test('that is cancelled leaves no timer and no listener', async () => {
    const plane = plainPlane();
    const { drain, timers, reader } = watching(plane, {});
    await drain?.();
    await reader?.cancel();
    expect([timers.count, plane.machine.signal.listeners]).toEqual([0, 0]);
  });

  test('tells by bookmarks how far it has come, where asked to', async () => {
    const plane = plainPlane();
    const asked = watching(plane, { resourceVersion: '1', allowWatchBookmarks: 'true' });
    const silent = watching(plane, { resourceVersion: '1' });
    await asked.drain?.();
    plane.send('create', { metadata: { name: 's' } }, SECRETS);
    await asked.drain?.();
    asked.timers.fire(15_000);
    expect(await asked.drain?.()).toEqual([
      {
        type: 'BOOKMARK',
        object: {
          kind: 'Pipeline',
          apiVersion: 'orasi.io/v1alpha1',
          metadata: { resourceVersion: '2', creationTimestamp: null },
        },
      },
    ]);
    silent.timers.fire(15_000);
    expect(await silent.drain?.()).toEqual([]);
  });

  test('that asks for initial events gets them, then a bookmark that says so', async () => {
    const plane = plainPlane();
    plane.send('create', pipeline('a'));
    const query = { sendInitialEvents: 'true', resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: 'true' };
    const events = (await watching(plane, query).drain?.()) ?? [];
    expect(events.map((event) => event.type)).toEqual(['ADDED', 'BOOKMARK']);
    expect(events[1].object.metadata).toMatchObject({
      annotations: { 'k8s.io/initial-events-end': 'true' },
      resourceVersion: '2',
    });
    const { refusal } = watching(plane, { sendInitialEvents: 'true' });
    expect(refusal?.status).toBe(422);
  });

  test('as a table sends rows, the columns only with the first', async () => {
    const plane = plainPlane();
    for (const name of ['a', 'b']) plane.send('create', pipeline(name));
    const events = (await watching(plane, {}, { representation: 'table' }).drain?.()) ?? [];
    const tables = events.map(
      (event) =>
        event.object as unknown as { kind: string; columnDefinitions: unknown[]; rows: { cells: unknown[] }[] },
    );
    expect(tables.map((table) => [table.kind, table.columnDefinitions.length > 0, table.rows[0].cells[0]])).toEqual([
      ['Table', true, 'a'],
      ['Table', false, 'b'],
    ]);
  });

  test('of a kind that is not served, or from no number, is refused', () => {
    const plane = plainPlane();
    expect(watching(plane, {}, { resource: 'widgets' }).refusal).toMatchObject({ status: 404, body: null });
    expect(watching(plane, { resourceVersion: 'now' }).refusal?.status).toBe(400);
  });
});

test.each(['memory', 'SQLite'])(
  'watches resumed at any event see every revision once, and end where a list is (%s)',
  { timeout: 60_000 },
  async (adapter) => {
    for (let seed = 1; seed <= seedCount(3); seed++) {
      const plane = plainPlane({ storage: adapter === 'memory' ? memoryStorage() : sqlStorage(nodeDatabase()) });
      const random = seededRandom(seed);
      const pick = (n: number) => Math.floor(random.next() * n);
      const write = () => {
        const name = `p${pick(12)}`;
        const labels = { shard: String(pick(3)) };
        const dice = random.next();
        if (dice < 0.4) plane.send('create', pipeline(name, {}, { labels }));
        else if (dice < 0.8) plane.send('patch', { metadata: { labels }, spec: { dataset: `d${pick(50)}` } }, { name });
        else plane.call({ verb: 'delete', name });
      };
      for (let i = 0; i < 20; i++) write();

      const watchers = ['', 'shard=1', 'shard notin (0,2)', 'shard in (0)'].map((labelSelector) => ({
        labelSelector,
        seen: new Map<string, string>(),
        last: 0,
        open: watching(plane, { labelSelector }),
      }));
      for (let round = 0; round < 12; round++) {
        for (let i = pick(10); i > 0; i--) write();
        for (const watcher of watchers) {
          if (random.next() < 0.4) continue;
          for (const event of (await watcher.open.drain?.()) ?? []) {
            const { name, resourceVersion } = event.object.metadata;
            // Initial objects come in the order of names; from then on revisions only grow.
            if (watcher.last > 0 || event.type !== 'ADDED') {
              expect(Number(resourceVersion), `seed ${seed}`).toBeGreaterThan(watcher.last);
              watcher.last = Number(resourceVersion);
            }
            expect(watcher.seen.has(name), `seed ${seed}: ${event.type} ${name}`).toBe(event.type !== 'ADDED');
            if (event.type === 'DELETED') watcher.seen.delete(name);
            else watcher.seen.set(name, resourceVersion);
          }
          if (watcher.last === 0) watcher.last = Math.max(0, ...[...watcher.seen.values()].map(Number));
          if (random.next() < 0.5 && watcher.last > 0) {
            await watcher.open.reader?.cancel();
            watcher.open = watching(plane, {
              labelSelector: watcher.labelSelector,
              resourceVersion: String(watcher.last),
            });
          }
        }
      }
      for (const watcher of watchers) {
        for (const event of (await watcher.open.drain?.()) ?? []) {
          if (event.type === 'DELETED') watcher.seen.delete(event.object.metadata.name);
          else watcher.seen.set(event.object.metadata.name, event.object.metadata.resourceVersion);
        }
        const { json } = plane.call({ verb: 'list', query: { labelSelector: watcher.labelSelector } });
        const listed = (json.items as Event['object'][]).map((item) => [
          item.metadata.name,
          item.metadata.resourceVersion,
        ]);
        expect([...watcher.seen].sort(), `seed ${seed} ${watcher.labelSelector}`).toEqual(listed);
        await watcher.open.reader?.cancel();
      }
    }
  },
);
