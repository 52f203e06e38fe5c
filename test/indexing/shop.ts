import type { IndexMessage } from '../../src/core/protocol/messages.ts';
import { defaultPipeline, type PipelineIndex } from '../../src/core/protocol/pipeline.ts';
import type { Indexing } from '../../src/indexing/indexing.ts';
import { createIndexing } from '../../src/indexing/indexing.ts';
import { INDEXING_LIMITS, type IndexingPorts } from '../../src/indexing/ports.ts';
import type { IndexReader } from '../../src/segment/index-file.ts';
import { INDEX_KINDS } from '../../src/segment/index-kinds.ts';
import type { DatasetSnapshot } from '../../src/storage/catalog-records.ts';
import { objectReader } from '../../src/storage/range-reader.ts';
import { createWorld, NAMESPACE, type World } from '../ingest/world.ts';

export const byN: PipelineIndex = { name: 'by_n', kind: 'btree', fields: ['n'], options: {} };
export const byText: PipelineIndex = { name: 'by_text', kind: 'fulltext', fields: ['s'], options: {} };

export interface Shop {
  readonly world: World;
  readonly indexing: Indexing;
  readonly ports: IndexingPorts;
  /** Declares these as the indexes of dataset `d`. */
  declare(...indexes: PipelineIndex[]): void;
  /** Handles index messages until there are none; answers how many. */
  drain(): Promise<number>;
  snapshot(): Promise<DatasetSnapshot>;
  /** Opens every published file of an index, by segment. */
  open(name: string): Promise<IndexReader[]>;
  indexKeys(): Promise<string[]>;
}

/** Ingestion and indexing over one store and catalogue in memory. */
export function openShop(more: Partial<IndexingPorts> = {}): Shop {
  const world = createWorld();
  const versions = { value: 1 };
  const ports: IndexingPorts = {
    store: world.ports.store,
    catalog: world.ports.catalog,
    queue: world.indexQueue,
    control: {
      namespaces: async () => [NAMESPACE],
      pipelines: async () => ({
        version: versions.value,
        pipelines: world.pipelines.map((spec, i) => ({ name: `p${i}`, spec })),
      }),
    },
    kinds: INDEX_KINDS,
    clock: world.clock,
    random: world.ports.random,
    log: world.ports.log,
    faults: { reach: async () => {} },
    limits: INDEXING_LIMITS,
    ...more,
  };
  const indexing = createIndexing(ports);

  async function snapshot(): Promise<DatasetSnapshot> {
    const [found] = await world.ports.catalog.snapshot(NAMESPACE.uid, ['d']);
    return found;
  }

  return {
    world,
    indexing,
    ports,
    declare(...indexes) {
      versions.value++;
      world.pipelines.splice(0, world.pipelines.length, { ...defaultPipeline('d'), indexes });
    },
    async drain() {
      let handled = 0;
      const returned: { message: IndexMessage; delivery: number }[] = [];
      for (;;) {
        const fresh = world.indexQueue.take().map((message) => ({ message, delivery: 1 }));
        const batch = [...returned.splice(0), ...fresh];
        if (batch.length === 0) return handled;
        for (const { message, delivery } of batch) {
          handled++;
          const outcome = await indexing.handle(message, delivery);
          if (outcome.kind === 'done') continue;
          world.clock.advance(outcome.delaySeconds * 1000);
          returned.push({ message, delivery: delivery + 1 });
        }
      }
    },
    snapshot,
    async open(name) {
      const { segments, indexes } = await snapshot();
      const definition = indexes.find((index) => index.name === name);
      const readers: IndexReader[] = [];
      for (const { indexes: files } of segments) {
        const file = files[name];
        if (definition === undefined || file === undefined) continue;
        const info = await world.ports.store.head(file.key);
        const kind = INDEX_KINDS.get(definition.kind);
        readers.push(await kind!.open(objectReader(world.ports.store, info!), definition, file.summary));
      }
      return readers;
    },
    async indexKeys() {
      return (await world.ports.store.list('indexes/')).objects.map(({ key }) => key);
    },
  };
}
