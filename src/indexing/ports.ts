import type { Clock } from '../core/clock.ts';
import { LIMITS } from '../core/limits.ts';
import type { ControlPlaneReader } from '../core/protocol/control-plane.ts';
import type { IndexMessage } from '../core/protocol/messages.ts';
import type { Random } from '../core/random.ts';
import type { Log } from '../observe/log.ts';
import type { IndexKinds } from '../segment/index-kinds.ts';
import type { Catalog } from '../storage/catalog.ts';
import type { MessageQueue } from '../storage/message-queue.ts';
import type { ObjectStore } from '../storage/object-store.ts';

/** Bounds of indexing that a test may set otherwise. */
export interface IndexingLimits {
  /** Builds of one file that may fail before it is left unbuilt, until its index is rebuilt or changed. */
  readonly attempts: number;
  /** Rows of the segments built for in one invocation; what is left of a message goes into a new one. */
  readonly messageRows: number;
  /** Segments one message names at most. */
  readonly messageSegments: number;
  /** Segments asked for at once where an index is added to a dataset that has data; the sweep asks for the rest. */
  readonly reconcileSegments: number;
}

export const INDEXING_LIMITS: IndexingLimits = {
  attempts: LIMITS.indexAttempts,
  // A build reads and packs some hundred thousand rows a second.
  messageRows: 2_000_000,
  messageSegments: 100,
  reconcileSegments: 2000,
};

/** What indexing needs of the world. */
export interface IndexingPorts {
  readonly store: ObjectStore;
  readonly catalog: Pick<Catalog, 'indexes'>;
  readonly queue: MessageQueue<IndexMessage>;
  /** Which pipelines there are; cached by whoever passes it. */
  readonly control: Pick<ControlPlaneReader, 'namespaces' | 'pipelines'>;
  readonly kinds: IndexKinds;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Called where a crash would leave a file written and not published. */
  readonly faults: { reach(point: 'in-index-publish'): Promise<void> };
  readonly limits: IndexingLimits;
}
