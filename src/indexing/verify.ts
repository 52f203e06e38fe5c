import { OrasiError } from '../core/errors.ts';
import { verifyIndexFile } from '../segment/paged-file.ts';
import type { IndexFile } from '../storage/index-catalog.ts';
import type { IndexingPorts } from './ports.ts';

/**
 * Looks at a published file somebody could not read, and has it built anew where it is indeed gone or damaged.
 * Answers whether it was.
 */
export async function replaceDamaged(ports: IndexingPorts, file: IndexFile, key: string): Promise<boolean> {
  const fault = await faultOf(ports, key);
  if (fault === undefined) return false;
  // Its bytes stay until collection finds them unknown: a query may be reading what is whole of them.
  if (!(await ports.catalog.indexes.withdraw(file, key))) return false;
  ports.log.error('index file damaged', { ...file, key, fault });
  const { namespaceUid, datasetId, segmentId } = file;
  await ports.queue.send([{ v: 1, type: 'index', namespaceUid, datasetId, segmentIds: [segmentId] }]);
  return true;
}

/** What is wrong with the bytes of an index file; undefined where nothing is. */
export async function faultOf({ store }: IndexingPorts, key: string): Promise<string | undefined> {
  const info = await store.head(key);
  if (info === null) return 'it is gone';
  try {
    await verifyIndexFile({
      sizeBytes: info.sizeBytes,
      read: (offset, length) => store.read(key, offset, length, info.etag),
    });
    return undefined;
  } catch (error) {
    if (error instanceof OrasiError && (error.code === 'corrupt_file' || error.code === 'source_missing')) {
      return error.message;
    }
    throw error;
  }
}
