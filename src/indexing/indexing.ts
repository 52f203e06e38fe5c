import type { IndexDefinition } from '../columns/index-definition.ts';
import type { IndexMessage } from '../core/protocol/messages.ts';
import type { IndexFile } from '../storage/index-catalog.ts';
import { handleMessage, type IndexOutcome } from './handle.ts';
import { INDEXING_LIMITS, type IndexingPorts } from './ports.ts';
import { askForMissing, reconcileIndexes, reconcileNamespace } from './reconcile.ts';
import { faultOf, replaceDamaged } from './verify.ts';

/**
 * Indexing: keeps every live segment's index files what the pipelines of its namespace declare. Nothing else
 * depends on it being quick, or done: queries answer the same without.
 */
export interface Indexing {
  /** Does what a message asks; throws only where the catalogue or the store cannot be reached. */
  handle(message: IndexMessage, delivery?: number): Promise<IndexOutcome>;
  /** Makes a dataset's indexes these; true where anything changed. */
  reconcileIndexes(namespaceUid: string, datasetId: string, definitions: readonly IndexDefinition[]): Promise<boolean>;
  /** Makes the indexes of all datasets of a namespace what its pipelines declare now. Answers how many changed. */
  reconcileNamespace(namespace: { readonly name: string; readonly uid: string }): Promise<number>;
  /**
   * The same for all namespaces: what a sweep does, should a change have gone unheard. Never throws: what fails is
   * told of, keeps nothing else from being done, and is tried again by the next sweep.
   */
  reconcileAll(): Promise<number>;
  /** Builds an index anew for every segment; false where there is no such index. */
  rebuild(namespaceUid: string, datasetId: string, name: string): Promise<boolean>;
  /** Asks for the files that a dataset lacks; answers of how many segments. */
  buildMissing(namespaceUid: string, datasetId: string): Promise<number>;
  /** What is wrong with the bytes of an index file; undefined where nothing is. */
  faultOf(key: string): Promise<string | undefined>;
  /** Has a file that could not be read looked at, and built anew where it is damaged. */
  reportUnreadable(file: IndexFile, key: string): Promise<boolean>;
}

/** The machine that builds indexes, over its ports. */
export function createIndexing(
  given: Omit<IndexingPorts, 'limits'> & Partial<Pick<IndexingPorts, 'limits'>>,
): Indexing {
  const ports: IndexingPorts = { ...given, limits: given.limits ?? INDEXING_LIMITS };
  return {
    handle: (message, delivery = 1) => handleMessage(ports, message, delivery),
    reconcileIndexes: (namespaceUid, datasetId, definitions) =>
      reconcileIndexes(ports, namespaceUid, datasetId, definitions),
    reconcileNamespace: (namespace) => reconcileNamespace(ports, namespace),
    async reconcileAll() {
      let changed = 0;
      try {
        for (const namespace of await ports.control.namespaces()) {
          try {
            changed += await reconcileNamespace(ports, namespace);
          } catch (error) {
            ports.log.error('indexes of a namespace not reconciled', { namespace: namespace.name, error });
          }
        }
      } catch (error) {
        ports.log.error('indexes not reconciled', { error });
      }
      return changed;
    },
    async rebuild(namespaceUid, datasetId, name) {
      if (!(await ports.catalog.indexes.rebuild(namespaceUid, datasetId, name))) return false;
      await askForMissing(ports, namespaceUid, datasetId);
      return true;
    },
    buildMissing: (namespaceUid, datasetId) => askForMissing(ports, namespaceUid, datasetId),
    faultOf: (key) => faultOf(ports, key),
    reportUnreadable: (file, key) => replaceDamaged(ports, file, key),
  };
}
