import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { manualClock } from '../../src/core/clock.ts';
import { seededRandom } from '../../src/core/random.ts';
import { createIngest } from '../../src/ingest/ingest.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import { memoryObjectStore } from '../../src/storage/memory-object-store.ts';
import { createSqlDatabase } from '../../src/storage/sql.ts';
import { seedCount } from '../scale.ts';
import { sqliteBinding } from '../storage/sqlite-binding.ts';
import { Power, poweredSql, poweredStore } from './power.ts';
import { keysUnder, numbersOf, range } from './rows.ts';
import { createWorld, listQueue, NAMESPACE, numberLines, pipeline, type World } from './world.ts';

/** What the process is asked to do; each entry has rows of its own. */
interface Upload {
  readonly name: string;
  readonly body: string | Uint8Array;
  readonly rows: readonly number[];
}

const UPLOADS: readonly Upload[] = [
  { name: 'small-1', body: numberLines(0, 3), rows: range(0, 3) },
  { name: 'small-2', body: numberLines(10, 3), rows: range(10, 13) },
  { name: 'parts', body: numberLines(100, 300), rows: range(100, 400) },
  { name: 'zipped.gz', body: gzipSync(numberLines(1000, 300)), rows: range(1000, 1300) },
];
const TIMEOUT_MS = 20 * 60_000;
const LIMITS = { partBytes: 1_500, groupObjectBytes: 500, requeueAfterMs: 1 };

/** The durable half of the world, and processes over it that may lose their power. */
function createMachine(seed: number) {
  const clock = manualClock(1_700_000_000_000);
  const store = memoryObjectStore(clock);
  const binding = sqliteBinding();
  const random = seededRandom(seed);
  let world: World;
  return {
    clock,
    /** A process with power up to a step; what the last one had in its queues is gone. */
    boot(power: Power): World {
      const ingestQueue = listQueue<Parameters<World['ingestQueue']['send']>[0][number]>();
      const fresh = createWorld({
        limits: LIMITS,
        ports: {
          clock,
          random,
          store: poweredStore(store, power),
          catalog: createCatalog(createSqlDatabase(poweredSql(binding, power)), clock, random),
          ingestQueue: { send: (messages, options) => power.use(() => ingestQueue.send(messages, options)) },
        },
      });
      fresh.pipelines.push(pipeline({ dataset: 'replaced', versions: 'replace' }));
      world = { ...fresh, clock, ingestQueue, ingest: createIngest(fresh.ports) };
      return world;
    },
  };
}

/** Uploads and takes in until done or dead. The batches are those a queue might make. */
async function live(world: World, uploads: readonly Upload[], acknowledged: Set<string>): Promise<void> {
  for (const { name, body } of uploads) {
    world.clock.advance(1);
    await world.ingest.put(
      { namespace: NAMESPACE.name, namespaceUid: NAMESPACE.uid, dataset: 'd', name, decode: {} },
      typeof body === 'string' ? new TextEncoder().encode(body) : body,
    );
    acknowledged.add(name);
  }
  await drainOf(world);
}

async function drainOf(world: World): Promise<void> {
  let messages = world.ingestQueue.take();
  for (let round = 0; messages.length > 0; round++) {
    expect(round).toBeLessThan(200);
    world.clock.advance(1);
    const outcomes = await world.ingest.handle(messages);
    const again = messages.filter((_, i) => outcomes[i].kind === 'again');
    if (again.length > 0) world.clock.advance(10 * 60_000);
    messages = [...again, ...world.ingestQueue.take()];
  }
}

/** A process with lasting power sweeps and works until there is nothing left to do. */
async function recover(world: World): Promise<void> {
  for (let round = 0; round < 3; round++) {
    world.clock.advance(10);
    const report = await world.ingest.sweep({ restarted: round === 0 });
    expect(report.failed).toEqual([]);
    await drainOf(world);
  }
}

/** Everything acknowledged is there once; what was not may be there, then once and whole; no file is without meaning. */
async function expectExactlyOnce(world: World, acknowledged: ReadonlySet<string>): Promise<void> {
  const numbers = await numbersOf(world);
  expect(new Set(numbers).size).toBe(numbers.length);
  const found = new Set(numbers);
  for (const { name, rows } of UPLOADS) {
    const present = rows.filter((row) => found.has(row)).length;
    expect([name, present]).toEqual([name, acknowledged.has(name) || present > 0 ? rows.length : 0]);
  }
  for (const { name } of UPLOADS.filter(({ name }) => acknowledged.has(name))) {
    const { items } = await world.ports.catalog.ledger.list(NAMESPACE.uid, {}, 100);
    expect(items.find((item) => item.name === name)?.state).toBe('committed');
  }
  world.clock.advance(60 * 60_000);
  for (let round = 0; round < 3; round++) await world.ingest.sweep();
  const [snapshot] = await world.ports.catalog.snapshot(NAMESPACE.uid, ['d']);
  const live = (snapshot?.segments ?? []).map(({ key }) => key).sort();
  expect((await keysUnder(world, 'segments/')).sort()).toEqual(live);
  expect(await keysUnder(world, 'staging/')).toEqual([]);
  expect(await numbersOf(world)).toEqual(numbers);
}

/** How many steps the work has when nothing fails. */
async function countSteps(): Promise<number> {
  const power = new Power();
  const acknowledged = new Set<string>();
  const world = createMachine(0).boot(power);
  await live(world, UPLOADS, acknowledged);
  const steps = power.steps;
  await expectExactlyOnce(world, acknowledged);
  expect(acknowledged.size).toBe(UPLOADS.length);
  return steps;
}

test(
  'a crash between any two effects loses no acknowledged row, doubles none and leaves no file behind',
  async () => {
    const steps = await countSteps();
    expect(steps).toBeGreaterThan(100);
    const stride = Math.max(1, Math.floor(steps / seedCount(25)));
    for (let failAt = 1 + (steps % stride); failAt <= steps; failAt += stride) {
      const machine = createMachine(failAt);
      const power = new Power(failAt);
      const acknowledged = new Set<string>();
      await live(machine.boot(power), UPLOADS, acknowledged).catch(() => undefined);
      expect(power.off).toBe(true);
      const world = machine.boot(new Power());
      await recover(world);
      await expectExactlyOnce(world, acknowledged);
    }
  },
  TIMEOUT_MS,
);

test(
  'crash after crash, at random, comes to the same end',
  async () => {
    const steps = await countSteps();
    for (let seed = 1; seed <= seedCount(10); seed++) {
      const random = seededRandom(seed);
      const machine = createMachine(seed);
      const acknowledged = new Set<string>();
      for (let crash = 0; crash < 4; crash++) {
        const world = machine.boot(new Power(1 + Math.floor(random.next() * steps)));
        machine.clock.advance(1 + Math.floor(random.next() * 1000));
        const rest = UPLOADS.filter(({ name }) => !acknowledged.has(name));
        await (async () => {
          await world.ingest.sweep({ restarted: true });
          await live(world, rest, acknowledged);
        })().catch(() => undefined);
      }
      const world = machine.boot(new Power());
      await recover(world);
      await expectExactlyOnce(world, acknowledged);
    }
  },
  TIMEOUT_MS,
);
