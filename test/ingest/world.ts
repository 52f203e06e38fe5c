import { manualClock } from '../../src/core/clock.ts';
import type { IndexMessage, IngestMessage } from '../../src/core/protocol/messages.ts';
import { defaultPipeline, type PipelineSpec } from '../../src/core/protocol/pipeline.ts';
import { seededRandom } from '../../src/core/random.ts';
import { noFaultPoints } from '../../src/ingest/fault-points.ts';
import { createIngest, type Ingest } from '../../src/ingest/ingest.ts';
import { INGEST_LIMITS, type IngestLimits, type IngestPorts } from '../../src/ingest/ports.ts';
import { createLogs } from '../../src/observe/log.ts';
import { createCatalog } from '../../src/storage/catalog.ts';
import type { DecodeInfo, LedgerObject } from '../../src/storage/catalog-records.ts';
import { memoryObjectStore } from '../../src/storage/memory-object-store.ts';
import type { MessageQueue } from '../../src/storage/message-queue.ts';
import { createSqlDatabase } from '../../src/storage/sql.ts';
import { sqliteBinding } from '../storage/sqlite-binding.ts';

export const NAMESPACE = { name: 'default', uid: 'ns-uid-1' };
export const BUCKET = 'bucket';

/** A queue that keeps what it is sent until it is taken. */
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

export interface World {
  readonly ports: IngestPorts;
  readonly ingest: Ingest;
  readonly clock: ReturnType<typeof manualClock>;
  readonly ingestQueue: ReturnType<typeof listQueue<IngestMessage>>;
  readonly indexQueue: ReturnType<typeof listQueue<IndexMessage>>;
  /** Pipelines of the namespace; those pushed are in force at once. */
  readonly pipelines: PipelineSpec[];
  /** Puts an object through the first door. */
  put(name: string, body: string | Uint8Array, more?: { dataset?: string; decode?: DecodeInfo }): Promise<LedgerObject>;
  /** Handles messages, one batch at a time, until there are none; what comes back comes back later. */
  drain(): Promise<void>;
  object(objectId: string): Promise<LedgerObject | null>;
}

export function pipeline(more: Partial<PipelineSpec> & { dataset: string }): PipelineSpec {
  return { ...defaultPipeline(more.dataset), ...more };
}

/** The data path in memory: an object store, a catalogue on SQLite, queues, and a clock that only tests move. */
export function createWorld(options: { limits?: Partial<IngestLimits>; ports?: Partial<IngestPorts> } = {}): World {
  const clock = manualClock(1_700_000_000_000);
  const random = seededRandom(1);
  const pipelines: PipelineSpec[] = [];
  const ingestQueue = listQueue<IngestMessage>();
  const indexQueue = listQueue<IndexMessage>();
  const ports: IngestPorts = {
    store: memoryObjectStore(clock),
    catalog: createCatalog(createSqlDatabase(sqliteBinding()), clock, random),
    bucketName: BUCKET,
    ingestQueue,
    indexQueue,
    control: {
      namespaceUid: async (name) => (name === NAMESPACE.name ? NAMESPACE.uid : null),
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
    ports,
    ingest,
    clock,
    ingestQueue,
    indexQueue,
    pipelines,
    async put(name, body, { dataset = 'd', decode = {} } = {}) {
      clock.advance(1);
      return await ingest.put(
        { namespace: NAMESPACE.name, namespaceUid: NAMESPACE.uid, dataset, name, decode },
        typeof body === 'string' ? new TextEncoder().encode(body) : body,
      );
    },
    async drain() {
      let messages = ingestQueue.take();
      while (messages.length > 0) {
        clock.advance(1);
        const outcomes = await ingest.handle(messages);
        const again = messages.filter((_, i) => outcomes[i].kind === 'again');
        if (again.length > 0) clock.advance(10 * 60_000);
        messages = [...again, ...ingestQueue.take()];
      }
    },
    object: (objectId) => ports.catalog.ledger.get(NAMESPACE.uid, objectId),
  };
}

/** Lines of NDJSON with a number each, from `start` on. */
export function numberLines(start: number, count: number): string {
  return Array.from({ length: count }, (_, i) => `{"n":${start + i}}\n`).join('');
}
