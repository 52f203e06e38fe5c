import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { ControlPlaneReader } from '../core/protocol/control-plane.ts';
import type { IndexMessage, IngestMessage } from '../core/protocol/messages.ts';
import type { Random } from '../core/random.ts';
import type { Log } from '../observe/log.ts';
import type { Catalog } from '../storage/catalog.ts';
import type { MessageQueue } from '../storage/message-queue.ts';
import type { ObjectStore } from '../storage/object-store.ts';
import type { FaultPoints } from './fault-points.ts';

/** Bounds of ingestion that a deployment or a test may set otherwise. */
export interface IngestLimits {
  /** Bytes of the (inflated) source one invocation takes before it hands over. */
  readonly partBytes: number;
  readonly leaseMs: number;
  readonly attempts: number;
  readonly segmentBufferBytes: number;
  readonly segmentRows: number;
  readonly quarantineRows: number;
  /** Objects up to this size are taken in together, and committed as one, with others of their queue batch. */
  readonly groupObjectBytes: number;
  readonly garbageGraceMs: number;
  /** An unfinished object whose last message is older is sent another. */
  readonly requeueAfterMs: number;
}

export const INGEST_LIMITS: IngestLimits = {
  partBytes: LIMITS.ingestPartBytes,
  leaseMs: LIMITS.ingestLeaseMs,
  attempts: LIMITS.ingestAttempts,
  segmentBufferBytes: LIMITS.segmentBufferBytes,
  segmentRows: LIMITS.segmentRows,
  quarantineRows: LIMITS.quarantineRows,
  groupObjectBytes: 1024 * 1024,
  garbageGraceMs: LIMITS.garbageGraceMs,
  requeueAfterMs: 2 * LIMITS.ingestLeaseMs,
};

/** What ingestion needs of the world. */
export interface IngestPorts {
  readonly store: ObjectStore;
  readonly catalog: Catalog;
  /** Part of every object id. */
  readonly bucketName: string;
  readonly ingestQueue: MessageQueue<IngestMessage>;
  readonly indexQueue: MessageQueue<IndexMessage>;
  /** Cached by whoever passes it: it is asked for every batch. */
  readonly control: Pick<ControlPlaneReader, 'namespaceUid' | 'namespaces' | 'pipelines'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly faults: FaultPoints;
  readonly limits: IngestLimits;
}
