import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import type { IngestMessage } from '../../src/core/protocol/messages.ts';
import { type Random, seededRandom } from '../../src/core/random.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import { memoryObjectStore } from '../../src/storage/memory-object-store.ts';
import { createSqlDatabase } from '../../src/storage/sql.ts';
import { seedCount } from '../scale.ts';
import { sqliteBinding } from '../storage/sqlite-binding.ts';
import { type Effects, poweredSql, poweredStore } from './power.ts';
import { keysUnder, numbersOf, range } from './rows.ts';
import { createWorld, listQueue, NAMESPACE, numberLines, pipeline, type World } from './world.ts';

/** Effects of which some fail, half of them after they have happened, as when an answer is lost on its way. */
function flakyEffects(random: Random): Effects & { share: number; faults: number } {
  return {
    share: 0,
    faults: 0,
    async use(effect) {
      const fails = random.next() < this.share;
      if (fails) this.faults++;
      if (fails && random.next() < 0.5) throw new Error('we encountered an internal error');
      const result = await effect();
      if (fails) throw new Error('network connection lost');
      return result;
    },
  };
}

function flakyWorld(random: Random, flaky: Effects): World {
  const clock = manualClock(1_700_000_000_000);
  const ingestQueue = listQueue<IngestMessage>();
  const world = createWorld({
    limits: { attempts: 1_000_000, segmentBufferBytes: 3_000, groupObjectBytes: 3_000, partBytes: 8_000 },
    ports: {
      clock,
      random,
      store: poweredStore(memoryObjectStore(clock), flaky),
      catalog: createCatalog(createSqlDatabase(poweredSql(sqliteBinding(), flaky)), clock, random),
      ingestQueue: { send: (messages) => flaky.use(() => ingestQueue.send(messages)) },
    },
  });
  world.pipelines.push(pipeline({ dataset: 'd', sortKey: random.next() < 0.3 ? ['n'] : [] }));
  return { ...world, clock, ingestQueue };
}

/** Asks again until it is answered, as a client does. */
async function insist<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch {
      // The fault has passed with it.
    }
  }
}

/** An object of rows `start` to `end`: small or of several parts, compressed or with a column of its own. */
function body(start: number, end: number, random: Random): string | Uint8Array {
  const lines = numberLines(start, end - start);
  const kind = Math.floor(random.next() * 4);
  return kind === 0 ? gzipSync(lines) : kind === 1 ? lines.replaceAll('}', ',"more":1}') : lines;
}

test('faults of store, catalogue and queue that pass lose no row, double none and leave no file behind', {
  timeout: 20 * 60_000,
}, async () => {
  let faults = 0;
  for (let seed = 1; seed <= seedCount(5); seed++) {
    const random = seededRandom(seed);
    const flaky = flakyEffects(random);
    const world = flakyWorld(random, flaky);
    flaky.share = [0.01, 0.05, 0.2][seed % 3];
    let rows = 0;
    const objectIds: string[] = [];
    for (let i = 0; i < 30; i++) {
      const size = 1 + Math.floor(random.next() * (i % 10 === 9 ? 2_000 : 150));
      const bytes = body(rows, rows + size, random);
      objectIds.push((await insist(() => world.put(`o${i}`, bytes))).objectId);
      rows += size;
    }
    let messages: IngestMessage[] = [];
    for (let round = 0; ; round++) {
      expect(round, `seed ${seed}`).toBeLessThan(3_000);
      messages.push(...world.ingestQueue.take());
      if (messages.length === 0) {
        // What is lost, sweeps find.
        const open = await insist(() => world.ports.catalog.ledger.list(NAMESPACE.uid, {}, 100));
        if (open.items.every(({ state }) => state === 'committed')) break;
        world.clock.advance(2 * world.ports.limits.requeueAfterMs);
        await world.ingest.sweep();
        continue;
      }
      const batch = messages.splice(0, 20);
      const outcomes = await world.ingest.handle(batch);
      messages = [...messages, ...batch.filter((_, i) => outcomes[i].kind === 'again')];
      world.clock.advance(10 * 60_000);
    }
    flaky.share = 0;
    faults += flaky.faults;
    expect(await numbersOf(world), `seed ${seed}`).toEqual(range(0, rows));
    let counted = 0;
    for (const objectId of objectIds) counted += (await world.object(objectId))?.rowsCommitted ?? 0;
    expect(counted).toBe(rows);
    world.clock.advance(2 * world.ports.limits.garbageGraceMs);
    for (let round = 0; round < 3; round++) await world.ingest.sweep();
    const [{ segments }] = await world.ports.catalog.snapshot(NAMESPACE.uid, ['d']);
    expect((await keysUnder(world, 'segments/')).sort()).toEqual(segments.map(({ key }) => key).sort());
    expect(await keysUnder(world, 'staging/')).toEqual([]);
  }
  expect(faults).toBeGreaterThan(100);
});
