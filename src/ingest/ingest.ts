import type { BucketEvent, IngestMessage } from '../core/protocol/messages.ts';
import type { LedgerObject } from '../storage/catalog-records.ts';
import type { ObjectRef } from '../storage/ledger.ts';
import { acceptEvent, acceptUpload, type IncomingObject, readQuarantine, retryObject } from './doors.ts';
import type { IngestPorts } from './ports.ts';
import { type TakeInOutcome, takeIn } from './take-in.ts';

/** Everything the doors ask of ingestion. */
export interface Ingest {
  /** See `acceptUpload`. */
  put(object: IncomingObject, body: Uint8Array | ReadableStream<Uint8Array>, sizeBytes?: number): Promise<LedgerObject>;
  /** Puts a failed object back to be taken in; null where it is not failed. */
  retry(namespaceUid: string, objectId: string): Promise<LedgerObject | null>;
  /** The rows of an object that were set aside, as NDJSON. */
  quarantine(namespaceUid: string, objectId: string): Promise<ReadableStream<Uint8Array>>;
  /** Does what the messages of a queue batch ask, and says of each what became of it. Never throws. */
  handle(messages: readonly (IngestMessage | BucketEvent)[]): Promise<readonly TakeInOutcome[]>;
}

export function createIngest(ports: IngestPorts): Ingest {
  return {
    put: (object, body, sizeBytes) => acceptUpload(ports, object, body, sizeBytes),
    retry: (namespaceUid, objectId) => retryObject(ports, namespaceUid, objectId),
    quarantine: (namespaceUid, objectId) => readQuarantine(ports, namespaceUid, objectId),
    async handle(messages) {
      const outcomes: TakeInOutcome[] = [];
      for (const message of messages) {
        try {
          const ref: ObjectRef | null = 'type' in message ? message : await acceptEvent(ports, message);
          outcomes.push(ref === null ? { kind: 'done' } : await takeIn(ports, ref));
        } catch (error) {
          ports.log.error('message not handled', { error });
          outcomes.push({ kind: 'again', delaySeconds: 5 });
        }
      }
      return outcomes;
    },
  };
}
