import { BUILT_IN_TYPES, type BuiltInType } from '../../src/core/protocol/built-in-tasks.ts';
import type { TaskMessage, TaskStepMessage } from '../../src/core/protocol/messages.ts';
import type { TaskOptions, TaskQueueCalls, TaskRecord } from '../../src/core/protocol/tasks.ts';
import { seededRandom } from '../../src/core/random.ts';
import { createQueryEngine } from '../../src/query/engine.ts';
import { SCALAR_FUNCTIONS } from '../../src/query/functions/catalogue.ts';
import { createPlanner } from '../../src/query/planner.ts';
import { INDEX_KINDS } from '../../src/segment/index-kinds.ts';
import { TaskQueueMachine } from '../../src/tasks/task-queue.ts';
import type { WorkPorts } from '../../src/work/ports.ts';
import { createWork } from '../../src/work/work.ts';
import { openShop } from '../indexing/shop.ts';
import { listQueue, NAMESPACE } from '../ingest/world.ts';
import { parser, runFallback } from '../query/sql.ts';
import { countingDatabase, newTask } from '../tasks/queue-fixture.ts';

type Message = TaskMessage | TaskStepMessage;

const QUEUE = `${NAMESPACE.uid}/q/0`;

/** A task queue and the platform's workers over a data path in memory, on one clock that only tests move; `change` breaks ports. */
export function openWorkshop(change: (ports: WorkPorts) => Partial<WorkPorts> = () => ({})) {
  const shop = openShop();
  const { world } = shop;
  const { clock, ingest } = world;
  const { store, catalog, log } = world.ports;
  const queue = new TaskQueueMachine({ database: countingDatabase(), clock, random: seededRandom(2), shard: 0 });
  queue.start(null);
  const answer = async <T>(value: T) => ({ ok: true as const, value });
  const calls: Partial<TaskQueueCalls> = {
    claim: async (request) => await answer(queue.claim(request)),
    heartbeat: async (request) => await answer(queue.heartbeat(request)),
    report: async (reports) => await answer(queue.report(reports)),
    get: async (taskId) => await answer(queue.get(taskId)),
  };
  const messages = listQueue<Message>();
  const queries = createQueryEngine({
    store,
    planner: createPlanner(parser, clock),
    snapshots: (uid, names) => catalog.snapshot(uid, names),
    functions: SCALAR_FUNCTIONS,
    indexKinds: INDEX_KINDS,
    fallback: runFallback,
    reportUnreadable: () => {},
    clock,
    log,
  });
  const ports: WorkPorts = {
    taskQueue: () => calls as TaskQueueCalls,
    messages,
    namespaceName: async (uid) => (uid === NAMESPACE.uid ? NAMESPACE.name : null),
    store,
    catalog,
    ingest,
    indexing: shop.indexing,
    queries,
    admission: { enter: async () => () => {} },
    clock,
    timer: () => () => {},
    log,
  };
  const work = createWork({ ...ports, ...change(ports) });

  const workshop = {
    ...shop,
    world,
    store,
    catalog,
    clock,
    queue,
    messages,
    work,
    wake: async () => await work.handle({ v: 1, type: 'tasks', queue: QUEUE }),
    submit(type: BuiltInType, payload: object, options: TaskOptions = {}): string {
      return queue.submit([newTask({ type, payload: JSON.stringify(payload), options })])[0].taskId;
    },
    /** Has whoever has something to do it, as the platform would, until nobody has. */
    async settle(deliveries = 1): Promise<void> {
      for (let round = 0; round < 300; round++) {
        const dueMs = queue.nextClaimAtMs({ types: BUILT_IN_TYPES, capabilities: [] });
        const taken = messages.take();
        if (dueMs !== null && dueMs <= clock.now()) await workshop.wake();
        else if (taken.length === 0) return;
        for (const message of taken) {
          clock.advance(1_000);
          for (let delivery = 0; delivery < deliveries; delivery++) await work.handle(message);
        }
        await world.drain();
        await shop.drain();
      }
      throw new Error('the work does not end');
    },
    /** Submits a task and answers what became of it. */
    async run(type: BuiltInType, payload: object, options: TaskOptions = {}) {
      const taskId = workshop.submit(type, payload, { maxRetries: 0, ...options });
      await workshop.settle();
      return workshop.outcome(taskId);
    },
    outcome(taskId: string) {
      const task = queue.get(taskId) as TaskRecord;
      const { data = null, error = null } = task.finished ?? {};
      return { taskId, status: task.status, attempts: task.attempts, data: data && JSON.parse(data), error };
    },
    /** Takes objects in together, so that they share a segment; answers their ids. */
    async putTogether(objects: Readonly<Record<string, readonly object[]>>): Promise<string[]> {
      const ids: string[] = [];
      for (const [name, rows] of Object.entries(objects)) {
        const body = rows.map((row) => `${JSON.stringify(row)}\n`).join('');
        ids.push((await world.put(name, body)).objectId);
      }
      await world.drain();
      await shop.drain();
      return ids;
    },
    /** Takes rows in as an object; answers its id. */
    async put(name: string, rows: readonly object[], dataset = 'd'): Promise<string> {
      const { objectId } = await world.put(name, rows.map((row) => `${JSON.stringify(row)}\n`).join(''), { dataset });
      await world.drain();
      await shop.drain();
      return objectId;
    },
    async rows(sql: string): Promise<unknown> {
      return (await workshop.run('Query', { sql })).data.rows;
    },
    async keys(prefix: string): Promise<string[]> {
      return (await store.list(prefix)).objects.map(({ key }) => key);
    },
  };
  return workshop;
}
