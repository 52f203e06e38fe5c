import { manualClock } from '../../src/core/clock.ts';
import type { PipelineSpec } from '../../src/core/protocol/pipeline.ts';
import { seededRandom } from '../../src/core/random.ts';
import { noFaultPoints } from '../../src/ingest/fault-points.ts';
import { createIngest, type Ingest } from '../../src/ingest/ingest.ts';
import { INGEST_LIMITS, type IngestLimits, type IngestPorts } from '../../src/ingest/ports.ts';
import { createLogs } from '../../src/observe/log.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import { memoryObjectStore } from '../../src/storage/memory-object-store.ts';
import type { MessageQueue } from '../../src/storage/message-queue.ts';
import { createSqlDatabase } from '../../src/storage/sql.ts';
import { sqliteBinding } from '../storage/sqlite-binding.ts';

export const NAMESPACE = { name: 'default', uid: 'ns-uid-1' };

/** A queue that keeps what it is sent. */
export function listQueue<Message>(): MessageQueue<Message> & { take(): Message[] } {
  let messages: Message[] = [];
  return {
    async send(more) {
      messages.push(...more);
    },
    take() {
      const taken = messages;
      messages = [];
      return taken;
    },
  };
}

export interface World extends Omit<IngestPorts, 'ingestQueue' | 'indexQueue' | 'clock'> {
  readonly clock: ReturnType<typeof manualClock>;
  readonly ingestQueue: ReturnType<typeof listQueue<Parameters<IngestPorts['ingestQueue']['send']>[0][number]>>;
  readonly indexQueue: ReturnType<typeof listQueue<Parameters<IngestPorts['indexQueue']['send']>[0][number]>>;
  readonly binding: ReturnType<typeof sqliteBinding>;
  readonly pipelines: PipelineSpec[];
  readonly ingest: Ingest;
  /** Handles messages until there are none. */
  drain(): Promise<void>;
  text(name: string, body: string, dataset?: string): Promise<string>;
}

/** The data path in memory: an object store, a catalogue on SQLite, queues and a clock of its own. */
export function createWorld(options: { limits?: Partial<IngestLimits>; ports?: Partial<IngestPorts> } = {}): World {
  const clock = manualClock(1_700_000_000_000);
  const random = seededRandom(1);
  const binding = sqliteBinding();
  const pipelines: PipelineSpec[] = [];
  const ports = {
    store: memoryObjectStore(clock),
    catalog: createCatalog(createSqlDatabase(binding), clock, random),
    bucketName: 'bucket',
    ingestQueue: listQueue<Parameters<IngestPorts['ingestQueue']['send']>[0][number]>(),
    indexQueue: listQueue<Parameters<IngestPorts['indexQueue']['send']>[0][number]>(),
    control: {
      namespaceUid: async (name: string) => (name === NAMESPACE.name ? NAMESPACE.uid : null),
      namespaces: async () => [NAMESPACE],
      pipelines: async () => ({ version: 1, pipelines: pipelines.map((spec, i) => ({ name: `p${i}`, spec })) }),
    },
    clock,
    random,
    log: createLogs(
      { '*': process.env['LOG'] === '1' ? 'debug' : 'off' },
      (_level, line) => process.stdout.write(`${line}\n`),
      clock,
    )('ingest'),
    faults: noFaultPoints,
    limits: { ...INGEST_LIMITS, ...options.limits },
    ...options.ports,
  };
  const ingest = createIngest(ports);
  return {
    ...ports,
    binding,
    pipelines,
    ingest,
    async drain() {
      for (;;) {
        const messages = ports.ingestQueue.take();
        if (messages.length === 0) return;
        clock.advance(1);
        await ingest.handle(messages);
      }
    },
    async text(name, body, dataset = 'logs') {
      clock.advance(1);
      const accepted = await ingest.put(
        { namespace: NAMESPACE.name, namespaceUid: NAMESPACE.uid, dataset, name, decode: {} },
        new TextEncoder().encode(body),
      );
      return accepted.objectId;
    },
  } as World;
}
